"""Ridge classification with every sample left out in turn, in closed form.

One decomposition of the rows serves all penalties, and no sample is really left out: with leverages h the
residual of a left-out sample is its residual divided by 1 - h (Allen, "The relationship between variable
selection and data augmentation and a method for prediction", 1974). ``RidgeClassifierCV`` does the same and
keeps only squared errors, which do not tell the class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from featx._typing import ClassWeight, Doubles, FloatArray, Integers

__all__ = ["leave_one_out"]


# Share of the largest eigenvalue: a direction below it holds no sample.
_RANK = 1e-10


def leave_one_out(
    rows: FloatArray, y: Integers, alphas: Sequence[float], *, class_weight: ClassWeight
) -> Iterator[Doubles]:
    """Yield the scores that ``RidgeClassifier(alpha)``, trained on all samples but one, gives to that one.

    Columns are standardised once, by all samples: labels have no part in that. Balanced weights, too, count
    classes with every sample in.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    y : ndarray of shape (n,), integers
        Classes, 0 … k - 1.
    class_weight : "balanced" or None
        The class weight of ``RidgeClassifier``.

    Yields
    ------
    ndarray of shape (n, k), float64
        Decision values for each alpha; with two classes 0 and that of the second.
    """
    n, k = len(y), int(y.max()) + 1
    weights = n / (k * np.bincount(y))[y] if class_weight == "balanced" else np.ones(n)
    table = StandardScaler().fit_transform(rows.astype(np.float64))
    table -= np.average(table, axis=0, weights=weights)
    targets = np.where(y[:, None] == np.arange(k), 1.0, -1.0)[:, (1 if k == 2 else 0) :]
    mean_target = np.average(targets, axis=0, weights=weights)
    root = np.sqrt(weights)[:, None]
    table *= root
    values, basis = _spectrum(table)
    projected = basis.T @ (root * (targets - mean_target))
    squares = basis**2
    for alpha in alphas:
        shrunk = values / (values + alpha)
        fitted = mean_target + (basis @ (shrunk[:, None] * projected)) / root
        leverages = (weights / weights.sum() + squares @ shrunk)[:, None]
        left_out = targets - (targets - fitted) / np.maximum(1 - leverages, np.finfo(float).eps)
        yield left_out if k > 2 else np.hstack([np.zeros_like(left_out), left_out])


def _spectrum(table: Doubles) -> tuple[Doubles, Doubles]:
    """Return the squared singular values and the left singular vectors of a table."""
    n, d = table.shape
    if n <= d:
        values, basis = np.linalg.eigh(table @ table.T)
        is_large = values > max(values[-1], 0) * _RANK
        return values[is_large], basis[:, is_large]
    values, directions = np.linalg.eigh(table.T @ table)
    is_large = values > max(values[-1], 0) * _RANK
    return values[is_large], table @ (directions[:, is_large] / np.sqrt(values[is_large]))
