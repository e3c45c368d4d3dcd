"""Ridge with every sample, or every group, left out in turn, on tables too large to decompose quickly.

The eigenvectors of a large table serve all penalties and take most of a quick pass. Here the penalty is chosen
by some of the samples, whose decomposition is small, and the whole table is solved for one penalty alone, by
its Cholesky factor, in float32. A penalty is the ratio of the variance of the noise to that of the
coefficients: it does not grow with the samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers, Numbers
from featx.tuning.problem import TuningProblem
from featx.tuning.solvers.ridge import left_out_predictions

__all__ = ["LargeRidge", "suits_large_ridge"]

# Rows and the smaller side of a table above which its decomposition, and what all penalties tell, take longer.
_MANY_ROWS, _WIDE = 500, 100
# Between these weights products in float32 keep their digits.
_WEIGHTS = 1e-8, 1e8
# Samples that choose the penalty.
_SOME = 300
# What is added to the products of rows to factor them: a share of their mean, far below any penalty.
_JITTER = 1e-6


def suits_large_ridge(rows: FloatArray, problem: TuningProblem) -> bool:
    """Return whether a table is so large that ``LargeRidge`` is faster, and all weights suit float32."""
    weights, (least, most) = problem.design.weights, _WEIGHTS
    is_large = len(rows) > _MANY_ROWS and min(rows.shape) > _WIDE
    return is_large and (weights is None or bool(((weights > least) & (weights < most)).all()))


@dataclass(frozen=True, eq=False)
class LargeRidge:
    """A table with its targets, of which left-out predictions are made.

    Attributes
    ----------
    table : ndarray of shape (n, d), float32
        Rows as they are to be penalised.
    targets : ndarray of shape (n, k), float64
    weights : ndarray of shape (n,), float64
        Above 0.
    groups : ndarray of shape (n,), default=None
        All of a group are left out together.

    Examples
    --------
    >>> table = np.arange(4, dtype=np.float32)[:, None]
    >>> ridge = LargeRidge(table, np.array([[0.0], [1.0], [2.0], [3.0]]), np.ones(4))
    >>> [left_out] = ridge.left_out([1e-3])
    >>> left_out[:, 0].round(2).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    table: FloatArray
    targets: Doubles
    weights: Doubles
    groups: npt.NDArray[np.generic] | None = None

    def some(self) -> Integers:
        """Return the samples that choose the penalty, drawn evenly; ascending."""
        n = len(self.table)
        return np.sort(np.random.default_rng(0).permutation(n)[:_SOME])

    def left_out_of_some(self, some: Integers, alphas: Sequence[float]) -> Iterator[Doubles]:
        """Yield what some samples tell of each other, for each penalty; shape (n_some, k)."""
        groups = None if self.groups is None else self.groups[some]
        own = self.table[some]
        own = own - own.mean(axis=0)
        # The same products of rows in fewer columns.
        own = _square(own) if len(own) < own.shape[1] else own
        targets, weights = self.targets[some], self.weights[some]
        return left_out_predictions(own.astype(np.float64), targets, weights, alphas, groups)

    def left_out(self, alphas: Sequence[float]) -> Iterator[Doubles]:
        """Yield what all samples tell of each one, without it or its group, for each penalty.

        Parameters
        ----------
        alphas : sequence of float

        Yields
        ------
        ndarray of shape (n, k), float64
        """
        own, centered, intercept = self._weighted
        products, told = self._products
        root = np.sqrt(self.weights)[:, None]
        for alpha in alphas:
            factor, coefficients = _solved(own, _lower(products, alpha), told)
            residuals = centered - own @ coefficients
            if self.groups is None:
                leverages = np.einsum("ij,ij->i", factor, factor) + intercept[:, 0] ** 2
                least = np.finfo(np.float32).eps
                residuals = residuals / np.maximum(1 - leverages, least)[:, None]
            else:
                hat = np.hstack([factor, intercept])
                residuals = _without_groups(residuals, hat, self.groups)
            yield self.targets - residuals / root

    @cached_property
    def _weighted(self) -> tuple[FloatArray, Doubles, FloatArray]:
        """Return rows and targets, centred, times the roots of their weights, and the part of the intercept.

        The rows have no more columns than there are of them.
        """
        root = np.sqrt(self.weights)[:, None]
        shares = (self.weights / self.weights.sum()).astype(np.float32)
        mean = shares @ self.table
        mean_target = np.average(self.targets, axis=0, weights=self.weights)
        own = (self.table - mean) * root.astype(np.float32)
        own = _square(own) if len(own) < own.shape[1] else own
        intercept = (root / np.sqrt(self.weights.sum())).astype(np.float32)
        return own, root * (self.targets - mean_target), intercept

    @cached_property
    def _products(self) -> tuple[FloatArray, FloatArray]:
        """Return the products of the columns with each other and with the targets."""
        own, centered, _ = self._weighted
        return own.T @ own, own.T @ centered.astype(np.float32)


def _square(own: FloatArray) -> FloatArray:
    """Return a table with as many columns as rows that has the same products of rows."""
    from scipy.linalg import cholesky

    products = own @ own.T
    mean = float(np.trace(products)) / len(own)
    np.fill_diagonal(products, products.diagonal() + _JITTER * max(mean, 1.0))
    try:
        return np.asarray(cholesky(products, lower=True, check_finite=False))
    except np.linalg.LinAlgError:
        wide = np.asarray(products, np.float64)
        values, vectors = np.linalg.eigh(wide)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)), np.float32)


def _lower(products: FloatArray, alpha: float) -> Numbers:
    """Return the Cholesky factor of the penalised products of the columns; float64 where float32 fails."""
    from scipy.linalg import cholesky

    penalised: Numbers = products.copy()
    np.fill_diagonal(penalised, penalised.diagonal() + alpha)
    try:
        return np.asarray(cholesky(penalised, lower=True, overwrite_a=True, check_finite=False))
    except np.linalg.LinAlgError:
        # Rounding has made it indefinite: the penalty is small beside the largest product.
        wide = products.astype(np.float64)
        np.fill_diagonal(wide, wide.diagonal() + alpha)
        return np.asarray(cholesky(wide, lower=True, overwrite_a=True, check_finite=False))


def _solved(rows: FloatArray, lower: Numbers, told: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the matrix whose product with its transpose is the hat matrix of some rows, and coefficients.

    Parameters
    ----------
    rows : ndarray of shape (m, r), float32
    lower : ndarray of shape (r, r)
        The Cholesky factor of the penalised products of the columns of all rows.
    told : ndarray of shape (r, k), float32
        Their products with the targets.

    Returns
    -------
    factor : ndarray of shape (m, r), float32
    coefficients : ndarray of shape (r, k), float32
    """
    from scipy.linalg import cho_solve, solve_triangular

    transposed = rows.T.astype(lower.dtype, copy=False)
    factor = solve_triangular(lower, transposed, lower=True, check_finite=False).T
    coefficients = cho_solve((lower, True), told.astype(lower.dtype), check_finite=False)
    return np.asarray(factor, np.float32), np.asarray(coefficients, np.float32)


def _without_groups(
    residuals: Doubles, hat: FloatArray, groups: npt.NDArray[np.generic]
) -> Doubles:
    """Return residuals as they are with each group left out: times the inverse of its block of I - H."""
    codes = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    left_out = np.empty_like(residuals)
    for members in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        part = hat[members].astype(np.float64)
        left_out[members] = np.linalg.solve(
            np.eye(len(members)) - part @ part.T, residuals[members]
        )
    return left_out
