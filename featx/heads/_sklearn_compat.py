"""All contact with private parts of scikit-learn's estimators.

Each function here stands for something that scikit-learn knows and has no public name for. They hold for the
versions in ``TESTED_VERSIONS``: a test fails with any other until someone has looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.preprocessing import LabelBinarizer

from featx._typing import Doubles, FloatArray, Integers, Labels

if TYPE_CHECKING:
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC, SVR

__all__ = [
    "TESTED_VERSIONS",
    "BoostedTrees",
    "adopt_kernel_fit",
    "adopt_label_regressions",
    "adopt_regression",
    "boosted_trees",
    "check_parameters",
    "complete_boosting",
    "complete_perceptrons",
    "complete_ridge",
    "label_binarizer",
    "make_bin_mapper",
    "make_boosted_tree",
    "make_calibrated",
    "make_isotonic",
    "make_sigmoid",
    "make_temperature",
    "make_tree",
    "neighbor_codes",
    "neighbor_rows",
    "neighbor_values",
    "refit_neighbors",
    "svc_gamma",
    "tree_node_dtype",
    "tree_nodes_dtype",
]

# Minor versions of scikit-learn whose private names were compared with what is written here.
TESTED_VERSIONS = ("1.8", "1.9")


def svc_gamma(svc: SVC | SVR) -> float:
    """Return the number that a fitted SVC or SVR uses as gamma, also where ``gamma`` is "scale" or "auto"."""
    return float(svc._gamma)


def adopt_regression(
    regression: LogisticRegression,
    classes: Labels,
    coef: npt.NDArray[Any],
    intercept: npt.NDArray[Any],
) -> None:
    """Give a logistic regression the state of a fitted one.

    Parameters
    ----------
    regression : LogisticRegression
        It is changed in place.
    classes : ndarray of shape (k,)
        Sorted.
    coef : ndarray of shape (m, d)
        m is k, or 1 for two classes.
    intercept : ndarray of shape (m,)
    """
    regression.classes_, regression.coef_, regression.intercept_ = classes, coef, intercept
    regression.n_features_in_, regression.n_iter_ = coef.shape[1], np.array([0], np.int32)


def adopt_label_regressions(
    one_vs_rest: OneVsRestClassifier, coef: npt.NDArray[Any], intercept: npt.NDArray[Any]
) -> None:
    """Give a OneVsRestClassifier of logistic regressions the state of one fitted on label indicators.

    Parameters
    ----------
    coef : ndarray of shape (L, d)
    intercept : ndarray of shape (L,)
    """
    n_labels, d = coef.shape
    every = np.ones((1, n_labels), np.intp)
    one_vs_rest.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(
        np.concatenate([every, 0 * every])
    )
    one_vs_rest.classes_ = one_vs_rest.label_binarizer_.classes_
    one_vs_rest.estimators_ = []
    for weights, offset in zip(coef, intercept, strict=True):
        one = clone(one_vs_rest.estimator)
        own_offset = np.array([offset], coef.dtype)
        adopt_regression(one, np.array([0, 1]), weights[None].copy(), own_offset)
        one_vs_rest.estimators_.append(one)
    one_vs_rest.n_features_in_ = d


def adopt_kernel_fit(svc: SVC, rows: FloatArray, *, kernel: str, gamma: float) -> None:
    """Give an SVC that was fitted on a precomputed kernel the state of one that was fitted on rows.

    Parameters
    ----------
    svc : SVC
        Fitted with ``kernel="precomputed"``; it is changed in place.
    rows : ndarray of shape (n, d), float32
        The rows of which the kernel was computed.
    kernel : str
        The name of that kernel.
    gamma : float
        Its gamma, which ``fit`` would have computed from "scale".
    """
    svc.set_params(kernel=kernel)
    svc.support_vectors_ = np.asarray(rows[svc.support_], np.float64)
    svc.shape_fit_, svc.n_features_in_ = rows.shape, rows.shape[1]
    svc._gamma = gamma


def neighbor_rows(neighbors: KNeighborsClassifier | KNeighborsRegressor) -> Doubles:
    """Return the training rows that fitted neighbours keep; shape (n, d), float64."""
    return np.asarray(neighbors._fit_X, np.float64)


def neighbor_codes(neighbors: KNeighborsClassifier) -> Integers:
    """Return the class of each kept row as its index in ``classes_``; shape (n,), of several labels (n, L)."""
    codes: npt.NDArray[np.intp] = np.asarray(neighbors._y, np.intp)
    return codes


def neighbor_values(neighbors: KNeighborsRegressor) -> Doubles:
    """Return the numbers of each row that a fitted KNeighborsRegressor keeps; shape (n, k), float64."""
    values = np.asarray(neighbors._y, np.float64)
    return values.reshape(len(values), -1)


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """The arrays with which fitted gradient boosted trees compute; nothing of them is examined.

    Attributes
    ----------
    trees : list of ndarray
        The nodes of each tree, in the order of iterations and then of outputs.
    iteration_sizes : list of int
        The number of trees of each iteration.
    trees_per_iteration : int
        Outputs: 1 for two classes or a number, else one a class.
    baseline : ndarray of shape (1, n_outputs), float64
        What the trees' values are added to.
    n_classes : int
        0 of a regressor.
    n_features : int
    bin_thresholds : list of ndarray
        Thresholds between the bins of each column.
    bin_counts : ndarray of shape (n_features,)
        The number of bins of each column, without the one for missing values.
    max_bins : int
    is_binned : bool
        Whether it takes rows for bin numbers, as while it is trained.
    has_categories : bool
        Whether a column holds categories.
    """

    trees: list[npt.NDArray[Any]]
    iteration_sizes: list[int]
    trees_per_iteration: int
    baseline: Doubles
    n_classes: int
    n_features: int
    bin_thresholds: list[Doubles]
    bin_counts: npt.NDArray[Any]
    max_bins: int
    is_binned: bool
    has_categories: bool


def boosted_trees(
    estimator: HistGradientBoostingClassifier | HistGradientBoostingRegressor,
) -> BoostedTrees:
    """Return what fitted gradient boosted trees compute with.

    Raises
    ------
    TypeError
        What should hold a tree, or the bins, is of another type.
    AttributeError
        Something is missing.
    """
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    iterations, bins = estimator._predictors, estimator._bin_mapper
    predictors = [predictor for iteration in iterations for predictor in iteration]
    plain = type(iterations) is list and all(type(trees) is list for trees in iterations)
    if not plain or not all(type(predictor) is TreePredictor for predictor in predictors):
        raise TypeError("expected lists of trees")
    if type(bins) is not _BinMapper or estimator._n_features != estimator.n_features_in_:
        raise TypeError("expected the bins of its own columns")
    remapped = estimator._preprocessor is not None or estimator.is_categorical_ is not None
    return BoostedTrees(
        trees=[predictor.nodes for predictor in predictors],
        iteration_sizes=[len(iteration) for iteration in iterations],
        trees_per_iteration=int(estimator.n_trees_per_iteration_),
        baseline=estimator._baseline_prediction,
        n_classes=len(getattr(estimator, "classes_", ())),
        n_features=int(estimator.n_features_in_),
        bin_thresholds=list(bins.bin_thresholds_),
        bin_counts=bins.n_bins_non_missing_,
        max_bins=int(bins.n_bins),
        is_binned=bool(getattr(estimator, "_in_fit", False)),
        has_categories=remapped or bool(np.any(bins.is_categorical_)),
    )


def tree_node_dtype() -> np.dtype[Any]:
    """Return the NumPy type of a node of scikit-learn's boosted trees."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    dtype: np.dtype[Any] = np.dtype(PREDICTOR_RECORD_DTYPE)
    return dtype


