"""Tuned heads that measure what an embedding is worth."""

from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["LOGISTIC_C", "search_head"]

# Values of C that are tried for a logistic regression.
LOGISTIC_C = [0.001, 0.003, 0.01, 0.03, 0.1, 1]


def search_head(head: Any, grid: dict[str, list[float]], x: np.ndarray, y: np.ndarray) -> Any:
    """Fit a scaler and a head, its parameters chosen by three-fold search, and return the search."""
    pipeline = make_pipeline(StandardScaler(), head)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    return GridSearchCV(pipeline, grid, cv=folds).fit(x, y)
