"""Spell words that a vocabulary does not hold: letters as further tokens, after those of the words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "LATER_OF_WORDS",
    "LEAST_LATER",
    "LETTERS",
    "NOTHING",
    "Speller",
    "Spelling",
    "fold_letter",
    "letter_number",
]

# Numbers that a letter can have; those of two letters are seldom the same.
LETTERS = 1 << 20
# Characters of a text that are looked at: more than any number of letters that a card asks for.
_MOST_CHARACTERS = 1 << 16
# A text is spelled as a whole where it has at least so many tokens that go on with a word, and so many a word;
# the fraction is exact.
LEAST_LATER, LATER_OF_WORDS = 4, (1, 2)
# In the table of numbers: a character that is dropped, and white space.
_DROPPED, _SPACE = -1, -2
# Up to here letters with accents are taken for those without: Latin, Greek and Cyrillic.
_LAST_ACCENTED = 0x0530
# Marks that the same word is written with and without: accents, vowel points of Hebrew and Arabic, and
# signs that choose between shapes of a character.
_OPTIONAL = (
    (0x0300, 0x036F),
    (0x0591, 0x05C7),
    (0x0610, 0x061A),
    (0x0640, 0x0640),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0xFE00, 0xFE0F),
    (0xE0100, 0xE01EF),
)


def letter_number(letter: str) -> int | None:
    """Return the number of a character below ``LETTERS``, None for one that is dropped.

    It is MurmurHash3 (32 bits, seed 0) of the character in UTF-8, modulo ``LETTERS``. Case, the width of
    a character and accents of Latin, Greek and Cyrillic letters play no part; all white space is one
    character. Control and format characters (joiners, marks of direction), those of private use and
    vowel points are dropped.

    Examples
    --------
    >>> letter_number("Ж") == letter_number("ж"), letter_number("Ａ") == letter_number("a")
    (True, True)
    >>> letter_number("\\u200d") is None
    True
    """
    plain = fold_letter(letter)
    return None if plain is None else _murmur(plain.encode()) % LETTERS


def fold_letter(letter: str) -> str | None:
    """Return the character that stands for one in the letters of a word; None where it is dropped."""
    if letter.isspace():
        return " "
    code = ord(letter)
    if any(first <= code <= last for first, last in _OPTIONAL):
        return None
    if unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cs"):
        return None
    plain = _only(unicodedata.normalize("NFKC", letter).lower()) or letter
    if ord(plain) < _LAST_ACCENTED:
        base, *marks = list(unicodedata.normalize("NFD", plain))
        if marks and all(unicodedata.combining(mark) for mark in marks):
            return base
    return plain


def _only(text: str) -> str:
    """Return a text of one visible character; "" for any other."""
    return text if len(text) == 1 and not text.isspace() else ""


def _murmur(data: bytes) -> int:
    """Return MurmurHash3, 32 bits with the seed 0, of at most four bytes."""
    block = int.from_bytes(data, "little") * 0xCC9E2D51 & 0xFFFFFFFF
    block = (block << 15 | block >> 17) & 0xFFFFFFFF
    value = block * 0x1B873593 & 0xFFFFFFFF
    if len(data) == 4:
        value = (value << 13 | value >> 19) & 0xFFFFFFFF
        value = value * 5 + 0xE6546B64 & 0xFFFFFFFF
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    value = (value ^ value >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16


class _Numbers(dict[str, int]):
    """The number of each character, found out as it is met: letters from ``first`` on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._first = first

    def __missing__(self, letter: str) -> int:
        number = letter_number(letter)
        if number is None:
            value = _DROPPED
        else:
            value = _SPACE if letter.isspace() else self._first + number
        self[letter] = value
        return value


@dataclass(frozen=True, slots=True)
class Spelling:
    """The letters of a text that are further tokens.

    Attributes
    ----------
    ids : sequence of int
    starts : sequence of int
        The character of the text that each stands for; of the space at a word's edge, the letter beside it.
    """

    ids: Sequence[int] = ()
    starts: Sequence[int] = ()


NOTHING = Spelling()


