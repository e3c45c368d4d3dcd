"""Dates as people write them in a table.

Dates of ISO 8601 are read as they are. Of "03/04/2024" nothing tells which number is the month: it is decided
once, from the cells of training, and refused where all of them leave it in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from featx.errors import BadSample
from featx.inputs.cells import LONGEST_TEXT, describe_cell, show_text

__all__ = ["ORDERS", "DateSpelling", "Moment"]

ORDERS = ("iso", "day", "month")
"""The year first; the day first ("31.12.2024"); the month first ("12/31/2024")."""

_EPOCH = datetime(1970, 1, 1)
_NUMBERS = re.compile(
    r"(?P<first>[0-9]{1,2})(?P<mark>[./-])(?P<second>[0-9]{1,2})(?P=mark)(?P<year>[0-9]{4})"
    r"(?:(?:,?\s+|T)(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?)"
    r"(?P<half>\s*[AaPp]\.?[Mm]\.?)?(?P<zone>\s*(?:Z|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
_YEAR_FIRST = re.compile(r"([0-9]{4})[./]([0-9]{1,2})[./]([0-9]{1,2})(.*)", re.DOTALL)
_SPOKEN = ("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%d. %B %Y", "%B %d %Y", "%b %d %Y")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*|[0-9]{4}-W[0-9]{2}.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a table.

    Attributes
    ----------
    seconds : float
        Since 1970, in UTC where a zone was said, else in whatever zone the table is in.
    day_of_year : float
        Days since the first of January, with the part of the day that is over.
    with_time : bool
        Whether a time of day was said.
    """

    seconds: float
    day_of_year: float
    with_time: bool

    @classmethod
    def of(cls, moment: datetime, *, with_time: bool) -> Moment:
        """Return the moment of a time without a zone."""
        start = datetime(moment.year, 1, 1)
        return cls(
            (moment - _EPOCH).total_seconds(), (moment - start).total_seconds() / 86400, with_time
        )


@dataclass(frozen=True, slots=True)
class DateSpelling:
    """The way in which the cells of a column write their dates.

    Attributes
    ----------
    order : str
        One of ``ORDERS``.
    zoned : bool
        Whether its times have a zone.

    Examples
    --------
    >>> spelling, notes = DateSpelling.of(["03/04/2024", "12/31/2024"], [], "sold")
    >>> spelling.order, notes
    ('month', ("sold: the month stands first: '12/31/2024' is 2024-12-31",))
    """

    order: str = "iso"
    zoned: bool = False

    @classmethod
    def of(
        cls, texts: Sequence[str], cells: Sequence[Any], name: str
    ) -> tuple[DateSpelling, tuple[str, ...]]:
        """Return how texts of a column are dates, whose zones ``cells`` tell, and what is to be said of it.

        Raises
        ------
        BadSample
            They contradict each other, or leave in doubt which number is the month.
        """
        order, example = _order(texts, name)
        times = [found for cell in cells if (found := _try(cell, order)) is not None]
        zones = {moment.tzinfo is not None for moment, with_time in times if with_time}
        if len(zones) > 1:
            without = next(m for m, with_time in times if with_time and m.tzinfo is None)
            zoned = next(m for m, with_time in times if with_time and m.tzinfo is not None)
            raise BadSample(
                f"{name}: {zoned.isoformat()} has a time zone and {without.isoformat()} has none; write all "
                "times in one way"
            )
        spelling = cls(order, zones == {True})
        if example is None:
            return spelling, ()
        shown = _try(example, order)
        day = "" if shown is None else shown[0].date().isoformat()
        return spelling, (f"{name}: the {order} stands first: {show_text(example)} is {day}",)

    def read(self, cell: Any) -> Moment:
        """Return the moment of a cell.

        Raises
        ------
        ValueError
            It is no date, or written in another way than those of training: why, in words.
        """
        expected = "expected a date such as 2024-05-31"
        found = _try(cell, self.order)
        if found is None:
            hint = ""
            if isinstance(cell, str) and self.order != "iso" and _NUMBERS.fullmatch(cell.strip()):
                hint = f"; in training the {self.order} stands first"
            elif isinstance(cell, str) and _NUMBERS.fullmatch(cell.strip()):
                hint = "; in training the year stands first"
            raise ValueError(f"{expected}, found {describe_cell(cell)}{hint}")
        moment, with_time = found
        if with_time and (moment.tzinfo is not None) != self.zoned:
            zone = "with" if self.zoned else "without"
            raise ValueError(
                f"{expected}T12:00{'Z' if self.zoned else ''}, {zone} a time zone as in training, found "
                f"{describe_cell(cell)}"
            )
        if moment.tzinfo is not None:
            try:
                moment = moment.astimezone(UTC).replace(tzinfo=None)
            except (OverflowError, ValueError) as error:
                raise ValueError(f"{expected}, found {describe_cell(cell)}") from error
        return Moment.of(moment, with_time=with_time)


