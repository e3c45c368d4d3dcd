"""Rescaling: whether a graph of pictures makes numbers of pixels itself, as Keras's Rescaling layer does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto

from featx.graphs.constants import ConstantValues
from featx.graphs.inspect import load_model

__all__ = ["scales_pixels"]

# Nodes that leave values as they are.
_KEEPS = frozenset(("Cast", "Transpose", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Pad"))
# What pixels of 0 to 255 are divided by: between the half of them and a little more than all.
_LEAST, _MOST = 120.0, 260.0
# What is taken off pixels of 0 to 255 and of nothing smaller.
_SHIFT = 16.0
# Nodes that are followed behind an input.
_STEPS = 64


def scales_pixels(path: Path, name: str) -> bool:
    """Return whether a graph divides the pixels of an input by about 255 or 127.5, or takes a mean off.

    Such a graph takes pixels of 0 to 255, whatever the model inside was trained with.

    Parameters
    ----------
    path : Path
    name : str
        An input of the graph.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph.
    """
    model: ModelProto = load_model(path, weights=False)
    known = ConstantValues(model.graph)
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for read in set(node.input):
            readers.setdefault(read, []).append(node)
    waiting, seen = [name], {name}
    while waiting and len(seen) < _STEPS:
        current = waiting.pop()
        for node in readers.get(current, []):
            if node.op_type in _KEEPS and node.input[0] == current:
                fresh = [value for value in node.output if value not in seen]
                waiting += fresh
                seen.update(fresh)
            elif _is_of_pixels(node, current, known):
                return True
    return False


def _is_of_pixels(node: NodeProto, value: str, known: ConstantValues) -> bool:
    """Return whether a node does to ``value`` what is done to pixels of 0 to 255 alone."""
    if node.op_type not in ("Mul", "Div", "Sub", "Add") or len(node.input) != 2:
        return False
    first = node.input[0] == value
    other = known.small(node.input[1] if first else node.input[0])
    if other is None or not other.size or other.dtype.kind != "f" or not np.isfinite(other).all():
        return False
    size = np.abs(other.astype(np.float64))
    if node.op_type == "Mul":
        return bool(((size >= 1 / _MOST) & (size <= 1 / _LEAST)).all())
    if node.op_type == "Div":
        return bool(first and ((size >= _LEAST) & (size <= _MOST)).all())
    # whichever is taken off the other
    return bool((size >= _SHIFT).all())
