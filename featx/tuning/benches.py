"""Heads that are trained anew for each candidate: all that candidates of a split share is done once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from featx.heads import HEADS, Head, floored_log, scores
from featx.inputs import FloatArray
from featx.tuning.folds import Labels, Places

__all__ = ["try_split"]

Doubles = npt.NDArray[np.float64]

_GRAM = 8000  # training samples of which a whole kernel matrix is kept in memory, 8 bytes a pair


def try_split(
    head: Head,
    grid: Sequence[Mapping[str, Any]],
    rows: FloatArray,
    labels: Labels,
    train: Places,
    test: Places,
) -> list[Doubles]:
    """Scores of the samples left out, by each candidate in turn; each of shape (len(test), n_classes).

    Of featx's own heads the scaler is fitted once a split; support vectors share one kernel matrix, and
    all numbers of neighbours the search for the largest.
    """
    estimator, prefix = head.build(), ""
    fitted, left, y = rows[train], rows[test], labels[train]
    if isinstance(estimator, Pipeline):
        before, prefix = estimator[:-1], f"{estimator.steps[-1][0]}__"
        estimator = estimator[-1]
        fitted, left = before.fit_transform(fitted, y), before.transform(left)
    tries = [{key.removeprefix(prefix): value for key, value in each.items()} for each in grid]
    if head.name in HEADS and isinstance(estimator, KNeighborsClassifier):
        return _votes(estimator, [each["n_neighbors"] for each in tries], fitted, y, left)
    if head.name in HEADS and isinstance(estimator, SVC) and len(train) <= _GRAM:
        fitted, left = _kernels(estimator.kernel, fitted, left)
        estimator.set_params(kernel="precomputed")
    return [_fit(estimator, each, fitted, y, left) for each in tries]


def _fit(
    estimator: BaseEstimator, params: Mapping[str, Any], fitted: FloatArray, y: Labels, left: FloatArray
) -> Doubles:
    return scores(clone(estimator).set_params(**params).fit(fitted, y), left)


def _votes(
    estimator: KNeighborsClassifier,
    numbers: Sequence[int],
    fitted: FloatArray,
    y: Labels,
    left: FloatArray,
) -> list[Doubles]:
    """For every number of neighbours, from one search."""
    near = estimator.set_params(n_neighbors=max(numbers)).fit(fitted, y)
    nearest = np.searchsorted(near.classes_, y)[near.kneighbors(left, return_distance=False)]
    votes = (nearest[:, :, None] == np.arange(len(near.classes_))).cumsum(axis=1)
    return [floored_log(votes[:, k - 1] / k) for k in numbers]


def _kernels(kind: str, fitted: FloatArray, left: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of pairs of training samples, and of those left out with them; with the width that SVC calls ``scale``.

    Products are float32, as the rows are; libsvm wants them in float64, where they are made in place.
    """
    made = [np.asarray(rows @ fitted.T, np.float64) for rows in (fitted, left)]
    if kind == "rbf":
        gamma = 1 / (fitted.shape[1] * (float(fitted.var()) or 1.0))
        squares = np.einsum("nd,nd->n", fitted, fitted, dtype=np.float64)
        for rows, kernel in zip((fitted, left), made, strict=True):
            kernel *= 2
            kernel -= squares
            kernel -= np.einsum("nd,nd->n", rows, rows, dtype=np.float64)[:, None]
            np.minimum(kernel, 0, out=kernel)
            kernel *= gamma
            np.exp(kernel, out=kernel)
    return made[0], made[1]
