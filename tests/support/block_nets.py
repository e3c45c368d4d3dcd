"""Small networks of blocks: residual convolutions, and patches with a class token, norms and shortcuts."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.catalog import Card, digest
from featx.catalog.card import File
from featx.modalities import read_settings
from tests.support.nets import FLOAT, save, weights

SIDE, CHANNELS, DIM = 16, 8, 12
_node = helper.make_node


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def save_residual_net(path):
    """A stem, two residual blocks and logits."""
    nodes = [
        _node("Conv", ["image", "stem.w"], ["stem"], strides=[2, 2], pads=[1, 1, 1, 1]),
        _node("Relu", ["stem"], ["block0"]),
    ]
    constants = [weights("stem.w", CHANNELS, 3, 3, 3)]
    for k in (1, 2):
        inside = [f"b{k}.{step}" for step in ("conv", "relu", "conv2", "sum")]
        nodes += [
            _node("Conv", [f"block{k - 1}", f"b{k}.w"], [inside[0]], pads=[1, 1, 1, 1]),
            _node("Relu", [inside[0]], [inside[1]]),
            _node("Conv", [inside[1], f"b{k}.v"], [inside[2]], pads=[1, 1, 1, 1]),
            _node("Add", [inside[2], f"block{k - 1}"], [inside[3]]),
            _node("Relu", [inside[3]], [f"block{k}"]),
        ]
        constants += [weights(f"b{k}.{name}", CHANNELS, CHANNELS, 3, 3) for name in "wv"]
    nodes += [
        _node("GlobalAveragePool", ["block2"], ["pooled"]),
        _node("Flatten", ["pooled"], ["embedding"]),
        _node("MatMul", ["embedding", "head"], ["logits"]),
    ]
    outputs = [("logits", FLOAT, ["N", 5]), ("embedding", FLOAT, ["N", CHANNELS])]
    image = ("image", FLOAT, ["N", 3, SIDE, SIDE])
    return save(path, nodes, [image], outputs, [*constants, weights("head", CHANNELS, 5)])


def save_patch_net(path, *, tokens=1):
    """Sixteen patches behind some tokens, two blocks with a norm inside, and the first token in the end."""
    nodes = [
        _node("Conv", ["image", "patch.w"], ["grid"], strides=[4, 4]),
        _node("Reshape", ["grid", "as rows"], ["flat"]),
        _node("Transpose", ["flat"], ["patches"], perm=[0, 2, 1]),
    ]
    constants = [weights("patch.w", DIM, 3, 4, 4), ints("as rows", 0, DIM, -1)]
    source = "patches"
    if tokens:
        nodes += [
            _node("Shape", ["patches"], ["batch"], start=0, end=1),
            _node("Concat", ["batch", "token shape"], ["wanted"], axis=0),
            _node("Expand", ["tokens", "wanted"], ["own tokens"]),
            _node("Concat", ["own tokens", "patches"], ["joined"], axis=1),
        ]
        constants += [ints("token shape", tokens, DIM), weights("tokens", 1, tokens, DIM)]
        source = "joined"
    nodes.append(_node("Add", [source, "positions"], ["block0"]))
    constants.append(weights("positions", 1, 16 + tokens, DIM))
    for k in (1, 2):
        names = [f"b{k}.{step}" for step in ("norm", "in", "mixed")]
        nodes += [
            _node("LayerNormalization", [f"block{k - 1}", "scale"], [names[0]], axis=-1),
            _node("MatMul", [names[0], f"b{k}.w"], [names[1]]),
            _node("Tanh", [names[1]], [names[2]]),
            _node("Add", [names[2], f"block{k - 1}"], [f"block{k}"]),
        ]
        constants.append(weights(f"b{k}.w", DIM, DIM))
    nodes += [
        _node("LayerNormalization", ["block2", "scale"], ["normed"], axis=-1),
        _node("Gather", ["normed", "zero"], ["embedding"], axis=1),
    ]
    constants += [
        numpy_helper.from_array(np.ones(DIM, np.float32), "scale"),
        numpy_helper.from_array(np.int64(0), "zero"),
    ]
    image = ("image", FLOAT, ["N", 3, SIDE, SIDE])
    return save(path, nodes, [image], [("embedding", FLOAT, ["N", DIM])], constants)


def block_backbone(path, *, tap="embedding", layout="NCHW", **more):
    """A backbone of such a graph, with a card written by hand; ``more`` are entries of the card."""
    settings = {"resize": [SIDE, SIDE], "layout": layout}
    card = Card(
        name=path.parent.name,
        modality="image",
        graph=File(path.name, digest(path)),
        input=read_settings("image", settings),
        dim=None,
        output=tap,
        path=path.parent / "card.toml",
        **more,
    )
    return Backbone(card)
