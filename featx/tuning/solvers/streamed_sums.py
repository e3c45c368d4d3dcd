"""Sums over rows, of which the heads in closed form are made: one reading of the rows serves every penalty.

Sums of parts add up, and no order of the rows changes what they are for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from featx._typing import Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import MapFn

__all__ = ["CHUNK", "RowTargets", "StandardizedSums", "StreamedSums"]

# Rows of one part of a sum; fixed, so that threads do not change it.
CHUNK = 2048


@dataclass(frozen=True, slots=True, eq=False)
class RowTargets:
    """The targets of rows, and how much each row counts.

    Attributes
    ----------
    weights : ndarray of shape (n,), float64
        How often each row counts.
    factors : ndarray of shape (n,), float64
        What training multiplies that with, as where classes are balanced.
    codes : ndarray of shape (n,), integers, or None
        The class of each row, 0 … n_outputs - 1; None where the targets are numbers.
    numbers : ndarray of shape (n, n_outputs), float64, or None
        The numbers of each row.
    n_outputs : int
    """

    weights: Doubles
    factors: Doubles
    codes: Integers | None
    numbers: Doubles | None
    n_outputs: int

    def __len__(self) -> int:
        return len(self.weights)

    def subset(self, indices: Any) -> Self:
        """Return the targets of some rows, by their indices, a slice or a mask."""
        return type(self)(
            self.weights[indices],
            self.factors[indices],
            None if self.codes is None else self.codes[indices],
            None if self.numbers is None else self.numbers[indices],
            self.n_outputs,
        )


@dataclass(frozen=True, slots=True, eq=False)
class StreamedSums:
    """Sums over rows from each of which the same centre was taken.

    Attributes
    ----------
    center : ndarray of shape (d,), float32
        What was taken from every row: differences keep the digits that sums of large numbers lose.
    weights, trained : ndarray of shape (n_outputs,), float64
        The sum of weights, and of weights times factors, of each class; of numbers those of all rows, n_outputs
        times over.
    first, squares : ndarray of shape (d,), float64
        Weighted sums of the columns and of their squares.
    crossed : ndarray of shape (n_outputs, d), float64
        The weighted sum of the rows of each class; of numbers that of rows times numbers. Factors count.
    numbers : ndarray of shape (n_outputs,), float64
        The weighted sums of numbers; 0 for classes.
    products : ndarray of shape (d, d), float64, or None
        The sum of outer products of rows, times weights and factors; None where it is not asked for.
    of_classes : bool
        Whether the targets are classes, and not numbers.
    """

    center: FloatArray
    weights: Doubles
    trained: Doubles
    first: Doubles
    squares: Doubles
    crossed: Doubles
    numbers: Doubles
    products: Doubles | None
    of_classes: bool

    @classmethod
    def zeros(
        cls, center: FloatArray, n_outputs: int, *, products: bool, of_classes: bool = True
    ) -> Self:
        """Return the sums of no rows."""
        d = len(center)
        return cls(
            center,
            weights=np.zeros(n_outputs),
            trained=np.zeros(n_outputs),
            first=np.zeros(d),
            squares=np.zeros(d),
            crossed=np.zeros((n_outputs, d)),
            numbers=np.zeros(n_outputs),
            products=np.zeros((d, d)) if products else None,
            of_classes=of_classes,
        )

    def add(self, rows: FloatArray, targets: RowTargets, map_fn: MapFn) -> None:
        """Add rows of shape (n, d) in place; a pool of threads never changes a bit of the sums."""
        for part in map_fn(lambda start: self._chunk(rows, targets, start), _starts(rows)):
            code, values = part
            for name, value in values.items():
                getattr(self, name)[...] += value
            for name, value in code[1].items():
                getattr(self, name)[code[0]] += value

    def __add__(self, other: StreamedSums) -> Self:
        """Return the sums over the rows of both."""
        products = None
        if self.products is not None and other.products is not None:
            products = self.products + other.products
        return replace(
            self,
            weights=self.weights + other.weights,
            trained=self.trained + other.trained,
            first=self.first + other.first,
            squares=self.squares + other.squares,
            crossed=self.crossed + other.crossed,
            numbers=self.numbers + other.numbers,
            products=products,
        )

    def _chunk(self, rows: FloatArray, targets: RowTargets, start: int) -> Any:
        """Return what a chunk adds: to the entries of the classes that are in it, and to everything else."""
        own = targets.subset(slice(start, start + CHUNK))
        part = rows[start : start + CHUNK] - self.center
        weights = own.weights.astype(np.float32)
        both = own.weights * own.factors
        values: dict[str, Any] = {
            "first": weights @ part,
            "squares": weights @ (part * part),
        }
        if self.products is not None:
            scaled = part * np.sqrt(both).astype(np.float32)[:, None]
            values["products"] = scaled.T @ scaled
        if own.codes is None:
            assert own.numbers is not None
            weighted = own.numbers * both[:, None]
            values["crossed"] = weighted.T @ part
            values["numbers"] = weighted.sum(axis=0)
            values["weights"], values["trained"] = own.weights.sum(), both.sum()
            return ([], {}), values
        order = np.argsort(own.codes, kind="stable")
        classes, starts = np.unique(own.codes[order], return_index=True)
        sums = {
            "crossed": (part * both.astype(np.float32)[:, None])[order],
            "weights": own.weights[order],
            "trained": both[order],
        }
        return (classes, {k: np.add.reduceat(v, starts, axis=0) for k, v in sums.items()}), values

    def standardized(self) -> StandardizedSums:
        """Return the sums as they are of rows of mean 0 and standard deviation 1 in each column.

        Columns of one value keep a scale of 1, as in ``StandardScaler``.
        """
        is_class = self.of_classes
        total = self.weights.sum() if is_class else self.weights[0]
        shift = self.first / total
        variance = np.maximum(self.squares / total - shift**2, 0)
        # float32 tells no smaller deviation from none.
        noise = np.finfo(np.float32).eps * np.abs(self.center)
        is_constant = variance <= noise**2
        scale = np.where(is_constant, 1.0, np.sqrt(variance))
        trained = self.trained.sum() if is_class else self.trained[0]
        crossed = (self.crossed - _outer(self.trained if is_class else self.numbers, shift)) / scale
        products = None
        if self.products is not None:
            first = self.crossed.sum(axis=0) if is_class else self.first
            moved = self.products - _outer(first, shift) - _outer(shift, first)
            moved += trained * _outer(shift, shift)
            products = moved / _outer(scale, scale)
        return StandardizedSums(
            mean=self.center + shift,
            variance=np.where(is_constant, 0.0, variance),
            scale=scale,
            total=float(total),
            weights=self.weights,
            trained=self.trained,
            crossed=crossed,
            numbers=self.numbers,
            products=products,
            of_classes=is_class,
        )


@dataclass(frozen=True, slots=True, eq=False)
class StandardizedSums:
    """Sums over standardised rows; see ``StreamedSums`` for those that have the same name.

    Attributes
    ----------
    mean, variance, scale : ndarray of shape (d,), float64
        What a ``StandardScaler`` would learn of the rows.
    total : float
        The sum of their weights.
    """

    mean: Doubles
    variance: Doubles
    scale: Doubles
    total: float
    weights: Doubles
    trained: Doubles
    crossed: Doubles
    numbers: Doubles
    products: Doubles | None
    of_classes: bool

    @property
    def class_means(self) -> Doubles:
        """The mean of each class, 0 of one without rows; shape (n_outputs, d)."""
        return self.crossed / np.where(self.trained > 0, self.trained, 1)[:, None]


def _starts(rows: FloatArray) -> Iterable[int]:
    return range(0, len(rows), CHUNK)


def _outer(one: Doubles, other: Doubles) -> Doubles:
    return np.asarray(np.outer(one, other))
