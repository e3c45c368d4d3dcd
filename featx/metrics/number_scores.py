"""The scores of predicted numbers, of many weightings of the same samples at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from featx._typing import Doubles

__all__ = ["NUMBER_SCORES", "measure_numbers", "tenths"]

# The main scores, in the order of the first columns of ``measure_numbers``.
NUMBER_SCORES = ("rmse", "mae", "median_absolute_error", "r2", "spearman")


def measure_numbers(output: Doubles, weights: Doubles) -> Doubles:
    """Return the scores of one predicted number, of each weighting of its samples.

    Parameters
    ----------
    output : ndarray of shape (2 or 4, n), float64
        Targets, predictions and, where there are any, lower and upper bounds.
    weights : ndarray of shape (b, n), float64
        What each sample counts.

    Returns
    -------
    ndarray of shape (b, 8), float64
        Those of ``NUMBER_SCORES``, RMSE of the mean, coverage, mean width; NaN where not defined.

    Examples
    --------
    >>> measure_numbers(np.array([[1.0, 2, 3], [1, 2, 4]]), np.ones((1, 3))).round(3)
    array([[0.577, 0.333, 0. , 0.5 , 1. , 0.816, nan, nan]])
    """
    targets, predictions = output[:2]
    size = np.abs(predictions - targets)
    # Around their mean, so that sums of squares lose no digits.
    centered = targets - targets.mean()
    columns = [size**2, size, centered, centered**2]
    if len(output) == 4:
        low, high = output[2:]
        columns += [(low <= targets) & (targets <= high), high - low]
    means = weights @ np.stack(columns, axis=1) / weights.sum(axis=1, keepdims=True)
    spread = np.maximum(means[:, 3] - means[:, 2] ** 2, 0.0)
    # What remains of a constant target is rounding.
    spread[spread <= 1e-12 * means[:, 3]] = 0.0
    if not np.ptp(targets):
        spread[:] = 0.0
    unknown = np.full(len(weights), np.nan)
    return np.stack(
        [
            np.sqrt(means[:, 0]),
            means[:, 1],
            _medians(size, weights),
            np.divide(spread - means[:, 0], spread, out=unknown.copy(), where=spread > 0),
            _spearman(targets, predictions, weights),
            np.sqrt(spread),
            *(means[:, 4:].T if len(output) == 4 else (unknown, unknown)),
        ],
        axis=1,
    )


def _medians(values: Doubles, weights: Doubles) -> Doubles:
    """Return the median of each weighting, shape (b,): the mean of two where both are in the middle."""
    order = np.argsort(values, kind="stable")
    ordered, sums = values[order], np.cumsum(weights[:, order], axis=1)
    half = sums[:, -1:] / 2
    lower, upper = (sums >= half).argmax(axis=1), (sums > half).argmax(axis=1)
    return np.asarray((ordered[lower] + ordered[upper]) / 2)


def _spearman(first: Doubles, second: Doubles, weights: Doubles) -> Doubles:
    """Return the correlation of ranks of each weighting, shape (b,); NaN where all are the same."""
    a, b = _centered_ranks(first, weights), _centered_ranks(second, weights)
    covariance = np.einsum("ij,ij,ij->i", weights, a, b)
    product = np.einsum("ij,ij,ij->i", weights, a, a) * np.einsum("ij,ij,ij->i", weights, b, b)
    unknown = np.full(len(weights), np.nan)
    # Ranks of equal values are the same to the bit, so that nothing but 0 is left of them.
    known = product > 1e-20 * weights.sum(axis=1) ** 6
    correlation = np.divide(
        covariance, np.sqrt(product, where=known, out=unknown.copy()), out=unknown, where=known
    )
    return np.asarray(np.clip(correlation, -1.0, 1.0))


def _centered_ranks(values: Doubles, weights: Doubles) -> Doubles:
    """Return the rank of each sample in each weighting, less its mean; equal values share one rank."""
    order = np.argsort(values, kind="stable")
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = (np.cumsum(sums, axis=1) - sums / 2)[:, place]
    ranks -= np.einsum("ij,ij->i", weights, ranks)[:, None] / weights.sum(axis=1, keepdims=True)
    return np.asarray(ranks)


def tenths(output: Doubles, weights: Doubles) -> list[dict[str, Any]]:
    """Return the residuals by tenths of the targets, the lowest first; the fields of ``Tenth``.

    Parameters
    ----------
    output : ndarray of shape (2 or more, n), float64
        Targets and predictions.
    weights : ndarray of shape (n,), float64
        What each sample counts in means.

    Examples
    --------
    >>> rows = tenths(np.array([np.arange(30.0), np.arange(30.0) + 1]), np.ones(30))
    >>> len(rows), rows[0]["high"], rows[0]["count"], rows[0]["mean_residual"]
    (10, 2.0, 3, 1.0)
    """
    targets, predictions = output[:2]
    edges = np.quantile(targets, np.arange(1, 10) / 10)
    bins = np.searchsorted(np.unique(edges), targets, side="left")
    rows = []
    for number in np.unique(bins):
        part = bins == number
        residuals = predictions[part] - targets[part]
        scale = float(np.abs(residuals).max()) or 1.0
        square = float(np.average((residuals / scale) ** 2, weights=weights[part]))
        rows.append(
            {
                "low": float(targets[part].min()),
                "high": float(targets[part].max()),
                "count": int(part.sum()),
                "mean_prediction": float(np.average(predictions[part], weights=weights[part])),
                "mean_residual": float(np.average(residuals, weights=weights[part])),
                "rmse": scale * square**0.5,
            }
        )
    return rows
