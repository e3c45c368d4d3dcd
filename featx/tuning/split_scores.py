"""Heads that are trained anew for each candidate: all that candidates of a split share is done once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from featx._typing import Doubles, FloatArray, Integers, Labels
from featx.heads import HEADS, HeadSpec, floored_log, kernel_of, scale_of, scores

__all__ = ["split_scores"]


def split_scores(
    head: HeadSpec,
    grid: Sequence[Mapping[str, Any]],
    rows: FloatArray,
    labels: Labels,
    train: Integers,
    test: Integers,
    *,
    gram: bool,
) -> list[Doubles]:
    """Scores of the samples left out, by each candidate in turn; each of shape (len(test), n_classes).

    Of featx's own heads the scaler is fitted once a split; support vectors share one kernel matrix, and
    all numbers of neighbours the search for the largest.

    Parameters
    ----------
    gram : bool
        Whether there is memory for a kernel matrix of the training samples: 8 bytes a pair.
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
    if head.name in HEADS and isinstance(estimator, SVC) and gram:
        kind, width = estimator.kernel, scale_of(fitted)
        estimator.set_params(kernel="precomputed")
        whole = kernel_of(kind, fitted, fitted, width)
        beside = kernel_of(kind, left, fitted, width)
        return [_fit(estimator, each, whole, y, beside) for each in tries]
    return [_fit(estimator, each, fitted, y, left) for each in tries]


def _fit(
    estimator: BaseEstimator, params: Mapping[str, Any], fitted: Any, y: Labels, left: Any
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
