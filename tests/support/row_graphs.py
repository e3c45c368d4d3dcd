"""The rows of a backbone as a graph of their own, without a head."""

import onnx
from onnx import helper

from featx.backbones.backbone import Backbone
from featx.backbones.session import open_session
from featx.export.rows import add_rows
from featx.graphs.builder import FLOAT, GraphBuilder


def rows_session(card, *, strings=False):
    """A session of the graph that makes a card's rows of what an export is fed."""
    graph = GraphBuilder()
    given = add_rows(graph, Backbone(card), strings=strings)
    graph.named("rows", "Identity", given.rows)
    whole = helper.make_graph(
        graph.nodes,
        "rows",
        given.inputs,
        [helper.make_tensor_value_info("rows", FLOAT, ["N", "D"])],
        [*given.constants, *graph.constants],
    )
    versions = {**given.opsets, **graph.domains}
    sets = [helper.make_opsetid(*entry) for entry in versions.items()]
    model = helper.make_model(whole, opset_imports=sets, functions=given.functions, ir_version=8)
    # shape inference fails on operators that are none of ONNX's own
    onnx.checker.check_model(model, full_check=not strings)
    return open_session(model.SerializeToString(), "rows")
