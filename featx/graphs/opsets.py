"""Operator sets: which a graph imports, and which of them its nodes use."""

from __future__ import annotations

from onnx import ModelProto

from featx.graphs.inspect import walk

__all__ = ["drop_unused_opsets", "opset_of"]


def opset_of(model: ModelProto) -> int:
    """Return the version of ONNX's usual operators that a graph is written in."""
    usual = (one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    return int(next(usual))


def drop_unused_opsets(model: ModelProto) -> None:
    """Remove from a graph the operator sets that none of its nodes uses.

    Older versions of ONNX Runtime refuse sets that they do not know, used or not.
    """
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    used = {node.domain for nodes in bodies for node in walk(nodes)}
    # both names are of the usual set; a graph without one is none
    used |= {"", "ai.onnx"}
    kept = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
