"""The backbones that featx ships: small, proven by their recipes' numpy, each its modality's default."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import featx
from featx.catalog import get_card
from featx.modalities import DEFAULTS, MODALITIES

MODELS = Path(__file__).parents[2] / "models"
LIMITS = {"featx-image-nano": 6e6, "featx-text-nano": 8e6, "featx-audio-mel": 2e6}


def recipe_of(name):
    """The recipe as a module: it is no part of the package."""
    specification = importlib.util.spec_from_file_location(
        f"{name}.recipe", MODELS / name / "recipe.py"
    )
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


def constants_of(name):
    graph = onnx.load(str(MODELS / name / "backbone.onnx")).graph
    return {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_modality_has_a_default_that_is_shipped_whole(modality):
    name = DEFAULTS[modality]
    card = get_card(name)
    folder = MODELS / name
    assert (card.modality, card.license) == (modality, "Apache-2.0")
    assert card.canary
    size = sum((folder / file.name).stat().st_size for file in (card.graph, *card.files))
    assert size == sum(file.size for file in (card.graph, *card.files)) <= LIMITS[name]
    assert {"README.md", "recipe.py"} <= {path.name for path in folder.iterdir()}
    model = onnx.load(str(folder / card.graph.name))
    assert max(each.version for each in model.opset_import if each.domain == "") >= 17
    assert all(value.type.tensor_type.shape.dim[0].dim_param for value in model.graph.input)


def test_the_canary_of_texts_is_what_the_recipes_numpy_says():
    from tokenizers import Tokenizer

    name = "featx-text-nano"
    ids = Tokenizer.from_file(str(MODELS / name / "tokenizer.json"))
    row = recipe_of(name).oracle(constants_of(name), ids.encode("This is an example sentence").ids)
    canary = get_card(name).canary
    np.testing.assert_allclose(canary, row[: len(canary)], rtol=1e-4, atol=1e-4)


def test_the_canary_of_sounds_is_what_the_recipes_numpy_says():
    from tests.support.audio_oracle import drawn

    recipe = recipe_of("featx-audio-mel")
    row = recipe.oracle(drawn(16000).astype(np.float64), recipe.Settings())
    canary = get_card("featx-audio-mel").canary
    np.testing.assert_allclose(canary, row[: len(canary)], rtol=1e-4, atol=1e-4)


def test_texts_and_sounds_fit_without_naming_a_backbone(tmp_path):
    words = {"money": ["pay", "card", "cash"], "food": ["bread", "soup", "apple"]}
    texts = [
        f"I like the {word} {k} times" for word in words["money"] + words["food"] for k in "ab"
    ]
    in_memory = featx.fit(texts, ["money"] * 6 + ["food"] * 6)
    assert in_memory.card.name == DEFAULTS["text"]
    tones = [np.sin(np.arange(8000) * f).astype(np.float32) for f in (0.1, 0.11, 0.5, 0.55)]
    heard = featx.fit([(tone, 16000) for tone in tones], ["low", "low", "high", "high"])
    assert heard.card.name == DEFAULTS["audio"]
    table = tmp_path / "texts.csv"
    lines = [
        f"I like the {word} {k} times,{label}"
        for label in words
        for word in words[label]
        for k in "ab"
    ]
    table.write_text("text,label\n" + "\n".join(lines), encoding="utf-8")
    samples = featx.read_samples(table)
    classifier = featx.fit(samples, backbone=DEFAULTS["text"])
    assert classifier.predict(["a slice of bread", "my bank card"]).tolist() == ["food", "money"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["featx-audio-mel", "featx-image-nano", "featx-text-nano"])
def test_the_recipe_runs_in_its_quick_mode(name, tmp_path):
    if name != "featx-audio-mel":
        pytest.importorskip("torch", reason="training needs torch, which featx does not")
    command = [sys.executable, str(MODELS / name / "recipe.py"), "quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
