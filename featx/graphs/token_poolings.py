"""Poolings of tokens as sentence-transformers has them, in NumPy and in ONNX; ``pooling`` lists them.

Reimers, Gurevych: Sentence-BERT, 2019; Muennighoff: SGPT, 2022, for the weights of positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from featx._typing import FloatArray, Mask

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = [
    "first_token",
    "first_token_nodes",
    "mean_sqrt",
    "mean_sqrt_nodes",
    "weighted_mean",
    "weighted_mean_nodes",
]

# Below the least weight that there is.
_FLOOR = np.float32(1e-9)


def first_token(positions: FloatArray, mask: Mask | None) -> FloatArray:
    """Return the first position that is not padding; shape (n, channels).

    Examples
    --------
    >>> positions = np.array([[[0], [5], [6]]], np.float32)
    >>> first_token(positions, np.array([[False, True, True]]))
    array([[5.]], dtype=float32)
    """
    if mask is None:
        return positions[:, 0]
    return np.asarray(positions[np.arange(len(positions)), np.argmax(mask, axis=1)])


def first_token_nodes(graph: GraphBuilder, positions: str, mask: str | None) -> str:
    """Add the nodes that do what ``first_token`` does, and return the name of the rows."""
    zero = graph.constant(0, np.int64)
    if mask is None:
        return graph.add("Gather", positions, zero, axis=1)
    numbers = _numbers(graph, positions)
    # as many as there are positions where there is no token at all: the first is taken then
    length = graph.to_float32(graph.dim(positions, 1))
    real = graph.add("Greater", mask, graph.float_const(0))
    first = graph.reduce("ReduceMin", graph.add("Where", real, numbers, length), 1)
    none = graph.add("Equal", first, length)
    first = graph.add("Where", none, graph.float_const(0), first)
    return _only(graph, positions, graph.add("Equal", numbers, first))


def mean_sqrt(positions: FloatArray, mask: Mask | None) -> FloatArray:
    """Return the sum of all positions over the root of their number; shape (n, channels).

    Examples
    --------
    >>> positions = np.array([[[1], [2], [3], [2], [9]]], np.float32)
    >>> mean_sqrt(positions, np.array([[True, True, True, True, False]]))
    array([[4.]], dtype=float32)
    """
    mask = np.ones(positions.shape[:2], bool) if mask is None else mask
    counts = np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(np.float32)
    return np.asarray(_weighed(positions, mask.astype(np.float32)) / np.sqrt(counts))


def mean_sqrt_nodes(graph: GraphBuilder, positions: str, mask: str | None) -> str:
    """Add the nodes that do what ``mean_sqrt`` does, and return the name of the rows."""
    if mask is None:
        total = graph.reduce("ReduceSum", positions, 1, keep=False)
        count = graph.to_float32(graph.dim(positions, 1))
    else:
        total = graph.reduce("ReduceSum", graph.add("Mul", positions, mask), 1, keep=False)
        count = graph.reduce("ReduceSum", mask, 1, keep=False)
    count = graph.add("Max", count, graph.float_const(1))
    return graph.add("Div", total, graph.add("Sqrt", count))


def weighted_mean(positions: FloatArray, mask: Mask | None) -> FloatArray:
    """Return the mean of all positions, each with its number from 1 as weight; shape (n, channels).

    Numbers are those in the tensor: padding is expected after the tokens.

    Examples
    --------
    >>> positions = np.array([[[1], [4], [9]]], np.float32)
    >>> weighted_mean(positions, np.array([[True, True, False]]))
    array([[3.]], dtype=float32)
    """
    mask = np.ones(positions.shape[:2], bool) if mask is None else mask
    numbers = np.arange(1, mask.shape[1] + 1, dtype=np.float32)
    weights: FloatArray = np.where(mask, numbers, np.float32(0))
    total = np.maximum(weights.sum(axis=1, keepdims=True), _FLOOR)
    return np.asarray(_weighed(positions, weights) / total)


def weighted_mean_nodes(graph: GraphBuilder, positions: str, mask: str | None) -> str:
    """Add the nodes that do what ``weighted_mean`` does, and return the name of the rows."""
    weights = graph.add("Add", _numbers(graph, positions), graph.float_const(1))
    if mask is not None:
        weights = graph.add("Mul", weights, mask)
    total = graph.reduce("ReduceSum", graph.add("Mul", positions, weights), 1, keep=False)
    whole = graph.reduce("ReduceSum", weights, 1, keep=False)
    return graph.add("Div", total, graph.add("Max", whole, graph.float_const(float(_FLOOR))))


def _weighed(positions: FloatArray, weights: FloatArray) -> FloatArray:
    weighed: FloatArray = np.einsum("npd,np->nd", positions, weights)
    return weighed


def _numbers(graph: GraphBuilder, positions: str) -> str:
    """Return the number of each position, from 0, float32 of (1, positions, 1)."""
    ends = (graph.constant(0, np.int64), graph.dim(positions, 1), graph.constant(1, np.int64))
    numbers = graph.add("Range", *ends)
    return graph.to_float32(graph.add("Unsqueeze", numbers, graph.int_const(0, 2)))


def _only(graph: GraphBuilder, positions: str, chosen: str) -> str:
    """Return the position that is chosen of each sample, without touching the others."""
    alone = graph.add("Where", chosen, positions, graph.float_const(0))
    return graph.reduce("ReduceSum", alone, 1, keep=False)
