"""Dates and times of a table as columns of a row: how long since the first, and where in year, week and day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Self

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.errors import BadArtifact, BadSample
from featx.inputs.cells import (
    digest_of,
    is_count,
    is_nothing,
    notes_of_nothing,
    plain_value,
    read_entries,
)
from featx.inputs.date_text import ORDERS, DateSpelling, Moment

__all__ = ["DAY", "WEEK", "YEAR", "DateEncoder"]

DAY, WEEK, YEAR = 86400.0, 7.0, 365.2425
"""The seconds of a day, the days of a week, and those of a mean year of the Gregorian calendar."""
# The earliest and the latest second: the years 1 and 9999.
_FIRST, _LAST = -62135596800.0, 253402300800.0


@dataclass(frozen=True, slots=True)
class DateEncoder:
    """The encoder that makes columns of the dates of a table.

    The first column is the time, standardised by training; then the sine and cosine of the place in the year
    and in the week, and, where training had times of day, in the day: so December is beside January, and
    Sunday beside Monday. An empty cell has the median time and 0 in the others, and 1 in a column of its own
    where training had empty ones.

    Times with a zone are taken in UTC. Those without one are taken as they are; both in one column are refused.

    Attributes
    ----------
    name : str
    spelling : DateSpelling
    median, mean, scale, first, last : float
        Of training, in seconds since 1970.
    empty : int
        How many cells of training were empty.
    with_time : bool
        Whether training had times of day.
    """

    kind: ClassVar[str] = "date"
    name: str
    spelling: DateSpelling
    median: float
    mean: float
    scale: float
    first: float
    last: float
    empty: int = 0
    with_time: bool = False

    @classmethod
    def fit(cls, cells: Sequence[Any], name: str) -> tuple[Self, tuple[str, ...]]:
        """Return the encoder of the dates of training, and what there is to say of how they are written.

        Cells that are no dates count for nothing here: each is refused by ``read``.

        Raises
        ------
        BadSample
            All are empty, most are no dates, or which number is the month is in doubt.
        """
        plain = [plain_value(cell) for cell in cells]
        full = [cell for cell in plain if not is_nothing(cell)]
        if not full:
            raise BadSample(f"{name}: all {len(plain)} cells are empty; expected dates")
        texts = [cell for cell in full if isinstance(cell, str)]
        spelling, notes = DateSpelling.of(texts, full, name)
        moments, refused = [], []
        for cell in full:
            try:
                moments.append(spelling.read(cell))
            except ValueError as error:
                refused.append(str(error))
        if len(moments) <= len(refused):
            raise BadSample(
                f"{name}: {len(refused)} of {len(full)} cells are no dates: {refused[0]}"
            )
        notes += notes_of_nothing(plain, name)
        seconds = np.array([moment.seconds for moment in moments])
        empty = len(plain) - len(full)
        median = float(np.median(seconds))
        filled = np.append(seconds, np.full(empty, median))
        scale = float(filled.std()) or 1.0
        encoder = cls(
            name,
            spelling,
            median,
            float(filled.mean()),
            scale,
            float(seconds.min()),
            float(seconds.max()),
            empty,
            any(moment.with_time for moment in moments),
        )
        return encoder, notes

    @property
    def dim(self) -> int:
        """The number of its columns: 5 to 8."""
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        cycles = ("year", "week", *(("day",) if self.with_time else ()))
        waves = (f"{self.name}: {wave} of {c}" for c in cycles for wave in ("sine", "cosine"))
        return (f"{self.name}: time", *waves, *([f"{self.name}: empty"] if self.empty else []))

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides a row, besides its cell."""
        return digest_of(self.to_dict())

    def read(self, cell: Any) -> Moment | None:
        """Return the moment of a cell, None where it is empty.

        Raises
        ------
        BadSample
            It is no date, or one that is written in another way than those of training.
        """
        cell = plain_value(cell)
        if is_nothing(cell):
            return None
        try:
            return self.spelling.read(cell)
        except ValueError as error:
            raise BadSample(str(error)) from error

    def encode(self, values: Sequence[Moment | None]) -> FloatArray:
        """Return the columns of moments; shape (n, dim), float32, finite."""
        empty = np.array([value is None for value in values], bool)
        seconds = np.array([self.median if v is None else v.seconds for v in values], np.float64)
        columns = np.zeros((len(empty), self.dim), np.float32)
        columns[:, 0] = (seconds - self.mean) / self.scale
        cycles = [_place_in_year(values), (seconds / DAY + 3) % WEEK / WEEK]
        if self.with_time:
            cycles.append(seconds % DAY / DAY)
        for number, place in enumerate(cycles):
            angle = 2 * math.pi * place
            columns[:, 1 + 2 * number] = np.where(empty, 0, np.sin(angle))
            columns[:, 2 + 2 * number] = np.where(empty, 0, np.cos(angle))
        if self.empty:
            columns[:, -1] = empty
        return columns

    def is_doubtful(self, value: Moment | None) -> bool:
        """Return whether a cell is empty where none of training was."""
        return value is None and not self.empty

    @property
    def on_doubts(self) -> str:
        """Return what is done with values that are doubtful."""
        return f"empty cells have the median date, {_day(self.median)}"

    def describe(self) -> str:
        """Return what it makes of the column, in one line for the report."""
        empty = f"; {self.empty} empty, which have the median" if self.empty else ""
        return f"a date, from {_day(self.first)} to {_day(self.last)}{empty}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        numbers = {key: getattr(self, key) for key in ("median", "mean", "scale", "first", "last")}
        return {
            "kind": self.kind,
            "order": self.spelling.order,
            "zoned": self.spelling.zoned,
            **numbers,
            "empty": self.empty,
            "with_time": self.with_time,
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], name: str) -> Self:
        """Return the encoder that ``to_dict`` wrote; raise BadArtifact for what no encoder can be."""
        entries = read_entries(
            table,
            name,
            {
                "order": lambda value: isinstance(value, str) and value in ORDERS,
                **dict.fromkeys(("zoned", "with_time"), lambda value: isinstance(value, bool)),
                **dict.fromkeys(("median", "mean", "first", "last"), _is_time),
                "scale": lambda value: (
                    type(value) in (int, float) and 1e-6 <= value <= _LAST - _FIRST
                ),
                "empty": is_count,
            },
        )
        if entries["first"] > entries["last"]:
            raise BadArtifact(f"input {name!r:.60}: its first date is behind its last")
        spelling = DateSpelling(entries.pop("order"), entries.pop("zoned"))
        return cls(name, spelling, **entries)


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and _FIRST <= value <= _LAST


def _place_in_year(values: Sequence[Moment | None]) -> Doubles:
    """Return the place of each moment in its year, from 0 to 1."""
    return np.array(
        [0.0 if value is None else value.day_of_year / YEAR for value in values], np.float64
    )


def _day(seconds: float) -> str:
    moment = date.fromordinal(
        min(max(int(seconds // DAY) + date(1970, 1, 1).toordinal(), 1), date.max.toordinal())
    )
    return moment.isoformat()
