"""Decision trees and their ensembles from a file: nodes are examined before scikit-learn follows them.

Compiled code goes from node to node and trusts every index. So each path must end inside its tree, and a child
stand behind its parent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from featx.heads._sklearn_compat import make_tree, tree_nodes_dtype
from featx.heads.fitted import Fitted
from featx.heads.stored import StoredObject

__all__ = [
    "DECISION_TREE_TYPE",
    "check_adaboost",
    "check_bagging",
    "check_decision_tree",
    "check_forest",
    "check_gradient_boosting",
    "read_decision_tree",
]

# The full name of the type that holds the nodes of one decision tree.
DECISION_TREE_TYPE = "sklearn.tree._tree.Tree"


def read_decision_tree(stored: Any, d: int, n_values: int) -> Any:
    """Return a decision tree of a file, once every node of it has been examined.

    Parameters
    ----------
    stored : StoredObject
        Of ``DECISION_TREE_TYPE``.
    d : int
        Columns of the rows.
    n_values : int
        Numbers that each node holds: one a class, or a single one.

    Raises
    ------
    ValueError
        Following the nodes would not be safe.
    """
    if not isinstance(stored, StoredObject) or stored.type != DECISION_TREE_TYPE:
        raise ValueError("tree_ is no decision tree")
    state, arguments = stored.state, stored.arguments
    if not isinstance(arguments, tuple) or len(arguments) != 3:
        raise ValueError("tree_ is incomplete")
    counts = Fitted.check_array("tree_", arguments[1], 1, kinds="i")
    if (arguments[0], counts.tolist(), arguments[2]) != (d, [n_values], 1):
        raise ValueError("tree_ is of other columns or classes")
    nodes = state.get("nodes")
    if type(nodes) is not np.ndarray or nodes.dtype != tree_nodes_dtype() or nodes.ndim != 1:
        raise ValueError("tree_ has no array of nodes")
    values = Fitted.check_array("tree_", state.get("values"), len(nodes), 1, n_values)
    whole = type(state.get("max_depth")) is int and 0 <= state["max_depth"] < len(nodes)
    if values.dtype != np.float64 or state.get("node_count") != len(nodes) or not whole:
        raise ValueError("tree_ has another number of nodes than it says")
    _check_nodes(nodes, d)
    return make_tree(d, n_values, {**state, "nodes": nodes, "values": np.ascontiguousarray(values)})


def _check_nodes(nodes: npt.NDArray[Any], d: int) -> None:
    """Refuse nodes that lead out of the tree, come back, or split on a column that is not there."""
    left, right = nodes["left_child"], nodes["right_child"]
    inner = np.flatnonzero(left != -1)
    if not len(nodes) or (right[left == -1] != -1).any():
        raise ValueError("tree_ has a node of one child")
    children = np.concatenate([left[inner], right[inner]])
    if (children >= len(nodes)).any() or (np.minimum(left, right)[inner] <= inner).any():
        raise ValueError("tree_ has a child outside it, or before its parent")
    if len(np.unique(children)) != len(children) or len(children) != len(nodes) - 1:
        raise ValueError("tree_ has a node of two parents, or of none")
    features = nodes["feature"][inner]
    if ((features < 0) | (features >= d)).any():
        raise ValueError(f"tree_ splits on a column that is none of the {d}")
    if not np.isfinite(nodes["threshold"][inner]).all() or (nodes["missing_go_to_left"] > 1).any():
        raise ValueError("tree_ has a threshold that is not finite")


def check_decision_tree(fitted: Fitted) -> None:
    """Examine what stands beside the nodes of a tree."""
    if fitted.whole("n_outputs_") != 1:
        raise ValueError("expected one output")
    if fitted.has("classes_") and fitted.whole("n_classes_") != fitted.classes(least=1):
        raise ValueError("n_classes_ is not the number of classes_")


def check_forest(fitted: Fitted) -> None:
    """Examine a forest, whose trees know all of its classes by number."""
    n_classes = _check_counts(fitted)
    if fitted.whole("n_outputs_") != 1:
        raise ValueError("expected one output")
    for tree in fitted.value("estimators_"):
        if not np.array_equal(vars(tree)["classes_"], np.arange(n_classes)):
            raise ValueError("estimators_ has a tree of other classes")


def check_bagging(fitted: Fitted) -> None:
    """Examine estimators that were each trained on a part of the samples and columns."""
    n_classes = _check_counts(fitted)
    estimators = fitted.value("estimators_")
    chosen = fitted.arrays("estimators_features_", len(estimators))
    if fitted.whole("n_estimators", 1) != len(estimators):
        raise ValueError("n_estimators is not the number of estimators_")
    for estimator, columns in zip(estimators, chosen, strict=True):
        columns = Fitted.check_array("estimators_features_", columns, None, kinds="iu", low=0)
        if columns.max() >= fitted.d or len(columns) != estimator.n_features_in_:
            raise ValueError("estimators_features_ names columns that are not there")
        codes = np.asarray(estimator.classes_)
        if codes.dtype.kind not in "iuf" or codes.min() < 0 or codes.max() >= n_classes:
            raise ValueError("estimators_ has classes that are not there")
        if len(codes) != n_classes and codes.dtype.kind == "f":
            raise ValueError("estimators_ has classes that are no whole numbers")


def check_adaboost(fitted: Fitted) -> None:
    """Examine estimators that vote with weights."""
    _check_counts(fitted)
    weights = fitted.array("estimator_weights_", None, low=0.0)
    if len(weights) < len(fitted.value("estimators_")) or not weights.sum() > 0:
        raise ValueError("estimator_weights_ are fewer than estimators_, or all zero")
    for estimator in fitted.value("estimators_"):
        if not np.isin(estimator.classes_, fitted.value("classes_")).all():
            raise ValueError("estimators_ has classes that are not there")


def check_gradient_boosting(fitted: Fitted) -> None:
    """Examine trees that each add to the scores of those before them."""
    n_classes = fitted.classes()
    n_outputs = 1 if n_classes == 2 else n_classes
    if fitted.whole("n_trees_per_iteration_") != n_outputs:
        raise ValueError("n_trees_per_iteration_ does not fit the classes")
    if fitted.whole("n_classes_") != n_classes:
        raise ValueError("n_classes_ is not the number of classes_")
    if fitted.value("estimators_").shape[1] != n_outputs:
        raise ValueError(f"estimators_: expected {n_outputs} trees an iteration")
    if fitted.value("init_") != "zero":
        Fitted.check_array("init_", fitted.value("init_").class_prior_, n_classes, low=0.0)
    fitted.number("learning_rate", 0.0)


def _check_counts(fitted: Fitted) -> int:
    n_classes = fitted.classes()
    if fitted.whole("n_classes_") != n_classes:
        raise ValueError("n_classes_ is not the number of classes_")
    if not fitted.value("estimators_"):
        raise ValueError("estimators_ is empty")
    return n_classes
