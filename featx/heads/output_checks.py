"""The check of each type of estimator of a file that gives numbers, or a score to each of several labels.

Like those of classifiers in ``featx.heads.checks``: they look at every array that answers are computed from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featx.heads.fitted import Fitted

__all__ = [
    "check_forest_numbers",
    "check_kernel",
    "check_label_neighbors",
    "check_linear_numbers",
    "check_neighbor_numbers",
    "check_neighborhood",
    "check_perceptron_numbers",
    "check_stack",
    "check_support_numbers",
    "check_univariate_selection",
    "refuse_classes",
]

_KERNELS = ("linear", "rbf", "poly", "sigmoid")
_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
# Distances that need no further numbers.
_METRICS = ("minkowski", "euclidean", "l2", "manhattan", "l1", "cityblock", "chebyshev", "cosine")


def refuse_classes(fitted: Fitted) -> None:
    """Refuse an estimator of numbers that says it knows classes: it would be taken for a classifier."""
    if fitted.has("classes_"):
        raise ValueError("classes_: expected none, it gives numbers")


def check_linear_numbers(fitted: Fitted) -> None:
    """Examine a linear regressor of one number, or of several."""
    refuse_classes(fitted)
    if getattr(fitted.value("coef_"), "ndim", 0) == 1:
        n = 1
        fitted.array("coef_", fitted.d)
    else:
        n = len(fitted.array("coef_", None, fitted.d))
    if isinstance(fitted.value("intercept_"), np.ndarray):
        fitted.array("intercept_", n)
    else:
        fitted.number("intercept_")


def check_support_numbers(fitted: Fitted) -> None:
    """Examine an SVR or NuSVR; libsvm takes every count for granted."""
    refuse_classes(fitted)
    n = len(fitted.array("support_vectors_", None, fitted.d))
    counts = fitted.array("_n_support", 2, kinds="i", low=0)
    support = fitted.array("support_", n, kinds="i", low=0)
    if counts.dtype != np.int32 or support.dtype != np.int32 or counts.tolist() != [n, n]:
        raise ValueError(f"_n_support, support_: expected int32, and {n} vectors")
    for name, shape in (("dual_coef_", (1, n)), ("intercept_", (1,))):
        if not np.array_equal(fitted.array(name, *shape), fitted.array(f"_{name}", *shape)):
            raise ValueError(f"{name} stands there twice, and differs")
    for name in ("support_vectors_", "dual_coef_", "_dual_coef_", "intercept_", "_intercept_"):
        if fitted.value(name).dtype != np.float64:
            raise ValueError(f"{name}: expected float64")
    for name in ("_probA", "_probB"):
        value = fitted.value(name)
        if type(value) is not np.ndarray or value.shape != (0,) or value.dtype != np.float64:
            raise ValueError(f"{name}: expected nothing in it")
    check_kernel(fitted, int(support.max()))


def check_kernel(fitted: Fitted, last: int) -> None:
    """Examine the parameters of a support vector machine, of which ``last`` is the last vector's index."""
    fitted.one_of("kernel", _KERNELS)
    fitted.one_of("_sparse", (False,))
    fitted.one_of("fit_status_", (0,))
    fitted.number("_gamma", 0.0)
    fitted.number("coef0")
    fitted.number("cache_size", 0.0)
    fitted.whole("degree", 0, 100)
    fitted.training_shape("shape_fit_", last)


def check_neighbor_numbers(fitted: Fitted) -> None:
    """Examine the mean of nearest neighbours; its tree is built anew from the rows."""
    refuse_classes(fitted)
    rows = fitted.array("_fit_X", None, fitted.d)
    several = getattr(fitted.value("_y"), "ndim", 1) == 2
    fitted.array("_y", len(rows), *((None,) if several else ()), kinds="iuf")
    check_neighborhood(fitted, len(rows))


def check_label_neighbors(fitted: Fitted) -> None:
    """Examine the votes of nearest neighbours for each of several labels."""
    rows = fitted.array("_fit_X", None, fitted.d)
    labels = fitted.value("classes_")
    codes = fitted.array("_y", len(rows), len(labels), kinds="iu", low=0)
    fitted.one_of("outputs_2d_", (True,))
    for column, classes in zip(codes.T, labels, strict=True):
        n = len(_binary_classes(classes))
        if column.max() >= n:
            raise ValueError(f"_y: expected each of 0 to {n - 1}")
    check_neighborhood(fitted, len(rows))


def check_neighborhood(fitted: Fitted, n_rows: int) -> None:
    """Examine the parameters of a search for neighbours."""
    fitted.whole("n_neighbors", 1, n_rows)
    fitted.one_of("weights", ("uniform", "distance"))
    fitted.one_of("metric", _METRICS)
    fitted.one_of("metric_params", (None,))
    fitted.number("p", 1.0)


def check_forest_numbers(fitted: Fitted) -> None:
    """Examine a forest that predicts one number."""
    refuse_classes(fitted)
    if fitted.whole("n_outputs_") != 1:
        raise ValueError("expected one output")
    for tree in fitted.value("estimators_"):
        if hasattr(tree, "classes_"):
            raise ValueError("estimators_ has a tree of classes")


def check_perceptron_numbers(fitted: Fitted) -> None:
    """Examine a network of layers that ends in numbers."""
    refuse_classes(fitted)
    n_layers = fitted.whole("n_layers_", 2, 1000)
    coefs = fitted.arrays("coefs_", n_layers - 1)
    intercepts = fitted.arrays("intercepts_", n_layers - 1)
    width = fitted.d
    for coef, intercept in zip(coefs, intercepts, strict=True):
        width = Fitted.check_array("coefs_", coef, width, None).shape[1]
        Fitted.check_array("intercepts_", intercept, width)
    if fitted.whole("n_outputs_") != width:
        raise ValueError(f"the last layer gives {width} numbers")
    fitted.one_of("activation", _ACTIVATIONS)
    fitted.one_of("out_activation_", ("identity",))


def check_stack(fitted: Fitted) -> None:
    """Examine an estimator that holds one for each label, or for each number."""
    estimators = fitted.value("estimators_")
    if not fitted.has("classes_"):
        if any(hasattr(one, "classes_") for one in estimators):
            raise ValueError("estimators_: expected estimators of numbers")
        return
    for one, classes in zip(estimators, fitted.arrays("classes_", len(estimators)), strict=True):
        if not np.array_equal(getattr(one, "classes_", ()), _binary_classes(classes)):
            raise ValueError("estimators_: expected estimators of the classes 0 and 1")


def _binary_classes(classes: Any) -> Any:
    array = Fitted.check_array("classes_", classes, None, kinds="iuf", low=0)
    if array.tolist() not in ([0], [1], [0, 1]):
        raise ValueError("classes_: expected labels that a sample has (1) or has not (0)")
    return array


def check_univariate_selection(fitted: Fitted) -> int:
    """Examine a choice of columns by a score of each, which may be NaN where a column is constant."""
    for name in ("scores_", "pvalues_"):
        values = fitted.value(name)
        if values is None and name == "pvalues_":
            continue
        plain = type(values) is np.ndarray and values.dtype in (np.float32, np.float64)
        if not plain or values.shape != (fitted.d,):
            raise ValueError(f"{name}: expected a number for each of {fitted.d} columns")
    chosen = int(np.count_nonzero(fitted.estimator.get_support()))
    if not chosen:
        raise ValueError("it leaves no column")
    return chosen
