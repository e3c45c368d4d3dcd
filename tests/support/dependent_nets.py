"""Networks whose rows are no function of the sample: samples mix, the batch is baked in, values are random."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File, digest
from featx.modalities import read_settings

FLOAT = TensorProto.FLOAT
_node = helper.make_node
_RNG = np.random.default_rng(5)


def _tensor(name, values, kind=np.float32):
    return numpy_helper.from_array(np.asarray(values, kind), name)


CONSTANTS = [
    _tensor("w", _RNG.normal(0, 0.2, (192, 12))),
    _tensor("w2", _RNG.normal(0, 0.5, (12, 12))),
    _tensor("ones", np.ones(12)),
    _tensor("zeros", np.zeros(12)),
    _tensor("running mean", np.zeros(12)),
    _tensor("running var", np.ones(12)),
    _tensor("ratio", 0.5),
    _tensor("small ratio", 0.001),
    _tensor("huge", 1e38),
    _tensor("far", 3.0),
    _tensor("true", True, bool),
    _tensor("first", [0], np.int64),
    _tensor("second", [1], np.int64),
    _tensor("axis", 0, np.int64),
    _tensor("end", [2**62], np.int64),
    *(_tensor(f"baked {n}", [n, 12], np.int64) for n in (1, 8)),
    _tensor("twelve", [-1, 12], np.int64),
    _tensor("pair", [-1, 24], np.int64),
]

# The nodes between the embedding "e" of shape (N, 12) and "y".
MIDDLES = {
    "independent": [_node("Relu", ["e"], ["y"])],
    "mean of the batch": [
        _node("ReduceMean", ["e"], ["m"], axes=[0]),
        _node("Sub", ["e", "m"], ["y"]),
    ],
    "softmax over the batch": [_node("Softmax", ["e"], ["y"], axis=0)],
    "sum so far": [_node("CumSum", ["e", "axis"], ["y"])],
    "largest of the batch": [
        _node("ReduceMax", ["e"], ["m"], axes=[0]),
        _node("Div", ["e", "m"], ["y"]),
    ],
    "first of the batch": [
        _node("Slice", ["e", "first", "second", "first"], ["m"]),
        _node("Sub", ["e", "m"], ["d"]),
        _node("Add", ["d", "ones"], ["y"]),
    ],
    "the neighbour": [
        _node("Slice", ["e", "second", "end", "first"], ["rest"]),
        _node("Slice", ["e", "first", "second", "first"], ["head"]),
        _node("Concat", ["rest", "head"], ["rolled"], axis=0),
        _node("Add", ["e", "rolled"], ["y"]),
    ],
    "length of the batch": [
        _node("Shape", ["e"], ["s"], start=0, end=1),
        _node("Cast", ["s"], ["n"], to=FLOAT),
        _node("Mul", ["e", "n"], ["y"]),
    ],
    "quantised as it runs": [
        _node("DynamicQuantizeLinear", ["e"], ["q", "step", "point"]),
        _node("DequantizeLinear", ["q", "step", "point"], ["d"]),
        _node("MatMul", ["d", "w2"], ["y"]),
    ],
    "attention between samples": [
        _node("Transpose", ["e"], ["t"], perm=[1, 0]),
        _node("MatMul", ["e", "t"], ["a"]),
        _node("Softmax", ["a"], ["p"], axis=1),
        _node("MatMul", ["p", "e"], ["y"]),
    ],
    "statistics of the batch": [
        _node(
            "BatchNormalization",
            ["e", "ones", "zeros", "running mean", "running var"],
            ["y", "mean out", "var out"],
            training_mode=1,
        )
    ],
    "dropout": [_node("Dropout", ["e", "ratio", "true"], ["y"])],
    "little dropout": [_node("Dropout", ["e", "small ratio", "true"], ["y"])],
    "noise": [_node("RandomNormalLike", ["e"], ["r"]), _node("Add", ["e", "r"], ["y"])],
    "seeded noise": [
        _node("RandomUniformLike", ["e"], ["r"], seed=1.0),
        _node("Add", ["e", "r"], ["y"]),
    ],
    "a baked batch of 1": [_node("Reshape", ["e", "baked 1"], ["y"])],
    "a baked batch of 8": [_node("Reshape", ["e", "baked 8"], ["y"])],
    "overflow": [_node("Mul", ["e", "huge"], ["m"]), _node("Mul", ["m", "huge"], ["y"])],
    "overflow of the bright": [
        _node("ReduceMean", ["x"], ["b"], axes=[1, 2, 3], keepdims=1),
        _node("Reshape", ["b", "column"], ["c"]),
        _node("Greater", ["c", "bright"], ["g"]),
        _node("Where", ["g", "infinite", "zero"], ["i"]),
        _node("Add", ["e", "i"], ["y"]),
    ],
}
MIXING = [
    name
    for name in MIDDLES
    if name not in ("independent", "dropout", "little dropout", "noise", "seeded noise")
    and not name.startswith(("a baked", "overflow"))
]
CONSTANTS += [
    _tensor("column", [-1, 1], np.int64),
    _tensor("bright", 0.55),
    _tensor("infinite", np.inf),
    _tensor("zero", 0.0),
]


def save_image_net(path, name, *, batch="N"):
    """A graph of images of 8 × 8 pixels; ``batch`` is what its input says of the first axis."""
    nodes = [
        _node("Flatten", ["x"], ["f"]),
        _node("MatMul", ["f", "w"], ["e"]),
        *MIDDLES[name],
    ]
    used = {n for node in nodes for n in node.input}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", FLOAT, [batch, 3, 8, 8])],
        [helper.make_tensor_value_info("y", FLOAT, ["M", 12])],
        [constant for constant in CONSTANTS if constant.name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def image_card(path, **more):
    """The card of such a graph, in the folder that it lies in; not checked by anything."""
    return Card(
        name=path.parent.name,
        modality="image",
        graph=File(path.name, digest(path)),
        input=read_settings("image", {"resize": [8, 8], "layout": "NCHW"}),
        dim=12,
        path=path.parent / "card.toml",
        **more,
    )


def image_backbone(folder, name, *, input_batch="N", **more):
    """A backbone of such a graph, with a card written by hand; ``more`` are entries of the card."""
    folder = folder / name.replace(" ", "-")
    folder.mkdir()
    path = save_image_net(folder / "backbone.onnx", name, batch=input_batch)
    return Backbone(image_card(path, **more))
