"""Graphs that a stranger could send: loops without an end, constants that unfold, weights elsewhere."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
_VALUE = helper.make_tensor_value_info


def save_endless(path):
    """A graph of images whose loop goes on while its values stay below a limit, as they always do."""
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["value", "half"], ["next"]),
            helper.make_node("ReduceMax", ["next"], ["largest"], keepdims=0),
            helper.make_node("Less", ["largest", "limit"], ["going"]),
        ],
        "body",
        [
            _VALUE("turn", TensorProto.INT64, []),
            _VALUE("before", TensorProto.BOOL, []),
            _VALUE("value", FLOAT, None),
        ],
        [_VALUE("going", TensorProto.BOOL, []), _VALUE("next", FLOAT, None)],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["", "start", "x"], ["y"], body=body)],
        "endless",
        [_VALUE("x", FLOAT, ["N", 3, 4, 4])],
        [_VALUE("y", FLOAT, ["N", 3, 4, 4])],
        [
            numpy_helper.from_array(np.array(True), "start"),
            numpy_helper.from_array(np.float32(0.5), "half"),
            numpy_helper.from_array(np.float32(1e9), "limit"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path
