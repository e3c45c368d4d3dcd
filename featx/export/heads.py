"""A fitted head as nodes: what ``featx.heads.scores`` says of it, in the same float64.

Heads are a closed set of products, kernels and distances, and featx's scores of them (duels, floored votes) are
its own, which no converter knows: so they are written here, and no converter is depended on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from featx.errors import BadOption
from featx.graphs.builder import DOUBLE, FLOAT, GraphBuilder
from featx.heads.support_vectors import pairwise_coefficients
from featx.heads.trained import FLOOR, SHARPNESS

__all__ = ["add_head"]


def add_head(graph: GraphBuilder, rows: str, estimator: BaseEstimator, temperature: float) -> str:
    """Calibrated probabilities, float64 of shape (n, n_classes), of rows.

    Raises
    ------
    BadOption
        A part of the head is one that cannot be written as a graph.
    """
    steps = (
        [each for _, each in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    )
    value = graph.cast(rows, DOUBLE)
    for step in steps[:-1]:
        value = _writer(_STEPS, step)(graph, value, step)
    scores = _writer(_LAST, steps[-1])(graph, value, steps[-1])
    return graph.add("Softmax", graph.add("Div", scores, graph.constant(temperature)), axis=1)


Writer = Callable[[GraphBuilder, str, Any], str]


def _writer(table: Mapping[type, Writer], step: BaseEstimator) -> Writer:
    if type(step) not in table:
        known = ", ".join(sorted(kind.__name__ for kind in table))
        raise BadOption(
            f"head {type(step).__name__}: cannot be written as a graph; expected one of {known}"
        )
    return table[type(step)]


def _scale(graph: GraphBuilder, value: str, step: Any) -> str:
    value = graph.cast(value, FLOAT)  # as scikit-learn: a tiny scale makes much of what it rounds
    if step.mean_ is not None and step.with_mean:
        value = graph.add("Sub", value, graph.constant(step.mean_, np.float32))
    if step.scale_ is not None:
        value = graph.add("Div", value, graph.constant(step.scale_, np.float32))
    return graph.cast(value, DOUBLE)


def _turn(graph: GraphBuilder, value: str, step: Any) -> str:
    if step.whiten:
        raise BadOption("head PCA: with whiten=True it cannot be written as a graph")
    value = graph.add("Sub", value, graph.constant(step.mean_))
    return graph.add("MatMul", value, graph.constant(step.components_.T))


def _unit(graph: GraphBuilder, value: str, step: Any) -> str:
    if step.norm != "l2":
        raise BadOption(f"head Normalizer: norm = {step.norm!r} cannot be written; expected 'l2'")
    length = graph.reduce("ReduceL2", value, 1)
    return graph.add("Div", value, graph.add("Max", length, graph.constant(1e-300)))


def _linear(graph: GraphBuilder, value: str, last: Any) -> str:
    matrix = np.atleast_2d(last.coef_).T
    scores = _product(graph, value, matrix, last.intercept_)
    return scores if matrix.shape[1] > 1 else _of_second(graph, scores)


def _product(graph: GraphBuilder, value: str, matrix: Any, offset: Any) -> str:
    made = graph.add("MatMul", value, graph.constant(matrix))
    return graph.add("Add", made, graph.constant(np.broadcast_to(offset, (matrix.shape[1],))))


def _of_second(graph: GraphBuilder, value: str) -> str:
    """A single score is that of the second of two classes; the first has 0."""
    return graph.add("MatMul", value, graph.constant([[0.0, 1.0]]))


def _centroids(graph: GraphBuilder, value: str, last: Any) -> str:
    centers = np.asarray(last.centroids_, np.float64)
    return _product(graph, value, centers.T, -(centers**2).sum(axis=1) / 2)


def _vectors(graph: GraphBuilder, value: str, last: Any) -> str:
    if last.kernel not in ("linear", "rbf"):
        raise BadOption(f"head SVC: kernel {last.kernel!r} cannot be written as a graph")
    n = len(last.classes_)
    if n > 2 and last.decision_function_shape != "ovo":
        raise BadOption("head SVC: decision_function_shape must be 'ovo' to be written as a graph")
    if last.kernel == "linear":
        return _duels(graph, _product(graph, value, last.coef_.T, last.intercept_), n)
    support = np.asarray(last.support_vectors_, np.float64)
    dots = _product(graph, value, 2 * support.T, -(support**2).sum(axis=1))
    square = graph.reduce("ReduceSumSquare", value, 1)
    distance = graph.add("Max", graph.add("Sub", square, dots), graph.constant(0.0))
    gamma = float(last._gamma)  # where it is named ("scale") nothing public says its value
    kernel = graph.add("Exp", graph.add("Mul", distance, graph.constant(-gamma)))
    return _duels(graph, _product(graph, kernel, pairwise_coefficients(last), last.intercept_), n)


def _duels(graph: GraphBuilder, margins: str, n: int) -> str:
    """For each class the soft minimum of its margins over the others."""
    if n == 2:
        return _of_second(graph, margins)
    first, second = np.triu_indices(n, 1)
    own = [np.flatnonzero((first == k) | (second == k)) for k in range(n)]
    signs = [np.where(first[pairs] == k, 1.0, -1.0) for k, pairs in enumerate(own)]
    picked = graph.add("Gather", margins, graph.constant(own, np.int64), axis=1)
    signed = graph.add("Mul", picked, graph.constant(-SHARPNESS * np.asarray(signs)))
    spread = graph.reduce("ReduceLogSumExp", signed, 2, keep=False)
    return graph.add("Div", spread, graph.constant(-SHARPNESS))


def _neighbors(graph: GraphBuilder, value: str, last: Any) -> str:
    if last.weights != "uniform" or last.effective_metric_ != "euclidean":
        raise BadOption("head KNeighborsClassifier: only equal votes by Euclidean distance")
    kept = np.asarray(last._fit_X, np.float64)  # no public name for what it remembers
    near = _product(graph, value, 2 * kept.T, -(kept**2).sum(axis=1))
    count = graph.constant([last.n_neighbors], np.int64)
    places = graph.add("TopK", near, count, outputs=2, axis=1)
    ballots = graph.constant(np.eye(len(last.classes_))[np.asarray(last._y)])
    votes = graph.reduce("ReduceMean", graph.add("Gather", ballots, places), 1, keep=False)
    return graph.add("Log", graph.add("Add", votes, graph.constant(FLOOR)))


_STEPS: Mapping[type, Writer] = MappingProxyType(
    {StandardScaler: _scale, PCA: _turn, Normalizer: _unit}
)
_LINEAR = (
    *(LogisticRegression, LogisticRegressionCV, RidgeClassifier, RidgeClassifierCV),
    *(LinearDiscriminantAnalysis, LinearSVC, SGDClassifier),
)
_LAST: Mapping[type, Writer] = MappingProxyType(
    {
        **dict.fromkeys(_LINEAR, _linear),
        SVC: _vectors,
        NearestCentroid: _centroids,
        KNeighborsClassifier: _neighbors,
    }
)
