"""Image networks that end in a map and a tail of any kind, and backbones of them."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File, digest
from featx.modalities import read_settings
from tests.support.nets import FLOAT, convolutions, save

_node = helper.make_node
_RNG = np.random.default_rng(7)


def _tensor(name, values, kind=np.float32):
    return numpy_helper.from_array(np.asarray(values, kind), name)


CONSTANTS = [
    _tensor("dense", _RNG.normal(0, 0.5, (5, 6))),
    _tensor("dense bias", _RNG.normal(0, 0.5, 6)),
    _tensor("kernel", _RNG.normal(0, 0.5, (6, 5, 1, 1))),
    _tensor("gain", _RNG.normal(1, 0.2, 5)),
    _tensor("offset", _RNG.normal(0, 0.5, 5)),
    _tensor("means", _RNG.normal(0, 0.1, 5)),
    _tensor("variances", _RNG.uniform(0.5, 1.5, 5)),
    _tensor("epsilon", 1e-5),
    _tensor("two", 2.0),
    _tensor("half", np.full(5, 0.5), np.float16),
    _tensor("flat", [0, 5, -1], np.int64),
    _tensor("columns", [3, 0, 1], np.int64),
    _tensor("first", [1], np.int64),
    _tensor("fourth", [4], np.int64),
    _tensor("axis 0", 0, np.int64),
]
POOLED = [_node("GlobalAveragePool", ["map"], ["g"]), _node("Flatten", ["g"], ["p"])]
# The nodes between the map "map" of shape (N, 5, 4, 4) and the row "y".
TAILS = {
    "a global mean": [_node("GlobalAveragePool", ["map"], ["g"]), _node("Flatten", ["g"], ["y"])],
    "a mean over two axes": [_node("ReduceMean", ["map"], ["y"], axes=[2, 3], keepdims=0)],
    "a mean of rows, then of columns": [
        _node("ReduceMean", ["map"], ["r"], axes=[3], keepdims=0),
        _node("ReduceMean", ["r"], ["y"], axes=[2], keepdims=0),
    ],
    "a mean of rows that keeps its axis": [
        _node("ReduceMean", ["map"], ["r"], axes=[2], keepdims=1),
        _node("ReduceMean", ["r"], ["y"], axes=[2, 3], keepdims=0),
    ],
    "an average pool over all": [
        _node("AveragePool", ["map"], ["g"], kernel_shape=[4, 4]),
        _node("Flatten", ["g"], ["y"]),
    ],
    "a sum": [
        _node("ReduceSum", ["map", "axes"], ["g"], keepdims=1),
        _node("Squeeze", ["g", "axes"], ["y"]),
    ],
    "a maximum": [_node("GlobalMaxPool", ["map"], ["g"]), _node("Flatten", ["g"], ["y"])],
    "mean and maximum": [
        *POOLED,
        _node("ReduceMax", ["map"], ["m"], axes=[2, 3], keepdims=0),
        _node("Concat", ["p", "m"], ["y"], axis=1),
    ],
    "laid flat, then a mean": [
        _node("Reshape", ["map", "flat"], ["t"]),
        _node("ReduceMean", ["t"], ["y"], axes=[-1], keepdims=0),
    ],
    "channels last": [
        _node("Transpose", ["map"], ["t"], perm=[0, 2, 3, 1]),
        _node("ReduceMean", ["t"], ["y"], axes=[1, 2], keepdims=0),
    ],
    "a dense layer": [*POOLED, _node("Gemm", ["p", "dense", "dense bias"], ["y"], alpha=0.5)],
    "a product and a sum": [
        *POOLED,
        _node("MatMul", ["p", "dense"], ["d"]),
        _node("Add", ["d", "dense bias"], ["y"]),
    ],
    "a convolution of what is pooled": [
        _node("GlobalAveragePool", ["map"], ["g"]),
        _node("Conv", ["g", "kernel", "dense bias"], ["c"]),
        _node("Flatten", ["c"], ["y"]),
    ],
    "a batch norm": [
        *POOLED,
        _node("BatchNormalization", ["p", "gain", "offset", "means", "variances"], ["y"]),
    ],
    "a layer norm": [*POOLED, _node("LayerNormalization", ["p", "gain", "offset"], ["y"])],
    "a layer norm written out": [
        *POOLED,
        _node("ReduceMean", ["p"], ["m"], axes=[-1], keepdims=1),
        _node("Sub", ["p", "m"], ["c"]),
        _node("Pow", ["c", "two"], ["s"]),
        _node("ReduceMean", ["s"], ["v"], axes=[-1], keepdims=1),
        _node("Add", ["v", "epsilon"], ["w"]),
        _node("Sqrt", ["w"], ["d"]),
        _node("Div", ["c", "d"], ["n"]),
        _node("Mul", ["n", "gain"], ["k"]),
        _node("Add", ["k", "offset"], ["y"]),
    ],
    "length 1": [
        *POOLED,
        _node("ReduceL2", ["p"], ["l"], axes=[1], keepdims=1),
        _node("Max", ["l", "epsilon"], ["s"]),
        _node("Div", ["p", "s"], ["y"]),
    ],
    "length 1 in one node": [*POOLED, _node("LpNormalization", ["p"], ["y"], axis=1, p=2)],
    "weights in half precision": [
        *POOLED,
        _node("Cast", ["half"], ["f"], to=FLOAT),
        _node("Mul", ["f", "p"], ["m"]),
        _node("Neg", ["m"], ["n"]),
        _node("Sub", ["offset", "n"], ["y"]),
    ],
    "some columns": [*POOLED, _node("Gather", ["p", "columns"], ["y"], axis=1)],
    "a slice of the columns": [
        *POOLED,
        _node("Slice", ["p", "first", "fourth", "first"], ["y"]),
    ],
}
CONSTANTS += [
    _tensor("axes", [2, 3], np.int64),
    _tensor("wide", _RNG.normal(0, 0.1, (768, 5))),
]
# Tails that no sum over places goes through, and what is said of them.
CURVED = {
    "a rectifier": (
        [*POOLED, _node("Relu", ["p"], ["y"])],
        "ReLU stands between the map and the row",
    ),
    "a gate of each channel": (
        [*POOLED, _node("Sigmoid", ["p"], ["s"]), _node("Mul", ["p", "s"], ["y"])],
        "scales each channel by another number",
    ),
    "one position": (
        [
            _node("Reshape", ["map", "flat"], ["t"]),
            _node("Transpose", ["t"], ["u"], perm=[0, 2, 1]),
            _node("Gather", ["u", "axis 0"], ["y"], axis=1),
        ],
        "taken from one position, such as a class token",
    ),
    "a map laid flat": ([_node("Flatten", ["map"], ["y"])], "of a map without pooling it"),
    "windows of a pool": (
        [
            _node("AveragePool", ["map"], ["g"], kernel_shape=[2, 2], strides=[2, 2]),
            _node("Flatten", ["g"], ["y"]),
        ],
        "AveragePool leaves more than one position",
    ),
    "a very long tail": (
        [
            *POOLED,
            *(_node("Neg", [f"n{k}" if k else "p"], [f"n{k + 1}"]) for k in range(250)),
            _node("Neg", ["n250"], ["y"]),
        ],
        "more than 200 nodes stand between the map and the row",
    ),
    "a row of no map": (
        [_node("Flatten", ["x"], ["f"]), _node("MatMul", ["f", "wide"], ["y"])],
        "the row is not pooled from a map or from tokens",
    ),
    "a generalised mean": (
        [
            _node("Pow", ["map", "two"], ["s"]),
            _node("GlobalAveragePool", ["s"], ["g"]),
            _node("Sqrt", ["g"], ["r"]),
            _node("Flatten", ["r"], ["y"]),
        ],
        "Sqrt stands between the map and the row",
    ),
}


def save_tail_net(path, nodes, *, batch="N", rank=2):
    """A graph of images of 16 × 16 pixels that ends in these nodes, or in its map where there are none."""
    before, constants = convolutions("x")
    used = {name for node in nodes for name in node.input}
    return save(
        path,
        [*before, *nodes],
        [("x", FLOAT, [batch, 3, 16, 16])],
        [("y" if nodes else "map", FLOAT, [None] * (rank if nodes else 4))],
        [*constants, *(one for one in CONSTANTS if one.name in used)],
    )


def tail_backbone(folder, nodes, *, dim=None, batch="N", rank=2, **more):
    """A backbone of such a graph; ``more`` are entries of its card."""
    path = save_tail_net(folder / "backbone.onnx", nodes, batch=batch, rank=rank)
    card = Card(
        name="drawn",
        modality="image",
        graph=File(path.name, digest(path)),
        input=read_settings("image", {"resize": [16, 16], "layout": "NCHW"}),
        dim=dim,
        batch=0,
        path=folder / "card.toml",
        **more,
    )
    return Backbone(card)
