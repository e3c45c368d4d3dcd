"""Hostile configurations of sound models, and tables of audio cards: a recipe and features, or a refusal."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featx.hub.audio import read_audio_recipe
from featx.hub.folder import ModelFolder
from featx.modalities.audio.settings import AudioSettings
from tests.support.fuzzing import altered_trees, attack

TIMES = int(os.environ.get("FUZZ", "1"))

WAV2VEC2 = {
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "do_normalize": True,
    "feature_size": 1,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
    "sampling_rate": 16_000,
}
WHISPER = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "chunk_length": 30,
    "dither": 0.0,
    "feature_size": 80,
    "hop_length": 160,
    "n_fft": 400,
    "sampling_rate": 16_000,
}
AST = {
    "feature_extractor_type": "ASTFeatureExtractor",
    "mean": -4.27,
    "std": 4.57,
    "num_mel_bins": 128,
    "max_length": 1024,
    "do_normalize": True,
}
CLAP = {
    "feature_extractor_type": "ClapFeatureExtractor",
    "feature_size": 64,
    "fft_window_size": 1024,
    "frequency_max": 14_000,
    "frequency_min": 50,
    "hop_length": 480,
    "max_length_s": 10,
    "padding": "repeatpad",
    "sampling_rate": 48_000,
    "top_db": None,
    "truncation": "fusion",
}
CONFIG = {
    "model_type": "hubert",
    "conv_kernel": [10, 3],
    "conv_stride": [5, 2],
    "add_adapter": False,
}
FOLDERS = (
    {"preprocessor_config.json": WAV2VEC2, "config.json": CONFIG},
    {"processor_config.json": {"feature_extractor": WHISPER}},
    {"preprocessor_config.json": AST},
    {"preprocessor_config.json": CLAP, "config.json": {"audio_config": {"enable_fusion": True}}},
)
TABLES = (
    {"rate": 1000, "window": 2000, "normalize": "clip", "stride": 20, "tail": "short"},
    {"features": "whisper", "rate": 1000, "window": 2000, "mels": 8, "n_fft": 64, "frame_hop": 16},
    {
        "features": "ast",
        "rate": 1000,
        "window": 2000,
        "hop": 1000,
        "mels": 8,
        "mean": 0.0,
        "std": 0.5,
    },
    {
        "features": "clap",
        "rate": 1000,
        "window": 500,
        "mels": 8,
        "n_fft": 64,
        "frame_hop": 16,
        "low": 50.0,
        "high": 400.0,
        "fuse": True,
    },
)


def read_folder(files: Any) -> None:
    """Read a folder of these files, each a tree or whatever it has become."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("preprocessor_config.json", "processor_config.json", "config.json"):
            if isinstance(files, dict) and name in files:
                text = json.dumps(files[name])
                (Path(folder) / name).write_text(text, encoding="utf-8", errors="surrogatepass")
        read_audio_recipe(ModelFolder(folder), {})


def read_table(table: Any) -> None:
    """Read sounds by the table of a card, and make of them what a graph would be fed."""
    audio = AudioSettings.from_table(table)
    if audio.rate * 60 > 1 << 20 or audio.window > 1 << 16:
        return
    # so many windows as a hop of one sample makes of a minute are as many runs of a graph
    long = 61 * audio.rate if not audio.window or audio.hop == 0 or audio.hop > 100 else 900
    items = [audio.read(audio.load(np.full(length, 0.1, np.float32))) for length in (1, 700, long)]
    for batch in audio.batches(items, 4):
        if {len(feed) for feed in batch.feeds.values()} != {len(batch.item_index)}:
            raise ValueError("feeds of several lengths")


def altered(trees: tuple[Any, ...], seed: int, count: int) -> Iterator[Any]:
    """Yield ``count`` altered copies of each tree."""
    for number, tree in enumerate(trees):
        yield from altered_trees(tree, seed + number, count)


@pytest.mark.slow
def test_any_configuration_is_a_recipe_or_a_refusal_in_one_line():
    tally = attack(read_folder, altered(FOLDERS, 1, 400 * TIMES), memory=300 << 20)
    assert set(tally.counts) <= {"ok", "refused"}, str(tally)
    assert tally.counts["ok"], str(tally)


@pytest.mark.slow
def test_any_table_of_an_audio_card_gives_features_or_is_refused():
    tally = attack(read_table, altered(TABLES, 11, 150 * TIMES), memory=1 << 30)
    assert set(tally.counts) <= {"ok", "refused"}, str(tally)
    assert tally.counts["ok"], str(tally)
