"""Numbers of a table as columns of a row: standardised, empty ones imputed, with a column that says so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadArtifact, BadSample
from featx.inputs.cells import (
    describe_cell,
    digest_of,
    is_count,
    is_nothing,
    modality_of_cell,
    notes_of_nothing,
    plain_value,
    read_entries,
    show_text,
)
from featx.inputs.number_text import MARKS, NumberSpelling

__all__ = ["NumberEncoder"]

# The largest number: its square is still one.
_LARGEST = 1e100
# How far from the mean a number may be, in standard deviations: what float32 holds, with room for a head.
_FARTHEST = 1e15
# Ranges of training beside its own up to which a number is not doubtful.
_WIDTHS = 10.0


@dataclass(frozen=True, slots=True)
class NumberEncoder:
    """The encoder that makes a column of the numbers of a table, and a second one where some are empty.

    Numbers are standardised by the mean and the standard deviation of training, in float64, so that times in
    seconds or prices in cents keep their digits. An empty cell has the median, and 1 in a column of its own
    where training had empty ones, too. Infinite numbers are refused.

    Attributes
    ----------
    name : str
    spelling : NumberSpelling
    median, mean, scale, low, high : float
        Of the numbers of training; ``scale`` is their standard deviation, 1 where all are equal.
    empty : int
        How many cells of training were empty.

    Examples
    --------
    >>> encoder, notes = NumberEncoder.fit(["1", "3", None, "5"], "price")
    >>> encoder.names, notes
    (('price', 'price: empty'), ())
    >>> encoder.encode([encoder.read("5"), encoder.read("")]).round(2).tolist()
    [[1.409999966621399, 0.0], [0.0, 1.0]]
    """

    kind: ClassVar[str] = "number"
    name: str
    spelling: NumberSpelling
    median: float
    mean: float
    scale: float
    low: float
    high: float
    empty: int = 0

    @classmethod
    def fit(cls, cells: Sequence[Any], name: str) -> tuple[Self, tuple[str, ...]]:
        """Return the encoder of the numbers of training, and what there is to say of how they are written.

        Cells that are no numbers count for nothing here: each is refused by ``read``.

        Raises
        ------
        BadSample
            All are empty, most are no numbers, or what a comma means is in doubt.
        """
        plain = [plain_value(cell) for cell in cells]
        full = [cell for cell in plain if not is_nothing(cell)]
        if not full:
            raise BadSample(f"{name}: all {len(plain)} cells are empty; expected numbers")
        texts = [cell for cell in full if isinstance(cell, str)]
        booleans = sum(isinstance(cell, bool) for cell in full)
        spelling, notes = NumberSpelling.of(texts, name)
        if 2 * booleans > len(full):
            spelling = NumberSpelling(truths=True)
        values, refused = [], []
        for cell in full:
            try:
                values.append(_number(cell, spelling))
            except ValueError as error:
                refused.append((cell, str(error)))
        if len(values) <= len(refused):
            raise BadSample(_no_numbers(name, refused, len(full)))
        notes += notes_of_nothing(plain, name)
        if len(set(values)) == 1 and len(values) > 1:
            notes += (f"{name}: all numbers are {values[0]:g}, which tells nothing",)
        return cls._of(np.array(values), len(plain) - len(full), name, spelling), notes

    @classmethod
    def _of(cls, values: Any, empty: int, name: str, spelling: NumberSpelling) -> Self:
        median, mean = float(np.median(values)), float(values.mean())
        if empty:
            # Imputed cells are of the column that a head is trained on.
            values = np.append(values, np.full(empty, median))
            mean = float(values.mean())
        scale = float(values.std())
        # Of equal numbers the deviation may be a rounding.
        if not scale > 1e-12 * abs(mean):
            scale = 1.0
        return cls(
            name, spelling, median, mean, scale, float(values.min()), float(values.max()), empty
        )

    @property
    def dim(self) -> int:
        """The number of its columns: 2 where training had empty cells, else 1."""
        return 1 + bool(self.empty)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return (self.name, f"{self.name}: empty")[: self.dim]

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides a row, besides its cell."""
        return digest_of(self.to_dict())

    def read(self, cell: Any) -> float | None:
        """Return the number of a cell, None where it is empty.

        Raises
        ------
        BadSample
            It is none, or infinite, or written in another way than those of training.
        """
        cell = plain_value(cell)
        if is_nothing(cell):
            return None
        try:
            value = _number(cell, self.spelling)
        except ValueError as error:
            raise BadSample(f"{error}{_hint(self.name, cell)}") from error
        if not abs((value - self.mean) / self.scale) <= _FARTHEST:
            raise BadSample(
                f"{value:g} is too far from the numbers of training, {self.low:g} to {self.high:g}"
            )
        return value

    def encode(self, values: Sequence[float | None]) -> FloatArray:
        """Return the columns of values; shape (n, dim), float32, finite."""
        empty = np.array([value is None for value in values], bool)
        numbers = np.array([self.median if v is None else v for v in values], np.float64)
        columns = np.empty((len(empty), self.dim), np.float32)
        columns[:, 0] = (numbers - self.mean) / self.scale
        if self.empty:
            columns[:, 1] = empty
        return columns

    def is_doubtful(self, value: float | None) -> bool:
        """Return whether a value is far from all of training, or empty where none was."""
        if value is None:
            return not self.empty
        room = _WIDTHS * (self.high - self.low)
        return not self.low - room <= value <= self.high + room

    @property
    def on_doubts(self) -> str:
        """Return what is done with values that are doubtful."""
        return (
            f"numbers of training are {self.low:g} to {self.high:g}; empty cells have the median, "
            f"{self.median:g}"
        )

    def describe(self) -> str:
        """Return what it makes of the column, in one line for the report."""
        empty = f"; {self.empty} empty, which have the median" if self.empty else ""
        unit = f" {self.spelling.unit}" if self.spelling.unit else ""
        return f"a number, from {self.low:g} to {self.high:g}{unit}, median {self.median:g}{empty}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        spelling = self.spelling
        numbers = {key: getattr(self, key) for key in ("median", "mean", "scale", "low", "high")}
        return {
            "kind": self.kind,
            "marks": spelling.marks,
            "unit": spelling.unit,
            "truths": spelling.truths,
            **numbers,
            "empty": self.empty,
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], name: str) -> Self:
        """Return the encoder that ``to_dict`` wrote; raise BadArtifact for what no encoder can be."""
        entries = read_entries(
            table,
            name,
            {
                "marks": lambda value: isinstance(value, str) and value in MARKS,
                "unit": lambda value: (
                    isinstance(value, str) and len(value) <= 20 and value.isprintable()
                ),
                "truths": lambda value: isinstance(value, bool),
                **dict.fromkeys(("median", "mean", "low", "high"), _is_number),
                "scale": lambda value: _is_number(value) and value > 0,
                "empty": is_count,
            },
        )
        spelling = NumberSpelling(*(entries.pop(key) for key in ("marks", "unit", "truths")))
        encoder = cls(name, spelling, **entries)
        # The median stands for what is empty, so it is a number that can be encoded.
        if not abs((encoder.median - encoder.mean) / encoder.scale) <= _FARTHEST:
            raise BadArtifact(f"input {name!r:.60}: its median is too far from its mean")
        return encoder


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST


