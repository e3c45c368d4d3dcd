"""Graphs of strangers, damaged by seed: each is refused in words or runs, and nothing dies."""

import random
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import AttributeProto

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File, digest
from featx.graphs import taps
from featx.modalities import read_settings
from tests.support.dependent_nets import MIDDLES, save_image_net
from tests.support.fuzzing import EDGES, attack, mutated
from tests.support.hostile_graphs import hostile_models
from tests.support.nets import save_keras_net, save_torch_net

OPERATORS = (
    "Relu Reshape Tile Expand ConstantOfShape Concat Gather Slice Loop If Conv MatMul Softmax Transpose Pad "
    "Range Resize TopK NonZero Einsum Cast Squeeze Split ScatterND OneHot LSTM CumSum Shape"
).split()
NAMES = ["x", "y", "f", "e", "w", "", "image", "map", "none such", "a" * 3000]


def read_graph(data):
    """Look into a graph, open it as a backbone and run it on two samples."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "backbone.onnx"
        path.write_bytes(data)
        listed = taps(path)
        card = Card(
            name=Path(name).name,
            modality="image",
            graph=File(path.name, digest(path)),
            input=read_settings("image", {"resize": [8, 8], "layout": "NCHW"}),
            dim=None,
            output=listed[-1].name if listed else None,
            pooling="mean",
            path=path.parent / "card.toml",
            batch=0,
        )
        backbone = Backbone(card)
        backbone.embed_items([np.ones((3, 8, 8), np.float32)] * 2, 2)


def _seeds(folder):
    yield save_torch_net(folder / "torch.onnx").read_bytes()
    yield save_keras_net(folder / "keras.onnx").read_bytes()
    for name in MIDDLES:
        yield save_image_net(folder / "net.onnx", name).read_bytes()
    for model, _ in hostile_models().values():
        if model.ByteSize() < 10_000:
            yield model.SerializeToString()


def _restructured(data, rng):
    """A graph with some of its fields changed to what nobody expects."""
    model = onnx.load_from_string(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        graph = model.graph
        node = rng.choice(graph.node)
        match rng.randrange(13):
            case 0:
                node.op_type = rng.choice(OPERATORS)
            case 1 if node.input:
                node.input[rng.randrange(len(node.input))] = rng.choice(NAMES)
            case 2 if node.output:
                node.output[rng.randrange(len(node.output))] = rng.choice(NAMES)
            case 3 if graph.initializer:
                tensor = rng.choice(graph.initializer)
                tensor.dims.append(rng.choice((*EDGES, -1, 2**40)))
            case 4 if graph.initializer:
                tensor = rng.choice(graph.initializer)
                tensor.data_type = rng.randrange(30)
            case 5 if graph.initializer:
                tensor = rng.choice(graph.initializer)
                wide = np.array([rng.choice((*EDGES, -1)) for _ in tensor.raw_data[::8]], np.int64)
                tensor.raw_data = wide.tobytes()[: len(tensor.raw_data)]
            case 6:
                model.opset_import[0].version = rng.choice((0, 1, 7, 12, 18, 21, 23, 99, 2**40))
            case 7:
                model.ir_version = rng.choice((0, 1, 3, 7, 10, 13, 99, 2**60))
            case 8:
                graph.node.append(node)
            case 9 if len(graph.node) > 1:
                del graph.node[rng.randrange(len(graph.node))]
            case 10:
                kind = rng.choice((AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT))
                attribute = node.attribute.add(name=rng.choice(("axis", "axes", "perm", "pads")))
                attribute.type = kind
                attribute.i = rng.choice((*EDGES, -1, 2**62))
                attribute.ints.extend([rng.choice((*EDGES, -1, 2**62))] * rng.choice((1, 4)))
            case 11:
                for attribute in node.attribute:
                    attribute.i = rng.choice((*EDGES, -1, 2**62))
                    for k in range(len(attribute.ints)):
                        attribute.ints[k] = rng.choice((0, 1, -1, 2**20, 2**62))
            case 12:
                shape = rng.choice([*graph.input, *graph.output]).type.tensor_type.shape
                for dim in shape.dim:
                    dim.dim_value = rng.choice((0, 1, -1, 8, 2**40))
    return model.SerializeToString()


def hostile_graphs(seed, rounds):
    """Yield each seed graph damaged as bytes and in its structure, as often as there are rounds."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        seeds = list(_seeds(Path(folder)))
    for number, data in enumerate(seeds):
        yield data
        yield from mutated(data, seed + number, rounds)
        for _ in range(rounds * 2):
            yield _restructured(data, rng)


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 1), pytest.param(2, 8, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_damaged_graph_is_refused_or_runs(seed, rounds):
    tally = attack(read_graph, hostile_graphs(seed, rounds), seconds=20)
    assert not tally.faults, str(tally)
    assert tally.counts["refused"] > tally.total / 3
