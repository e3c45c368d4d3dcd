"""Classifiers that an earlier featx saved are loaded and answer as they did."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import featx
from featx.catalog import get_card
from featx.errors import BadArtifact
from featx.persistence.metadata import read_metadata, seal

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


@pytest.fixture
def whole(tmp_path):
    """The whole classifier, of a backbone that has other weights by now, as if it were of the present one."""
    with zipfile.ZipFile(OLD / "whole.featx.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    del manifest["digest"]
    present = get_card("featx-image-nano")
    card = manifest["backbone"]["card"]
    card = re.sub(r'sha256 = "\w+"', f'sha256 = "{present.graph.sha256}"', card)
    card = re.sub(r"\nsize = \d+", f"\nsize = {present.graph.size}", card)
    card = re.sub(r"values = \[[^]]+\]", f"values = {list(present.canary)}", card)
    manifest["backbone"] |= {"card": card, "fingerprint": present.fingerprint}
    path = tmp_path / "whole.featx.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (files | {"manifest.json": seal(manifest)}).items():
            archive.writestr(name, data)
    return path


def test_an_old_classifier_answers_and_tells_of_its_training_as_it_did(whole):
    classifier = featx.load(whole)
    # Of ten flat pictures, by the backbone as it was.
    rows = np.load(OLD / "whole_rows.npz")["rows"]
    np.testing.assert_allclose(classifier.head.predict_proba(rows), EXPECTED["whole"], atol=1e-4)
    report = classifier.report
    assert report.data.targets == {"dark": 5, "light": 5}
    assert report.validation.report.accuracy == 1.0
    assert [baseline.scores["accuracy"] for baseline in report.baselines] == [0.5, 1.0]


def test_an_old_classifier_saved_again_has_the_new_format_and_says_the_same(whole, tmp_path):
    old = featx.load(whole)
    again = featx.save(old, tmp_path / "new.featx")
    assert read_metadata(again).format == 2
    assert featx.load(again).report == old.report


def test_an_old_classifier_of_weights_that_are_gone_is_refused_with_what_to_do():
    with pytest.raises(BadArtifact, match="train it again, or put back the other"):
        featx.load(OLD / "whole.featx.zip")
