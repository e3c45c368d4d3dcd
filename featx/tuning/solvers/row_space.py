"""Logistic regression along a path of penalties where there are fewer rows than columns.

A solution is then a combination of the rows of its training part. With the products of these rows with each
other, X Xᵀ = U S Uᵀ, the rows have the coordinates U √S in an orthonormal basis of the space that they span:
scores and penalties are the same there, tables are as small as the number of rows allows, and the curvature
that the rows have by themselves is diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import ClassWeight, Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import MapFn, ProblemIndex, eigh
from featx.tuning.solvers.losses import class_shares, mean_curvature, n_score_columns, softmax_loss
from featx.tuning.solvers.path import PenaltyPath, WarmStart, add_penalty
from featx.tuning.solvers.standardization import ColumnScales, part_weights

__all__ = ["RowSpacePath", "suits_row_space"]

# Share of the largest eigenvalue: a direction below it holds no row.
_RANK = 3e-7
# Rows of a training part up to which their products are decomposed: the time grows with the cube. From so many
# on it pays only where there are so many times as many columns.
_MOST_ROWS, _FEW_ROWS, _TIMES = 2000, 400, 3


def suits_row_space(trains: Sequence[Integers], n_columns: int) -> bool:
    """Return whether training parts are few rows for their columns, and few enough to decompose.

    >>> import numpy as np
    >>> suits_row_space([np.arange(90)], 100), suits_row_space([np.arange(200)], 100)
    (True, False)
    >>> suits_row_space([np.arange(900)], 1000), suits_row_space([np.arange(900)], 3000)
    (False, True)
    """
    largest = max(map(len, trains))
    if largest > _FEW_ROWS:
        n_columns //= _TIMES
    return largest <= min(n_columns, _MOST_ROWS)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A training part in an orthonormal basis of its standardised rows.

    Attributes
    ----------
    train : ndarray of shape (n_train,), integers
    center, scale : ndarray of shape (d,), float32
        A row is standardised as ``(row - center) * scale``; the scale is 0 where a column is constant.
    vectors : ndarray of shape (n_train, r), float32
        The basis is made of the standardised rows by them.
    values : ndarray of shape (r,), float32
        Eigenvalues of the mean outer product.
    coordinates : ndarray of shape (n, r), float32
        Those of the rows of the part, and then those of all others.
    position : ndarray of shape (n,), integers
        Where each row stands among them.
    """

    train: Integers
    center: FloatArray
    scale: FloatArray
    vectors: FloatArray
    values: FloatArray
    coordinates: FloatArray
    position: Integers

    @property
    def table(self) -> FloatArray:
        """The coordinates of the rows of the part; shape (n_train, r)."""
        return self.coordinates[: len(self.train)]

    @classmethod
    def of(cls, rows: FloatArray, train: Integers, center: FloatArray, scale: FloatArray) -> _Part:
        others = np.setdiff1d(np.arange(len(rows)), train)
        order = np.concatenate([train, others])
        table = (rows[order] - center) * scale
        own = table[: len(train)]
        # A product of a table with itself takes half the time.
        values, vectors = eigh(own @ own.T)
        beside = table[len(train) :] @ own.T
        is_large = values > max(values[-1], 0) * _RANK
        values, vectors = values[is_large], vectors[:, is_large]
        coordinates = np.empty((len(rows), len(values)), np.float32)
        coordinates[: len(train)] = vectors * np.sqrt(values)
        vectors /= np.sqrt(values)
        coordinates[len(train) :] = beside @ vectors
        position = np.argsort(order)
        return cls(train, center, scale, vectors, values / len(train), coordinates, position)

    def to_columns(self, rows: FloatArray, variables: FloatArray) -> FloatArray:
        """Return the weights of standardised columns, and last the intercepts; shape (d + 1, m)."""
        table = (rows[self.train] - self.center) * self.scale
        coef = table.T @ (self.vectors @ variables[: len(self.values)])
        return np.concatenate([coef, variables[-1:]])

    def from_columns(self, rows: FloatArray, weights: FloatArray) -> FloatArray:
        """Return the part of such weights that lies in the space of the rows; shape (r, m)."""
        table = (rows[self.train] - self.center) * self.scale
        return np.asarray(self.vectors.T @ (table @ weights[:-1]))