def _number(cell: Any, spelling: NumberSpelling) -> float:
    """Return the number of a cell that is not empty; raise ValueError, in words, where it is none."""
    if isinstance(cell, str):
        value = spelling.read(cell)
    elif isinstance(cell, bool) or spelling.truths:
        if not isinstance(cell, bool) or not spelling.truths:
            expected = "true or false" if spelling.truths else "a number"
            raise ValueError(f"expected {expected}, found {describe_cell(cell)}")
        value = float(cell)
    elif isinstance(cell, int | float | Decimal | Fraction):
        if spelling.unit:
            raise ValueError(
                f"expected a number with {show_text(spelling.unit)} as in training, found {show_text(cell)}"
            )
        try:
            value = float(cell)
        except (OverflowError, ValueError):
            value = math.inf
    else:
        raise ValueError(f"expected a number, found {describe_cell(cell)}")
    if not abs(value) <= _LARGEST:
        raise ValueError(f"expected a finite number below {_LARGEST:g}, found {show_text(cell)}")
    return value


def _hint(name: str, cell: Any) -> str:
    """Return what else a cell may be."""
    modality = modality_of_cell(cell)
    return f"; files are {name}:{modality}" if modality else ""


def _no_numbers(name: str, refused: Sequence[tuple[Any, str]], n: int) -> str:
    """Return why no encoder of numbers can be made of a column of which most cells are none."""
    cell, why = refused[0]
    hint = _hint(name, cell)
    if not hint and isinstance(cell, str):
        hint = f"; names are {name}:category, sentences {name}:text and dates {name}:date"
    elif not hint and isinstance(cell, list | tuple | np.ndarray):
        hint = f"; lists of numbers are {name}:vector"
    return f"{name}: {len(refused)} of {n} cells are no numbers: {why}{hint}"
