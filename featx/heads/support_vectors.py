"""Support vectors through matrix products: libsvm evaluates kernels pair by pair, many times slower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray

if TYPE_CHECKING:
    from sklearn.svm import SVC

__all__ = [
    "LARGEST_GRAM",
    "fit_vectors",
    "kernel_of",
    "margins",
    "pairwise_coefficients",
    "scale_of",
]


_BLOCK = 1024  # rows of a kernel that are made at a time
_FEW = 16  # rows for which libsvm is as fast
LARGEST_GRAM = 11_000  # training samples whose whole kernel fits into a gigabyte, 8 bytes a pair
_CHECKED, _EQUAL = (
    50,
    1e-3,
)  # rows on which the two ways to a margin are compared, and how near they must be


def kernel_of(
    kind: str,
    rows: npt.NDArray[np.floating[Any]],
    others: npt.NDArray[np.floating[Any]],
    width: float = 0.0,
) -> Doubles:
    """The linear or Gaussian kernel of all pairs, as products in the precision of ``rows``.

    Parameters
    ----------
    width : float
        What SVC calls gamma; of the Gaussian one.

    Returns
    -------
    ndarray of shape (len(rows), len(others)), float64
    """
    made = np.empty((len(rows), len(others)))
    squares = np.einsum("nd,nd->n", others, others, dtype=np.float64)
    for start in range(0, len(rows), _BLOCK):
        some, block = rows[start : start + _BLOCK], made[start : start + _BLOCK]
        block[:] = some @ others.T
        if kind == "rbf":
            block *= 2
            block -= squares
            block -= np.einsum("nd,nd->n", some, some, dtype=np.float64)[:, None]
            np.minimum(block, 0, out=block)
            block *= width
            np.exp(block, out=block)
    return made


def scale_of(table: FloatArray) -> float:
    """The width that SVC calls ``scale``."""
    return float(1 / (table.shape[1] * (float(table.var()) or 1.0)))


def margins(last: SVC, rows: FloatArray) -> Doubles:
    """Its decision function, one against one: (n,) for two classes, else (n, pairs)."""
    if last.kernel not in ("linear", "rbf") or len(rows) < _FEW:
        return np.asarray(last.decision_function(rows), np.float64)
    vectors = np.asarray(last.support_vectors_)
    weights = pairwise_coefficients(last)
    width = float(last._gamma)  # where it is named ("scale") nothing public says its value
    parts = [
        kernel_of(last.kernel, np.asarray(rows[start : start + _BLOCK], np.float64), vectors, width)
        @ weights
        for start in range(0, len(rows), _BLOCK)
    ]
    values = np.concatenate(parts) + last.intercept_
    return np.asarray(values if len(last.classes_) > 2 else values[:, 0])


def pairwise_coefficients(last: SVC) -> Doubles:
    """What each support vector weighs in each duel of two classes; shape (vectors, pairs)."""
    dual, n = np.asarray(last.dual_coef_, np.float64), len(last.classes_)
    if n == 2:
        return np.asarray(dual.T)
    owner = np.repeat(np.arange(n), last.n_support_)
    first, second = np.triu_indices(n, 1)
    weights = np.zeros((len(owner), len(first)))
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        weights[owner == one, pair] = dual[other - 1, owner == one]
        weights[owner == other, pair] = dual[one, owner == other]
    return weights


def fit_vectors(last: SVC, table: FloatArray, labels: npt.NDArray[np.str_]) -> None:
    """``last.fit(table, labels)`` by way of a kernel matrix, where it is worth it and fits into memory.

    The estimator ends in the state that its own fit leaves, which is checked by its margins.
    """
    kind = last.kernel
    if kind not in ("linear", "rbf") or last.gamma != "scale" or len(table) > LARGEST_GRAM:
        last.fit(table, labels)
        return
    width = scale_of(table)
    whole = kernel_of(kind, table, table, width)
    last.set_params(kernel="precomputed").fit(whole, labels)
    expected = last.decision_function(whole[:_CHECKED])
    last.set_params(kernel=kind)
    last.support_vectors_ = np.asarray(table[last.support_], np.float64)
    last.shape_fit_, last.n_features_in_ = table.shape, table.shape[1]
    last._gamma = width  # what fit computes from "scale"
    found = last.decision_function(table[:_CHECKED])
    if not np.allclose(found, expected, rtol=_EQUAL, atol=_EQUAL):
        last.fit(table, labels)
