"""The heads of a task with several labels a sample that people choose by name."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from featx.heads.registry import HeadSpec, parameter_grid

__all__ = ["label_heads"]

_INNER = "onevsrestclassifier__estimator__"


def label_heads() -> tuple[HeadSpec, ...]:
    """Return the heads that give a score to each of several labels.

    >>> [head.name for head in label_heads()]
    ['logistic', 'ridge', 'linear-svm', 'knn', 'boosting']
    """
    return (
        HeadSpec(
            "logistic",
            "A logistic regression a label, solved together on one standardisation: the first to try.",
            "seconds for thousands of rows",
            lambda: make_pipeline(
                StandardScaler(), OneVsRestClassifier(LogisticRegression(max_iter=2000))
            ),
            parameter_grid(f"{_INNER}C", [float(f"{10**e:.2g}") for e in np.arange(-5, 1.5, 0.5)]),
            search="label-path",
        ),
        HeadSpec(
            "ridge",
            "Least squares on the labels with an L2 penalty, tuned by leave-one-out in closed form.",
            "a second for thousands of rows",
            lambda: make_pipeline(StandardScaler(), RidgeClassifier()),
            parameter_grid("ridgeclassifier__alpha", [1e5, 3e4, 1e4, 3e3, 1e3, 3e2, 1e2, 3e1, 1e1]),
            search="leave-one-out",
        ),
        HeadSpec(
            "linear-svm",
            "A separating plane a label with the largest margin.",
            "grows with the samples and the labels",
            lambda: make_pipeline(StandardScaler(), OneVsRestClassifier(LinearSVC(dual=True))),
            parameter_grid(f"{_INNER}C", [1e-5, 1e-4, 1e-3, 1e-2]),
        ),
        HeadSpec(
            "knn",
            "A vote of the nearest training samples by angle: no shape assumed, and easy to explain.",
            "no training; every prediction compares with every row kept",
            lambda: make_pipeline(StandardScaler(), Normalizer(), KNeighborsClassifier()),
            parameter_grid("kneighborsclassifier__n_neighbors", [40, 20, 10, 5, 3]),
            search="neighbors",
            growth=1.5,
        ),
        HeadSpec(
            "boosting",
            "Gradient boosted trees of few leaves, a label each: when single columns matter.",
            "grows with samples, columns and labels",
            lambda: make_pipeline(
                StandardScaler(),
                OneVsRestClassifier(
                    HistGradientBoostingClassifier(
                        early_stopping=False, min_samples_leaf=5, random_state=0
                    )
                ),
            ),
            parameter_grid(f"{_INNER}max_leaf_nodes", [2, 4, 8]),
            in_auto=False,
        ),
    )
