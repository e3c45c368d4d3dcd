"""Backbones for pictures that take no time: what each looks at is known, and so is which suits a task."""

from __future__ import annotations

import hashlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tests.support.nets import save

FLOAT = TensorProto.FLOAT
SIDE = 8


def add_colors(folder, name="colors"):
    """Add ``colors``, or another name: the mean of each channel, three columns."""
    nodes = [helper.make_node("ReduceMean", ["x"], ["embedding"], axes=[2, 3], keepdims=0)]
    return _add(folder, name, nodes, 3, [], license="MIT")


def add_brightness(folder):
    """Add ``brightness``: the mean of all, one column."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Flatten", ["mean"], ["embedding"]),
    ]
    return _add(folder, "brightness", nodes, 1, [])


def add_pixels(folder):
    """Add ``pixels``: all of them, weighed by chance, six columns; its file is the largest."""
    weights = np.random.default_rng(0).normal(size=(3 * SIDE * SIDE, 6)).astype(np.float32)
    nodes = [
        helper.make_node("Relu", ["x"], ["map"]),
        helper.make_node("Flatten", ["map"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["embedding"]),
    ]
    return _add(folder, "pixels", nodes, 6, [numpy_helper.from_array(weights, "w")])


def add_nothing(folder):
    """Add ``nothing``: the logarithm of a negative number, which is none."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Neg", ["mean"], ["below"]),
        helper.make_node("Sub", ["below", "one"], ["less"]),
        helper.make_node("Log", ["less"], ["embedding"]),
    ]
    one = numpy_helper.from_array(np.ones((1, 1), np.float32), "one")
    return _add(folder, "nothing", nodes, 3, [one])


def add(folder, name, nodes, dim, constants):
    """Add a backbone of some nodes, from ``x`` to ``embedding``, with named constants."""
    tensors = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    return _add(folder, name, nodes, dim, tensors)


def _add(folder, name, nodes, dim, constants, license="Apache-2.0"):
    home = folder / name
    home.mkdir(parents=True)
    path = home / "backbone.onnx"
    given = ("x", FLOAT, ["N", 3, SIDE, SIDE])
    save(path, nodes, [given], [("embedding", FLOAT, ["N", dim])], constants)
    data = path.read_bytes()
    (home / "card.toml").write_text(
        f'name = "{name}"\nmodality = "image"\nlicense = "{license}"\ndim = {dim}\n\n'
        f'[graph]\nfile = "backbone.onnx"\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
        f'size = {len(data)}\noutput = "embedding"\n\n[image]\nresize = [{SIDE}, {SIDE}]\n',
        encoding="utf-8",
    )
    return name


def colored_pictures(n=60, seed=0, noise=30):
    """Return pictures of red or green of one brightness, their labels, and how red they are."""
    rng = np.random.default_rng(seed)
    labels = np.array(["red", "green"])[np.arange(n) % 2]
    pictures, redness = [], []
    for label in labels:
        picture = rng.integers(0, noise, (SIDE, SIDE, 3))
        strength = int(rng.integers(20, 60))
        picture[..., 0 if label == "red" else 1] += strength
        pictures.append(picture.astype(np.uint8))
        redness.append(float(strength if label == "red" else -strength))
    return pictures, labels.tolist(), redness
