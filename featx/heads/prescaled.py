"""Heads on columns that were scaled before: they are trained without a scaler of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from featx._typing import Doubles
from featx.errors import BadOption
from featx.heads.registry import HeadSpec
from featx.heads.scorers import EstimatorScorer
from featx.heads.trained import TrainedHead

__all__ = ["prescaled", "with_scaling"]


@dataclass(frozen=True, slots=True)
class _Centred:
    """Makes a head's estimator with a scaler that centres columns and leaves their scale."""

    build: Callable[[], BaseEstimator]

    def __call__(self) -> BaseEstimator:
        estimator = self.build()
        first = estimator[0] if isinstance(estimator, Pipeline) else None
        return estimator if first is None else estimator.set_params(standardscaler__with_std=False)


def prescaled(head: HeadSpec) -> HeadSpec:
    """Return a head for rows whose scale says how much each column counts: it standardises nothing.

    A user's own estimator is taken as it is.

    >>> from featx.heads import HEADS
    >>> prescaled(HEADS["ridge"]).build()[0].with_std
    False
    """
    if not head.shipped:
        return head
    return replace(head, build=_Centred(head.build), standardizes=False)


def with_scaling(head: TrainedHead, mean: Doubles, scale: Doubles) -> TrainedHead:
    """Return a head for rows as they are of one that was trained on ``(rows - mean) / scale``.

    The scaling becomes the ``StandardScaler`` at the beginning of the estimator; one that only centres is
    joined with it, so that a linear head stays a scaler and a linear model.

    Parameters
    ----------
    head : TrainedHead
        With an estimator.
    mean, scale : ndarray of shape (d,), float64

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from featx.heads.number_scaling import NumberScaling
    >>> ridge = Ridge(1e-9).fit(np.array([[-1.0], [1.0]]), [3.0, 5.0])
    >>> head = TrainedHead.from_estimator("ridge", ridge, NumberScaling((0,), (1,), (0,)), ["value"])
    >>> float(with_scaling(head, np.array([10.0]), np.array([2.0])).predict_outputs([[12.0]])[0, 0].round(3))
    5.0
    """
    if not isinstance(head.scorer, EstimatorScorer):
        raise BadOption(f"head {head.name}: has no estimator to put a scaling before")
    estimator = head.scorer.estimator
    steps = list(estimator.steps) if type(estimator) is Pipeline else [("head", estimator)]
    first: Any = steps[0][1]
    if type(first) is StandardScaler and not first.with_std:
        mean = mean + np.asarray(first.mean_, np.float64) * scale
        steps = steps[1:]
    joined = Pipeline([("standardscaler", _scaler(mean, scale)), *_renamed(steps)])
    return replace(head, scorer=EstimatorScorer(joined, head.scorer.own))


def _renamed(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return steps with another name for one that is called as the scaler before them is."""
    return [("scaler" if name == "standardscaler" else name, step) for name, step in steps]


def _scaler(mean: Doubles, scale: Doubles) -> StandardScaler:
    """Return a fitted scaler of this mean and scale."""
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = np.asarray(mean, np.float64), np.asarray(scale, np.float64)
    scaler.var_, scaler.n_features_in_ = scaler.scale_**2, len(scaler.mean_)
    scaler.n_samples_seen_ = np.int64(1)
    return scaler
