"""One standardised copy of rows for several training parts of them.

A part's standardisation is a change of variables: with z = (x - M) / S for all rows and m, s of the part,
w·(x - m) / s = (w S / s)·z + w·(M - m) / s. So there is one table of rows for all parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from featx._typing import Doubles, FloatArray, Integers, Mask
from featx.tuning.solvers.lbfgs import MapFn

__all__ = ["BLOCK", "ColumnScales", "SharedRows", "part_weights"]

# Rows that a thread takes at a time; fixed, so that sums do not depend on the threads.
BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class ColumnScales:
    """How each of p training parts standardises d columns; see scikit-learn's ``StandardScaler``.

    Attributes
    ----------
    means, scales : ndarray of shape (p, d), float64
        A scale is 1 where a column is constant.
    varied : ndarray of shape (p, d), bool
        False for columns that are constant in a part: they tell nothing there.
    """

    means: Doubles
    scales: Doubles
    varied: Mask

    @classmethod
    def of(
        cls, rows: FloatArray, weights: Doubles, map_fn: MapFn = map, *, standardize: bool = True
    ) -> Self:
        """Return the scales of parts, from sums over the rows that the same parts are trained on.

        Parameters
        ----------
        rows : ndarray of shape (n, d), float32
        weights : ndarray of shape (n, p), float64
            What each row weighs in each part; see ``part_weights``.
        map_fn : callable, default=map
            ``map``, or that of a pool of threads. It never changes a bit of the answer.
        standardize : bool, default=True
            False keeps the scale of columns: it says how much each counts.
        """
        kinds, kind_of = np.unique(weights > 0, axis=0, return_inverse=True)
        kind_of = kind_of.reshape(-1)
        ends = np.cumsum(np.bincount(kind_of, minlength=len(kinds)))
        members = np.split(np.argsort(kind_of, kind="stable"), ends[:-1])
        # Rows of no part tell nothing; another one weighs the same in all parts that have it.
        members = [some for some, parts in zip(members, kinds, strict=True) if parts.any()]
        kinds, own = kinds[kinds.any(axis=1)], weights.max(axis=1)
        sums = list(map_fn(lambda some: _ColumnSums.of(rows, some, own[some]), members))
        found = [
            _ColumnSums.joined([one for one, parts in zip(sums, kinds, strict=True) if parts[part]])
            for part in range(weights.shape[1])
        ]
        means = np.stack([one.mean for one in found])
        if not standardize:
            return cls(means, np.ones_like(means), np.ones_like(means, bool))
        varied = np.stack([one.is_varied for one in found])
        deviations = np.stack([np.sqrt(one.squares / one.total) for one in found])
        return cls(means, np.where(varied, deviations, 1.0), varied)


@dataclass(frozen=True, slots=True, eq=False)
class _ColumnSums:
    """Sums over some rows: of weights, of squared distances to the mean, and the least and largest values."""

    total: float
    mean: Doubles
    squares: Doubles
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, rows: FloatArray, members: Integers, weights: Doubles) -> Self:
        blocks = [slice(start, start + BLOCK) for start in range(0, len(members), BLOCK)]
        total, mean, squares = (
            float(weights.sum()),
            np.zeros(rows.shape[1]),
            np.zeros(rows.shape[1]),
        )
        low, high = np.full((2, rows.shape[1]), [[np.inf], [-np.inf]], np.float32)
        for block in blocks:
            own = rows[members[block]]
            np.minimum(low, own.min(axis=0), out=low)
            np.maximum(high, own.max(axis=0), out=high)
            mean += weights[block] @ own.astype(np.float64)
        mean /= total or 1.0
        for block in blocks:
            beside = rows[members[block]] - mean
            squares += weights[block] @ np.square(beside, out=beside)
        return cls(total, mean, squares, low, high)

    @classmethod
    def joined(cls, parts: Sequence[_ColumnSums]) -> Self:
        """Return the sums over the rows of all parts."""
        total = sum(part.total for part in parts)
        mean = np.asarray(sum(part.total / total * part.mean for part in parts))
        squares = sum(part.squares + part.total * (part.mean - mean) ** 2 for part in parts)
        low = np.min([part.low for part in parts], axis=0)
        high = np.max([part.high for part in parts], axis=0)
        return cls(total, mean, np.asarray(squares), low, high)

    @property
    def is_varied(self) -> Mask:
        """Tell whether a column has several values, and varies more than the rounding of its mean does."""
        # The bound of StandardScaler, so that both agree.
        n, eps = self.total, np.finfo(np.float64).eps
        variance = self.squares / n
        return (self.low < self.high) & (variance > n * eps * variance + (n * self.mean * eps) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class SharedRows:
    """Rows standardised once, and how each of p training parts would standardise them.

    Attributes
    ----------
    table : ndarray of shape (n, d), float32
        All rows, standardised as the parts do on average, in the order that was asked for.
    stretch, shift : ndarray of shape (p, d, 1), float32
        A row as a part standardises it is ``row * stretch + shift``; both are 0 for columns that are
        constant in a part.
    """

    table: FloatArray
    stretch: FloatArray
    shift: FloatArray

    @classmethod
    def of(
        cls,
        rows: FloatArray,
        weights: Doubles,
        map_fn: MapFn,
        *,
        standardize: bool = True,
        order: Integers | None = None,
    ) -> Self:
        """Return the shared form of rows of shape (n, d) for what each weighs in each part; (n, p).

        Without ``standardize`` columns are centred alone: their scale says how much each counts.
        """
        own = ColumnScales.of(rows, weights, map_fn, standardize=standardize)
        center = own.means.mean(axis=0).astype(np.float32)
        # The largest of them, so that no part makes much of what is noise in another one.
        scale = np.where(own.varied, own.scales, 0).max(axis=0).astype(np.float32)
        scale[scale == 0] = 1
        table = np.empty(rows.shape, np.float32)
        for start in range(0, len(rows), BLOCK):
            part = slice(start, start + BLOCK)
            chosen = rows[part] if order is None else rows[order[part]]
            np.divide(chosen - center, scale, out=table[part])
        stretch = own.varied * scale.astype(np.float64) / own.scales
        shift = own.varied * (center.astype(np.float64) - own.means) / own.scales
        return cls(
            table, stretch.astype(np.float32)[:, :, None], shift.astype(np.float32)[:, :, None]
        )


def part_weights(
    n: int, trains: Sequence[Integers], sample_weight: Doubles | None = None
) -> Doubles:
    """Return what each of n samples weighs in each of p parts; shape (n, p), float64.

    It is 0 where a part leaves a sample out, else its weight, or 1.
    """
    weights = np.zeros((n, len(trains)))
    for index, train in enumerate(trains):
        weights[train, index] = 1 if sample_weight is None else sample_weight[train]
    return weights
