"""Rows of sounds: a small backbone through the engine, and real ones against a second implementation."""

import json
import struct
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import featx
from featx import FeatureExtractor
from featx.backbones.backbone import Backbone
from featx.backbones.selfcheck import check
from featx.cli import main
from featx.embedding.engine import BaselineEmbedder, Engine
from featx.errors import BadSample, FeatxWarning
from featx.modalities.audio.settings import AudioSettings
from featx.reading import read_samples
from featx.sources import Sample, make_samples
from tests.support import audio_oracle as oracle_sound
from tests.support.sounds import RATE

soundfile = pytest.importorskip("soundfile")


soxr = pytest.importorskip("soxr")


def test_a_row_does_not_depend_on_its_neighbours(card, recordings):
    backbone = Backbone(card)
    items = [backbone.reader.read(path.read_bytes()) for path in sorted(recordings.rglob("*.*"))]
    together = backbone.embed_items(items, 5)
    for row, item in zip(together, items, strict=True):
        np.testing.assert_allclose(row, backbone.embed_items([item])[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        backbone.embed_items(items[::-1], 2)[::-1], together, rtol=1e-5, atol=1e-7
    )


def test_a_broken_file_among_good_ones_is_a_reject(card, recordings, three_hours):
    backbone = Backbone(card)
    spoilt = bytearray(three_hours.read_bytes())
    struct.pack_into("<I", spoilt, 40, len(spoilt) * 2)
    late = np.zeros(70 * RATE, np.float32)
    late[-1] = np.nan  # known only while the rest is embedded
    samples = read_samples(recordings)
    bad = {2: b"no sound", 5: bytes(spoilt), 6: late, 9: "absent.wav"}
    mixed = [Sample(s.id, bad.get(k, s.data), s.label) for k, s in enumerate(samples)]
    rows = Engine(on_error="skip").embed(mixed, backbone)
    assert [reject.id for reject in rows.rejects] == [mixed[k].id for k in bad]
    said = " | ".join(reject.reason for reject in rows.rejects)
    for words in ("not a sound", "header promises", "sample 1119999 is not", "file not found"):
        assert words in said
    alone = Engine().embed([s for k, s in enumerate(samples) if k not in bad], backbone)
    np.testing.assert_allclose(rows.embeddings, alone.embeddings, rtol=1e-5, atol=1e-7)
    with pytest.raises(BadSample, match=f"^{mixed[2].id}: not a sound"):
        Engine().embed(mixed, backbone)


def test_rows_are_equal_with_and_without_the_cache(card, recordings, tmp_path):
    backbone = Backbone(card)
    samples = read_samples(recordings)
    plain = Engine().embed(samples, backbone)
    for _ in range(2):
        kept = Engine(cache=tmp_path / "rows.sqlite").embed(samples, backbone)
        np.testing.assert_allclose(kept.embeddings, plain.embeddings, rtol=1e-5, atol=1e-7)


def test_an_extractor_takes_paths_and_arrays_with_their_rate_in_a_pipeline(card, recordings):
    paths = sorted(recordings.rglob("*.*"))
    labels = [path.parent.name for path in paths]
    pairs = [soundfile.read(path, dtype="float32") for path in paths]
    extractor = FeatureExtractor(card)
    rows = extractor.transform(paths)
    assert rows.shape == (12, 16)
    np.testing.assert_allclose(extractor.transform(pairs), rows, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(extractor.transform([str(path) for path in paths]), rows)
    pipeline = make_pipeline(FeatureExtractor(card), LogisticRegression(C=1e6, max_iter=1000))
    assert pipeline.fit(paths, labels).score(pairs, labels) == 1
    with pytest.warns(FeatxWarning, match="not a sound"):
        spoilt = FeatureExtractor(card, on_error="skip").transform([b"no sound", *paths[:2]])
    assert np.isnan(spoilt[0]).all()
    assert not np.isnan(spoilt[1:]).any()


@pytest.mark.slow
def test_a_classifier_of_sounds_is_trained_saved_loaded_and_asked(card, recordings, tmp_path):
    run = CliRunner().invoke
    target = str(tmp_path / "tones.featx")
    done = run(main, ["fit", str(recordings), "--backbone", "small-sound", "--output", target])
    assert done.exit_code == 0, done.output
    paths = sorted(str(path) for path in recordings.rglob("*.*"))
    said = featx.load(target).predict(paths)
    assert list(said) == [Path(path).parent.name for path in paths]
    asked = run(main, ["predict", target, str(recordings)])
    assert [json.loads(line)["label"] for line in asked.stdout.splitlines()] == list(said)


def test_pooling_and_normalisation_are_options(card, recordings):
    paths = sorted(recordings.rglob("*.*"))[:3]
    assert FeatureExtractor(card, options={"pool": "mean"}).transform(paths).shape == (3, 8)
    unit = FeatureExtractor(card, normalize=True).transform(paths)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)


def test_the_baseline_is_a_few_dozen_numbers_that_tell_low_from_high(recordings):
    samples = read_samples(recordings)
    rows = Engine().embed(samples, BaselineEmbedder(AudioSettings()))
    assert rows.embeddings.shape == (12, 43)
    assert np.isfinite(rows.embeddings).all()
    assert (
        LogisticRegression().fit(rows.embeddings, rows.labels).score(rows.embeddings, rows.labels)
        == 1
    )
    for short in (np.ones(1, np.float32), np.zeros(50, np.float32)):
        found = Engine().embed(make_samples([short]), BaselineEmbedder(AudioSettings()))
        assert np.isfinite(found.embeddings).all()


def test_both_draw_the_same_canary():
    for rate in (8000, 16_000):
        np.testing.assert_allclose(
            AudioSettings(rate=rate).canary(), oracle_sound.drawn(rate), atol=1e-6
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("yamnet", ["backbone.onnx"]),
        ("speech-embedding", ["melspectrogram.onnx", "embedding_model.onnx"]),
    ],
)
def test_featx_says_of_the_canary_what_a_second_implementation_says(
    shared_models, speech_directory, name, files
):
    backbone = Backbone(name)
    item = backbone.reader.read(backbone.reader.load(backbone.card.input.canary()))
    table = tomllib.loads(backbone.card.path.read_text(encoding="utf-8"))
    graphs = [shared_models / name / file for file in files]
    expected = oracle_sound.row(oracle_sound.drawn(RATE), table, *graphs)
    np.testing.assert_allclose(backbone.embed_items([item])[0], expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        expected[: len(backbone.card.canary)], backbone.card.canary, rtol=1e-4, atol=1e-4
    )
    assert check(backbone.card).status == "ok"


@pytest.mark.slow
def test_spoken_digits_of_six_people_are_told_apart(speech_directory, shared_data):
    """A quick look; benchmarks/accuracy.py measures."""
    rows = {}
    for split in ("train", "test"):
        samples = read_samples(shared_data / "fsdd", split=split)
        rows[split] = Engine().embed(samples[::6], Backbone("speech-embedding"))
    head = LogisticRegression(C=0.01, max_iter=1000).fit(
        rows["train"].embeddings, rows["train"].labels
    )
    assert head.score(rows["test"].embeddings, rows["test"].labels) > 0.9
