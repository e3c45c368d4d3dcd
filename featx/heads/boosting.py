"""Gradient boosted trees: their check on load, and their ONNX form.

scikit-learn follows the nodes of a tree in compiled code that trusts every index. So the trees of a file are
examined before they are used: each path must end, inside its tree, in a finite number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray
from featx.errors import BadArtifact, NotExportable
from featx.heads._sklearn_compat import BoostedTrees, boosted_trees, tree_node_dtype
from featx.storage.border import error_line

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = ["TREE_TYPE", "add_boosting", "check_boosting"]

# The full name of the type that holds one tree, which skops does not know to be harmless.
TREE_TYPE = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"


def check_boosting(estimator: Any) -> int:
    """Examine gradient boosted trees, of classes or of a number, that were read from a file.

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
        raise BadArtifact(
            f"its boosted trees are damaged: {error_line(error)}; train it again"
        ) from error
    return len(state.trees)


def _check_ensemble(state: BoostedTrees) -> None:
    """Examine what is said once for all trees; raise ValueError in words."""
    # No class at all: a number.
    n_outputs = 1 if state.n_classes in (0, 2) else state.n_classes
    baseline, d = state.baseline, state.n_features
    if state.n_classes == 1 or state.trees_per_iteration != n_outputs or not d > 0:
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
    """Add the scores of boosted trees, or their number; raise NotExportable where a split is by category.

    Thresholds are rounded down to float32, which rows are: comparisons in float32 go the same way.
    All trees are followed at once, a level at a time, and a leaf leads to itself. ONNX has an operator for
    trees; it computes in float32, and its newest version takes the place of the one that all runtimes know.
    """
    state = boosted_trees(estimator)
    if state.has_categories:
        raise NotExportable(
            f"head {type(estimator).__name__}: splits by category cannot be written as a graph"
        )
    # Poisson and gamma losses predict the logarithm.
    is_logarithm = getattr(estimator, "loss", "") in ("poisson", "gamma")
    n_trees, n_outputs = len(state.trees), state.trees_per_iteration
    tables = {name: graph.constant(table, table.dtype) for name, table in _tables(state).items()}
    value = graph.to_float32(value)
    n_rows = graph.add("Shape", value, start=0, end=1)
    shape = graph.add("Concat", n_rows, graph.int_const(n_trees), axis=0)
    at = graph.add("Expand", tables["root"], shape)
    for _ in range(max(map(_depth, state.trees))):
        column = graph.add(
            "GatherElements", value, graph.add("Gather", tables["feature"], at), axis=1
        )
        goes_left = graph.add("LessOrEqual", column, graph.add("Gather", tables["threshold"], at))
        left, right = (graph.add("Gather", tables[side], at) for side in ("left", "right"))
        at = graph.add("Where", goes_left, left, right)
    values = graph.add("Gather", tables["value"], at)
    sizes = graph.int_const(n_trees // n_outputs, n_outputs)
    values = graph.add("Reshape", values, graph.add("Concat", n_rows, sizes, axis=0), allowzero=1)
    sums = graph.reduce("ReduceSum", values, 1, keep=False)
    scores = graph.add("Add", sums, graph.constant(state.baseline))
    if not state.n_classes:
        return graph.add("Exp", scores) if is_logarithm else scores
    if n_outputs > 1:
        return scores
    # A single score is that of the second of two classes; the first has 0.
    return graph.add("MatMul", scores, graph.constant([[0.0, 1.0]]))


def _tables(state: BoostedTrees) -> dict[str, npt.NDArray[Any]]:
    """Return the nodes of all trees as columns of one table, in which a leaf leads to itself."""
    nodes, sizes = np.concatenate(state.trees), [len(tree) for tree in state.trees]
    starts = np.cumsum([0, *sizes])[:-1]
    offset, own = np.repeat(starts, sizes), np.arange(len(nodes))
    leaf = nodes["is_leaf"] != 0
    return {
        "root": starts[None],
        "feature": np.where(leaf, 0, nodes["feature_idx"]),
        "threshold": _round_down(np.where(leaf, 0.0, nodes["num_threshold"])),
        "left": np.where(leaf, own, offset + nodes["left"].astype(np.int64)),
        "right": np.where(leaf, own, offset + nodes["right"].astype(np.int64)),
        "value": nodes["value"],
    }


def _round_down(thresholds: Doubles) -> FloatArray:
    """Return the largest float32 numbers that are not above: no float32 number lies between."""
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _depth(nodes: npt.NDArray[Any]) -> int:
    """Return how many splits the longest path of a tree has; children stand behind their parents."""
    depth = np.zeros(len(nodes), np.int64)
    for index in np.flatnonzero(nodes["is_leaf"] == 0):
        depth[[nodes["left"][index], nodes["right"][index]]] = depth[index] + 1
    return int(depth.max())
