"""Operator sets: which a graph imports, and which of them its nodes use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import ModelProto, NodeProto

from featx.graphs.inspect import bodies_of

__all__ = ["drop_unused_opsets"]


def drop_unused_opsets(model: ModelProto) -> None:
    """Remove from a graph the operator sets that none of its nodes uses.

    Older versions of ONNX Runtime refuse sets that they do not know, used or not.
    """
    used = set(_domains(model.graph.node))
    for function in model.functions:
        used |= set(_domains(function.node))
    # both names are of the usual set; a graph without one is none
    used |= {"", "ai.onnx"}
    kept = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _domains(nodes: Iterable[NodeProto]) -> Iterator[str]:
    """Give the domain of every node, those of the bodies of loops and branches too."""
    for node in nodes:
        yield node.domain
        for body in bodies_of(node):
            yield from _domains(body.node)