def _try(cell: Any, order: str) -> tuple[datetime, bool] | None:
    """Return the time of a cell, and whether it says one of the day; None where it is no date."""
    if isinstance(cell, datetime):
        return cell, cell.time() != time() or cell.tzinfo is not None
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day), False
    if not isinstance(cell, str) or len(cell) > LONGEST_TEXT:
        return None
    text = cell.strip()
    try:
        if _ISO.fullmatch(text):
            return datetime.fromisoformat(text.replace(" UTC", "Z")), len(text) > len("2024-05-31")
        if found := _YEAR_FIRST.fullmatch(text):
            year, month, day, rest = found.groups()
            return _try(f"{year}-{month:0>2}-{day:0>2}{rest}", order)
        if found := _NUMBERS.fullmatch(text):
            return None if order == "iso" else _of_numbers(found, order)
    except ValueError:
        return None
    return _spoken(text)


def _of_numbers(found: re.Match[str], order: str) -> tuple[datetime, bool]:
    day, month = int(found["first"]), int(found["second"])
    if order == "month":
        day, month = month, day
    moment = datetime(int(found["year"]), month, day)
    if not found["time"]:
        return moment, False
    clock = found["time"].replace(",", ".")
    parts = time.fromisoformat(clock if clock[2:3] == ":" else f"0{clock}")
    if half := (found["half"] or "").strip().lower():
        if not 1 <= parts.hour <= 12:
            raise ValueError("no hour of half a day")
        parts = parts.replace(hour=parts.hour % 12 + (12 if half[0] == "p" else 0))
    zone = (found["zone"] or "").strip()
    return datetime.fromisoformat(f"{moment.date()}T{parts.isoformat()}{zone}"), True


def _spoken(text: str) -> tuple[datetime, bool] | None:
    """Return the date of a text with the English name of a month."""
    if not any(letter.isalpha() for letter in text):
        return None
    for form in _SPOKEN:
        try:
            return datetime.strptime(text, form), False
        except ValueError:
            continue
    return None


def _order(texts: Sequence[str], name: str) -> tuple[str, str | None]:
    """Return which number stands first, and a text that shows it."""
    # What is a date in neither order, such as 31.31.2024, tells nothing of the others.
    found = [
        (text, one)
        for text in texts
        if (one := _NUMBERS.fullmatch(text.strip())) and (_try(text, "day") or _try(text, "month"))
    ]
    if not found:
        return "iso", None
    only: dict[str, str] = {}
    for text, one in found:
        first, second = int(one["first"]), int(one["second"])
        if first > 12 >= second:
            only.setdefault("day", text)
        elif second > 12 >= first:
            only.setdefault("month", text)
    if len(only) == 2:
        raise BadSample(
            f"{name}: {show_text(only['day'])} has the day first and {show_text(only['month'])} the month; "
            "write all dates as 2024-05-31"
        )
    if only:
        [(order, example)] = only.items()
        return order, example
    same = all(one["first"] == one["second"] for _, one in found)
    # With points the day stands first wherever dates are written so.
    if same or all(one["mark"] == "." for _, one in found):
        return "day", found[0][0]
    raise BadSample(
        f"{name}: nothing tells whether {show_text(found[0][0])} begins with the day or the month; write "
        "2024-05-31"
    )
