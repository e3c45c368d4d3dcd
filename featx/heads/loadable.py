"""The types of estimators and transformers that a saved head may hold, each with its check.

A type that is not here is loaded only where the user trusts it by name. One more is an entry in ``LOADABLE``,
once its check looks at every array that its answers are computed from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from featx.heads import boosting, calibrated, checks, output_checks, trees
from featx.heads._sklearn_compat import (
    complete_boosting,
    complete_perceptrons,
    complete_ridge,
    label_binarizer,
    make_bin_mapper,
    make_boosted_tree,
    refit_neighbors,
)
from featx.heads.fitted import Fitted
from featx.heads.output_forms import is_multilabel
from featx.heads.stored import StoredObject

__all__ = ["LOADABLE", "LoadableType"]


class Builder(Protocol):
    """Makes the estimators that are held by another."""

    def estimator(self, stored: Any, d: int | None) -> Any:
        """Return the estimator of a record that is given rows of ``d`` columns."""


Parts = Callable[[Builder, StoredObject, Any, int], None]


@dataclass(frozen=True, slots=True)
class LoadableType:
    """One type that a file may hold.

    Attributes
    ----------
    check : callable
        Examines an estimator with the attributes of a file and raises ValueError; a transformer's returns the
        columns that come out of it.
    private : tuple of str, default=()
        Attributes that answers are computed from although their names are not public.
    complete : callable, default=None
        Gives the estimator to use, with what is made anew instead of stored.
    parts : callable, default=None
        Gives the estimator those of its attributes that hold other objects.
    subject : str, default=""
        How a message begins where it is damaged; "" names the type.
    dropped : tuple of str, default=()
        Parameters that only training needs and whose values are not taken over.
    """

    check: Callable[[Fitted], int | None]
    private: tuple[str, ...] = ()
    complete: Callable[[Any], Any] | None = None
    parts: Parts | None = None
    subject: str = ""
    dropped: tuple[str, ...] = ()


def _check_boosting(fitted: Fitted) -> None:
    fitted.classes()
    boosting.check_boosting(fitted.estimator)


def _check_boosted_numbers(fitted: Fitted) -> None:
    output_checks.refuse_classes(fitted)
    boosting.check_boosting(fitted.estimator)


def _boosting_parts(builder: Builder, stored: StoredObject, estimator: Any, d: int) -> None:
    """Give boosted trees their trees and bins."""
    state, own = stored.state, vars(estimator)
    iterations, bins = state.get("_predictors"), state.get("_bin_mapper")
    if not isinstance(iterations, list) or not all(isinstance(one, list) for one in iterations):
        raise ValueError("expected lists of trees")
    if not isinstance(bins, StoredObject):
        raise ValueError("the bins are missing")
    for tree in (tree for iteration in iterations for tree in iteration):
        if not isinstance(tree, StoredObject) or tree.type != boosting.TREE_TYPE:
            raise ValueError("expected trees")
    own["_predictors"] = [
        [make_boosted_tree(tree.state["nodes"]) for tree in iteration] for iteration in iterations
    ]
    categorical = Fitted.check_array("is_categorical_", bins.state["is_categorical_"], d, kinds="u")
    if categorical.any() or state.get("is_categorical_") is not None:
        raise ValueError("expected numeric columns only, as embeddings are")
    names = ("n_bins", "bin_thresholds_", "n_bins_non_missing_", "is_categorical_")
    own["_bin_mapper"] = make_bin_mapper({name: bins.state[name] for name in names})
    own["is_categorical_"] = own["_preprocessor"] = None


def _tree_parts(builder: Builder, stored: StoredObject, estimator: Any, d: int) -> None:
    """Give a decision tree its nodes, which hold a number a class, or one."""
    n_values = Fitted(estimator).classes(least=1) if "classes_" in stored.state else 1
    vars(estimator)["tree_"] = trees.read_decision_tree(stored.state.get("tree_"), d, n_values)


def _estimators(builder: Builder, stored: StoredObject, d: int | None) -> list[Any]:
    estimators = stored.state.get("estimators_")
    if not isinstance(estimators, list | tuple) or not estimators:
        raise ValueError("estimators_: expected a list of estimators")
    return [builder.estimator(one, d) for one in estimators]


def _ensemble_parts(builder: Builder, stored: StoredObject, estimator: Any, d: int) -> None:
    """Give an ensemble its estimators, all of which see every column."""
    vars(estimator)["estimators_"] = _estimators(builder, stored, d)


def _bagging_parts(builder: Builder, stored: StoredObject, estimator: Any, d: int) -> None:
    """Give an ensemble its estimators, each of which sees columns of its own."""
    vars(estimator)["estimators_"] = _estimators(builder, stored, None)


def _gradient_boosting_parts(
    builder: Builder, stored: StoredObject, estimator: Any, d: int
) -> None:
    """Give gradient boosting its trees as the table that scikit-learn's compiled code reads."""
    table, own = stored.state.get("estimators_"), vars(estimator)
    if not isinstance(table, list) or not all(isinstance(row, list) for row in table) or not table:
        raise ValueError("estimators_: expected a table of trees")
    width = len(table[0])
    estimators = np.empty((len(table), width), object)
    for index, row in enumerate(table):
        if len(row) != width or not all(
            isinstance(one, StoredObject) and one.type == _REGRESSION_TREE for one in row
        ):
            raise ValueError("estimators_: expected a table of trees")
        estimators[index] = [builder.estimator(one, d) for one in row]
    own["estimators_"] = estimators
    start = stored.state.get("init_")
    if isinstance(start, StoredObject) and start.type != "sklearn.dummy.DummyClassifier":
        raise ValueError("init_: expected no estimator of your own")
    own["init_"] = builder.estimator(start, d) if start != "zero" else start


