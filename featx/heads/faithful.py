"""Estimators whose scores in featx say what they answer by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.svm import LinearSVC

from featx.errors import FeatxError
from featx.heads.calibrators import softmax
from featx.heads.output_forms import is_multilabel
from featx.heads.own_answers import own_scores
from featx.heads.registry import last_step, scores

__all__ = ["FAITHFUL", "is_faithful"]

# Those of which it may be so: an answer is a function of the scores. Rows decide.
FAITHFUL: frozenset[type] = frozenset(
    [
        *(HistGradientBoostingClassifier, LinearDiscriminantAnalysis, LinearSVC),
        *(LogisticRegression, LogisticRegressionCV, MultiOutputClassifier),
        *(OneVsRestClassifier, RidgeClassifier, RidgeClassifierCV, SGDClassifier),
    ]
)
# Drawn rows on which both answers are compared, of these spreads. Some compute in float32.
_N_ROWS, _SPREADS = 64, (0.01, 1.0, 100.0)
_TOLERANCE = 5e-7


def is_faithful(estimator: BaseEstimator, dim: int) -> bool:
    """Return whether the softmax of featx's scores, or their sigmoid, is what a fitted estimator answers.

    Then it can be kept as arrays, and written as a graph, by the forms of the registry.
    """
    last: Any = last_step(estimator)
    if not hasattr(last, "classes_"):
        return True
    if type(last) not in FAITHFUL:
        return False
    rng = np.random.default_rng(0)
    drawn = [rng.normal(0, spread, (_N_ROWS, dim)) for spread in _SPREADS]
    rows = np.concatenate(drawn).astype(np.float32)
    try:
        ours = scores(estimator, rows)
        theirs = own_scores(estimator, rows)
    except FeatxError:
        return False
    if is_multilabel(last):
        ours, theirs = np.clip(ours, -30, 30), np.clip(theirs, -30, 30)
        apart = np.abs(1 / (1 + np.exp(-ours)) - 1 / (1 + np.exp(-theirs)))
    elif hasattr(estimator, "predict_proba"):
        apart = np.abs(softmax(ours) - estimator.predict_proba(rows))
    else:
        # Labels alone.
        return bool((ours.argmax(axis=1) == theirs.argmax(axis=1)).all())
    return bool(apart.max() <= _TOLERANCE)