class Speller:
    """Finds what of a text is spelled, and spells it.

    These are words that the tokenizer does not know, characters that it passes over, such as an emoji
    that is newer than its tables, and the whole of a text whose words are mostly put together from
    pieces, as those of another language in Latin letters are.

    Parameters
    ----------
    vocabulary : mapping of str to int
        The tokens of the tokenizer, and their numbers; letters are numbered from its size on.
    unknown : int or None
        The token of unknown words.
    mark : str
        What tokens begin with that go on with a word.
    most : int
        Letters of a text, the others are left out.
    """

    def __init__(
        self, vocabulary: dict[str, int], unknown: int | None, mark: str, most: int
    ) -> None:
        self.first = max(vocabulary.values(), default=-1) + 1
        self.unknown = unknown
        self.later = frozenset(
            number for token, number in vocabulary.items() if mark and token.startswith(mark)
        )
        self.most = most
        self._numbers = _Numbers(self.first)
        space = letter_number(" ")
        assert space is not None
        self._space = self.first + space

    def spells_all(self, ids: Sequence[int]) -> bool:
        """Return whether so many tokens go on with a word that the text is spelled as a whole."""
        if self.later.isdisjoint(ids):
            return False
        later = sum(map(self.later.__contains__, ids))
        few, words = LATER_OF_WORDS
        return later >= LEAST_LATER and words * later >= few * (len(ids) - later)

    def may_spell(self, text: str, ids: Sequence[int]) -> bool:
        """Return whether anything of a text may be spelled: nothing of most texts is."""
        return not text.isascii() or self.unknown in ids or self.spells_all(ids)

    def spell(
        self, text: str, ids: Sequence[int], spans: Sequence[tuple[int, int]], start: int, stop: int
    ) -> Spelling:
        """Return the letters of what is spelled between two characters of a text.

        Parameters
        ----------
        ids : sequence of int
            The tokens of the text between ``start`` and ``stop``.
        spans : sequence of (int, int)
            Where in the text each begins and ends.
        """
        if not self.may_spell(text, ids):
            return NOTHING
        part = text[start : min(stop, start + _MOST_CHARACTERS)]
        table = self._numbers
        numbers = [table[letter] for letter in part]
        known = (
            bytes(len(part)) if self.spells_all(ids) else self._known(ids, spans, start, len(part))
        )
        found = self._joined(numbers, known, start)
        if not found.ids and not len(ids):
            # nothing but marks: they are all that there is
            marks = [(k, letter) for k, letter in enumerate(part) if not letter.isspace()]
            marks = marks[: self.most]
            raw = [self.first + _murmur(letter.encode()) % LETTERS for _, letter in marks]
            return Spelling(raw, [start + k for k, _ in marks])
        return found

    def _known(
        self, ids: Sequence[int], spans: Sequence[tuple[int, int]], start: int, n: int
    ) -> bytearray:
        """Return 1 for each character that a known token holds."""
        known = bytearray(n)
        for number, (first, last) in zip(ids, spans, strict=True):
            if number != self.unknown and last > start:
                first, last = max(first - start, 0), min(last - start, n)
                known[first:last] = b"\1" * (last - first)
        return known

    def _joined(self, numbers: Sequence[int], known: bytes | bytearray, start: int) -> Spelling:
        """Return the letters of unknown characters, with a space at edges of words.

        There are two spaces where a known word stands between.
        """
        ids: list[int] = []
        starts: list[int] = []
        spaces = 1
        for place, (number, skipped) in enumerate(zip(numbers, known, strict=True), start):
            if number == _SPACE:
                spaces = spaces or 1
            elif number == _DROPPED:
                continue
            elif skipped:
                spaces = 2
            else:
                if spaces:
                    spaces = spaces if ids else 1
                    ids += [self._space] * spaces
                    starts += [place] * spaces
                    spaces = 0
                ids.append(number)
                starts.append(place)
                if len(ids) >= self.most:
                    break
        if ids:
            ids.append(self._space)
            starts.append(starts[-1])
        return Spelling(ids[: self.most], starts[: self.most])
