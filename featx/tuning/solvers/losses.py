"""The multinomial loss of scores, with what each sample weighs in it."""

from __future__ import annotations

import numpy as np

from featx._typing import ClassWeight, Doubles, FloatArray, Integers

__all__ = ["class_shares", "mean_curvature", "n_score_columns", "softmax_loss"]

# Curvature below which it is taken for that: where all probabilities are 0 or 1.
_LEAST_CURVATURE = 1e-6


def n_score_columns(y: Integers) -> int:
    """Return the number of columns of scores: one a class, or that of the second of two.

    >>> n_score_columns(np.array([0, 2, 1])), n_score_columns(np.array([0, 1]))
    (3, 1)
    """
    k = int(y.max()) + 1
    return 1 if k == 2 else k


def class_shares(weights: Doubles, y: Integers, class_weight: ClassWeight) -> FloatArray:
    """Return the share of each sample in the loss of each split, where balanced classes have the same.

    Parameters
    ----------
    weights : ndarray of shape (n, p), float64
        What each sample weighs in each split, 0 where it is left out.
    y : ndarray of shape (n,), integers
    class_weight : "balanced" or None

    Returns
    -------
    ndarray of shape (n, p), float32
        Each column adds up to one.
    """
    if class_weight != "balanced":
        return np.asarray(weights / weights.sum(axis=0), np.float32)
    totals = np.stack([np.bincount(y, column) for column in weights.T], axis=1)
    # A class of no weight divides nothing by it.
    n_classes, totals = np.count_nonzero(totals, axis=0), np.where(totals > 0, totals, 1)
    return np.asarray(weights / (totals[y] * n_classes), np.float32)


def softmax_loss(
    values: FloatArray, codes: Integers, shares: FloatArray
) -> tuple[Doubles, FloatArray]:
    """Return the loss of some samples in each split, and its derivative by each score.

    Parameters
    ----------
    values : ndarray of shape (n, p, m), float32
        Scores; they become the derivatives. With m = 1 they are those of the second of two classes, the
        first having 0.
    codes : ndarray of shape (n,), integers
        The class of each sample, 0 … k - 1.
    shares : ndarray of shape (n, p), float32

    Returns
    -------
    losses : ndarray of shape (p,), float64
    slopes : ndarray of shape (n, p, m), float32
    """
    # Of two classes the first has no column.
    own = np.flatnonzero(codes) if values.shape[2] == 1 else np.arange(len(codes))
    columns = codes[own] if values.shape[2] > 1 else np.zeros(len(own), np.intp)
    top = values.max(axis=2, keepdims=True)
    if values.shape[2] == 1:
        np.maximum(top, 0, out=top)
    true_score = np.zeros_like(shares)
    true_score[own] = values[own, :, columns]
    values -= top
    np.exp(values, out=values)
    total = values.sum(axis=2)
    if values.shape[2] == 1:
        total += np.exp(-top[:, :, 0])
    losses = (shares * (np.log(total) + top[:, :, 0] - true_score)).sum(axis=0, dtype=np.float64)
    values *= (shares / total)[:, :, None]
    values[own, :, columns] -= shares[own]
    return losses, values


def mean_curvature(values: FloatArray) -> float:
    """Return the mean second derivative of the loss by a score, for scores of shape (n, p, m)."""
    if values.shape[2] == 1:
        values = np.concatenate([np.zeros_like(values), values], axis=2)
    probabilities = np.exp(values - values.max(axis=2, keepdims=True))
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    return max(float((probabilities * (1 - probabilities)).mean()), _LEAST_CURVATURE)
