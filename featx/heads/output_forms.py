"""Scores, arrays and ONNX forms of estimators that give numbers, or a score to each of several labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featx._typing import Doubles, Numbers
from featx.errors import BadOption, NotExportable
from featx.heads._sklearn_compat import neighbor_codes, neighbor_rows, neighbor_values, svc_gamma
from featx.heads.onnx_forms import (
    add_affine,
    add_neighbor_means,
    add_neighbors,
    gaussian_kernel,
)
from featx.heads.score_forms import FLOOR, default_scores, label_logits, linear_coefficients

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = [
    "add_linear_numbers",
    "add_neighbor_numbers",
    "add_neighbor_votes",
    "add_stack",
    "add_support_vector_numbers",
    "is_multilabel",
    "linear_numbers",
    "number_coefficients",
    "stack_coefficients",
    "stack_scores",
]

_BINARY = [0, 1]


def number_coefficients(estimator: Any) -> tuple[Doubles, Doubles]:
    """Return ``coef_`` of shape (k, d), C-ordered, and ``intercept_`` of shape (k,) of a linear regressor."""
    coef, intercept = linear_coefficients(estimator)
    return np.ascontiguousarray(coef), intercept


def linear_numbers(estimator: Any, rows: Numbers) -> Doubles:
    """Return the numbers of a linear regressor; shape (n, k), float64."""
    coef, intercept = number_coefficients(estimator)
    return np.asarray(rows @ coef.T + intercept, np.float64)


def add_linear_numbers(graph: GraphBuilder, value: str, estimator: Any) -> str:
    """Add the numbers of a linear regressor."""
    coef, intercept = number_coefficients(estimator)
    return add_affine(graph, value, coef.T, intercept)


def add_support_vector_numbers(graph: GraphBuilder, value: str, svr: Any) -> str:
    """Add the number of an SVR; raise NotExportable unless its kernel is linear or Gaussian."""
    if svr.kernel == "linear":
        return add_affine(graph, value, np.asarray(svr.coef_).T, svr.intercept_)
    if svr.kernel != "rbf":
        raise NotExportable(
            f"head {type(svr).__name__}: kernel {svr.kernel!r} cannot be written as a graph"
        )
    kernel = gaussian_kernel(graph, value, svr.support_vectors_, svc_gamma(svr))
    return add_affine(graph, kernel, np.asarray(svr.dual_coef_).T, svr.intercept_)


def add_neighbor_numbers(graph: GraphBuilder, value: str, neighbors: Any) -> str:
    """Add the mean of the nearest rows' numbers; raise NotExportable unless equally weighed and Euclidean."""
    numbers = neighbor_values(neighbors)
    return add_neighbor_means(graph, value, neighbors, neighbor_rows(neighbors), numbers)


def add_neighbor_votes(graph: GraphBuilder, value: str, neighbors: Any) -> str:
    """Add the scores of votes of nearest rows for classes or labels; raise as ``add_neighbor_numbers``."""
    if not is_multilabel(neighbors):
        return add_neighbors(graph, value, neighbors)
    codes = neighbor_codes(neighbors).astype(np.float64)
    votes = add_neighbor_means(graph, value, neighbors, neighbor_rows(neighbors), codes)
    scaled = graph.add("Mul", votes, graph.constant(1 - 2 * FLOOR))
    kept = graph.add("Add", scaled, graph.constant(FLOOR))
    against = graph.add("Sub", graph.constant(1.0), kept)
    return graph.add("Log", graph.add("Div", kept, against))


def is_multilabel(estimator: Any) -> bool:
    """Return whether a fitted classifier gives any number of labels a sample, and not one.

    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from sklearn.linear_model import RidgeClassifier
    >>> X, members = [[0.0], [1.0], [2.0]], [[0, 1], [1, 1], [1, 0]]
    >>> is_multilabel(OneVsRestClassifier(RidgeClassifier()).fit(X, members))
    True
    >>> is_multilabel(RidgeClassifier().fit(X, [0, 1, 1]))
    False
    """
    if isinstance(getattr(estimator, "classes_", None), list):
        return True
    if hasattr(estimator, "multilabel_"):
        return bool(estimator.multilabel_)
    binarizer = getattr(estimator, "_label_binarizer", None)
    return str(getattr(binarizer, "y_type_", "")).startswith("multilabel")


