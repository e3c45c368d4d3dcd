"""Ridge with every sample left out in turn, in closed form.

One decomposition of the rows serves all penalties, and no sample is really left out: with leverages h the
residual of a left-out sample is its residual divided by 1 - h (Allen, "The relationship between variable
selection and data augmentation and a method for prediction", 1974).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from featx._typing import Doubles, FloatArray, Integers

__all__ = ["leave_one_out"]


_RANK = 1e-10  # of the largest eigenvalue, below which a direction holds no sample


def leave_one_out(
    rows: FloatArray, y: Integers, alphas: Sequence[float], *, balance: bool
) -> Iterator[Doubles]:
    """What ``RidgeClassifier(alpha)``, trained on all samples but one, says of that one.

    Columns are standardised once, by all samples: labels have no part in that. So have the weights of
    ``balance``, which count classes with every sample in.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    y : ndarray of shape (n,), integers
        Classes, 0 … k - 1.
    balance : bool
        As ``class_weight="balanced"``.

    Yields
    ------
    ndarray of shape (n, k), float64
        Decision values, for each alpha; with two classes 0 and that of the second.
    """
    n, k = len(y), int(y.max()) + 1
    weights = n / (k * np.bincount(y))[y] if balance else np.ones(n)
    table = StandardScaler().fit_transform(rows.astype(np.float64))
    table -= np.average(table, axis=0, weights=weights)
    targets = np.where(y[:, None] == np.arange(k), 1.0, -1.0)[:, (1 if k == 2 else 0) :]
    middle = np.average(targets, axis=0, weights=weights)
    root = np.sqrt(weights)[:, None]
    table *= root
    values, basis = _spectrum(table)
    toward = basis.T @ (root * (targets - middle))
    leverage = basis**2
    for alpha in alphas:
        shrunk = values / (values + alpha)
        fitted = middle + (basis @ (shrunk[:, None] * toward)) / root
        own = (weights / weights.sum() + leverage @ shrunk)[:, None]
        left = targets - (targets - fitted) / np.maximum(1 - own, np.finfo(float).eps)
        yield left if k > 2 else np.hstack([np.zeros_like(left), left])


def _spectrum(table: Doubles) -> tuple[Doubles, Doubles]:
    """Squared singular values, and the left singular vectors, of the shorter side's outer product."""
    n, d = table.shape
    if n <= d:
        values, basis = np.linalg.eigh(table @ table.T)
        kept = values > max(values[-1], 0) * _RANK
        return values[kept], basis[:, kept]
    values, directions = np.linalg.eigh(table.T @ table)
    kept = values > max(values[-1], 0) * _RANK
    return values[kept], table @ (directions[:, kept] / np.sqrt(values[kept]))
