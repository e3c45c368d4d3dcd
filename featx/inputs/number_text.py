"""Numbers as people write them in a table: with marks of thousands, decimal commas and units.

How a column writes its numbers is decided once, from the cells of training: "1,200" alone may be 1200 or 1.2,
and is one of the two only where another cell of the column leaves no doubt. What stays doubtful is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from featx.errors import BadSample
from featx.inputs.cells import LONGEST_TEXT, show_text

__all__ = ["MARKS", "NumberSpelling"]

MARKS = ("plain", "point", "comma")
"""No mark of thousands; a decimal point, and commas between thousands; a decimal comma, and points between."""

_TRUTHS = {"true": 1.0, "false": 0.0}
_INFINITE = ("inf", "infinity", "∞")
# Marks of thousands that are never decimal ones: spaces, also narrow ones, and apostrophes.
_GROUP_MARKS = " \u00a0\u2009\u202f'\u2019"
_WHOLE = re.compile(
    r"(?P<sign>[+-]?)(?P<before>[^\d.,+\-]{0,12}?)\s*(?P<sign2>[+-]?)"
    rf"(?P<body>[.,]?\d[\d.,{_GROUP_MARKS}]*)(?P<exponent>[eE][+-]?\d{{1,4}})?\s*(?P<after>[^\d.,]{{0,12}})"
)
# A unit behind a number: letters with a power, a sign, or a currency.
_UNIT = re.compile(r"[^\W\d_]{1,8}[²³]?(?:/[^\W\d_]{1,6}[²³]?)?|[%‰°]|°[CF]")
_CURRENCY = re.compile(r"[A-Z]{3}")
_GROUPED = {
    "point": re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"),
    "comma": re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?"),
}
_DECIMAL = {
    "point": re.compile(r"\d+(?:\.\d*)?|\.\d+"),
    "comma": re.compile(r"\d+(?:,\d*)?|,\d+"),
}
# What needs no second look, and of that what may be a number of thousands.
_PLAIN = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}\.[0-9]{3}\s*")
_SPACED = re.compile(rf"\d{{1,3}}(?:[{_GROUP_MARKS}]\d{{3}})+(?:[.,]\d*)?")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a text that is a number: its digits with their marks, and its unit."""

    sign: str
    body: str
    exponent: str
    unit: str

    @classmethod
    def of(cls, text: str) -> _Parts | None:
        """Return the parts of a text; None where it is no number."""
        if len(text) > LONGEST_TEXT:
            return None
        # Digits and signs of other scripts and widths become the usual ones.
        text = unicodedata.normalize("NFKC", text.strip()).replace("\u2212", "-")
        found = _WHOLE.fullmatch(text)
        if found is None or (found["sign"] and found["sign2"]):
            return None
        body = found["body"].strip()
        if any(mark in body for mark in _GROUP_MARKS):
            if not _SPACED.fullmatch(body):
                return None
            body = body.translate(dict.fromkeys(map(ord, _GROUP_MARKS)))
        unit = _unit(found["before"].strip(), found["after"].strip())
        if unit is None:
            return None
        return cls(found["sign"] or found["sign2"], body, found["exponent"] or "", unit)

    @property
    def is_number(self) -> bool:
        """Tell whether its marks are those of any style."""
        return self.value("point") is not None or self.value("comma") is not None

    def value(self, style: str) -> float | None:
        """Return the number where its marks are those of a style, "point" or "comma"; None where not."""
        thousands, decimal = (",", ".") if style == "point" else (".", ",")
        body = self.body
        if _GROUPED[style].fullmatch(body):
            body = body.replace(thousands, "")
        elif not _DECIMAL[style].fullmatch(body):
            return None
        return float(f"{self.sign}{body.replace(decimal, '.')}{self.exponent}")


def _unit(before: str, after: str) -> str | None:
    """Return the unit that stands beside a number, '' where none does; None where what stands there is none."""
    if before and after:
        return None
    if before:
        known = _is_currency(before) or _CURRENCY.fullmatch(before)
        return before if known else None
    return after if not after or _is_currency(after) or _UNIT.fullmatch(after) else None


def _is_currency(text: str) -> bool:
    return len(text) == 1 and unicodedata.category(text) == "Sc"


