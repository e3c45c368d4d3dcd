"""Mirrored maps: which tensors of a graph lie the other way round than its input, as a mirror image does."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import NodeProto

from featx.errors import NoExactSum
from featx.graphs.constants import ConstantValues
from featx.graphs.cut import tensor_values
from featx.graphs.inspect import shape_of

__all__ = ["mirrored_axes"]

# What mixes the channels of axis 1, however they were ordered.
_CONVOLUTIONS = frozenset({"Conv", "FusedConv", "QLinearConv", "ConvInteger"})

Axes = frozenset[int]


def mirrored_axes(data: bytes, names: Iterable[str] | None = None) -> dict[str, Axes]:
    """Return the axes of each tensor along which it runs against the graph's input.

    Parameters
    ----------
    data : bytes
        A graph that was cut.
    names : iterable of str, default=None
        Tensors; None: the graph's outputs.

    Returns
    -------
    dict of str to frozenset of int

    A Slice with a negative step turns an axis over, and a second one turns it back. What other operators make
    is taken to lie as what they are given.

    Raises
    ------
    NoExactSum
        One of the tensors joins two that lie differently.
    """
    model = onnx.load_from_string(data)
    values, known = tensor_values(model), ConstantValues(model.graph)
    # None is what joins two that lie differently.
    found: dict[str, Axes | None] = {}
    for node in model.graph.node:
        given = [found.get(n, frozenset()) for n in node.input if n and n not in known.constants]
        first = given[0] if given else frozenset()
        own = first if all(one == first for one in given) else None
        if own is not None and node.input and node.input[0] in values:
            shape = shape_of(values[node.input[0]])
            own = _after(node, own, None if shape is None else len(shape), known)
        found.update(dict.fromkeys(node.output, own))
    result = {}
    for name in (value.name for value in model.graph.output) if names is None else names:
        axes = found.get(name, frozenset())
        if axes is None:
            raise NoExactSum("the map joins the sample and its mirror image")
        result[name] = axes
    return result


def _after(node: NodeProto, axes: Axes, rank: int | None, known: ConstantValues) -> Axes:
    """Return how the output of a node lies whose input has ``axes`` turned over."""
    if node.op_type == "Slice":
        return axes ^ _turned(node, rank, known)
    if node.op_type == "Transpose":
        order = next((list(a.ints) for a in node.attribute if a.name == "perm"), [])
        order = order or list(range(rank or 0))[::-1]
        return frozenset(k for k, axis in enumerate(order) if axis in axes)
    if node.op_type in _CONVOLUTIONS:
        return axes - {0, 1}
    return axes


def _turned(node: NodeProto, rank: int | None, known: ConstantValues) -> Axes:
    """Return the axes that a Slice turns over; none where its steps are not known or positive."""
    if len(node.input) < 5 or not node.input[4]:
        return frozenset()
    steps = known.small(node.input[4])
    if steps is None:
        return frozenset()
    axes = known.small(node.input[3]) if node.input[3] else None
    numbers = range(steps.size) if axes is None else axes.reshape(-1).tolist()
    pairs = zip(numbers, steps.reshape(-1).tolist(), strict=False)
    turned = [int(axis) for axis, step in pairs if step < 0]
    return frozenset(axis + (rank or 0) if axis < 0 else axis for axis in turned)
