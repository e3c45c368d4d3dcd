"""ONNX form of each type of estimator: the same float64 arithmetic as its scores, as nodes of a graph.

featx's scores (soft minima of margins, floored votes) are its own, which no converter knows. A form takes the
graph, the name of its input (float64, one row a sample) and the fitted estimator, and returns the name of its
output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles
from featx.errors import NotExportable
from featx.heads._sklearn_compat import neighbor_codes, neighbor_rows, svc_gamma
from featx.heads.score_forms import (
    FLOOR,
    SHARPNESS,
    centroid_coefficients,
    linear_coefficients,
)
from featx.heads.support_vectors import pairwise_coefficients

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = [
    "add_affine",
    "add_centroids",
    "add_linear",
    "add_margins",
    "add_neighbor_means",
    "add_neighbors",
    "add_normalizer",
    "add_pca",
    "add_selection",
    "add_standard_scaler",
    "add_support_vectors",
    "gaussian_kernel",
]


def add_standard_scaler(graph: GraphBuilder, value: str, scaler: Any) -> str:
    """Standardise columns in float32, as scikit-learn does: a tiny scale multiplies what it rounds."""
    # onnx takes 0.3 s to import.
    from featx.graphs.builder import DOUBLE, FLOAT

    value = graph.cast(value, FLOAT)
    if scaler.mean_ is not None and scaler.with_mean:
        value = graph.add("Sub", value, graph.constant(scaler.mean_, np.float32))
    if scaler.scale_ is not None:
        value = graph.add("Div", value, graph.constant(scaler.scale_, np.float32))
    return graph.cast(value, DOUBLE)


def add_pca(graph: GraphBuilder, value: str, pca: Any) -> str:
    """Project rows on principal components; raise NotExportable where they are whitened."""
    if pca.whiten:
        raise NotExportable("head PCA: with whiten=True it cannot be written as a graph")
    value = graph.add("Sub", value, graph.constant(pca.mean_))
    return graph.add("MatMul", value, graph.constant(pca.components_.T))


def add_normalizer(graph: GraphBuilder, value: str, normalizer: Any) -> str:
    """Bring rows to length 1; raise NotExportable where the norm is not the Euclidean one."""
    if normalizer.norm != "l2":
        raise NotExportable(
            f"head Normalizer: norm = {normalizer.norm!r} cannot be written; expected 'l2'"
        )
    length = graph.reduce("ReduceL2", value, 1)
    return graph.add("Div", value, graph.add("Max", length, graph.constant(1e-300)))


def add_selection(graph: GraphBuilder, value: str, selector: Any) -> str:
    """Take the columns that were chosen."""
    chosen = graph.constant(selector.get_support(indices=True), np.int64)
    return graph.add("Gather", value, chosen, axis=1)


def add_linear(graph: GraphBuilder, value: str, estimator: Any) -> str:
    """Add the scores of a linear model; with two classes the first has 0."""
    coef, intercept = linear_coefficients(estimator)
    scores = add_affine(graph, value, coef.T, intercept)
    return scores if len(coef) > 1 else _with_first_class(graph, scores)


def add_centroids(graph: GraphBuilder, value: str, estimator: Any) -> str:
    """Add minus half the squared distances to centroids, up to a constant of the row."""
    centers, offset = centroid_coefficients(estimator)
    return add_affine(graph, value, centers.T, offset)


def add_support_vectors(graph: GraphBuilder, value: str, svc: Any) -> str:
    """Add the soft minimum margins of an SVC; raise NotExportable unless linear or Gaussian, one-vs-one."""
    if svc.kernel not in ("linear", "rbf"):
        raise NotExportable(f"head SVC: kernel {svc.kernel!r} cannot be written as a graph")
    n_classes = len(svc.classes_)
    if n_classes > 2 and svc.decision_function_shape != "ovo":
        raise NotExportable(
            "head SVC: decision_function_shape must be 'ovo' to be written as a graph"
        )
    return _soft_minimum_margins(graph, add_margins(graph, value, svc), n_classes)


def add_margins(graph: GraphBuilder, value: str, svc: Any) -> str:
    """Add the one-vs-one margins of an SVC of a linear or Gaussian kernel, a column a pair."""
    if svc.kernel == "linear":
        margins = add_affine(graph, value, svc.coef_.T, svc.intercept_)
    else:
        kernel = gaussian_kernel(graph, value, svc.support_vectors_, svc_gamma(svc))
        margins = add_affine(graph, kernel, pairwise_coefficients(svc), svc.intercept_)
    return margins


def add_neighbors(graph: GraphBuilder, value: str, neighbors: Any) -> str:
    """Add the floored votes of nearest rows; raise NotExportable unless they are equal and Euclidean."""
    one_hot = np.eye(len(neighbors.classes_))[neighbor_codes(neighbors)]
    votes = add_neighbor_means(graph, value, neighbors, neighbor_rows(neighbors), one_hot)
    return graph.add("Log", graph.add("Add", votes, graph.constant(FLOOR)))


def add_neighbor_means(
    graph: GraphBuilder, value: str, neighbors: Any, kept: Doubles, values: Doubles
) -> str:
    """Add the mean of ``values``, a line a kept row, over the nearest of these rows."""
    if neighbors.weights != "uniform" or neighbors.effective_metric_ != "euclidean":
        name = type(neighbors).__name__
        raise NotExportable(f"head {name}: only equal votes by Euclidean distance")
    nearness = add_affine(graph, value, 2 * kept.T, -(kept**2).sum(axis=1))
    count = graph.constant([neighbors.n_neighbors], np.int64)
    indices = graph.add("TopK", nearness, count, outputs=2, axis=1)
    nearest = graph.add("Gather", graph.constant(values), indices)
    return graph.reduce("ReduceMean", nearest, 1, keep=False)


def gaussian_kernel(graph: GraphBuilder, value: str, vectors: npt.ArrayLike, gamma: float) -> str:
    """Add exp(-gamma |x - v|²) of each row with each of some vectors."""
    support = np.asarray(vectors, np.float64)
    products = add_affine(graph, value, 2 * support.T, -(support**2).sum(axis=1))
    square = graph.reduce("ReduceSumSquare", value, 1)
    distance = graph.add("Max", graph.add("Sub", square, products), graph.constant(0.0))
    return graph.add("Exp", graph.add("Mul", distance, graph.constant(-gamma)))


def add_affine(graph: GraphBuilder, value: str, matrix: Doubles, offset: npt.ArrayLike) -> str:
    """Add ``value @ matrix + offset``."""
    product = graph.add("MatMul", value, graph.constant(matrix))
    columns = np.broadcast_to(np.asarray(offset), (matrix.shape[1],))
    return graph.add("Add", product, graph.constant(columns))


def _with_first_class(graph: GraphBuilder, value: str) -> str:
    """Add a column of 0 before a single score, which is that of the second of two classes."""
    return graph.add("MatMul", value, graph.constant([[0.0, 1.0]]))


def _soft_minimum_margins(graph: GraphBuilder, margins: str, n_classes: int) -> str:
    """Reduce one-vs-one margins to the soft minimum of each class's margins over the others."""
    if n_classes == 2:
        return _with_first_class(graph, margins)
    first, second = np.triu_indices(n_classes, 1)
    pairs = [np.flatnonzero((first == k) | (second == k)) for k in range(n_classes)]
    signs = [np.where(first[own] == k, 1.0, -1.0) for k, own in enumerate(pairs)]
    own_margins = graph.add("Gather", margins, graph.constant(pairs, np.int64), axis=1)
    signed = graph.add("Mul", own_margins, graph.constant(-SHARPNESS * np.asarray(signs)))
    spread = graph.reduce("ReduceLogSumExp", signed, 2, keep=False)
    return graph.add("Div", spread, graph.constant(-SHARPNESS))
