"""One graph from pixels to label, with the classifier's own answers."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.naive_bayes import GaussianNB

import featx
from featx.catalog import get_card
from featx.classifier import Classifier
from featx.cli import main
from featx.errors import BadGraph, BadOption, OutputFailed
from featx.export import checking, export
from featx.heads import HEADS
from featx.training import fit_head
from featx.tuning import Recipe


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (36, 6, 7, 3), dtype=np.uint8)
    return [each.repeat(11, 0).repeat(12, 1) for each in coarse]


@pytest.fixture
def train(pictures):
    def train(head, classes, **card):
        chosen = replace(get_card("featx-image-nano"), canary=())
        chosen = chosen.variant(options=card) if card else chosen
        rows = Classifier(chosen, None, {}).embed(pictures).embeddings
        labels = [f"no. {k % classes}" for k in range(len(pictures))]
        trained = fit_head(rows, labels, Recipe(head)).head
        return Classifier(chosen, replace(trained, temperature=0.5), {})

    return train


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("head", HEADS)
def test_every_head_gives_the_classifiers_probabilities(head, classes, train, pictures, tmp_path):
    made = export(train(head, classes), tmp_path / "m.onnx", samples=pictures)
    assert made.n == len(pictures)
    assert made.worst < 1e-5


@pytest.mark.parametrize(
    "options",
    [
        {"interpolation": "bicubic", "resize": 104},
        {"color": "BGR", "resize": (64, 64), "crop": 64},
        {"resize": 70, "crop": 64, "std": [0.2, 0.3, 0.4]},
    ],
)
def test_a_cards_preprocessing_is_in_the_graph(options, train, pictures, tmp_path):
    classifier = train("logistic", 3, **options)
    assert export(classifier, tmp_path / "m.onnx", samples=pictures).worst < 1e-5


ALONE = """
import json, sys
import numpy as np, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1])
image = np.asarray(Image.open(sys.argv[2]).convert("RGB"))
label, shares = session.run(["label", "probabilities"], {"image": np.stack([image, image])})
assert shares.dtype == np.float32 and not {"featx", "sklearn", "onnx"} & set(sys.modules)
facts = session.get_modelmeta().custom_metadata_map
print(json.dumps([label.tolist(), shares.tolist(), facts]))
"""


def test_it_runs_where_there_is_onnxruntime_numpy_and_pillow_only(train, pictures, tmp_path):
    classifier = train("logistic", 3)
    export(classifier, tmp_path / "m.onnx", samples=pictures)
    photo = tmp_path / "a.png"
    Image.fromarray(pictures[0]).save(photo)
    words = [sys.executable, "-c", ALONE, str(tmp_path / "m.onnx"), str(photo)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    labels, shares, facts = json.loads(done.stdout)
    assert labels == [str(classifier.predict([photo])[0])] * 2
    np.testing.assert_allclose(shares, classifier.predict_proba([photo, photo]), atol=1e-5)
    assert json.loads(facts["labels"]) == list(classifier.classes)
    assert facts["license"] == "Apache-2.0"
    assert facts["fingerprint"] == classifier.card.fingerprint


def test_a_graph_that_answers_otherwise_is_not_written(train, pictures, tmp_path, monkeypatch):
    def spoilt(classifier):
        return written(replace(classifier, head=replace(classifier.head, temperature=3.0)))

    written = checking.write_graph
    monkeypatch.setattr(checking, "write_graph", spoilt)
    with pytest.raises(BadGraph, match=r"of 36 samples the worst differs by 0\.\d+"):
        export(train("logistic", 3), tmp_path / "m.onnx", samples=pictures)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused_by_name(train, pictures, tmp_path):
    with pytest.raises(BadOption, match="head GaussianNB: cannot be written as a graph"):
        export(train(GaussianNB(), 2), tmp_path / "m.onnx", samples=pictures)
    with pytest.raises(BadOption, match="interpolation 'lanczos'"):
        export(train("ridge", 2, interpolation="lanczos"), tmp_path / "m.onnx", samples=pictures)


def test_the_command_writes_a_file_that_onnx_accepts(train, photos, tmp_path):
    saved, made = tmp_path / "x.featx", tmp_path / "m.onnx"
    featx.save(train("centroid", 2), saved)
    words = ["export", str(saved), "--to", str(made), "--check", str(photos)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "on 6 of your samples" in result.stderr
    onnx.checker.check_model(onnx.load(made))
    with pytest.raises(OutputFailed, match="exists"):
        export(train("centroid", 2), made)
