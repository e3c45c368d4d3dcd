"""Classifiers that an earlier featx saved are loaded and answer as they did."""

import json
from pathlib import Path

import numpy as np
import pytest

import featx
from featx.persistence.metadata import read_metadata

OLD = Path(__file__).parents[1] / "data" / "format-1"
EXPECTED = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
HEADS = sorted(set(EXPECTED) - {"whole"})


@pytest.mark.parametrize("head", HEADS)
def test_an_old_head_gives_the_probabilities_that_it_gave(head):
    rows = np.random.default_rng(1).normal(size=(5, 16)).astype(np.float32)
    classifier = featx.load(OLD / f"{head}.featx")
    assert isinstance(classifier, featx.Classifier)
    assert classifier.classes == ("ja", "nein", "vielleicht")
    np.testing.assert_allclose(classifier.head.predict_proba(rows), EXPECTED[head], atol=1e-6)


def test_an_old_classifier_predicts_and_tells_of_its_training_as_it_did():
    pictures = [
        np.full((9, 9, 3), v, np.uint8) for v in (0, 10, 20, 30, 40, 200, 210, 220, 230, 240)
    ]
    classifier = featx.load(OLD / "whole.featx.zip")
    np.testing.assert_allclose(classifier.predict_proba(pictures), EXPECTED["whole"], atol=1e-4)
    report = classifier.report
    assert report.data.targets == {"dark": 5, "light": 5}
    assert report.validation.report.accuracy == 1.0
    assert [baseline.scores["accuracy"] for baseline in report.baselines] == [0.5, 1.0]


def test_an_old_classifier_saved_again_has_the_new_format_and_says_the_same(tmp_path):
    old = featx.load(OLD / "whole.featx.zip")
    again = featx.save(old, tmp_path / "new.featx")
    assert read_metadata(again).format == 2
    assert featx.load(again).report == old.report