@dataclass(frozen=True, slots=True)
class NumberSpelling:
    """The way in which the cells of a column write their numbers.

    Attributes
    ----------
    marks : str
        One of ``MARKS``.
    unit : str
        What stands before or behind each number, such as "€" or "%"; '' where nothing does.
    truths : bool
        Whether its cells are true and false, which are 1 and 0.

    Examples
    --------
    >>> spelling, notes = NumberSpelling.of(["€ 1.200,50", "€ 3,5"], "price")
    >>> spelling.read("1.000 €")
    1000.0
    >>> notes
    ("price: the unit '€' is left out, and a comma is the decimal mark: '€ 1.200,50' is 1200.5",)
    """

    marks: str = "plain"
    unit: str = ""
    truths: bool = False

    @classmethod
    def of(cls, texts: Sequence[str], name: str) -> tuple[NumberSpelling, tuple[str, ...]]:
        """Return how texts of a column are numbers, and what is to be said of it.

        Texts that are no numbers count for nothing.

        Raises
        ------
        BadSample
            They contradict each other, or leave in doubt what a comma is.
        """
        if all(map(_is_plain, texts)):
            return cls(), _note_of_points(texts, name)
        truths = sum(text.strip().casefold() in _TRUTHS for text in texts)
        if 2 * truths > len(texts):
            return cls(truths=True), (f"{name}: true and false are 1 and 0",)
        parts = [(t, found) for t in texts if (found := _Parts.of(t)) and found.is_number]
        units = Counter(found.unit for _, found in parts)
        unit = units.most_common(1)[0][0] if units else ""
        parts = [(text, found) for text, found in parts if found.unit == unit]
        marks, example = _marks(parts, name)
        said = []
        if unit:
            said.append(f"the unit {show_text(unit)} is left out")
        if marks == "comma":
            said.append("a comma is the decimal mark")
        elif marks == "point":
            said.append("a comma stands between thousands")
        elif example is not None:
            said.append("a point is the decimal mark")
        if not said:
            return cls(marks, unit), ()
        spelling = cls(marks, unit)
        shown = example or max((text for text, _ in parts), key=len)
        return spelling, (
            f"{name}: {', and '.join(said)}: {show_text(shown.strip())} is {spelling.read(shown):.12g}",
        )

    def read(self, text: str) -> float:
        """Return the number of a text.

        Raises
        ------
        ValueError
            It is none, or one that is written in another way than those of training: why, in words.
        """
        if self == _AS_PROGRAMS and _is_plain(text):
            return float(text)
        word = text.strip().casefold()
        if self.truths or word in _TRUTHS:
            if self.truths and word in _TRUTHS:
                return _TRUTHS[word]
            expected = "true or false" if self.truths else "a number"
            raise ValueError(f"expected {expected}, found {show_text(text)}")
        parts = _Parts.of(text)
        if parts is None:
            finite = "finite " if word.strip("+-") in _INFINITE else ""
            raise ValueError(f"expected a {finite}number, found {show_text(text)}")
        if parts.unit != self.unit:
            wanted = f"with {show_text(self.unit)}" if self.unit else "without a unit"
            raise ValueError(f"expected a number {wanted} as in training, found {show_text(text)}")
        if self.marks == "plain" and "," in parts.body:
            raise ValueError(
                f"expected a number as in training, without commas, found {show_text(text)}; write 1200 or 1.2"
            )
        value = parts.value("point" if self.marks == "plain" else self.marks)
        if value is None:
            mark = "comma" if self.marks == "comma" else "point"
            raise ValueError(
                f"expected a number with a decimal {mark} as in training, found {show_text(text)}"
            )
        return value


_AS_PROGRAMS = NumberSpelling()


def _is_plain(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and _PLAIN.fullmatch(text) is not None


def _note_of_points(texts: Sequence[str], name: str) -> tuple[str, ...]:
    """Return what is to be said where every point may stand between thousands as well."""
    pointed = [text for text in texts if "." in text]
    if not pointed or not all(map(_THOUSANDS.fullmatch, pointed)):
        return ()
    shown = pointed[0].strip()
    return (f"{name}: a point is the decimal mark: {show_text(shown)} is {float(shown):.12g}",)


def _marks(parts: Sequence[tuple[str, _Parts]], name: str) -> tuple[str, str | None]:
    """Return which marks numbers have, and an example that shows it where there is something to show."""
    only: dict[str, Any] = {"point": None, "comma": None}
    doubtful = pointed = None
    for text, found in parts:
        values = {style: found.value(style) for style in only}
        for style, other in (("point", "comma"), ("comma", "point")):
            if values[style] is not None and values[other] is None:
                only[style] = only[style] or text
                if len(text) > len(only[style]) and ("," in found.body or "." in found.body):
                    only[style] = text
        if None not in values.values() and values["point"] != values["comma"]:
            doubtful = doubtful or (text if "," in found.body else None)
            pointed = pointed or (text if "." in found.body else None)
    commas = any("," in found.body for _, found in parts)
    if only["point"] and only["comma"]:
        raise BadSample(
            f"{name}: {show_text(only['point'])} has a decimal point and {show_text(only['comma'])} a decimal "
            "comma; write all numbers in one way"
        )
    if only["comma"]:
        return "comma", only["comma"]
    if doubtful and not only["point"]:
        raise BadSample(
            f"{name}: {show_text(doubtful)} may be a number of thousands or one with a decimal comma; write "
            "1200 or 1.2"
        )
    if commas:
        return "point", doubtful or only["point"]
    return "plain", pointed if not only["point"] else None
