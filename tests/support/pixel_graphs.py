"""The preprocessing of pictures as a graph of its own."""

from __future__ import annotations

import onnx
from onnx import helper

from featx.backbones.session import open_session
from featx.export.image import add_pixels
from featx.graphs.builder import BYTE, GraphBuilder


def session_of(images):
    """The preprocessing alone, as a graph."""
    graph = GraphBuilder()
    kind = onnx.TensorProto.FLOAT if images.dtype == "float32" else BYTE
    graph.named("made", "Identity", add_pixels(graph, "image", images, kind))
    given = helper.make_tensor_value_info("image", BYTE, ["N", "height", "width", 3])
    made = helper.make_tensor_value_info("made", kind, ["N", "a", "b", "c"])
    whole = helper.make_graph(graph.nodes, "pictures", [given], [made], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return open_session(model.SerializeToString(), "pictures")
