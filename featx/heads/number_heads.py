"""The heads of a regression that people choose by name."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVR

from featx.heads.registry import HeadSpec, parameter_grid

__all__ = ["number_heads"]


def number_heads(n_outputs: int) -> tuple[HeadSpec, ...]:
    """Return the heads that predict ``n_outputs`` numbers, which are expected standardised.

    >>> [head.name for head in number_heads(1)]
    ['ridge', 'linear-svm', 'rbf-svm', 'knn', 'boosting']
    """
    several = n_outputs > 1
    inner = "multioutputregressor__estimator__" if several else ""

    def build(*steps: BaseEstimator, last: BaseEstimator) -> BaseEstimator:
        return make_pipeline(*steps, MultiOutputRegressor(last) if several else last)

    def key(name: str, parameter: str) -> str:
        return f"{inner}{parameter}" if several else f"{name}__{parameter}"

    return (
        HeadSpec(
            "ridge",
            "Least squares with an L2 penalty, tuned by leave-one-out in closed form: the first to try.",
            "a second for thousands of rows",
            lambda: make_pipeline(StandardScaler(), Ridge()),
            parameter_grid(
                "ridge__alpha", [float(f"{10**e:.2g}") for e in np.arange(6, -0.5, -0.5)]
            ),
            search="leave-one-out",
        ),
        HeadSpec(
            "linear-svm",
            "Support vectors on a plane: errors count by their size, so that a few wild ones matter less.",
            "grows with the square of the samples",
            partial(build, StandardScaler(), last=SVR(kernel="linear")),
            parameter_grid(key("svr", "C"), [1e-4, 1e-3, 1e-2, 1e-1]),
            growth=1.8,
        ),
        HeadSpec(
            "rbf-svm",
            "Support vectors on a curved surface: when numbers do not grow along a line.",
            "grows with the square of the samples; keeps its support vectors",
            partial(build, StandardScaler(), last=SVR()),
            parameter_grid(key("svr", "C"), [0.1, 0.3, 1.0, 3.0, 10.0]),
            growth=1.8,
        ),
        HeadSpec(
            "knn",
            "The mean of the nearest training samples by angle: no shape assumed, and easy to explain.",
            "no training; every prediction compares with every row kept",
            lambda: make_pipeline(StandardScaler(), Normalizer(), KNeighborsRegressor()),
            parameter_grid("kneighborsregressor__n_neighbors", [40, 20, 10, 5, 3]),
            search="neighbors",
            growth=1.5,
        ),
        HeadSpec(
            "boosting",
            "Gradient boosted trees of few leaves: when single columns matter, seldom so on embeddings.",
            "grows with samples and columns",
            partial(
                build,
                StandardScaler(),
                last=HistGradientBoostingRegressor(
                    early_stopping=False, min_samples_leaf=5, random_state=0
                ),
            ),
            parameter_grid(key("histgradientboostingregressor", "max_leaf_nodes"), [2, 4, 8]),
            in_auto=False,
        ),
    )