def check_parameters(estimator: BaseEstimator) -> None:
    """Raise ValueError where a parameter of the constructor is none that ``fit`` would take."""
    estimator._validate_params()


def refit_neighbors(
    neighbors: KNeighborsClassifier | KNeighborsRegressor,
) -> KNeighborsClassifier | KNeighborsRegressor:
    """Return the neighbours fitted once more on the rows that they keep, with a new tree where there is one."""
    classes = getattr(neighbors, "classes_", None)
    if classes is None:
        labels = neighbors._y
    elif isinstance(classes, list):
        columns = zip(classes, neighbor_codes(neighbors).T, strict=True)
        labels = np.stack([own[codes] for own, codes in columns], axis=1)
    else:
        labels = classes[neighbor_codes(neighbors)]
    return clone(neighbors).fit(neighbors._fit_X, labels)


def complete_ridge(ridge: RidgeClassifier) -> RidgeClassifier:
    """Give a ridge classifier that has ``classes_`` what turns scores into labels."""
    if not hasattr(ridge, "_label_binarizer"):
        classes = vars(ridge)["classes_"]
        ridge._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1).fit(classes)
    return ridge


def label_binarizer(n_labels: int, **parameters: Any) -> LabelBinarizer:
    """Return what turns scores of several labels a sample into 0 and 1, of at least two labels."""
    return LabelBinarizer(**parameters).fit(np.eye(n_labels, dtype=np.intp))


