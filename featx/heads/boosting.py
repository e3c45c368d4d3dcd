"""Gradient boosted trees: their check on load, and their ONNX form.

scikit-learn follows the nodes of a tree in compiled code that trusts every index. So the trees of a file are
examined before they are used: each path must end, inside its tree, in a finite number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadArtifact, BadOption
from featx.heads._sklearn_compat import BoostedTrees, boosted_trees, tree_node_dtype

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = ["TREE_TYPE", "add_boosting", "check_boosting"]

# The full name of the type that holds one tree, which skops does not know to be harmless.
TREE_TYPE = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"


def check_boosting(estimator: Any) -> int:
    """Examine a HistGradientBoostingClassifier that was read from a file.

    Returns
    -------
    int
        The number of its trees, all of which are safe to compute with.

    Raises
    ------
    BadArtifact
        A number or an array is not one that training leaves.
    """
    try:
        state = boosted_trees(estimator)
        _check_ensemble(state)
        for number, tree in enumerate(state.trees):
            _check_tree(number, tree, state.n_features)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise BadArtifact(f"its boosted trees are damaged: {error}; train it again") from error
    return len(state.trees)


def _check_ensemble(state: BoostedTrees) -> None:
    """Examine what is said once for all trees; raise ValueError in words."""
    n_outputs = 1 if state.n_classes == 2 else state.n_classes
    baseline, d = state.baseline, state.n_features
    if state.n_classes < 2 or state.trees_per_iteration != n_outputs or not d > 0:
        raise ValueError(
            f"{state.trees_per_iteration} trees an iteration, {state.n_classes} classes"
        )
    if any(size != n_outputs for size in state.iteration_sizes):
        raise ValueError(f"an iteration has other than {n_outputs} trees")
    fits = type(baseline) is np.ndarray and baseline.dtype == np.float64
    if not fits or baseline.shape != (1, n_outputs) or not np.isfinite(baseline).all():
        raise ValueError("the baseline prediction is not a finite number for each output")
    if state.is_binned or state.has_categories:
        raise ValueError("expected numeric columns only, as embeddings are")
    thresholds, counts = state.bin_thresholds, np.asarray(state.bin_counts)
    if len(thresholds) != d or counts.shape != (d,):
        raise ValueError(f"bins of {len(thresholds)} columns, expected {d}")
    for edges, count in zip(thresholds, counts.tolist(), strict=True):
        ordered = np.isfinite(edges).all() and (np.diff(edges) > 0).all()
        if np.ndim(edges) != 1 or not ordered or count != len(edges) + 1 or count > state.max_bins:
            raise ValueError("the bins of a column are not in order, or are of another number")


def _check_tree(number: int, nodes: Any, n_features: int) -> None:
    """Examine the nodes of one tree; raise ValueError in words.

    A child stands behind its parent and has no other, so that no path comes back or is endless.
    """
    prefix = f"tree {number}:"
    if type(nodes) is not np.ndarray or nodes.dtype != tree_node_dtype():
        raise ValueError(f"{prefix} its nodes are not an array of nodes")
    if nodes.ndim != 1 or not len(nodes):
        raise ValueError(f"{prefix} nodes of shape {nodes.shape}, expected at least one")
    if not np.isfinite(nodes["value"]).all():
        raise ValueError(f"{prefix} a value is not finite")
    if nodes["is_categorical"].any():
        raise ValueError(f"{prefix} has a split by category; expected numeric splits only")
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    splits = nodes[inner]
    features = splits["feature_idx"]
    if ((features < 0) | (features >= n_features)).any():
        raise ValueError(f"{prefix} splits on a column that is none of the {n_features}")
    if np.isnan(splits["num_threshold"]).any():
        raise ValueError(f"{prefix} a threshold is not a number")
    left, right = splits["left"].astype(np.int64), splits["right"].astype(np.int64)
    children = np.concatenate([left, right])
    if (children >= len(nodes)).any() or (np.minimum(left, right) <= inner).any():
        raise ValueError(f"{prefix} a child is outside the tree, or before its parent")
    if len(np.unique(children)) != len(children) or len(children) != len(nodes) - 1:
        raise ValueError(f"{prefix} a node has two parents, or none")
    counts = nodes["count"].astype(np.int64)
    if not np.array_equal(counts[left] + counts[right], counts[inner]):
        raise ValueError(f"{prefix} the samples of children are not those of their parent")


def add_boosting(graph: GraphBuilder, value: str, estimator: Any) -> str:
    """Add the scores of boosted trees, summed in float32; raise BadOption where a split is by category.

    Rows are compared in float32, as they come: a threshold is rounded down to the next float32, which
    decides alike for every float32.
    """
    # onnx takes 0.3 s to import.
    from featx.graphs.builder import DOUBLE, FLOAT, ML

    state = boosted_trees(estimator)
    if state.has_categories:
        raise BadOption(
            "head HistGradientBoostingClassifier: splits by category cannot be written as a graph"
        )
    attributes: dict[str, Any] = _node_attributes(state) | _leaf_attributes(state)
    scores = graph.add(
        "TreeEnsembleRegressor",
        graph.cast(value, FLOAT),
        domain=ML,
        n_targets=state.trees_per_iteration,
        aggregate_function="SUM",
        base_values=state.baseline[0].tolist(),
        **attributes,
    )
    scores = graph.cast(scores, DOUBLE)
    if state.trees_per_iteration > 1:
        return scores
    # A single score is that of the second of two classes; the first has 0.
    return graph.add("MatMul", scores, graph.constant([[0.0, 1.0]]))


def _node_attributes(state: BoostedTrees) -> dict[str, Any]:
    """Return the nodes of all trees as attributes of the ONNX operator."""
    nodes = np.concatenate(state.trees)
    leaf = nodes["is_leaf"] != 0
    sizes = [len(tree) for tree in state.trees]
    return {
        "nodes_treeids": np.repeat(np.arange(len(sizes)), sizes).tolist(),
        "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]).tolist(),
        "nodes_featureids": np.where(leaf, 0, nodes["feature_idx"]).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_values": np.where(leaf, 0, _round_down(nodes["num_threshold"])).tolist(),
        "nodes_truenodeids": np.where(leaf, 0, nodes["left"]).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, nodes["right"]).tolist(),
        "nodes_missing_value_tracks_true": nodes["missing_go_to_left"].tolist(),
    }


def _leaf_attributes(state: BoostedTrees) -> dict[str, Any]:
    """Return the values of all leaves as attributes of the ONNX operator; one output a tree."""
    leaves = [np.flatnonzero(tree["is_leaf"]) for tree in state.trees]
    sizes = [len(indices) for indices in leaves]
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    values = [tree["value"][indices] for tree, indices in zip(state.trees, leaves, strict=True)]
    return {
        "target_treeids": numbers.tolist(),
        "target_nodeids": np.concatenate(leaves).tolist(),
        "target_ids": (numbers % state.trees_per_iteration).tolist(),
        "target_weights": np.concatenate(values).tolist(),
    }


def _round_down(values: Any) -> FloatArray:
    """Return the largest float32 that is not above each value."""
    with np.errstate(over="ignore"):
        nearest = np.asarray(values, np.float64).astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-math.inf)), nearest)
