"""Vectors of a table, such as rows of another model, as columns of a row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadSample
from featx.inputs.cells import (
    describe_cell,
    digest_of,
    is_count,
    is_empty,
    read_entries,
    refuse_unread,
    show_text,
)

__all__ = ["VectorEncoder", "read_vector"]

# The most numbers of a vector, and the most characters of a text that holds one.
_MOST = 65536
_LONGEST = 1 << 22
# Up to here the square of a number is one in float32.
_LARGEST = 1e18


@dataclass(frozen=True, slots=True)
class VectorEncoder:
    """The encoder that makes columns of vectors that are given: their numbers as they are.

    A vector is a list or an array of finite numbers, or a text with such a list in JSON. All have one length.
    An empty cell gives zeros and, where training had empty ones, 1 in a column of its own.

    Attributes
    ----------
    name : str
    length : int
        The numbers of a vector.
    empty : int
        How many cells of training were empty.

    Examples
    --------
    >>> encoder, _ = VectorEncoder.fit([[1, 2], "[3, 4.5]"], "emb")
    >>> encoder.encode([encoder.read("[3, 4.5]")]).tolist()
    [[3.0, 4.5]]
    """

    kind: ClassVar[str] = "vector"
    name: str
    length: int
    empty: int = 0

    @classmethod
    def fit(cls, cells: Sequence[Any], name: str) -> tuple[Self, tuple[str, ...]]:
        """Return the encoder of the vectors of training; there is nothing to say of them.

        Cells that are no vectors count for nothing here: each is refused by ``read``. The length is that of
        most of them.

        Raises
        ------
        BadSample
            All are empty, or most are no vectors.
        """
        lengths: dict[int, int] = {}
        refused = []
        empty = 0
        for cell in cells:
            if is_empty(cell):
                empty += 1
                continue
            try:
                length = len(read_vector(cell))
                lengths[length] = lengths.get(length, 0) + 1
            except ValueError as error:
                refused.append(str(error))
        full = len(cells) - empty
        if not full:
            raise BadSample(f"{name}: all {len(cells)} cells are empty; expected vectors")
        if sum(lengths.values()) <= len(refused):
            raise BadSample(f"{name}: {len(refused)} of {full} cells are no vectors: {refused[0]}")
        return cls(name, max(lengths, key=lengths.__getitem__), empty), ()

    @property
    def dim(self) -> int:
        """The number of its columns."""
        return self.length + bool(self.empty)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        own = tuple(f"{self.name}: {number}" for number in range(self.length))
        return (*own, f"{self.name}: empty") if self.empty else own

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides a row, besides its cell."""
        return digest_of({"kind": self.kind, "length": self.length, "empty": bool(self.empty)})

    def read(self, cell: Any) -> FloatArray | None:
        """Return the vector of a cell, float32, None where it is empty.

        Raises
        ------
        BadSample
            It is none, or one of another length than those of training.
        """
        if is_empty(cell):
            return None
        refuse_unread(cell)
        try:
            vector = read_vector(cell)
        except ValueError as error:
            raise BadSample(str(error)) from error
        if len(vector) != self.length:
            raise BadSample(
                f"expected a vector of {self.length} numbers as in training, found {len(vector)}"
            )
        return vector

    def encode(self, values: Sequence[FloatArray | None]) -> FloatArray:
        """Return the columns of vectors; shape (n, dim), float32, finite."""
        columns = np.zeros((len(values), self.dim), np.float32)
        for row, vector in zip(columns, values, strict=True):
            if vector is not None:
                row[: self.length] = vector
            elif self.empty:
                row[-1] = 1
        return columns

    def is_doubtful(self, value: FloatArray | None) -> bool:
        """Return whether a cell is empty where none of training was."""
        return value is None and not self.empty

    @property
    def on_doubts(self) -> str:
        """Return what is done with values that are doubtful."""
        return "empty cells are zeros"

    def describe(self) -> str:
        """Return what it makes of the column, in one line for the report."""
        empty = f"; {self.empty} empty, which are zeros" if self.empty else ""
        return f"a vector of {self.length} numbers{empty}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"kind": self.kind, "length": self.length, "empty": self.empty}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], name: str) -> Self:
        """Return the encoder that ``to_dict`` wrote; raise BadArtifact for what no encoder can be."""
        entries = read_entries(
            table,
            name,
            {
                "length": lambda value: type(value) is int and 0 < value <= _MOST,
                "empty": is_count,
            },
        )
        return cls(name, entries["length"], entries["empty"])


def read_vector(cell: Any) -> FloatArray:
    """Return the vector of a cell; raise ValueError, in words, for what is none.

    >>> read_vector("[0.5, 2]").tolist()
    [0.5, 2.0]
    """
    expected = "expected a list of numbers, such as [0.5, 1.25]"
    numbers = cell
    if isinstance(cell, str):
        if len(cell) > _LONGEST:
            raise ValueError(f"{expected}, found a text of {len(cell):,} characters")
        text = cell.strip()
        try:
            numbers = json.loads(text if text[:1] == "[" else "null")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{expected}, found {show_text(cell)}") from error
    if not isinstance(numbers, list | tuple | np.ndarray):
        raise ValueError(f"{expected}, found {describe_cell(cell)}")
    if len(numbers) > _MOST:
        raise ValueError(f"{expected} of at most {_MOST:,}, found {len(numbers):,}")
    if isinstance(numbers, np.ndarray):
        plain = numbers.ndim == 1 and numbers.dtype.kind in "iuf"
    else:
        plain = all(
            isinstance(one, int | float | np.number)
            and not isinstance(one, bool | np.complexfloating)
            for one in numbers
        )
    if not plain or not len(numbers):
        raise ValueError(f"{expected}, found {describe_cell(cell)}{_odd(numbers)}")
    try:
        vector = np.asarray(numbers, np.float64)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{expected}, found numbers that are too large") from error
    if not (np.abs(vector) <= _LARGEST).all():
        odd = vector[~(np.abs(vector) <= _LARGEST)][0]
        raise ValueError(f"expected finite numbers up to {_LARGEST:g}, found {odd:g} in a vector")
    return vector.astype(np.float32)


def _odd(numbers: Any) -> str:
    """Return which value of a list is no number."""
    if isinstance(numbers, np.ndarray):
        return ""
    plain = (int, float, np.number)
    odd = next(
        (one for one in numbers if isinstance(one, bool) or not isinstance(one, plain)), None
    )
    return "" if not numbers else f", among them {describe_cell(odd)}"
