"""Linear discriminant analysis with a shrunk covariance, in closed form.

It is what ``LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s)`` computes, whose time grows with the
number of classes times the square of that of columns; here one product of the rows with themselves serves all
classes, and one system of equations all classes of a shrinkage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from featx._typing import ClassWeight, Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import MapFn

__all__ = ["discriminant_scores"]

# Rows of one part of their outer product; fixed, so that threads do not change the sum.
_CHUNK = 2048


def discriminant_scores(
    rows: FloatArray,
    y: Integers,
    test: FloatArray,
    shrinkages: Sequence[float],
    *,
    class_weight: ClassWeight = None,
    map_fn: MapFn = map,
    sample_weight: Doubles | None = None,
) -> Iterator[Doubles]:
    """Yield the scores of other rows for each shrinkage.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    y : ndarray of shape (n,), integers
        Classes, 0 … k - 1, each of which has a row.
    test : ndarray of shape (n_test, d), float32
    shrinkages : sequence of float
        The share of a multiple of the identity in the covariance, above 0 and at most 1.
    class_weight : "balanced" or None, default=None
        With "balanced" all classes have the same prior probability, and the same part in the covariance.
    map_fn : callable, default=map
        ``map``, or that of a pool of threads. It never changes a bit of the answer.
    sample_weight : ndarray of shape (n,), float64, default=None
        What each sample weighs, 0 or more: a weight of 2 is the same as the sample given twice. A class of
        no weight has minus infinity for a score.

    Yields
    ------
    ndarray of shape (n_test, k), float64
        Logarithms of posterior probabilities, up to a number for each row.
    """
    counts = np.bincount(y, sample_weight)
    # A class of no weight divides nothing by it.
    own_counts = np.where(counts > 0, counts, 1)
    means = _class_sums(rows, y, len(counts), sample_weight) / own_counts[:, None]
    # Distances to the mean of all: the products keep more digits.
    center = rows.mean(axis=0, dtype=np.float64)
    priors = (counts > 0) / np.count_nonzero(counts)
    if class_weight is None:
        priors = counts / counts.sum()
    roots = _roots(priors / own_counts, y, sample_weight)
    within = _products(rows, center.astype(np.float32), roots, map_fn)
    means -= center
    within -= (means * priors[:, None]).T @ means
    level = float(within.trace() / len(within)) or 1.0
    with np.errstate(divide="ignore"):
        log_priors = np.log(priors)

    def solve(shrinkage: float) -> Doubles:
        covariance = (1 - shrinkage) * within
        covariance.flat[:: len(within) + 1] += shrinkage * level
        return np.asarray(np.linalg.solve(covariance, means.T))

    beside = test - center.astype(np.float32)
    for coef in map_fn(solve, shrinkages):
        offset = log_priors - (coef * means.T).sum(axis=0) / 2
        yield np.asarray(beside @ coef.astype(np.float32), np.float64) + offset


def _class_sums(
    rows: FloatArray, y: Integers, n_classes: int, sample_weight: Doubles | None
) -> Doubles:
    """Return the sum of the rows of each class, each times its weight; shape (n_classes, d)."""
    order = np.argsort(y, kind="stable")
    classes, starts = np.unique(y[order], return_index=True)
    sums = np.zeros((n_classes, rows.shape[1]))
    for code, members in zip(classes, np.split(order, starts[1:]), strict=True):
        if sample_weight is None:
            sums[code] = rows[members].sum(axis=0, dtype=np.float64)
        else:
            sums[code] = sample_weight[members] @ rows[members]
    return sums


def _roots(shares: Doubles, y: Integers, sample_weight: Doubles | None) -> FloatArray:
    """Return the square root of what each sample counts in the covariance; shape (n, 1)."""
    if sample_weight is None:
        return np.sqrt(shares)[y].astype(np.float32)[:, None]
    return np.sqrt(shares[y] * sample_weight).astype(np.float32)[:, None]


def _products(rows: FloatArray, center: FloatArray, roots: FloatArray, map_fn: MapFn) -> Doubles:
    """Return the sum of outer products of centred rows, each times the square of its root."""

    def one(start: int) -> Any:
        part = (rows[start : start + _CHUNK] - center) * roots[start : start + _CHUNK]
        return part.T @ part

    total = np.zeros((rows.shape[1], rows.shape[1]))
    for part in map_fn(one, range(0, len(rows), _CHUNK)):
        total += part
    return total
