"""Encode texts of any length, a bounded piece at a time; control tokens that a text spells out stay text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.errors import BadSample

__all__ = ["PIECE", "Encoder", "Tokens", "run_tokenizer"]

# characters that the library is given at once: it holds Python's lock meanwhile, some 10 ms
PIECE = 8192
# characters that two pieces have in common, so that what a cut changes is outside of what is used
OVERLAP = 512
# characters of a text that is cut after which it should have had its tokens
MOST_FOR_CUT = 1 << 21

# (tokens, 3): the number of a token, and where in the text it begins and ends
Table = npt.NDArray[np.int64]

# tokens that a file may have without saying that they are special
_USUAL = (
    "[PAD] [CLS] [SEP] [MASK] [BOS] [EOS] <s> </s> <pad> <mask> <cls> <sep> <bos> <eos> "
    "<|endoftext|> <|startoftext|> <|im_start|> <|im_end|> <|begin_of_text|> <|end_of_text|>"
).split()
_UNKNOWN = ("[UNK]", "<unk>", "<UNK>", "<|unk|>")
# what nobody writes by chance: more than a letter, a word or white space
_MARKER = re.compile(r"(?s)(?=..)(?=.*[^\w\s]).*")
_SPACE = re.compile(r"\s")
# what tokenizers drop before they look for tokens
_INVISIBLE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u0300-\\u036f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\ufe00-\\ufe0f\\ufeff]"
)
# characters of a control token that is found across the parts of a text that are looked at
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, as an ``Encoding`` of the library has them."""

    table: Table

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """Return the numbers of the tokens; shape (n,)."""
        return self.table[:, 0]

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Return where in the text each token begins and ends."""
        return [(start, stop) for _, start, stop in self.table.tolist()]


@dataclass(slots=True)
class _Seen:
    """The findings of pieces of a long text, kept so that more of the same need not be encoded."""

    # characters of pieces without a token
    void: set[str] = field(default_factory=set)
    # characters of a piece that is one unknown word
    lump: set[str] = field(default_factory=set)
    # characters that were encoded
    spent: int = 0


class Encoder:
    """A tokenizer that takes every text as text.

    A text of up to ``PIECE`` characters is encoded as it is. A longer one is encoded in pieces that
    overlap, joined where both say the same; where it is cut after some tokens, only as many pieces are
    encoded as these tokens need.

    A control token, such as ``[SEP]`` or ``<|endoftext|>``, that a text spells out is encoded as the
    letters that it is written with; one of the card's prefix is meant.
    """

    def __init__(self, tokenizer: Any, prefix: str = "") -> None:
        self._tokenizer = tokenizer
        self.prefix = prefix
        # of words that the tokenizer does not know; None where there is no such token
        self.unknown: int | None = _unknown(tokenizer)
        self._unknown_name = "" if self.unknown is None else tokenizer.id_to_token(self.unknown)
        self.controls: dict[int, str] = _controls(tokenizer, self.unknown)
        special = tokenizer.get_added_tokens_decoder().values()
        found = run_tokenizer(tokenizer, prefix)
        # tokens of the prefix, about
        self.lead = len(found.ids)
        meant = not self._controls_of(found.ids)
        # all special tokens or none: where some are needed, texts are cut within the others
        tokenizer.encode_special_tokens = meant and all(
            _MARKER.fullmatch(token.content) for token in special if token.special
        )
        self._folded = [_folded(name) for name in (*self.controls.values(), self._unknown_name)]

    def control_names(self) -> dict[int, str]:
        """Return the tokens that no text can spell out, with the unknown one, by number."""
        named = {} if self.unknown is None else {self.unknown: self._unknown_name}
        return {**self.controls, **named}

    def spells_control(self, content: str) -> bool:
        """Return whether a text may spell a control token out; True for some that do not."""
        for start in range(0, len(content), PIECE):
            folded = _folded(content[max(0, start - _LONGEST_NAME) : start + PIECE])
            if any(name in folded for name in self._folded if name):
                return True
        return False

    def encode(self, content: str, most: int | None, *, end: str = "right") -> Any:
        """Return the ``ids`` and ``offsets`` of prefix and text, counted from where the prefix begins.

        Parameters
        ----------
        most : int or None
            Tokens that are used; a long text gives no fewer, but perhaps no more. None: all.
        end : {"right", "left"}
            The end of the text at which tokens are left out.

        Raises
        ------
        BadSample
            The tokenizer fails, or two million characters do not hold ``most`` tokens.
        """
        text = self.prefix + content
        if len(text) <= PIECE:
            return self._piece(text, len(self.prefix))
        seen, reach = _Seen(), PIECE
        if most is None or end == "right":
            return Tokens(self._pieces(text, 0, most, seen))
        while True:
            start = max(0, len(text) - reach)
            table = self._pieces(text, start, None, seen, limited=True)
            # the first tokens after a cut are perhaps not those of the whole text
            sure = table[table[:, 1] >= start + OVERLAP] if start else table
            if start == 0 or len(sure) >= most:
                return Tokens(sure)
            reach *= 4

    def _pieces(
        self, text: str, start: int, most: int | None, seen: _Seen, *, limited: bool = False
    ) -> Table:
        """Return the tokens of a text from ``start`` on, or somewhat more than the first ``most``."""
        parts: list[Table] = []
        count, stop, position = 0, start, start
        while True:
            previous, stop = stop, min(position + PIECE, len(text))
            part = self._shifted(text, position, stop, seen)
            if parts:
                keep, first = self._seam(text, parts[-1], part, position, previous)
                count += keep - len(parts[-1])
                parts[-1], part = parts[-1][:keep], part[first:]
            if len(part) or not parts:
                parts.append(part)
            count += len(part)
            sure = count - int((part[:, 2] > stop - OVERLAP).sum())
            if stop == len(text) or (most is not None and sure >= most):
                return np.concatenate(parts)
            if (most is not None or limited) and seen.spent > MOST_FOR_CUT:
                raise BadSample(
                    f"text: {seen.spent:,} characters hold fewer tokens than the backbone takes; "
                    "expected words, found hardly more than spaces, marks or endless words"
                )
            position = _restart(text, stop)

    def _shifted(self, text: str, start: int, stop: int, seen: _Seen) -> Table:
        """Return the tokens of a piece of a text, and where in the text they are."""
        piece = text[start:stop]
        if seen.void and seen.void.issuperset(piece):
            return np.empty((0, 3), np.int64)
        if seen.lump and seen.lump.issuperset(piece):
            return np.array([[self.unknown, start, stop]], np.int64)
        seen.spent += len(piece)
        found = self._piece(piece, max(0, len(self.prefix) - start))
        table: Table = found.table if isinstance(found, Tokens) else _table(found)
        if not len(table):
            seen.void.update(piece)
        elif table.tolist() == [[self.unknown, 0, len(piece)]]:
            seen.lump = set(piece)
        table[:, 1:] += start
        return table

    def _seam(self, text: str, left: Table, right: Table, start: int, stop: int) -> tuple[int, int]:
        """Return how many tokens of a piece, and from which of the next on, are those of both together.

        Both encode what is between ``start`` and ``stop``; tokens in the middle of it, far from where
        either was cut, are the same.
        """
        middle = (start + stop) // 2
        if common := _common(left, right, start, stop):
            return common
        if spaces := [found.start() for found in _SPACE.finditer(text, start, stop)]:
            # words end here, for both
            space = min(spaces, key=lambda place: abs(place - middle))
            return int((left[:, 1] < space).sum()), int((right[:, 1] < space).sum())
        later = int((right[:, 2] <= stop).sum())
        goes_on = len(left) > 0 and later < len(right) and right[later, 1] < stop
        if goes_on and left[-1, 0] == right[later, 0] == self.unknown:
            # one unknown word, of which both have a part
            left[-1, 2] = right[later, 2]
            later += 1
        return len(left), later

    def _piece(self, text: str, exempt: int) -> Any:
        """Return the tokens of a piece; what it spells of control tokens after ``exempt`` is letters."""
        found = run_tokenizer(self._tokenizer, text)
        named = self._unknown_name and self._unknown_name in text
        if not named and not self._controls_of(found.ids):
            return found
        rows = list(self._as_text(text, exempt))
        return Tokens(np.array(rows, np.int64).reshape(-1, 3))

    def _as_text(self, text: str, exempt: int) -> Iterator[tuple[int, int, int]]:
        """Give the tokens of a text that is cut within each control token, until none is left."""
        stack = [(0, len(text))]
        while stack:
            start, stop = stack.pop()
            part = text[start:stop]
            found = run_tokenizer(self._tokenizer, part)
            rows = [
                (number, first, last)
                for number, (first, last) in zip(found.ids, found.offsets, strict=True)
                if last + start <= exempt or not self._is_control(number, part[first:last])
            ]
            cuts = [
                (first + last) // 2
                for number, (first, last) in zip(found.ids, found.offsets, strict=True)
                if last - first > 1
                and last + start > exempt
                and self._is_control(number, part[first:last])
            ]
            if not cuts:
                yield from ((number, first + start, last + start) for number, first, last in rows)
                continue
            bounds = [0, *sorted(set(cuts)), len(part)]
            pairs = [(start + bounds[k], start + bounds[k + 1]) for k in range(len(bounds) - 1)]
            stack.extend(reversed(pairs))

    def _is_control(self, number: int, written: str) -> bool:
        """Return whether a token is a control token, or the unknown one that was written as such."""
        return number in self.controls or (
            number == self.unknown and written.strip() == self._unknown_name
        )

    def _controls_of(self, ids: list[int]) -> bool:
        return not self.controls.keys().isdisjoint(ids)


def run_tokenizer(tokenizer: Any, text: str) -> Any:
    """Return the library's encoding of a text, without what stands around texts; BadSample where it fails."""
    try:
        return tokenizer.encode(text, add_special_tokens=False)
    except BaseException as error:
        # a panic in Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise BadSample(
            f"text: the tokenizer fails on it: {' '.join(str(error).split())}"
        ) from error