def _one_vs_rest_parts(builder: Builder, stored: StoredObject, estimator: Any, d: int) -> None:
    """Give one estimator a class, and what turns their scores into labels."""
    own = vars(estimator)
    own["estimators_"] = _estimators(builder, stored, d)
    binarizer = stored.state.get("label_binarizer_")
    if isinstance(binarizer, StoredObject):
        own.setdefault("classes_", binarizer.state.get("classes_"))
    n_classes = Fitted(estimator).classes()
    if _has_several_labels(binarizer):
        own["label_binarizer_"] = label_binarizer(n_classes, sparse_output=True)
    else:
        own["label_binarizer_"] = LabelBinarizer(sparse_output=True).fit(own["classes_"])


def _check_one_vs_rest(fitted: Fitted) -> None:
    n_classes = fitted.classes()
    if not is_multilabel(fitted.estimator):
        _check_binary(fitted, 1 if n_classes == 2 else n_classes)
        return
    if not np.array_equal(fitted.value("classes_"), np.arange(n_classes)):
        raise ValueError("classes_: expected the numbers of several labels")
    _check_binary(fitted, n_classes)


def _check_one_vs_one(fitted: Fitted) -> None:
    n_classes = fitted.classes()
    fitted.one_of("pairwise_indices_", (None,))
    _check_binary(fitted, n_classes * (n_classes - 1) // 2)


def _check_binary(fitted: Fitted, n: int) -> None:
    """Refuse an ensemble that has not ``n`` estimators of two classes each."""
    for estimator in fitted.arrays("estimators_", n):
        if not np.array_equal(estimator.classes_, [0, 1]):
            raise ValueError("estimators_: expected estimators of the classes 0 and 1")


def _ridge_parts(builder: Builder, stored: StoredObject, estimator: Any, d: int) -> None:
    """Give a ridge its classes where only what turns scores into labels knows them."""
    binarizer = stored.state.get("_label_binarizer")
    if isinstance(binarizer, StoredObject):
        vars(estimator).setdefault("classes_", binarizer.state.get("classes_"))
    if _has_several_labels(binarizer):
        n_labels = Fitted(estimator).classes()
        if not np.array_equal(estimator.classes_, np.arange(n_labels)):
            raise ValueError("classes_: expected the numbers of several labels")
        binarizer = label_binarizer(n_labels, pos_label=1, neg_label=-1)
        vars(estimator)["_label_binarizer"] = binarizer


def _has_several_labels(binarizer: Any) -> bool:
    """Return whether the record of what turns scores into labels is of several labels a sample."""
    kind = binarizer.state.get("y_type_") if isinstance(binarizer, StoredObject) else None
    return kind == "multilabel-indicator"


_REGRESSION_TREE = "sklearn.tree._classes.DecisionTreeRegressor"
_LINEAR = LoadableType(checks.check_linear)
_LINEAR_NUMBERS = LoadableType(output_checks.check_linear_numbers)
_FOREST_NUMBERS = LoadableType(output_checks.check_forest_numbers, parts=_ensemble_parts)
_STACK = LoadableType(output_checks.check_stack, parts=_ensemble_parts)
_SELECTION = LoadableType(output_checks.check_univariate_selection, dropped=("score_func",))
_RIDGE = LoadableType(checks.check_linear, complete=complete_ridge, parts=_ridge_parts)
_SCALER = LoadableType(checks.check_scaler)
_DECOMPOSITION = LoadableType(checks.check_decomposition, ("_fit_svd_solver",))
_BAYES = LoadableType(checks.check_bayes)
_SVC = LoadableType(
    checks.check_support_vectors,
    (
        *("_sparse", "_effective_probability", "_gamma", "_n_support", "_probA", "_probB"),
        *("_num_iter", "_intercept_", "_dual_coef_"),
    ),
)
_VECTOR_NUMBERS = LoadableType(output_checks.check_support_numbers, _SVC.private)
_NEIGHBORS = LoadableType(checks.check_neighbors, ("_fit_X", "_y"), refit_neighbors)
_PROPAGATION = LoadableType(checks.check_propagation)
_TREE = LoadableType(trees.check_decision_tree, parts=_tree_parts)
_FOREST = LoadableType(trees.check_forest, parts=_ensemble_parts)

LOADABLE: Mapping[str, LoadableType] = MappingProxyType(
    {
        "sklearn.calibration.CalibratedClassifierCV": LoadableType(
            calibrated.check_calibrated, parts=calibrated.calibrated_parts, dropped=("cv",)
        ),
        "sklearn.decomposition._pca.PCA": _DECOMPOSITION,
        "sklearn.decomposition._truncated_svd.TruncatedSVD": _DECOMPOSITION,
        "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": LoadableType(
            checks.check_discriminants, ("_max_components",)
        ),
        "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": LoadableType(
            checks.check_quadratic
        ),
        "sklearn.dummy.DummyClassifier": LoadableType(checks.check_dummy, ("_strategy",)),
        "sklearn.ensemble._bagging.BaggingClassifier": LoadableType(
            trees.check_bagging, parts=_bagging_parts
        ),
        "sklearn.ensemble._forest.ExtraTreesClassifier": _FOREST,
        "sklearn.ensemble._forest.ExtraTreesRegressor": _FOREST_NUMBERS,
        "sklearn.ensemble._forest.RandomForestClassifier": _FOREST,
        "sklearn.ensemble._forest.RandomForestRegressor": _FOREST_NUMBERS,
        "sklearn.ensemble._gb.GradientBoostingClassifier": LoadableType(
            trees.check_gradient_boosting,
            complete=complete_boosting,
            parts=_gradient_boosting_parts,
        ),
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting."
        "HistGradientBoostingClassifier": LoadableType(
            _check_boosting,
            ("_in_fit", "_n_features", "_baseline_prediction"),
            complete_boosting,
            _boosting_parts,
            "its boosted trees are damaged",
        ),
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting."
        "HistGradientBoostingRegressor": LoadableType(
            _check_boosted_numbers,
            ("_in_fit", "_n_features", "_baseline_prediction"),
            complete_boosting,
            _boosting_parts,
            "its boosted trees are damaged",
        ),
        "sklearn.ensemble._weight_boosting.AdaBoostClassifier": LoadableType(
            trees.check_adaboost, parts=_ensemble_parts
        ),
        "sklearn.feature_selection._univariate_selection.SelectKBest": _SELECTION,
        "sklearn.feature_selection._univariate_selection.SelectPercentile": _SELECTION,
        "sklearn.feature_selection._variance_threshold.VarianceThreshold": LoadableType(
            checks.check_selection
        ),
        "sklearn.linear_model._base.LinearRegression": _LINEAR_NUMBERS,
        "sklearn.linear_model._coordinate_descent.ElasticNet": _LINEAR_NUMBERS,
        "sklearn.linear_model._coordinate_descent.Lasso": _LINEAR_NUMBERS,
        "sklearn.linear_model._huber.HuberRegressor": _LINEAR_NUMBERS,
        "sklearn.linear_model._logistic.LogisticRegression": _LINEAR,
        "sklearn.linear_model._logistic.LogisticRegressionCV": _LINEAR,
        "sklearn.linear_model._passive_aggressive.PassiveAggressiveClassifier": _LINEAR,
        "sklearn.linear_model._perceptron.Perceptron": _LINEAR,
        "sklearn.linear_model._ridge.Ridge": _LINEAR_NUMBERS,
        "sklearn.linear_model._ridge.RidgeCV": _LINEAR_NUMBERS,
        "sklearn.linear_model._ridge.RidgeClassifier": _RIDGE,
        "sklearn.linear_model._ridge.RidgeClassifierCV": _RIDGE,
        "sklearn.linear_model._stochastic_gradient.SGDClassifier": _LINEAR,
        "sklearn.linear_model._stochastic_gradient.SGDRegressor": _LINEAR_NUMBERS,
        "sklearn.multiclass.OneVsOneClassifier": LoadableType(
            _check_one_vs_one, parts=_ensemble_parts
        ),
        "sklearn.multiclass.OneVsRestClassifier": LoadableType(
            _check_one_vs_rest, parts=_one_vs_rest_parts
        ),
        "sklearn.multioutput.MultiOutputClassifier": _STACK,
        "sklearn.multioutput.MultiOutputRegressor": _STACK,
        "sklearn.naive_bayes.BernoulliNB": _BAYES,
        "sklearn.naive_bayes.ComplementNB": _BAYES,
        "sklearn.naive_bayes.GaussianNB": _BAYES,
        "sklearn.naive_bayes.MultinomialNB": _BAYES,
        "sklearn.neighbors._classification.KNeighborsClassifier": _NEIGHBORS,
        "sklearn.neighbors._regression.KNeighborsRegressor": LoadableType(
            output_checks.check_neighbor_numbers, ("_fit_X", "_y"), refit_neighbors
        ),
        "sklearn.neighbors._nearest_centroid.NearestCentroid": LoadableType(checks.check_centroids),
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier": LoadableType(
            checks.check_perceptrons, complete=complete_perceptrons
        ),
        "sklearn.neural_network._multilayer_perceptron.MLPRegressor": LoadableType(
            output_checks.check_perceptron_numbers
        ),
        "sklearn.preprocessing._data.MaxAbsScaler": _SCALER,
        "sklearn.preprocessing._data.MinMaxScaler": _SCALER,
        "sklearn.preprocessing._data.Normalizer": LoadableType(checks.check_unchanged),
        "sklearn.preprocessing._data.RobustScaler": _SCALER,
        "sklearn.preprocessing._data.StandardScaler": _SCALER,
        "sklearn.semi_supervised._label_propagation.LabelPropagation": _PROPAGATION,
        "sklearn.semi_supervised._label_propagation.LabelSpreading": _PROPAGATION,
        "sklearn.svm._classes.LinearSVC": _LINEAR,
        "sklearn.svm._classes.LinearSVR": _LINEAR_NUMBERS,
        "sklearn.svm._classes.NuSVC": _SVC,
        "sklearn.svm._classes.NuSVR": _VECTOR_NUMBERS,
        "sklearn.svm._classes.SVC": _SVC,
        "sklearn.svm._classes.SVR": _VECTOR_NUMBERS,
        "sklearn.tree._classes.DecisionTreeClassifier": _TREE,
        _REGRESSION_TREE: _TREE,
        "sklearn.tree._classes.ExtraTreeClassifier": _TREE,
        "sklearn.tree._classes.ExtraTreeRegressor": _TREE,
    }
)
