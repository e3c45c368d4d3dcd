"""Small networks to be optimised, and pictures to calibrate them with."""

import hashlib

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from PIL import Image

from featx.catalog import Card
from featx.optimize import QuantizationConfig, Tolerance
from tests.support.nets import FLOAT, convolutions, save

SHIPPED = "featx-image-nano"


NANO = "nano-in-floats"


SMALL = "two-convolutions"


NEAR = QuantizationConfig(tolerance=Tolerance(min_cosine=0.99))


def pictures(n, seed=0):
    """Drawn pictures with shapes and noise, as arrays."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        picture = rng.integers(0, 256, (3, 3, 3)).astype(np.uint8)
        wide = np.asarray(Image.fromarray(picture).resize((80, 72), Image.Resampling.BICUBIC))
        noisy = wide + rng.normal(0, 12, wide.shape)
        x, y = rng.integers(0, 50, 2)
        noisy[y : y + 20, x : x + 20] = rng.integers(0, 256, 3)
        made.append(np.clip(noisy, 0, 255).astype(np.uint8))
    return made


def chain(path, sensitive, plain):
    """Dense layers with tanh between, some of which take the difference of large numbers that are nearly equal.

    Such a layer reads 60 s + d and 60 s in pairs and gives d: in eight bits d is gone.
    """
    rng = np.random.default_rng(5)
    nodes = [helper.make_node("Flatten", ["image"], ["x0"])]
    constants, last, width = [], "x0", 192

    def dense(matrix, bend=True):
        nonlocal last, width
        k = len(constants)
        constants.append(numpy_helper.from_array(matrix.astype(np.float32), f"w{k}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{k}"], [f"m{k}"], f"dense {k}"))
        last, width = f"m{k}", matrix.shape[1]
        if bend:
            nodes.append(helper.make_node("Tanh", [last], [f"t{k}"]))
            last = f"t{k}"

    dense(rng.normal(0, 0.1, (192, 12)))
    for _ in range(plain):
        dense(rng.normal(0, 0.4, (12, 12)))
    for _ in range(sensitive):
        differences, common = (
            rng.normal(0, 0.4, (12, 12)),
            rng.normal(0, 30, (12, 1)) @ np.ones((1, 12)),
        )
        dense(np.hstack([common + differences, common]), bend=False)
        dense(np.vstack([np.eye(12), -np.eye(12)]))
    image = ("image", FLOAT, ["N", 3, 8, 8])
    return save(path, nodes, [image], [(last, FLOAT, ["N", 12])], constants)


def save_small(path):
    """Two convolutions whose last map is averaged: enough where the network does not matter."""
    nodes, constants = convolutions("image")
    nodes += [
        helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
    ]
    image, row = ("image", FLOAT, ["N", 3, 8, 8]), ("row", FLOAT, ["N", 5])
    return save(path, nodes, [image], [row], constants)


def shelve(shelf, name, graph, dim=12):
    """A card for a graph of pictures of 8 by 8, pixels from -1 to 1."""
    folder = shelf / name
    folder.mkdir(parents=True)
    data = graph.read_bytes()
    (folder / "backbone.onnx").write_bytes(data)
    (folder / "card.toml").write_text(
        f'name = "{name}"\nmodality = "image"\ndim = {dim}\n'
        f'[graph]\nsha256 = "{hashlib.sha256(data).hexdigest()}"\nsize = {len(data)}\n'
        "[image]\nresize = [8, 8]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n",
        encoding="utf-8",
    )
    return Card.from_toml((folder / "card.toml").read_text("utf-8"), path=folder / "card.toml")


def kernels(path):
    """The kinds of nodes that ONNX Runtime makes of a graph."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path.with_suffix(".optimized"))
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    made = onnx.load(options.optimized_model_filepath)
    return [node.op_type for node in made.graph.node]


def integer_weights(card):
    """The weights of a quantised graph by name, without biases, which are integers of 32 bits."""
    model = onnx.load(card.path.with_name("backbone.onnx"))
    kept = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {
        name: values for name, values in kept.items() if values.dtype == np.int8 and values.ndim > 1
    }


def folder(path, n):
    path.mkdir()
    for k, picture in enumerate(pictures(n)):
        Image.fromarray(picture).save(path / f"{k:02}.png")
    return path
