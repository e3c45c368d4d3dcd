"""What the tests of sounds share: a small backbone, recordings, and a file of three hours."""

import hashlib
import wave

import numpy as np
import pytest
from onnx import helper

from featx.catalog import Card, File, get_card
from featx.modalities.audio import decode as sounds
from featx.modalities.audio.settings import AudioSettings
from tests.support.nets import FLOAT, save, weights
from tests.support.sounds import tone


@pytest.fixture
def three_hours(tmp_path):
    """A file of three hours at 1 kHz, larger than what is read whole."""
    path, second = tmp_path / "three hours.wav", (tone(1, 1000, 50) * 2**15).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(1000)
        for _ in range(3 * 60):
            file.writeframes(second * 60)
    assert path.stat().st_size > sounds.SMALL
    return path


@pytest.fixture
def card(tmp_path, monkeypatch):
    """A small backbone of sounds in a model directory: a filter bank of eight, then the mean square of each."""
    node = helper.make_node
    folder = tmp_path / "models" / "small-sound"
    folder.mkdir(parents=True)
    graph = save(
        folder / "backbone.onnx",
        [
            node("Unsqueeze", ["waveform", "one"], ["x"]),
            node("Conv", ["x", "filters"], ["y"], strides=[8]),
            node("Mul", ["y", "y"], ["z"]),
            node("GlobalAveragePool", ["z"], ["pooled"]),
            node("Flatten", ["pooled"], ["embedding"]),
        ],
        [("waveform", FLOAT, ["N", "T"])],
        [("embedding", FLOAT, ["N", 8])],
        [weights("filters", 8, 1, 64), helper.make_tensor("one", 7, [1], [1])],
    )
    file = File("backbone.onnx", hashlib.sha256(graph.read_bytes()).hexdigest())
    table = AudioSettings.from_table({"window": 1600, "hop": 800, "pool": "mean+max"})
    (folder / "card.toml").write_text(
        Card("small-sound", "audio", file, table, dim=16).to_toml(), encoding="utf-8"
    )
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "models"))
    return get_card("small-sound")


@pytest.fixture
def recordings(tmp_path, rng):
    """Twelve files of low and high tones, of several lengths, rates and formats."""
    soundfile = pytest.importorskip("soundfile")
    root = tmp_path / "my recordings"
    for k in range(12):
        label, hertz = ("low", 300) if k % 2 else ("high", 3000)
        (root / label).mkdir(parents=True, exist_ok=True)
        rate = (16_000, 8000, 44_100)[k % 3]
        sound = tone(0.05 + 0.1 * k, rate, hertz * (1 + 0.02 * k))
        sound += rng.normal(0, 0.01, sound.shape).astype(np.float32)
        soundfile.write(root / label / f"{k:02}.{'flac' if k % 4 else 'wav'}", sound, rate)
    return root
