"""Support vector machines through kernel matrices: libsvm evaluates kernels pair by pair, many times slower."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featx._typing import Doubles, FloatArray, Labels, Numbers
from featx.heads._sklearn_compat import adopt_kernel_fit, svc_gamma

if TYPE_CHECKING:
    from sklearn.svm import SVC

__all__ = [
    "LARGEST_GRAM",
    "fit_by_kernel",
    "kernel_matrix",
    "pairwise_coefficients",
    "pairwise_margins",
    "scale_gamma",
]

# Training samples whose whole kernel matrix fits into a gigabyte, at 8 bytes a pair.
LARGEST_GRAM = 11_000
_KERNELS = ("linear", "rbf")
# Rows whose kernel with the support vectors is held in memory at a time.
_BLOCK = 1024
# Up to so many rows libsvm is as fast as a matrix product.
_FEW_ROWS = 16
# Rows on which a fit by kernel matrix is compared with libsvm, and how near their margins must be.
_CHECKED_ROWS, _TOLERANCE = 50, 1e-3


def kernel_matrix(
    kernel: str,
    rows: Numbers,
    others: Numbers,
    gamma: float = 0.0,
) -> Doubles:
    """Return the linear or Gaussian ("rbf") kernel of all pairs.

    Parameters
    ----------
    gamma : float
        The parameter of SVC; the linear kernel has none.

    Returns
    -------
    ndarray of shape (len(rows), len(others)), float64
    """
    from sklearn.metrics.pairwise import linear_kernel, rbf_kernel

    if kernel == "linear":
        return np.asarray(linear_kernel(rows, others), np.float64)
    # In float32 scikit-learn would convert as well, block by block, and give float32 back.
    wide = np.asarray(rows, np.float64)
    return np.asarray(
        rbf_kernel(wide, None if others is rows else np.asarray(others, np.float64), gamma=gamma)
    )


def scale_gamma(rows: FloatArray) -> float:
    """Return the number that SVC computes for ``gamma="scale"``."""
    return float(1 / (rows.shape[1] * (float(rows.var()) or 1.0)))


def pairwise_margins(svc: SVC, rows: Numbers) -> Doubles:
    """Return the one-vs-one decision function: (n,) for two classes, else (n, pairs)."""
    if svc.kernel not in _KERNELS or len(rows) < _FEW_ROWS:
        return np.asarray(svc.decision_function(rows), np.float64)
    vectors = np.asarray(svc.support_vectors_)
    coefficients, gamma = pairwise_coefficients(svc), svc_gamma(svc)
    products = [
        kernel_matrix(
            svc.kernel, np.asarray(rows[start : start + _BLOCK], np.float64), vectors, gamma
        )
        @ coefficients
        for start in range(0, len(rows), _BLOCK)
    ]
    values = np.concatenate(products) + svc.intercept_
    return np.asarray(values if len(svc.classes_) > 2 else values[:, 0])


def pairwise_coefficients(svc: SVC) -> Doubles:
    """Return the weight of each support vector for each pair of classes; shape (vectors, pairs)."""
    dual, n_classes = np.asarray(svc.dual_coef_, np.float64), len(svc.classes_)
    if n_classes == 2:
        return np.asarray(dual.T)
    owner = np.repeat(np.arange(n_classes), svc.n_support_)
    first, second = np.triu_indices(n_classes, 1)
    coefficients = np.zeros((len(owner), len(first)))
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        coefficients[owner == one, pair] = dual[other - 1, owner == one]
        coefficients[owner == other, pair] = dual[one, owner == other]
    return coefficients


def fit_by_kernel(
    svc: SVC, rows: FloatArray, labels: Labels, sample_weight: Doubles | None = None
) -> None:
    """Do what ``svc.fit`` does, by way of a kernel matrix where that fits into memory.

    The estimator ends in the state that its own fit leaves. Its margins are checked against libsvm's, and
    where they differ it is fitted plainly.
    """
    kernel = svc.kernel
    # libsvm drops samples of no weight, and scikit-learn then numbers support vectors among the rest.
    drops = sample_weight is not None and not np.all(sample_weight > 0)
    if kernel not in _KERNELS or svc.gamma != "scale" or len(rows) > LARGEST_GRAM or drops:
        svc.fit(rows, labels, sample_weight)
        return
    gamma = scale_gamma(rows)
    gram = kernel_matrix(kernel, rows, rows, gamma)
    svc.set_params(kernel="precomputed").fit(gram, labels, sample_weight)
    expected = svc.decision_function(gram[:_CHECKED_ROWS])
    adopt_kernel_fit(svc, rows, kernel=kernel, gamma=gamma)
    margins = svc.decision_function(rows[:_CHECKED_ROWS])
    if not np.allclose(margins, expected, rtol=_TOLERANCE, atol=_TOLERANCE):
        svc.fit(rows, labels, sample_weight)
