"""Hostile model folders: damaged graphs and altered configurations become a recipe, or a refusal in words."""

from __future__ import annotations

import json
import os
import random
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from featx.hub.folder import ModelFolder
from featx.hub.reading import needs_answers, read_recipe
from tests.support import hub_nets
from tests.support.fuzzing import altered_trees, attack, mutated

TIMES = int(os.environ.get("FUZZ", "1"))
VIT = {
    "image_processor_type": "ViTImageProcessor",
    "size": {"height": 32, "width": 32},
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
}
CONFIG = {
    "model_type": "beit",
    "architectures": ["BeitModel"],
    "num_register_tokens": 4,
    "id2label": {"0": "a", "1": "b"},
    "num_classes": 7,
    "num_features": 12,
    "license": "mit",
    "_name_or_path": "someone/something",
    "pretrained_cfg": {
        "num_classes": 7,
        "license": "mit",
        "hf_hub_id": "timm/x",
        "input_size": [3, 32, 32],
    },
}
SAVERS = (
    hub_nets.save_vit,
    hub_nets.save_classifier,
    hub_nets.save_clip,
    hub_nets.save_maps,
    hub_nets.save_bert,
    hub_nets.save_frames,
    hub_nets.save_decoder_with_past,
)


def read_folder(item: tuple[bytes, bytes, bytes, str]) -> None:
    graph, config, processor, tap = item
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(name)
        (path / "model.onnx").write_bytes(graph)
        (path / "config.json").write_bytes(config)
        (path / "preprocessor_config.json").write_bytes(processor)
        folder = ModelFolder(path)
        needs_answers(folder, path / "model.onnx", tap or None)
        read_recipe(folder, path / "model.onnx", {}, tap=tap or None, pooling=None)


def folders(rounds: int) -> Iterator[tuple[bytes, bytes, bytes, str]]:
    """Yield folders of which one part is damaged at a time."""
    rng = random.Random(15)
    config, processor = json.dumps(CONFIG).encode(), json.dumps(VIT).encode()
    taps = ("", "", "last_hidden_state", "penultimate", "last-map", "none such", "logits_per_image")
    with tempfile.TemporaryDirectory() as name:
        for number, save in enumerate(SAVERS):
            graph = save(Path(name) / "net.onnx").read_bytes()
            yield from ((graph, config, processor, tap) for tap in taps)
            for data in mutated(graph, number, 12 * rounds):
                yield data, config, processor, rng.choice(taps)
            for tree in altered_trees(CONFIG, number, 12 * rounds):
                yield graph, _text(tree), processor, rng.choice(taps)
            for tree in altered_trees(VIT, number, 4 * rounds):
                yield graph, config, _text(tree), ""


def _text(tree: object) -> bytes:
    return json.dumps(tree).encode("utf-8", "surrogatepass")


@pytest.mark.slow
def test_a_damaged_model_folder_is_read_or_refused():
    tally = attack(read_folder, folders(TIMES), seconds=20)
    assert not tally.faults, str(tally)
    assert tally.counts["refused"] > 20
    assert tally.counts["ok"] > 20
