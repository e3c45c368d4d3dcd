"""The check of each type of estimator and transformer that a file may hold.

A check takes the attributes of a file, looks at all of them that answers are computed from, and raises
ValueError in words. A transformer's returns how many columns come out of it.
"""

from __future__ import annotations

import numpy as np

from featx.heads.fitted import Fitted
from featx.heads.output_checks import check_kernel, check_label_neighbors, check_neighborhood
from featx.heads.output_forms import is_multilabel

__all__ = [
    "check_bayes",
    "check_centroids",
    "check_decomposition",
    "check_discriminants",
    "check_dummy",
    "check_linear",
    "check_neighbors",
    "check_perceptrons",
    "check_propagation",
    "check_quadratic",
    "check_scaler",
    "check_selection",
    "check_support_vectors",
    "check_unchanged",
]

_ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


def check_scaler(fitted: Fitted) -> int:
    """Examine a transformer that scales columns: a standard, min-max, max-abs or robust one."""
    for name in ("mean_", "center_", "min_", "data_min_", "data_max_", "data_range_"):
        if fitted.has(name):
            fitted.array(name, fitted.d)
    for name in ("scale_", "max_abs_"):
        if fitted.has(name):
            fitted.array(name, fitted.d, above=0.0 if name == "scale_" else -np.inf)
    if fitted.has("var_"):
        fitted.array("var_", fitted.d, low=0.0)
    _require(fitted, with_mean="mean_", with_std="scale_", with_centering="center_")
    _require(fitted, with_scaling="scale_")
    if type(fitted.estimator).__name__ in ("MinMaxScaler", "MaxAbsScaler"):
        fitted.array("scale_", fitted.d, above=0.0)
    if type(fitted.estimator).__name__ == "MinMaxScaler":
        fitted.array("min_", fitted.d)
        low, high = vars(fitted.estimator)["feature_range"]
        if not (np.isfinite([low, high]).all() and low < high):
            raise ValueError(f"feature_range = {low, high}: expected two numbers in order")
    return fitted.d


def _require(fitted: Fitted, **attributes: str) -> None:
    """Refuse a transformer whose parameter asks for an array that is not there."""
    for parameter, name in attributes.items():
        if vars(fitted.estimator).get(parameter) and not fitted.has(name):
            raise ValueError(f"{name} is missing")


def check_decomposition(fitted: Fitted) -> int:
    """Examine principal components or a truncated singular value decomposition."""
    components = fitted.array("components_", None, fitted.d)
    k = len(components)
    if type(fitted.estimator).__name__ == "PCA":
        fitted.array("mean_", fitted.d)
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_"):
        if fitted.has(name):
            fitted.array(name, k)
    if vars(fitted.estimator).get("whiten"):
        fitted.array("explained_variance_", k, above=0.0)
    return k


def check_unchanged(fitted: Fitted) -> int:
    """Examine a transformer that learns nothing but the number of columns."""
    return fitted.d


def check_selection(fitted: Fitted) -> int:
    """Examine a choice of columns by their variance."""
    variances = fitted.array("variances_", fitted.d, low=0.0)
    chosen = int((variances > fitted.number("threshold", 0.0)).sum())
    if not chosen:
        raise ValueError("threshold leaves no column")
    return chosen


def check_linear(fitted: Fitted) -> None:
    """Examine a linear classifier: a score a class, or one for two classes."""
    n_classes = fitted.classes()
    n_scores = 1 if n_classes == 2 and not is_multilabel(fitted.estimator) else n_classes
    coef = fitted.value("coef_")
    # A ridge of two classes holds them in one axis.
    if n_scores == 1 and getattr(coef, "ndim", 0) == 1:
        fitted.array("coef_", fitted.d)
    else:
        fitted.array("coef_", n_scores, fitted.d)
    # Without intercepts there is a single number.
    if isinstance(fitted.value("intercept_"), np.ndarray):
        fitted.array("intercept_", n_scores)
    else:
        fitted.number("intercept_")


def check_discriminants(fitted: Fitted) -> None:
    """Examine linear discriminants; those of a transformer beside them are left to be None."""
    check_linear(fitted)
    n_classes = fitted.classes()
    shapes: dict[str, tuple[int | None, ...]] = {
        "priors_": (n_classes,),
        "means_": (n_classes, fitted.d),
        "xbar_": (fitted.d,),
        "scalings_": (fitted.d, None),
    }
    for name, shape in shapes.items():
        if fitted.has(name):
            fitted.array(name, *shape)


def check_quadratic(fitted: Fitted) -> None:
    """Examine quadratic discriminants: the axes and variances of each class."""
    n_classes = fitted.classes()
    fitted.array("means_", n_classes, fitted.d)
    fitted.array("priors_", n_classes, above=0.0)
    rotations = fitted.arrays("rotations_", n_classes)
    scalings = fitted.arrays("scalings_", n_classes)
    for rotation, scaling in zip(rotations, scalings, strict=True):
        rank = len(Fitted.check_array("scalings_", scaling, None, above=0.0))
        Fitted.check_array("rotations_", rotation, fitted.d, rank)


