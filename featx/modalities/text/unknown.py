"""Tell texts whose words a tokenizer does not know: what is left of them says little to a backbone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["UnknownWords"]

# tokens below which a vocabulary is one of letters, where letters are what it knows
_LETTERS_ONLY = 1000
# the share of a text's words that are unknown from which on it says little
_MOST = 0.5
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# what stands before or within a word, by kind of tokenizer
_MARKS = re.compile("^(##|▁|Ġ)")
# scripts from here on have words of one letter: Chinese, Japanese, and Korean in syllables
_WORD_LETTERS = "\u2e80"


class UnknownWords:
    """The tokens of a tokenizer that stand for what it does not know.

    These are the token of unknown words; bytes of letters that have no token; and single letters of
    scripts that write words with many, where a vocabulary has no more of that script. Tokens without
    a letter, such as digits and punctuation, say nothing of the language.
    """

    def __init__(self, tokenizer: Any, unknown: int | None) -> None:
        self._tokenizer = tokenizer
        self._unknown = unknown
        parts = f"{tokenizer.pre_tokenizer!r} {tokenizer.decoder!r}"
        self._bytes = _byte_letters() if "ByteLevel" in parts else {}
        self._has_words = tokenizer.get_vocab_size() >= _LETTERS_ONLY
        # whether a token is poor, None where it says nothing; filled as tokens are met
        self._poor: dict[int, bool | None] = {}

    def fill(self, ids: Iterable[int]) -> bool:
        """Return whether tokens of unknown words are at least half of those of words."""
        poor = rich = 0
        for number in ids:
            try:
                judged = self._poor[number]
            except KeyError:
                judged = self._poor[number] = self._judge(number)
            if judged is not None:
                poor, rich = poor + judged, rich + (not judged)
        return poor > 0 and poor >= _MOST * (poor + rich)

    def _judge(self, number: int) -> bool | None:
        if number == self._unknown:
            return True
        token: str = self._tokenizer.id_to_token(number) or ""
        if found := _BYTE.fullmatch(token):
            # those of ASCII are line breaks and the like
            return True if int(found[1], 16) >= 0x80 else None
        if self._bytes and all(letter in self._bytes for letter in token):
            try:
                token = bytes(self._bytes[letter] for letter in token).decode().strip()
            except UnicodeDecodeError:
                return True
        word = _MARKS.sub("", token)
        if not any(letter.isalpha() for letter in word):
            return None
        return self._has_words and len(word) == 1 and "\x7f" < word < _WORD_LETTERS


def _byte_letters() -> dict[str, int]:
    """Return the byte that each letter of a byte-level vocabulary stands for, as GPT-2 writes them."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in plain]
    letters = {chr(byte): byte for byte in plain}
    return letters | {chr(0x100 + k): byte for k, byte in enumerate(others)}