def make_calibrated(estimator: Any, calibrators: list[Any], classes: Any, method: str) -> Any:
    """Return a classifier with maps from its scores to probabilities, which are not examined."""
    from sklearn.calibration import _CalibratedClassifier

    return _CalibratedClassifier(estimator, calibrators, classes=classes, method=method)


def make_sigmoid(slope: float, offset: float) -> Any:
    """Return the map 1 / (1 + exp(slope * score + offset))."""
    from sklearn.calibration import _SigmoidCalibration

    made = _SigmoidCalibration()
    made.a_, made.b_ = slope, offset
    return made


def make_temperature(factor: float) -> Any:
    """Return the map softmax(factor * scores)."""
    from sklearn.calibration import _TemperatureScaling

    made = _TemperatureScaling()
    made.beta_ = np.float64(factor)
    return made


def make_isotonic(x: Doubles, y: Doubles) -> Any:
    """Return the function of straight pieces through these points, constant beyond them."""
    from sklearn.isotonic import IsotonicRegression

    made = IsotonicRegression(out_of_bounds="clip")
    made.increasing_, made.X_min_, made.X_max_ = True, x[0], x[-1]
    made.X_thresholds_, made.y_thresholds_ = x, y
    made._build_f(x, y)
    return made


def complete_perceptrons(network: MLPClassifier) -> MLPClassifier:
    """Give a network of perceptrons that has ``classes_`` what turns outputs into labels."""
    network._label_binarizer = LabelBinarizer().fit(network.classes_)
    return network


def complete_boosting(
    estimator: HistGradientBoostingClassifier
    | HistGradientBoostingRegressor
    | GradientBoostingClassifier,
) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor | GradientBoostingClassifier:
    """Give boosted trees the loss that their scores belong to."""
    estimator._loss = estimator._get_loss(sample_weight=None)
    return estimator


def make_boosted_tree(nodes: Any) -> Any:
    """Return a tree of boosted trees that has no split by category."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    empty = np.zeros((0, 8), np.uint32)
    return TreePredictor(nodes, empty, empty)


def make_bin_mapper(state: Mapping[str, Any]) -> Any:
    """Return the bins of boosted trees with these attributes, which are not examined."""
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper

    mapper = _BinMapper()
    vars(mapper).update({**state, "n_threads": 1})
    return mapper


def make_tree(d: int, n_values: int, state: Mapping[str, Any]) -> Any:
    """Return a decision tree with nodes that have been examined."""
    from sklearn.tree._tree import Tree

    tree = Tree(d, np.array([n_values], np.intp), 1)
    tree.__setstate__(dict(state))
    return tree


def tree_nodes_dtype() -> np.dtype[Any]:
    """Return the NumPy type of a node of scikit-learn's decision trees."""
    from sklearn.tree._tree import NODE_DTYPE

    dtype: np.dtype[Any] = np.dtype(NODE_DTYPE)
    return dtype
