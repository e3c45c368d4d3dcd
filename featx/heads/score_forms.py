"""Scores of each type of estimator, on a scale where softmax makes sense.

A score form takes a fitted estimator and rows as its last step sees them, and returns one column a class in the
order of ``classes_``, float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_regressor

from featx._typing import Doubles, Numbers
from featx.errors import BadOption
from featx.heads.support_vectors import pairwise_margins

__all__ = [
    "FLOOR",
    "SHARPNESS",
    "centroid_coefficients",
    "centroid_scores",
    "default_scores",
    "floored_log",
    "label_logits",
    "linear_coefficients",
    "log_probabilities",
    "one_vs_one_scores",
    "shares_of_labels",
]

# Added to probabilities before their logarithm: no vote for a class does not rule it out.
FLOOR = 0.03
# The sharpness of the soft minimum of margins: at 1 all pairs count, far above only the worst one.
SHARPNESS = 3.0


def default_scores(estimator: Any, rows: Numbers) -> Doubles:
    """Return the decision function, or else the floored log of the probabilities; of a regressor its numbers.

    A decision function of two classes has one column: the first class then has 0. Where an estimator gives
    probabilities of several labels, as a list, the logit of each is its score.

    Raises
    ------
    BadOption
        The estimator has neither ``decision_function`` nor ``predict_proba``.
    """
    if not hasattr(estimator, "classes_") and is_regressor(estimator):
        return np.asarray(estimator.predict(rows), np.float64).reshape(len(rows), -1)
    if hasattr(estimator, "decision_function"):
        values = np.asarray(estimator.decision_function(rows), np.float64)
        if values.ndim == 2 and getattr(estimator, "decision_function_shape", "") == "ovo":
            return _soft_minimum_margins(values, len(estimator.classes_))
        return _with_first_class(values)
    if hasattr(estimator, "predict_proba"):
        shares = estimator.predict_proba(rows)
        if isinstance(shares, list):
            return label_logits(shares_of_labels(estimator, shares))
        return floored_log(np.asarray(shares, np.float64))
    raise BadOption(
        f"head {type(estimator).__name__}: expected a classifier with decision_function or "
        "predict_proba, found neither; choose another estimator"
    )


def shares_of_labels(estimator: Any, shares: list[Any]) -> Doubles:
    """Return the probability of 1 for each label, of tables with a column a value."""
    columns = []
    for classes, table in zip(estimator.classes_, shares, strict=True):
        values = np.asarray(classes).tolist()
        if not set(values) <= {0, 1}:
            raise BadOption(
                f"head {type(estimator).__name__}: expected labels that a sample has (1) or has not (0), found "
                f"{values!r:.60}"
            )
        columns.append(table[:, values.index(1)] if 1 in values else np.zeros(len(table)))
    return np.stack(columns, axis=1).astype(np.float64)


def floored_log(shares: Doubles) -> Doubles:
    """Return log(shares + 0.03): scores where there are only probabilities or votes."""
    return np.asarray(np.log(shares + FLOOR))


def label_logits(shares: Doubles) -> Doubles:
    """Return the logits of shares from 0 to 1, which are kept 0.03 away from both ends."""
    kept = FLOOR + (1 - 2 * FLOOR) * shares
    return np.asarray(np.log(kept / (1 - kept)))


def log_probabilities(estimator: Any, rows: Numbers) -> Doubles:
    """Return the logarithms of probabilities that an estimator calibrated: softmax gives them back."""
    shares = np.asarray(estimator.predict_proba(rows), np.float64)
    return np.log(np.maximum(shares, np.finfo(np.float64).tiny))


def linear_coefficients(estimator: Any) -> tuple[Doubles, Doubles]:
    """Return ``coef_`` of shape (n_scores, d) and ``intercept_`` of shape (n_scores,)."""
    coef = np.atleast_2d(estimator.coef_)
    return coef, np.broadcast_to(np.atleast_1d(estimator.intercept_), len(coef)).copy()


def centroid_coefficients(estimator: Any) -> tuple[Doubles, Doubles]:
    """Return the linear model whose scores are minus half the squared distances to the centroids.

    The part that is the same for all classes, |x|²/2, is left out.
    """
    centers = np.asarray(estimator.centroids_, np.float64)
    return centers, -(centers**2).sum(axis=1) / 2


def centroid_scores(estimator: Any, rows: Numbers) -> Doubles:
    """Return minus half the squared distance to each centroid, up to a constant of the row."""
    centers, offset = centroid_coefficients(estimator)
    return np.asarray(rows @ centers.T + offset, np.float64)


def one_vs_one_scores(svc: Any, rows: Numbers) -> Doubles:
    """Return for each class of an SVC the soft minimum of its margins over the others.

    It is as often right as counted votes, and far better calibrated.
    """
    if svc.decision_function_shape != "ovo":
        return default_scores(svc, rows)
    margins = pairwise_margins(svc, rows)
    if margins.ndim == 1:
        return _with_first_class(margins)
    return _soft_minimum_margins(margins, len(svc.classes_))


def _with_first_class(values: Doubles) -> Doubles:
    return values if values.ndim == 2 else np.stack([np.zeros_like(values), values], axis=1)


def _soft_minimum_margins(margins: Doubles, n_classes: int) -> Doubles:
    """Reduce one-vs-one margins of shape (n, pairs) to scores of shape (n, n_classes)."""
    first, second = np.triu_indices(n_classes, 1)
    scores = np.empty((len(margins), n_classes))
    for index in range(n_classes):
        own = np.hstack([margins[:, first == index], -margins[:, second == index]])
        worst = own.min(axis=1)
        spread = np.exp(-SHARPNESS * (own - worst[:, None])).sum(axis=1)
        scores[:, index] = worst - np.log(spread) / SHARPNESS
    return scores