def stack_scores(estimator: Any, rows: Numbers) -> Doubles:
    """Return a score for each label of an estimator that holds one binary classifier, or regressor, a column.

    Classes of which a sample has one are scored like those of any other estimator.

    Raises
    ------
    BadOption
        A column has other values than 0 and 1.
    """
    if hasattr(estimator, "classes_") and not is_multilabel(estimator):
        return default_scores(estimator, rows)
    linear = stack_coefficients(estimator)
    if linear is not None:
        coef, intercept = linear
        return np.asarray(rows @ coef.T + intercept, np.float64)
    columns = [_column_scores(one, rows) for one in estimator.estimators_]
    return np.ascontiguousarray(np.concatenate(columns, axis=1), np.float64)


def stack_coefficients(estimator: Any) -> tuple[Doubles, Doubles] | None:
    """Return the coefficients and intercepts of all columns; None where one of them is not linear."""
    from featx.heads.registry import ESTIMATORS

    parts = []
    for one in estimator.estimators_:
        forms = ESTIMATORS.get(type(one))
        linear = forms.linear(one) if forms is not None and forms.linear is not None else None
        if linear is None or len(linear[0]) != 1:
            return None
        parts.append(linear)
    coefs, intercepts = zip(*parts, strict=True)
    return np.ascontiguousarray(np.concatenate(coefs)), np.concatenate(intercepts)


def add_stack(graph: GraphBuilder, value: str, estimator: Any) -> str:
    """Add the scores of all columns; raise NotExportable where one of them cannot be written."""
    from featx.heads.graph import add_scores

    several = not hasattr(estimator, "classes_") or is_multilabel(estimator)
    if not several and not hasattr(estimator, "decision_function"):
        raise NotExportable(
            f"head {type(estimator).__name__}: without decision_function it cannot be written as a graph; "
            "expected linear classifiers or boosted trees in it"
        )
    linear = stack_coefficients(estimator)
    if linear is not None:
        scores = add_affine(graph, value, linear[0].T, linear[1])
    else:
        columns = [
            _add_column(graph, add_scores(graph, value, one), one) for one in estimator.estimators_
        ]
        scores = graph.add("Concat", *columns, axis=1)
    # One score of two classes is that of the second; the first has 0.
    if not several and len(estimator.estimators_) == 1:
        return graph.add("MatMul", scores, graph.constant([[0.0, 1.0]]))
    return scores


def _add_column(graph: GraphBuilder, scores: str, estimator: Any) -> str:
    """Reduce the two scores of a binary classifier to that of 1 over 0; a number stays as it is."""
    if not hasattr(estimator, "classes_"):
        return scores
    return graph.add("MatMul", scores, graph.constant([[-1.0], [1.0]]))


def _column_scores(estimator: Any, rows: Numbers) -> Doubles:
    """Return the scores of one column, of shape (n, 1)."""
    from featx.heads.registry import scores

    classes = getattr(estimator, "classes_", None)
    if classes is None and hasattr(estimator, "predict_proba"):
        # What scikit-learn puts in the place of a label that all training samples have, or none.
        return label_logits(np.asarray(estimator.predict_proba(rows), np.float64)[:, 1:])
    values = scores(estimator, rows)
    if classes is None:
        return values
    if np.asarray(classes).tolist() != _BINARY:
        raise BadOption(
            f"head {type(estimator).__name__}: expected labels that a sample has (1) or has not (0), "
            f"found {np.asarray(classes).tolist()!r:.60}"
        )
    return np.asarray(values[:, 1:] - values[:, :1])