def _table(encoding: Any) -> Table:
    table = np.empty((len(encoding.ids), 3), np.int64)
    table[:, 0] = encoding.ids
    table[:, 1:] = np.array(encoding.offsets, np.int64).reshape(-1, 2)
    return table


def _common(left: Table, right: Table, start: int, stop: int) -> tuple[int, int] | None:
    """Return where three tokens in a row are the same in both, near the middle; None where nowhere."""
    first = int((left[:, 1] < start).sum())
    zone = [tuple(row) for row in left[first:].tolist()]
    after = [tuple(row) for row in right[right[:, 1] < stop].tolist()]
    index = {row: j for j, row in enumerate(after)}
    middle = (start + stop) // 2
    for i in sorted(range(len(zone)), key=lambda i: abs(zone[i][1] - middle)):
        j = index.get(zone[i], len(after))
        if j + 3 <= len(after) and zone[i : i + 3] == after[j : j + 3]:
            return first + i, j
    return None


def _restart(text: str, stop: int) -> int:
    """Return where the next piece begins: at white space, where there is some in the right place."""
    start = stop - OVERLAP
    found = _SPACE.search(text, start, stop - OVERLAP // 2)
    return found.start() if found else start


def _unknown(tokenizer: Any) -> int | None:
    """Return the token of unknown words, None where there is none."""
    own = getattr(tokenizer.model, "unk_token", None)
    names = ([own] if isinstance(own, str) else []) + list(_UNKNOWN)
    return next((id for name in names if (id := tokenizer.token_to_id(name)) is not None), None)


def _controls(tokenizer: Any, unknown: int | None) -> dict[int, str]:
    """Return the tokens that no text may spell out, by number; the unknown one comes by itself."""
    added = tokenizer.get_added_tokens_decoder()
    controls = {
        number: token.content
        for number, token in added.items()
        if token.special and _MARKER.fullmatch(token.content)
    }
    for name in _USUAL:
        number = tokenizer.token_to_id(name)
        if number is not None:
            controls.setdefault(number, name)
    return {number: name for number, name in controls.items() if number != unknown}


def _folded(text: str) -> str:
    """Return a text in which letter case, compatibility forms and invisible characters play no part."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _INVISIBLE.sub("", plain.casefold())
