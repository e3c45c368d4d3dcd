"""The backbones that featx ships: small, each its modality's default."""

from pathlib import Path

import numpy as np
import onnx
import pytest

import featx
from featx.catalog import get_card
from featx.modalities import DEFAULTS, MODALITIES

MODELS = Path(__file__).parents[2] / "models"
LIMITS = {"featx-image-nano": 6e6, "featx-text-nano": 9e6, "featx-audio-nano": 3e6}


@pytest.mark.parametrize("modality", MODALITIES)
def test_every_modality_has_a_default_that_is_shipped_whole(modality):
    name = DEFAULTS[modality]
    card = get_card(name)
    folder = MODELS / name
    assert (card.modality, card.license) == (modality, "Apache-2.0")
    assert card.canary
    size = sum((folder / file.name).stat().st_size for file in (card.graph, *card.files))
    assert size == sum(file.size for file in (card.graph, *card.files)) <= LIMITS[name]
    assert (folder / "README.md").is_file()
    model = onnx.load(str(folder / card.graph.name))
    assert max(each.version for each in model.opset_import if each.domain == "") >= 17
    assert all(value.type.tensor_type.shape.dim[0].dim_param for value in model.graph.input)


@pytest.mark.slow
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
