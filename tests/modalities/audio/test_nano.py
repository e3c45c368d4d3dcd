"""The default backbone of sounds: any sound, rows by itself, exact sums, and what it is worth."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.explanation.explaining import explain
from featx.explanation.row_sums import RowSums
from featx.modalities import DEFAULTS

NAME = "featx-audio-nano"


@pytest.fixture(scope="module")
def backbone():
    return featx.Backbone(NAME)


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def test_sounds_take_the_backbone_that_has_learned_and_the_baseline_stays():
    assert DEFAULTS["audio"] == NAME
    assert featx.Backbone("featx-audio-mel").dim == 320


@pytest.mark.parametrize("samples", [1, 50, 1599, 1600, 16_001, 200_000])
def test_a_sound_of_any_length_has_a_finite_row(backbone, samples):
    [row] = backbone.embed([noise(samples)])
    assert row.shape == (backbone.dim,)
    assert np.isfinite(row).all()


def test_silence_has_one_row_however_long_and_it_is_finite(backbone):
    rows = backbone.embed([np.zeros(n, np.float32) for n in (16_000, 32_000)])
    assert np.isfinite(rows).all()
    faint = backbone.embed([1e-5 * noise(16_000)])
    assert np.isfinite(faint).all()


def test_a_row_does_not_depend_on_the_sounds_beside_it(backbone):
    sounds = [noise(n, n) for n in (700, 16_000, 16_000, 5000)]
    together = backbone.embed(sounds)
    for sound, row in zip(sounds, together, strict=True):
        np.testing.assert_array_equal(backbone.embed([sound])[0], row)


def test_channels_are_mixed_and_rates_brought_together(backbone):
    sound = noise(16_000)
    [row, stereo] = backbone.embed([sound, np.stack([sound, sound], axis=1)])
    np.testing.assert_allclose(stereo, row, atol=1e-4)
    time = np.arange(48_000) / 48_000
    fast = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    [row, resampled] = backbone.embed([fast[::3], (fast, 48_000)])
    assert np.linalg.norm(row - resampled) < 0.05 * np.linalg.norm(row)


def test_a_louder_copy_has_the_same_row(backbone):
    [row, loud] = backbone.embed([noise(16_000), 4 * noise(16_000)])
    np.testing.assert_allclose(loud, row, atol=2e-3)


def test_the_mean_of_the_map_is_explained_exactly_by_times(rng):
    mean = featx.Backbone(NAME, tap="map", pooling="mean")
    sums = RowSums(mean).read(noise(16_000))
    weights = rng.normal(size=mean.dim)
    parts, constant = sums.parts(weights)
    assert len(parts) == 13
    assert sum(parts.values()) + constant == pytest.approx(float(weights @ sums.row), abs=1e-4)
    starts = [start for start, _ in parts]
    assert starts == sorted(starts)
    assert starts[0] == 0


def test_a_linear_head_on_the_mean_of_the_map_is_explained_exactly():
    tones = [np.sin(np.arange(8000) * pitch).astype(np.float32) for pitch in (0.1, 0.11, 0.5, 0.55)]
    card = featx.get_card(NAME).variant(tap="map", pooling="mean")
    predictor = featx.fit(tones, ["low"] * 2 + ["high"] * 2, backbone=card, baseline=False)
    [found] = explain(predictor, tones[:1])
    assert (found.method, len(found.parts)) == ("exact", 7)
    assert found.total == pytest.approx(found.score, abs=1e-5)


@pytest.mark.slow
def test_digits_of_voices_never_heard_are_told_apart_better_than_by_the_baseline(shared_data):
    samples = featx.read_samples(shared_data / "fsdd", split="train")
    digits = np.array([sample.label for sample in samples])
    people = np.array([Path(sample.id).stem.split("_")[1] for sample in samples])
    scores = {}
    for name in (NAME, "featx-audio-mel"):
        rows = featx.Engine().embed(samples, featx.Backbone(name)).embeddings
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
        found = cross_val_score(head, rows, digits, groups=people, cv=LeaveOneGroupOut())
        scores[name] = found.mean()
    assert scores["featx-audio-mel"] == pytest.approx(0.84, abs=0.03)
    assert scores[NAME] >= 0.92
