"""A pooling as a graph of its own."""

import onnx
import onnxruntime
from onnx import TensorProto, helper

from featx.graphs.builder import GraphBuilder


def as_graph(pooling, shape, *, channel_axis=None, masked=False):
    """A function that computes a pooling in ONNX Runtime from its nodes."""
    graph = GraphBuilder()
    mask = (lambda: "mask") if masked else None
    rows = pooling.add_nodes(graph, "values", len(shape), channel_axis, mask)
    inputs = [helper.make_tensor_value_info("values", TensorProto.FLOAT, [None] * len(shape))]
    if masked:
        inputs.append(helper.make_tensor_value_info("mask", TensorProto.INT64, [None, None]))
    output = helper.make_tensor_value_info(rows, TensorProto.FLOAT, [None, None])
    whole = helper.make_graph(graph.nodes, "pooling", inputs, [output], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    wanted = {value.name for value in session.get_inputs()}
    return lambda **feeds: session.run(None, {k: v for k, v in feeds.items() if k in wanted})[0]
