"""The symbols into which a tokenizer turns each character, before it looks for words in them."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.errors import NotExportable

__all__ = ["BREAK", "END", "ROW_OF_END", "ROW_OF_NONE", "ROW_OF_REST", "Normalizer"]

# Symbols that are no letter of a token: between words, after a text, and any letter that no token holds.
BREAK, END, STRANGE = 0, 1, 2
# The first rows of every table.
ROW_OF_NONE, ROW_OF_END, ROW_OF_REST = 0, 1, 2
# How many symbols are no letter of a token.
_OWN = 3
# Characters that are normalized together.
_BLOCK = 256
_PARTS: Mapping[str, str] = {
    "model": "WordPiece",
    "normalizer": "BertNormalizer",
    "pre_tokenizer": "BertPreTokenizer",
}


@dataclass(frozen=True, slots=True)
class Normalizer:
    """A table of every character of Unicode and the symbols that stand for it in a word.

    BERT's tokenizer treats each character by itself: it is dropped, ends a word, stands alone, or becomes
    others (lower case, without accents). So what a tokenizer does to all texts is a table of characters,
    which is asked of the tokenizer itself; nothing is known here of Unicode's cases and accents. Letters
    that are in no token are one symbol, for a word with any of them is unknown whatever else is in it.

    Attributes
    ----------
    symbols : mapping of str to int
        The symbol of each letter that some token holds, and of each added token.
    firsts : mapping of str to int
        Tokens that a word may begin with, and their numbers.
    laters : mapping of str to int
        Tokens that may follow, without the prefix that says so, and their numbers.
    added : mapping of str to int
        Tokens that are looked for in a text before anything is done to it, and their numbers.
    dropped : tuple of (int, int)
        Codes of characters that are dropped: first and last of each range.
    keys : tuple of str
        Other characters, and added tokens.
    rows : tuple of int
        The row of ``table`` for each key; that of all others is ROW_OF_REST.
    table : ndarray of shape (n_rows, longest row), int64
        Symbols, filled up with -1.
    unknown : int
        The token of a word that is not made of others.
    longest : int
        The number of letters above which a word is unknown.
    """

    symbols: Mapping[str, int]
    firsts: Mapping[str, int]
    laters: Mapping[str, int]
    added: Mapping[str, int]
    dropped: tuple[tuple[int, int], ...]
    keys: tuple[str, ...]
    rows: tuple[int, ...]
    table: npt.NDArray[np.int64]
    unknown: int
    longest: int

    @property
    def width(self) -> int:
        """The number of symbols."""
        return _OWN + len(self.symbols)

    def keeping(self, wanted: Callable[[str], bool]) -> Normalizer:
        """Return the table in which those of the dropped characters that are wanted have a row of no symbol.

        Whole ranges of private use are left as they are.
        """
        kept, dropped = [], []
        for first, last in self.dropped:
            if last - first > _BLOCK * 2:
                dropped.append((first, last))
                continue
            codes = range(first, last + 1)
            kept += [chr(code) for code in codes if wanted(chr(code))]
            dropped += list(_ranges(code for code in codes if not wanted(chr(code))))
        rows = (*self.rows, *[ROW_OF_NONE] * len(kept))
        return replace(self, dropped=tuple(dropped), keys=(*self.keys, *kept), rows=rows)

    @classmethod
    def of(cls, tokenizer: Any, name: str, unfound: Collection[int] = ()) -> Normalizer:
        """Return the table of a tokenizer of the library tokenizers; ``name`` is its card's, for messages.

        ``unfound`` are added tokens that are looked for in no text, so that nothing is asked of them.

        Raises
        ------
        NotExportable
            It is not BERT's, or has what a table of characters cannot say.
        """
        spec = json.loads(tokenizer.to_str())
        # nothing that a user sets for a card changes the table, which takes a second to ask for
        spec |= {"truncation": None, "padding": None, "post_processor": None}
        return _ask(tokenizer.from_str, json.dumps(spec), name, frozenset(unfound))


@lru_cache(maxsize=8)
def _ask(build: Any, saved: str, name: str, unfound: frozenset[int]) -> Normalizer:
    """Return the table of the tokenizer that ``build(saved)`` is, asked once for each."""
    tokenizer, spec = build(saved), json.loads(saved)
    added, model = _added(spec, name, unfound), spec["model"]
    firsts, laters = _pieces(tokenizer, model)
    held = sorted({letter for piece in (*firsts, *laters) for letter in piece})
    symbols = {own: number for number, own in enumerate([*held, *added], _OWN)}
    _refuse_reordered(tokenizer, held, name)
    known = {(): ROW_OF_NONE, (END,): ROW_OF_END, (STRANGE,): ROW_OF_REST}
    keys, dropped = [*added], []
    rows = [_row(known, (BREAK, symbols[token], BREAK)) for token in added]
    for letter, text in _normalized(tokenizer, frozenset([*held, " "])):
        if text:
            keys.append(letter)
            rows.append(_row(known, tuple(_symbols(text, symbols))))
        else:
            dropped.append(ord(letter))
    width = max(map(len, known))
    table = [[*row, *[-1] * (width - len(row))] for row in known]
    return Normalizer(
        symbols=symbols,
        firsts=firsts,
        laters=laters,
        added=added,
        dropped=tuple(_ranges(dropped)),
        keys=tuple(keys),
        rows=tuple(rows),
        table=np.array(table, np.int64),
        unknown=model["vocab"][model["unk_token"]],
        longest=model["max_input_chars_per_word"],
    )


def _pieces(tokenizer: Any, model: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the tokens that words can begin with, and those that can follow; punctuation is a word."""
    split = tokenizer.pre_tokenizer.pre_tokenize_str
    mark = model["continuing_subword_prefix"]
    vocabulary = model["vocab"]
    alone = {letter for letter in set("".join(vocabulary)) if len(split(f"a{letter}a")) > 1}
    firsts = {
        token: number
        for token, number in vocabulary.items()
        if len(token) == 1 or alone.isdisjoint(token)
    }
    laters = {
        token.removeprefix(mark): number
        for token, number in vocabulary.items()
        if token.startswith(mark) and token != mark and alone.isdisjoint(token.removeprefix(mark))
    }
    return firsts, laters


