"""Batches: inputs of which a tensor needs nothing but how many samples there are.

PyTorch's exporter asks whichever input comes first for the length of the batch that all of them have, so that
the image tower of CLIP seems to need texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import GraphProto, NodeProto, ValueInfoProto

__all__ = ["ask_others", "replaceable"]


def replaceable(nodes: Sequence[NodeProto], graph: GraphProto) -> Mapping[str, str]:
    """Return the inputs that are asked for the length of their batch alone, each with another that knows it.

    Parameters
    ----------
    nodes : sequence of NodeProto
        Those that the tensor needs.
    graph : GraphProto
        With the inputs, whose first axes have the same name where they have the same length.
    """
    first = {value.name: _first_axis(value) for value in graph.input}
    asked = {name for node in nodes if _asks_for_batch(node) for name in node.input}
    read = {name for node in nodes if not _asks_for_batch(node) for name in node.input}
    found = {}
    for name in asked - read:
        others = [n for n, axis in first.items() if n in read and axis and axis == first.get(name)]
        if others:
            found[name] = others[0]
    return found


def ask_others(nodes: Sequence[NodeProto], others: Mapping[str, str]) -> None:
    """Ask other inputs for the length of the batch, in place, as ``replaceable`` found them."""
    for node in nodes:
        if _asks_for_batch(node) and node.input[0] in others:
            node.input[0] = others[node.input[0]]


def _asks_for_batch(node: NodeProto) -> bool:
    """Return whether a node gives the length of the first axis and nothing else."""
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    plain = node.op_type == "Shape" and node.domain in ("", "ai.onnx")
    return plain and ends.get("start", 0) == 0 and ends.get("end") == 1


def _first_axis(value: ValueInfoProto) -> str:
    dims = value.type.tensor_type.shape.dim
    return str(dims[0].dim_param) if dims else ""
