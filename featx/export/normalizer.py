"""What a tokenizer makes of each character, before it looks for words in them."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.errors import NotExportable

__all__ = ["BREAK", "END", "ROW_OF_END", "ROW_OF_NONE", "ROW_OF_REST", "Normalizer"]

BREAK, END, STRANGE = 0, 1, 2  # between words; after a text; a letter that no token holds
ROW_OF_NONE, ROW_OF_END, ROW_OF_REST = 0, 1, 2  # rows of every table
_OWN = 3  # how many symbols have no letter
_BLOCK = 256  # characters that are asked for together
_PARTS: Mapping[str, str] = {
    "model": "WordPiece",
    "normalizer": "BertNormalizer",
    "pre_tokenizer": "BertPreTokenizer",
}


@dataclass(frozen=True, slots=True)
class Normalizer:
    """Every character of Unicode as the symbols that stand for it in a word.

    BERT's tokenizer treats each character by itself: it is dropped, ends a word, stands alone, or becomes
    others (lower case, without accents). So what a tokenizer does to all texts is a table of characters,
    which is asked of the tokenizer itself; nothing is known here of Unicode's cases and accents. Letters
    that are in no token are one symbol, for a word with any of them is unknown whatever else is in it.
    """

    symbols: Mapping[str, int]  # of each letter that some token holds, and of each added token
    firsts: Mapping[str, int]  # tokens that a word may begin with
    laters: Mapping[str, int]  # those that may follow, without the mark that says so
    added: Mapping[str, int]  # tokens that are found in a text before anything is done to it
    gone: tuple[tuple[int, int], ...]  # characters that are dropped: first and last of each range
    keys: tuple[str, ...]  # other characters, and added tokens
    rows: tuple[int, ...]  # for each key the row of ``table``; that of others is ROW_OF_REST
    table: npt.NDArray[np.int64]  # symbols, filled up with -1
    unknown: int  # the token of a word that is not made of others
    longest: int  # letters; a word of more is unknown

    @property
    def width(self) -> int:
        """How many symbols there are."""
        return _OWN + len(self.symbols)

    @classmethod
    def of(cls, tokenizer: Any, name: str) -> Normalizer:
        """The letters of a tokenizer of the library tokenizers, which is called ``name``.

        Raises
        ------
        NotExportable
            It is not BERT's, or has what a table of characters cannot say.
        """
        spec = json.loads(tokenizer.to_str())
        added, model = _added(spec, name), spec["model"]
        firsts, laters = _pieces(tokenizer, model)
        held = sorted({letter for piece in (*firsts, *laters) for letter in piece})
        symbols = {own: place for place, own in enumerate([*held, *added], _OWN)}
        _refuse_reordered(tokenizer, held, name)
        known = {(): ROW_OF_NONE, (END,): ROW_OF_END, (STRANGE,): ROW_OF_REST}
        keys, gone = [*added], []
        rows = [_row(known, (BREAK, symbols[each], BREAK)) for each in added]
        for letter, made in _made(tokenizer, frozenset([*held, " "])):
            if made:
                keys.append(letter)
                rows.append(_row(known, tuple(_symbols(made, symbols))))
            else:
                gone.append(ord(letter))
        width = max(map(len, known))
        table = [[*row, *[-1] * (width - len(row))] for row in known]
        return cls(
            symbols=symbols,
            firsts=firsts,
            laters=laters,
            added=added,
            gone=tuple(_ranges(gone)),
            keys=tuple(keys),
            rows=tuple(rows),
            table=np.array(table, np.int64),
            unknown=model["vocab"][model["unk_token"]],
            longest=model["max_input_chars_per_word"],
        )


def _pieces(tokenizer: Any, model: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Tokens that words can begin with, and those that can follow: punctuation is a word of its own."""
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


def _added(spec: Mapping[str, Any], name: str) -> dict[str, int]:
    """Tokens that are looked for in the text itself; raises NotExportable for what is not BERT's."""
    found = {part: (spec.get(part) or {}).get("type") for part in _PARTS}
    if found != _PARTS:
        said = ", ".join(f"{part} {kind or 'none'}" for part, kind in found.items())
        raise NotExportable(
            f"strings: the tokenizer of {name} is {said}; expected BERT's WordPiece with its own normalizer "
            "and pre-tokenizer; export without strings and feed tokens"
        )
    if spec["model"]["unk_token"] not in spec["model"]["vocab"]:
        raise NotExportable(
            f"strings: the tokenizer of {name} has no {spec['model']['unk_token']!r} for unknown words; "
            "export without strings and feed tokens"
        )
    for token in spec["added_tokens"]:
        asked = [key for key in ("single_word", "lstrip", "rstrip", "normalized") if token[key]]
        if asked:
            raise NotExportable(
                f"strings: the added token {token['content']!r} of {name} is {', '.join(asked)}; expected "
                "one that is found as it is written; export without strings and feed tokens"
            )
    return {token["content"]: token["id"] for token in spec["added_tokens"]}


def _refuse_reordered(tokenizer: Any, held: list[str], name: str) -> None:
    """Marks that are kept can change places, which no table of characters says; unknown ones may."""
    kept = [letter for letter in held if unicodedata.combining(letter) and _seen(tokenizer, letter)]
    if kept and _seen(tokenizer, "é") != "é":
        codes = ", ".join(f"U+{ord(letter):04X}" for letter in kept[:3])
        raise NotExportable(
            f"strings: tokens of {name} hold combining marks ({codes}) that its normalizer sorts; "
            "export without strings and feed tokens"
        )


def _made(tokenizer: Any, telling: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Characters that are more than a strange letter, and what is made of them."""
    for start in range(0, sys.maxunicode + 1, _BLOCK):
        codes = range(start, start + _BLOCK)
        yield from _fates(
            tokenizer, "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000), telling
        )


def _fates(tokenizer: Any, block: str, telling: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The same for one block: most have one fate, and need not be asked for one by one.

    Each character stands between two letters: one among punctuation would seem to stand alone.
    """
    made = _seen(tokenizer, "a".join(block))
    if made == "a".join(block):
        yield from ((letter, letter) for letter in block if letter in telling)
    elif made == "a" * (len(block) - 1):
        yield from ((letter, "") for letter in block)
    elif made == f" {' a '.join(block)} ":
        yield from ((letter, f" {letter} ") for letter in block)
    elif len(block) == 1:
        yield block, made
    else:
        half = len(block) // 2
        yield from _fates(tokenizer, block[:half], telling)
        yield from _fates(tokenizer, block[half:], telling)


def _seen(tokenizer: Any, letters: str) -> str:
    """What is left of letters in the middle of a word, with spaces where words end."""
    made = tokenizer.normalizer.normalize_str(f"a{letters}a")
    return " ".join(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(made))[1:-1]


def _symbols(made: str, symbols: Mapping[str, int]) -> Iterator[int]:
    for letter in made:
        yield BREAK if letter == " " else symbols.get(letter, STRANGE)


def _row(known: dict[tuple[int, ...], int], row: tuple[int, ...]) -> int:
    return known.setdefault(row, len(known))


def _ranges(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Rising numbers as ranges, the last of each included."""
    for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]):
        members = [code for _, code in run]
        yield members[0], members[-1]