def _added(spec: Mapping[str, Any], name: str, unfound: Collection[int]) -> dict[str, int]:
    """Return the tokens that are looked for in the text itself; raise NotExportable for what is not BERT's."""
    kinds = {part: (spec.get(part) or {}).get("type") for part in _PARTS}
    if kinds != _PARTS:
        listed = ", ".join(f"{part} {kind or 'none'}" for part, kind in kinds.items())
        raise NotExportable(
            f"strings: the tokenizer of {name} is {listed}; expected BERT's WordPiece with its own normalizer "
            "and pre-tokenizer; export without strings and feed tokens"
        )
    if spec["model"]["unk_token"] not in spec["model"]["vocab"]:
        raise NotExportable(
            f"strings: the tokenizer of {name} has no {spec['model']['unk_token']!r} for unknown words; "
            "export without strings and feed tokens"
        )
    for token in spec["added_tokens"]:
        asked = [key for key in ("single_word", "lstrip", "rstrip", "normalized") if token[key]]
        if asked and token["id"] not in unfound:
            raise NotExportable(
                f"strings: the added token {token['content']!r} of {name} is {', '.join(asked)}; expected "
                "one that is found as it is written; export without strings and feed tokens"
            )
    return {token["content"]: token["id"] for token in spec["added_tokens"]}


def _refuse_reordered(tokenizer: Any, held: list[str], name: str) -> None:
    """Raise NotExportable where the normalizer sorts combining marks of known tokens.

    Their order depends on each other, which a table of single characters cannot say.
    """
    marks = [
        letter for letter in held if unicodedata.combining(letter) and _normalize(tokenizer, letter)
    ]
    if marks and _normalize(tokenizer, "é") != "é":
        codes = ", ".join(f"U+{ord(letter):04X}" for letter in marks[:3])
        raise NotExportable(
            f"strings: tokens of {name} hold combining marks ({codes}) that its normalizer sorts; "
            "export without strings and feed tokens"
        )


def _normalized(tokenizer: Any, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the characters that are more than a strange letter, and the text that each becomes."""
    for start in range(0, sys.maxunicode + 1, _BLOCK):
        codes = range(start, start + _BLOCK)
        yield from _normalized_block(
            tokenizer, "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000), known
        )


def _normalized_block(
    tokenizer: Any, block: str, known: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield the same for one block: most blocks are treated alike, and need not be asked for one by one.

    Each character stands between two letters: one among punctuation would seem to stand alone.
    """
    text = _normalize(tokenizer, "a".join(block))
    if text == "a".join(block):
        yield from ((letter, letter) for letter in block if letter in known)
    elif text == "a" * (len(block) - 1):
        yield from ((letter, "") for letter in block)
    elif text == f" {' a '.join(block)} ":
        yield from ((letter, f" {letter} ") for letter in block)
    elif len(block) == 1:
        yield block, text
    else:
        half = len(block) // 2
        yield from _normalized_block(tokenizer, block[:half], known)
        yield from _normalized_block(tokenizer, block[half:], known)


def _normalize(tokenizer: Any, letters: str) -> str:
    """Return what becomes of letters in the middle of a word, with spaces where words end."""
    text = tokenizer.normalizer.normalize_str(f"a{letters}a")
    return " ".join(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))[1:-1]


def _symbols(text: str, symbols: Mapping[str, int]) -> Iterator[int]:
    for letter in text:
        yield BREAK if letter == " " else symbols.get(letter, STRANGE)


def _row(known: dict[tuple[int, ...], int], row: tuple[int, ...]) -> int:
    return known.setdefault(row, len(known))


def _ranges(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield rising numbers as ranges, the last of each included."""
    for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]):
        members = [code for _, code in run]
        yield members[0], members[-1]