class RowSpacePath(PenaltyPath):
    """What ``LogisticPath`` is, in the space of the rows of each training part.

    See ``LogisticPath`` for the parameters. Memory grows with the square of the number of rows, for each
    training part.
    """

    def __init__(
        self,
        rows: FloatArray,
        y: Integers,
        trains: Sequence[Integers],
        *,
        class_weight: ClassWeight,
        gap: float,
        map_fn: MapFn = map,
        max_steps: int = 500,
        warm_start: WarmStart | None = None,
        sample_weight: Doubles | None = None,
        standardize: bool = True,
    ) -> None:
        self._rows, self._map_fn = rows, map_fn
        weights = part_weights(len(rows), trains, sample_weight)
        own = ColumnScales.of(rows, weights, map_fn, standardize=standardize)
        centers = own.means.astype(np.float32)
        scales = (own.varied / own.scales).astype(np.float32)
        self._parts = list(
            map_fn(lambda part: _Part.of(rows, *part), zip(trains, centers, scales, strict=True))
        )
        self._codes = y
        self._shares = class_shares(weights, y, class_weight)
        rank = max(len(part.values) for part in self._parts)
        self._values = np.zeros((len(trains), rank, 1), np.float32)
        start = np.zeros((len(trains), rank + 1, n_score_columns(y)), np.float32)
        for index, part in enumerate(self._parts):
            r = len(part.values)
            self._values[index, :r, 0] = part.values
            if warm_start is not None and warm_start.weights is not None:
                start[index, :r] = part.from_columns(rows, warm_start.weights)
                start[index, -1] = warm_start.weights[-1]
        super().__init__(start, weights.sum(axis=0), gap=gap, max_steps=max_steps)

    @property
    def weights(self) -> FloatArray:
        """Weights of standardised columns, and last the intercepts; shape (p, d + 1, m), float32."""
        return self._to_columns(self._variables)

    def warm_start(self) -> WarmStart:
        """Return the mean solution of the splits, as a start for others."""
        variables = self._variables
        return WarmStart(lambda: self._to_columns(variables).mean(axis=0))

    def scores(self, split: int, indices: Integers) -> Doubles:
        """Return the scores of some rows by the regression of one split; shape (n, k), float64."""
        part, variables = self._parts[split], self._variables[split]
        products = (
            part.coordinates[part.position[indices]] @ variables[: len(part.values)] + variables[-1]
        )
        values = np.asarray(products, np.float64)
        return values if values.shape[1] > 1 else np.hstack([np.zeros_like(values), values])

    def _to_columns(self, variables: FloatArray) -> FloatArray:
        pairs = zip(self._parts, variables, strict=True)
        return np.stack([part.to_columns(self._rows, own) for part, own in pairs])

    def _evaluate(
        self, variables: FloatArray, penalty: FloatArray, problems: ProblemIndex
    ) -> tuple[Doubles, FloatArray]:
        """Return the loss of each of some splits, and its gradient."""
        losses, gradient = np.zeros(len(variables)), np.zeros_like(variables)
        splits = np.arange(len(self._parts))[problems]
        found = self._map_fn(
            lambda index: self._evaluate_part(int(splits[index]), variables[index]),
            range(len(splits)),
        )
        for index, (loss, coef, offset) in enumerate(found):
            losses[index], gradient[index, : len(coef)] = loss, coef
            gradient[index, -1] = offset
        return add_penalty(losses, gradient, variables, penalty)

    def _evaluate_part(
        self, split: int, variables: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        """Return loss and gradient of one split, without the penalty."""
        part = self._parts[split]
        table = part.table
        values = (table @ variables[: len(part.values)] + variables[-1])[:, None]
        shares = self._shares[part.train, split, None]
        losses, slopes = softmax_loss(values, self._codes[part.train], shares)
        return float(losses[0]), table.T @ slopes[:, 0], slopes[:, 0].sum(axis=0)

    def _curvature(self, variables: FloatArray) -> FloatArray:
        found = []
        for part, own in zip(self._parts, variables, strict=True):
            values = part.table @ own[: len(part.values)] + own[-1]
            found.append(mean_curvature(values[:, None]))
        return np.array(found, np.float32)[:, None]

    def _precondition(
        self,
        gradient: FloatArray,
        problems: ProblemIndex,
        penalty: FloatArray,
        curvature: float | FloatArray,
    ) -> FloatArray:
        """Return gradients of splits times the inverse of a curvature that is the same for every row."""
        own = np.asarray(curvature)[problems]
        direction = np.empty_like(gradient)
        direction[:, :-1] = gradient[:, :-1] / (
            own[:, :, None] * self._values[problems] + penalty[problems]
        )
        direction[:, -1] = gradient[:, -1] / own
        return direction