def check_centroids(fitted: Fitted) -> None:
    """Examine the centroids of classes."""
    n_classes = fitted.classes()
    fitted.array("centroids_", n_classes, fitted.d)
    fitted.one_of("metric", ("euclidean", "manhattan"))
    for name, shape in (("class_prior_", (n_classes,)), ("within_class_std_dev_", (fitted.d,))):
        if fitted.has(name):
            fitted.array(name, *shape, low=0.0)


def check_bayes(fitted: Fitted) -> None:
    """Examine a naive Bayes classifier of normal, counted or binary columns."""
    n_classes = fitted.classes()
    kind = type(fitted.estimator).__name__
    if kind == "GaussianNB":
        fitted.array("theta_", n_classes, fitted.d)
        fitted.array("var_", n_classes, fitted.d, above=0.0)
        fitted.array("class_prior_", n_classes, above=0.0)
        return
    fitted.array("feature_log_prob_", n_classes, fitted.d)
    fitted.array("class_log_prior_", n_classes)
    if kind == "BernoulliNB" and fitted.has("binarize"):
        fitted.number("binarize")


def check_dummy(fitted: Fitted) -> None:
    """Examine a classifier that looks at no row."""
    n_classes = fitted.classes()
    fitted.array("class_prior_", n_classes, low=0.0)
    if fitted.whole("n_classes_") != n_classes or fitted.whole("n_outputs_") != 1:
        raise ValueError("expected one output")
    fitted.one_of("_strategy", ("prior", "most_frequent", "uniform"))
    fitted.one_of("sparse_output_", (False,))


def check_support_vectors(fitted: Fitted) -> None:
    """Examine an SVC or NuSVC; libsvm takes every count for granted."""
    n_classes = fitted.classes()
    n_pairs = n_classes * (n_classes - 1) // 2
    vectors = fitted.array("support_vectors_", None, fitted.d)
    if vectors.dtype != np.float64:
        raise ValueError("support_vectors_: expected float64")
    n_vectors = len(vectors)
    counts = fitted.array("_n_support", n_classes, kinds="i", low=0)
    support = fitted.array("support_", n_vectors, kinds="i", low=0)
    if counts.dtype != np.int32 or support.dtype != np.int32:
        raise ValueError("_n_support, support_: expected int32")
    if int(counts.sum(dtype=np.int64)) != n_vectors:
        raise ValueError(f"_n_support adds up to {counts.sum()}, there are {n_vectors} vectors")
    dual = fitted.array("dual_coef_", n_classes - 1, n_vectors)
    intercept = fitted.array("intercept_", n_pairs)
    sign = -1.0 if n_classes == 2 else 1.0
    same = np.array_equal(fitted.array("_dual_coef_", n_classes - 1, n_vectors), sign * dual)
    if not same or not np.array_equal(fitted.array("_intercept_", n_pairs), sign * intercept):
        raise ValueError("dual_coef_ and intercept_ stand there twice, and differ")
    for name in ("dual_coef_", "_dual_coef_", "intercept_", "_intercept_", "_probA", "_probB"):
        if getattr(fitted.value(name), "dtype", None) != np.float64:
            raise ValueError(f"{name}: expected float64")
    if fitted.value("_probA").shape != (0,) or fitted.value("_probB").shape != (0,):
        fitted.array("_probA", n_pairs)
        fitted.array("_probB", n_pairs)
    check_kernel(fitted, int(support.max()))


def check_neighbors(fitted: Fitted) -> None:
    """Examine a nearest-neighbours classifier; its tree is built anew from the rows."""
    if isinstance(fitted.value("classes_"), list):
        check_label_neighbors(fitted)
        return
    n_classes = fitted.classes()
    rows = fitted.array("_fit_X", None, fitted.d)
    codes = fitted.array("_y", len(rows), kinds="iu", low=0)
    if not np.array_equal(np.unique(codes), np.arange(n_classes)):
        raise ValueError(f"_y: expected each of 0 to {n_classes - 1}")
    check_neighborhood(fitted, len(rows))


def check_propagation(fitted: Fitted) -> None:
    """Examine labels that were spread by a Gaussian kernel."""
    n_classes = fitted.classes()
    rows = fitted.array("X_", None, fitted.d)
    fitted.array("label_distributions_", len(rows), n_classes, low=0.0)
    fitted.one_of("kernel", ("rbf",))
    fitted.number("gamma", 0.0)


def check_perceptrons(fitted: Fitted) -> None:
    """Examine a network of layers, each of which takes what the one before it gives."""
    n_classes = fitted.classes()
    n_outputs = 1 if n_classes == 2 else n_classes
    n_layers = fitted.whole("n_layers_", 2, 1000)
    coefs = fitted.arrays("coefs_", n_layers - 1)
    intercepts = fitted.arrays("intercepts_", n_layers - 1)
    width = fitted.d
    for coef, intercept in zip(coefs, intercepts, strict=True):
        columns = Fitted.check_array("coefs_", coef, width, None).shape[1]
        Fitted.check_array("intercepts_", intercept, columns)
        width = columns
    if width != n_outputs or fitted.whole("n_outputs_") != n_outputs:
        raise ValueError(f"the last layer gives {width} scores for {n_classes} classes")
    fitted.one_of("activation", _ACTIVATIONS)
    fitted.one_of("out_activation_", ("logistic" if n_outputs == 1 else "softmax",))
