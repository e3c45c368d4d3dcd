"""Rows as blocks: the product of two of them bounds the distance of each pair of their rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers, Mask
from featx.errors import BadOption, BadTable

__all__ = [
    "LARGEST",
    "Block",
    "Form",
    "Metric",
    "as_table",
    "block_pairs",
    "block_side",
    "split_rows",
]

Metric = Literal["cosine", "euclidean"]

# Rows of a block: products of two of the largest stay in the cache of a processor.
_SMALLEST, LARGEST = 64, 1024
# Pairs whose differences are computed at once.
_AT_ONCE = 1 << 14
# Numbers of a row whose squares float32 can hold, after the scale of the queries is taken out.
_FAR = 1e15


def as_table(rows: npt.ArrayLike, name: str, width: int | None = None) -> npt.NDArray[Any]:
    """Return rows as an array of numbers, which may be memory-mapped still."""
    table = np.asarray(rows)
    if table.ndim != 2 or table.dtype.kind not in "fiub":
        raise BadTable(
            f"{name}: expected numbers of shape (n, dim), found {table.dtype} of {table.shape}"
        )
    if width is not None and table.shape[1] != width:
        raise BadTable(f"{name}: expected {width} columns, found {table.shape[1]}")
    return table


def block_side(memory: int) -> int:
    """Return how many rows a block has, so that so many bytes hold products and candidates of two blocks.

    Raises
    ------
    BadOption
        It is less than a search needs.
    """
    if memory < 1 << 20:
        raise BadOption(f"memory = {memory!r}: expected bytes, a million or more")
    return max(_SMALLEST, min(LARGEST, math.isqrt(memory // 32)))


def split_rows(rows: npt.NDArray[Any], side: int) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield the index of the first row of each block, and its rows."""
    for start in range(0, len(rows), side):
        yield start, rows[start : start + side]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows in the form whose products are scores: ``left @ right.T``."""

    start: int
    plain: FloatArray
    left: FloatArray
    right: FloatArray
    zeros: Mask

    @property
    def range(self) -> slice:
        """Return where the rows are in the whole."""
        return slice(self.start, self.start + len(self.plain))


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """The form of rows in blocks whose products bound half the squared distance of each pair from below.

    A score is ``top - half + margin``: of unit rows one less the cosine is half the squared distance, and
    two columns more make the product of two rows the negative half of their squared distance. The margin
    is more than the rounding of products in float32.
    """

    metric: Metric
    top: float
    margin: float
    centre: Doubles
    scale: float

    @classmethod
    def of(cls, rows: npt.NDArray[Any], metric: Metric) -> Form:
        """Return the form for rows of which these are some; raise BadOption for no such metric."""
        if metric not in ("cosine", "euclidean"):
            raise BadOption(f"metric = {metric!r}: expected 'cosine' or 'euclidean'")
        dim = rows.shape[1]
        margin = 4 * float(np.finfo(np.float32).eps) * math.sqrt(dim + 2)
        if metric == "cosine":
            return cls(metric, 1.0, margin, np.zeros(dim), 1.0)
        # The mean of some rows lessens rounding; it changes no distance.
        some = _doubles(rows[:: max(1, len(rows) // LARGEST)])
        some = some[np.isfinite(some).all(axis=1)]
        centre = some.mean(axis=0) if len(some) else np.zeros(dim)
        largest = float(np.abs(some - centre).max(initial=0.0))
        scale = 1 / largest if largest > 0 else 1.0
        return cls(metric, 0.0, margin, centre, scale)

    def prepare(self, rows: npt.NDArray[Any], start: int) -> Block:
        """Return the rows as a block; raise BadTable where some are not finite or too large."""
        numbers = _doubles(rows)
        bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
        if len(bad):
            raise BadTable(f"rows: row {start + bad[0]} holds NaN or infinity; leave it out")
        if self.metric == "cosine":
            # The largest first, so that no square is too large or too small.
            numbers = numbers / _or_one(np.abs(numbers).max(axis=1, initial=0.0))
            norms = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
            unit = (numbers / _or_one(norms)).astype(np.float32)
            return Block(start, unit, unit, unit, norms == 0)
        numbers = (numbers - self.centre) * self.scale
        if np.abs(numbers).max(initial=0.0) > _FAR:
            raise BadTable(f"rows: the block at row {start} is {_FAR:g} times as large as others")
        halves = np.einsum("ij,ij->i", numbers, numbers)[:, None] * ((1 - self.margin) / 2)
        plain, ones = numbers.astype(np.float32), np.ones((len(rows), 1), np.float32)
        shorter = (-halves).astype(np.float32)
        left, right = np.hstack([plain, shorter, ones]), np.hstack([plain, ones, shorter])
        return Block(start, plain, left, right, np.zeros(len(rows), bool))

    def lowest(self, halves: Any) -> Any:
        """Return the least score of a pair whose half squared distance is at most this."""
        margin = self.margin if self.metric == "cosine" else self.margin * np.asarray(halves)
        return np.asarray(self.top - halves - margin, np.float32)

    def distances(self, left: Block, right: Block, i: Integers, j: Integers) -> Doubles:
        """Return half the squared distance of each pair, from the differences of their numbers."""
        halves = np.empty(len(i))
        for start in range(0, len(i), _AT_ONCE):
            at = slice(start, start + _AT_ONCE)
            apart = left.plain[i[at]] - right.plain[j[at]]
            halves[at] = np.einsum("ij,ij->i", apart, apart) / 2
        if left.zeros.any() or right.zeros.any():
            halves[left.zeros[i] | right.zeros[j]] = 1.0
        return halves

    def halved(self, distance: float) -> float:
        """Return what ``distances`` gives for a distance, and a little more."""
        larger = float(distance) * (1 + 1e-6) + 1e-30
        return larger if self.metric == "cosine" else (larger * self.scale) ** 2 / 2

    def shown(self, halves: Doubles) -> FloatArray:
        """Return distances as a caller sees them."""
        if self.metric == "cosine":
            return halves.astype(np.float32)
        return (np.sqrt(2 * halves) / self.scale).astype(np.float32)


def _doubles(rows: npt.NDArray[Any]) -> Doubles:
    """Return rows as float32 holds them; what it cannot hold is infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(rows, np.float32).astype(np.float64)


def _or_one(numbers: Doubles) -> Doubles:
    """Return a column of divisors: 1 where a number is 0."""
    return np.where(numbers > 0, numbers, 1.0)[:, None]


def block_pairs(
    rows: npt.NDArray[Any], form: Form, side: int, memory: int
) -> Iterator[tuple[Block, Block, FloatArray]]:
    """Yield each two blocks of the rows, the first at or before the second, with their scores."""
    if rows.size * 16 <= memory:
        kept = [form.prepare(part, at) for at, part in split_rows(rows, side)]
        for n, left in enumerate(kept):
            for right in kept[n:]:
                yield left, right, left.left @ right.right.T
        return
    for at, part in split_rows(rows, side):
        left = form.prepare(part, at)
        yield left, left, left.left @ left.right.T
        for more, other in split_rows(rows[at + side :], side):
            right = form.prepare(other, at + side + more)
            yield left, right, left.left @ right.right.T
