"""The recipe of featx-audio-mel: the shipped bytes are what its formulas give."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest

from featx.catalog import get_card
from recipes.audio_mel.check import check
from recipes.audio_mel.formulas import Settings, embed, mel_filters
from recipes.audio_mel.graph import build

NAME = "featx-audio-mel"


def built_in_sample():
    """Two seconds at 16 kHz: five harmonics of a rising tone, swelling four times a second."""
    t = np.arange(32_000) / 16_000
    phase = 2 * math.pi * 100 * (t + 2 * t * t)
    buzz = sum(np.sin(n * phase) / n for n in (1, 2, 3, 4, 5))
    return (0.2 * buzz * np.sin(4 * math.pi * t) ** 2).astype(np.float32)


def test_the_graph_built_anew_is_the_shipped_one_to_the_byte(tmp_path, shipped):
    build(tmp_path / "backbone.onnx")
    assert (tmp_path / "backbone.onnx").read_bytes() == (
        shipped / NAME / "backbone.onnx"
    ).read_bytes()


def test_the_canary_is_what_the_formulas_give():
    canary = get_card(NAME).canary
    row = embed(built_in_sample())
    np.testing.assert_allclose(canary, row[: len(canary)], rtol=1e-4, atol=1e-4)


def test_the_shipped_graph_agrees_with_numpy_on_tones_noise_and_silence(shipped, capsys):
    check(shipped / NAME / "backbone.onnx")
    assert "silence" in capsys.readouterr().out


def test_a_graph_of_other_settings_is_refused(tmp_path):
    build(tmp_path / "wider.onnx", Settings(gate=3.0))
    with pytest.raises(SystemExit, match=r"tone of 440 Hz: differs by .* expected at most 1e-04"):
        check(tmp_path / "wider.onnx")


def test_a_graph_of_other_settings_has_their_width(tmp_path):
    settings = Settings(rate=8000, window=128, hop=64, bands=12, high=4000.0, parts=3)
    build(tmp_path / "small.onnx", settings)
    onnx.checker.check_model(str(tmp_path / "small.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "small.onnx"))
    clip = np.random.default_rng(0).normal(0, 0.1, 700).astype(np.float32)
    row = session.run(None, {"waveform": clip[None]})[0][0]
    assert len(row) == settings.dim == 60
    np.testing.assert_allclose(row, embed(clip, settings), atol=1e-4)


def test_every_mel_filter_hears_something_and_peaks_near_one():
    filters = mel_filters(Settings())
    assert filters.shape == (40, 257)
    assert (filters.max(1) > 0.5).all()
    assert filters.max() <= 1
