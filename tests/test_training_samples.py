"""What a saved classifier keeps of its training samples."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.catalog import get_card
from featx.embedding.rows import Rows
from featx.errors import BadArtifact, BadOption, FeatxNotice, FeatxWarning
from featx.persistence.metadata import seal
from featx.reporting.training_samples import KeptParts, TrainingSamples, choose_rows
from featx.training import fit_rows
from featx.tuning import HeadConfig


@pytest.fixture
def rows(rng):
    labels = np.repeat(["a", "b", "c"], 220)
    embeddings = rng.normal(size=(660, 384)).astype(np.float32)
    embeddings[:, 0] += np.repeat([0, 1, 2], 220)
    card = get_card("featx-image-nano")
    return Rows(tuple(map(str, range(660))), tuple(labels), embeddings, card.fingerprint)


def test_the_digests_are_those_of_the_files_and_the_ids_and_targets_are_theirs(photos, tmp_path):
    samples = featx.read_samples(photos)
    classifier = featx.fit(samples)
    kept = featx.load(featx.save(classifier, tmp_path / "x.featx")).report.samples
    assert list(kept.ids) == [sample.id for sample in samples]
    assert list(kept.targets) == [sample.label for sample in samples]
    expected = [hashlib.sha256(sample.data.read()).hexdigest() for sample in samples]
    assert list(kept.digests) == expected


@pytest.mark.slow
@pytest.mark.parametrize("head", ["logistic", "ridge", "knn", "centroid"])
def test_every_sample_has_scores_of_a_head_that_did_not_see_it(rows, head):
    made = fit_rows(rows, get_card("featx-image-nano"), HeadConfig(head))
    kept = made.report.samples
    assert kept.scores.shape == (660, 3)
    assert np.isfinite(kept.scores).all()
    assert len(np.unique(kept.folds)) == made.report.tuning.folds
    # learned noise would be right on all of them; what was left out is not
    right = (np.array(["a", "b", "c"])[kept.scores.argmax(axis=1)] == kept.targets).mean()
    assert right < 0.9


def test_the_scores_are_those_of_scikit_learn_on_the_same_folds(rows):
    made = fit_rows(rows, get_card("featx-image-nano"), HeadConfig("logistic"))
    kept, C = made.report.samples, made.report.tuning.params["logisticregression__C"]
    for fold in np.unique(kept.folds):
        out = kept.folds == fold
        other = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=5000, tol=1e-8))
        other.fit(rows.embeddings[~out], kept.targets[~out])
        expected = other.decision_function(rows.embeddings[out])
        # scores are defined up to a number that is the same for all classes
        found = kept.scores[out] - kept.scores[out].mean(axis=1, keepdims=True)
        expected = expected - expected.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_rows_are_kept_where_asked_and_the_size_is_told(photos, tmp_path):
    samples = featx.read_samples(photos)
    with pytest.warns(FeatxNotice, match=r"keeps the rows of 6 of 6 samples: 0\.0 MB as float16"):
        classifier = featx.fit(samples, keep_rows=True)
    kept = featx.load(featx.save(classifier, tmp_path / "x.featx")).samples
    embedded = classifier.embed(samples).embeddings
    np.testing.assert_array_equal(kept.rows, embedded.astype(np.float16))
    assert list(kept.kept) == list(range(6))


def test_rows_are_kept_where_nothing_is_said_and_left_out_where_it_is(photos, tmp_path):
    samples = featx.read_samples(photos)
    kept = featx.load(featx.save(featx.fit(samples), tmp_path / "x.featx")).samples
    assert kept.rows.shape == (len(samples), 384)
    bare = featx.load(featx.save(featx.fit(samples, keep_rows=False), tmp_path / "y.featx"))
    assert bare.samples.rows is None
    assert len(bare.samples) == len(samples)


def test_no_trace_of_the_samples_is_kept_where_that_is_asked(photos, tmp_path):
    samples = featx.read_samples(photos)
    path = featx.save(featx.fit(samples, keep_samples=False), tmp_path / "x.featx")
    assert featx.load(path).samples is None
    assert not (path / "samples.npz").exists()
    content = b"".join(file.read_bytes() for file in path.iterdir())
    assert not any(sample.id.encode() in content for sample in samples)
    assert featx.load(path).config.keep_samples is False
    with pytest.raises(BadOption, match="keep_rows=True: rows are kept with their samples"):
        featx.fit(samples, keep_samples=False, keep_rows=True)


def test_rows_are_bounded_and_drawn_at_random(rng):
    rows = rng.normal(size=(5300, 384)).astype(np.float32)
    chosen, said = choose_rows(rows, None, 0)
    assert len(chosen) == 4_000_000 // (2 * 384)
    assert said == ""
    assert (np.diff(chosen) > 0).all()
    assert not np.array_equal(chosen, choose_rows(rows, None, 1)[0])
    assert len(choose_rows(rows, True, 0)[0]) == 5300
    assert choose_rows(rows, False, 0) == (None, "")


def test_rows_that_half_precision_cannot_hold_are_not_kept_and_that_is_told(rows):
    large = replace(rows, embeddings=rows.embeddings * np.float32(1e5))
    keep, config = KeptParts(rows=True), HeadConfig("centroid")
    with pytest.warns(FeatxWarning, match="rows are not kept: they hold numbers that float16"):
        made = fit_rows(large, get_card("featx-image-nano"), config, keep=keep)
    assert made.samples.rows is None


def test_an_earlier_predictor_without_samples_is_still_read(photos, tmp_path):
    path = featx.save(
        featx.fit(featx.read_samples(photos), keep_samples=False), tmp_path / "x.featx"
    )
    table = json.loads((path / "manifest.json").read_text())
    # What an earlier version wrote: it knew nothing of these entries.
    table.pop("digest")
    table["config"].pop("keep_samples")
    table["config"]["keep_rows"] = False
    (path / "manifest.json").write_bytes(seal(table))
    loaded = featx.load(path)
    assert loaded.samples is None
    assert loaded.config.keep_rows is False
    assert list(loaded.predict(featx.read_samples(photos))) == ["dark"] * 3 + ["light"] * 3


def test_equal_samples_give_equal_bytes_and_other_bytes_are_refused(rows):
    kept = fit_rows(rows, get_card("featx-image-nano"), HeadConfig("centroid")).report.samples
    data = kept.to_bytes()
    assert kept.to_bytes() == data
    again = TrainingSamples.from_bytes(data)
    np.testing.assert_array_equal(again.scores, kept.scores)
    for bad in (b"", b"PK", data[:-40], data[: len(data) // 2]):
        with pytest.raises(BadArtifact, match="not the arrays of training samples"):
            TrainingSamples.from_bytes(bad)
