"""Weights beside the graph of a stranger: whatever the graph says of them is refused in words or read."""

import random
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File, digest
from featx.graphs import cut_graph, join_weights, taps
from featx.graphs.external import copy_external
from featx.graphs.inspect import load_model, tensors_of
from featx.modalities import read_settings
from tests.support.external_nets import save_split
from tests.support.fuzzing import attack, mutated
from tests.support.nets import save_torch_net

VALUES = ["", "0", "-1", "1", "4", "4096", "9" * 30, "1e3", "0x10", "١", " 4", "+4", "4\0", "nan"]
PLACES = ["", ".", "..", "../w", "/etc/passwd", "/dev/zero", "*/_ORT_MEM_ADDR_/*", "w", "w.bin/x"]
PLACES += ["link", "folder", "w.bin", "backbone.onnx", "x" * 5000, "a\\b", "C:w", "w.bin ", "W.BIN"]
KEYS = ["location", "offset", "length", "checksum", "basepath", "prepacked_0", ""]
DIMS = [[], [0], [1], [-1], [1 << 40], [1 << 31, 1 << 31], [3] * 50, [4096], [48]]


def read_graph(data):
    """Look into a graph with files beside it, copy them, cut it, and run it as a backbone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "backbone.onnx"
        path.write_bytes(data)
        (folder / "w.bin").write_bytes(np.linspace(-1, 1, 4096, dtype=np.float32).tobytes())
        (folder / "folder").mkdir()
        (folder / "link").symlink_to("/etc/hostname")
        (folder / "copies").mkdir()
        model = load_model(path, weights=False)
        names = copy_external(tensors_of(model), path, folder / "copies")
        listed = taps(path)
        cut_graph(path)
        join_weights(path)
        card = Card(
            name=folder.name,
            modality="image",
            graph=File(path.name, digest(path)),
            input=read_settings("image", {"resize": [8, 8], "layout": "NCHW"}),
            output=listed[-1].name,
            pooling="mean",
            files=tuple(File(one, digest(folder / one)) for one in names),
            path=folder / "card.toml",
            batch=0,
        )
        Backbone(card).embed_items([np.ones((3, 8, 8), np.float32)] * 2, 2)


def split_net():
    with tempfile.TemporaryDirectory() as name:
        one = save_torch_net(Path(name) / "one.onnx")
        return save_split(one, Path(name) / "split" / "backbone.onnx", "w.bin").read_bytes()


def hostile_graphs(seed, rounds):
    whole, rng = split_net(), random.Random(seed)
    yield whole
    yield from mutated(whole, seed, 60 * rounds)
    for _ in range(90 * rounds):
        model = onnx.load_from_string(whole)
        for _ in range(rng.choice((1, 1, 2, 3))):
            _change(rng.choice(model.graph.initializer), rng)
        yield model.SerializeToString()


def _change(tensor, rng):
    match rng.randrange(6):
        case 0:
            entry = rng.choice(tensor.external_data) if tensor.external_data else None
            if entry is not None:
                entry.value = rng.choice(PLACES if entry.key == "location" else VALUES)
        case 1:
            tensor.external_data.add(key=rng.choice(KEYS), value=rng.choice([*VALUES, *PLACES]))
        case 2:
            del tensor.dims[:]
            tensor.dims.extend(rng.choice(DIMS))
        case 3:
            tensor.data_type = rng.choice([0, 1, 7, 8, 9, 10, 16, 22, 99, TensorProto.STRING])
        case 4:
            tensor.data_location = rng.choice([TensorProto.DEFAULT, TensorProto.EXTERNAL])
        case _:
            del tensor.external_data[:]


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 1), pytest.param(2, 12, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_what_a_graph_says_of_files_is_refused_in_words_or_read(seed, rounds):
    tally = attack(read_graph, hostile_graphs(seed, rounds), seconds=20)
    assert not tally.faults, tally
    assert tally.counts["refused"] > 40 * rounds
    assert tally.counts["ok"]
