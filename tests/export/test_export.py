"""One graph from pixels to label, with the classifier's own answers."""

import hashlib
import json
import os
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from PIL import Image
from sklearn.naive_bayes import GaussianNB

import featx
from featx.backbones.session import open_session
from featx.catalog import Card, get_card, verify_files
from featx.cli import main
from featx.errors import BadGraph, BadSample, FeatxWarning, NotExportable, OutputFailed
from featx.export import export
from featx.heads import HEADS, TemperatureScaling, TrainedHead, make_head
from featx.predictor import Classifier
from tests.support.nets import save_in_floats


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (36, 6, 7, 3), dtype=np.uint8)
    return [each.repeat(11, 0).repeat(12, 1) for each in coarse]


@pytest.fixture(scope="module")
def train(pictures):
    rows_of = cache(lambda card: Classifier.from_card(card, None).embed(pictures).embeddings)

    def train(head, classes, **card):
        chosen = replace(get_card("featx-image-nano"), canary=())
        chosen = chosen.variant(options=card) if card else chosen
        rows = rows_of(chosen)
        labels = [f"no. {k % classes}" for k in range(len(pictures))]
        made = make_head(head) if isinstance(head, str) else head
        with warnings.catch_warnings():  # nearest centroids tell of columns that are all zero
            warnings.simplefilter("ignore", UserWarning)
            made.fit(rows, labels)
        return Classifier.from_card(
            chosen, TrainedHead.from_estimator(str(head), made, TemperatureScaling(0.5))
        )

    return train


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("head", HEADS)
def test_every_head_gives_the_classifiers_probabilities(head, classes, train, pictures, tmp_path):
    made = export(train(head, classes), tmp_path / "m.onnx", samples=pictures)
    assert made.n == len(pictures)
    assert made.worst < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"interpolation": "bicubic", "resize": 120},
        {"color": "BGR", "resize": (64, 64), "crop": 64},
        {"resize": 70, "crop": 64, "std": [0.2, 0.3, 0.4]},
    ],
)
def test_a_cards_preprocessing_is_in_the_graph(options, train, pictures, tmp_path):
    classifier = train("logistic", 3, **options)
    assert export(classifier, tmp_path / "m.onnx", samples=pictures).worst < 1e-5


DOCS = Path(__file__).parents[2] / "docs" / "deploy.md"
SCRIPTS = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.M | re.S)
ALONE = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert not {"featx", "sklearn", "onnx", "scipy", "skops"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder that holds ONNX Runtime, NumPy and Pillow, and what these wheels bring, only."""
    folder = tmp_path_factory.mktemp("alone")
    for name in ("onnxruntime", "numpy", "pillow"):
        wheel = distribution(name)
        tops = {each.parts[0] for each in wheel.files if each.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            (folder / top).symlink_to(wheel.locate_file(top))
    return folder


@pytest.mark.slow
def test_the_script_of_the_docs_needs_onnxruntime_numpy_and_pillow_only(
    train, pictures, alone, tmp_path
):
    classifier = train("logistic", 3)
    export(classifier, tmp_path / "m.onnx", samples=pictures)
    photos = [tmp_path / f"{k}.png" for k in range(4)]
    for photo, picture in zip(photos, pictures, strict=False):
        Image.fromarray(picture).save(photo)
    [script] = [code for code in SCRIPTS if "from PIL" in code]
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    words = [sys.executable, "-I", "-S", "-c", ALONE, str(alone), "script.py", "m.onnx"]
    words += [photo.name for photo in photos]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert [name for name, _, _ in found] == [photo.name for photo in photos]
    assert [label for _, label, _ in found] == classifier.predict(photos).tolist()
    shares = classifier.predict_proba(photos).max(axis=1)
    np.testing.assert_allclose([float(share) for _, _, share in found], shares, atol=2e-4)


@pytest.mark.slow
def test_the_script_of_the_docs_for_texts_needs_onnxruntime_and_numpy_only(alone, tmp_path):
    pytest.importorskip("tokenizers")
    plain = ("a good fine day", "a bad awful day", "very nice", "so sad", "fine", "awful")
    texts = [*plain, *(f"{text} indeed" for text in plain)]
    samples = featx.make_samples(texts, ["yes", "no"] * 6)
    classifier = featx.fit(samples, backbone="featx-text-nano", head="centroid")
    export(classifier, tmp_path / "m.onnx", strings=True)
    [script] = [code for code in SCRIPTS if "TEXT…" in code]
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    given = ["what a good day", "ΟΔΥΣΣΕΥΣ was awful in İstanbul"]
    words = [sys.executable, "-I", "-S", "-X", "utf8", "-c", ALONE, str(alone), "script.py"]
    done = subprocess.run(
        [*words, "m.onnx", *given],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert [label for _, label, _ in found] == classifier.predict(given).tolist()
    shares = classifier.predict_proba(given).max(axis=1)
    np.testing.assert_allclose([float(share) for _, _, share in found], shares, atol=2e-4)


def test_what_people_must_know_travels_in_the_file(train, pictures, tmp_path):
    classifier = train("logistic", 3)
    export(classifier, tmp_path / "m.onnx", samples=pictures)
    facts = open_session(tmp_path / "m.onnx", "m").get_modelmeta().custom_metadata_map
    assert json.loads(facts["labels"]) == list(classifier.classes)
    assert (facts["license"], facts["backbone"]) == ("Apache-2.0", "featx-image-nano")
    assert facts["source"] == classifier.card.source
    assert facts["fingerprint"] == classifier.card.fingerprint
    assert Card.from_toml(facts["card"]).fingerprint == classifier.card.fingerprint


AGAIN = "import sys, featx; from featx.export import export; export(featx.load(sys.argv[1]), sys.argv[2])"


@pytest.mark.slow
def test_the_same_classifier_gives_the_same_bytes_in_any_process(train, tmp_path):
    export(featx.load(featx.save(train("rbf-svm", 3), tmp_path / "x.featx")), tmp_path / "1.onnx")
    # strings have other hashes there, so that sets are in another order
    world = {**os.environ, "PYTHONHASHSEED": "2", "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", AGAIN, "x.featx", "2.onnx"]
    subprocess.run(words, cwd=tmp_path, env=world, check=True)
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()


class Photos(CalibrationDataReader):
    """What the quantiser calibrates with."""

    def __init__(self, images, pictures):
        self._left = iter([{"input": images.read(picture)[None]} for picture in pictures])

    def get_next(self):
        return next(self._left, None)


@pytest.mark.slow
def test_a_backbone_of_eight_bits_is_exported_like_any_other(pictures, tmp_path):
    nano = get_card("featx-image-nano")
    shipped = onnx.load(str(verify_files(nano)[nano.graph.name]))
    source = save_in_floats(tmp_path / "floats.onnx", shipped)
    [wanted] = open_session(source, source).get_inputs()
    photos = Photos(nano.input, pictures[:12])
    photos._left = iter([{wanted.name: feed["input"]} for feed in photos._left])
    quantize_static(source, tmp_path / "backbone.onnx", photos, quant_format=QuantFormat.QDQ)
    model = onnx.load(tmp_path / "backbone.onnx")
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
    sha256 = hashlib.sha256((tmp_path / "backbone.onnx").read_bytes()).hexdigest()
    graph = replace(nano.graph, sha256=sha256, size=None)
    card = replace(nano, graph=graph, name="nano-int8", canary=(), path=tmp_path / "card.toml")
    rows = Classifier.from_card(card, None).embed(pictures).embeddings
    full = Classifier.from_card(nano, None).embed(pictures).embeddings
    assert np.abs(rows - full).max() > 1e-3  # it is another backbone indeed
    labels = [f"no. {k % 3}" for k in range(len(pictures))]
    head = TrainedHead.from_estimator(
        "logistic", make_head("logistic").fit(rows, labels), TemperatureScaling(0.5)
    )
    checked = export(Classifier.from_card(card, head), tmp_path / "m.onnx", samples=pictures)
    assert checked.worst < 1e-5


@pytest.mark.slow
def test_a_fitted_classifier_is_compared_on_the_samples_it_was_trained_on(photos, tmp_path):
    words = ["fit", str(photos), "-o", str(tmp_path / "x.featx"), "--head", "centroid"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert str(photos) not in (tmp_path / "x.featx" / "manifest.json").read_text(encoding="utf-8")
    words = ["export", str(tmp_path / "x.featx"), "--overwrite", "--to", str(tmp_path / "m.onnx")]
    assert "on 6 samples that it was trained on" in CliRunner().invoke(main, words).stderr
    for gone in (photos / "dark" / "0.png", photos / "dark" / "1.png"):
        gone.unlink()
    assert "on 4 samples that it was trained on" in CliRunner().invoke(main, words).stderr
    photos.rename(tmp_path / "elsewhere")
    assert "drawn samples" in CliRunner().invoke(main, words).stderr


def test_a_sample_that_cannot_be_read_is_not_compared(train, pictures, tmp_path):
    classifier = train("centroid", 2)
    with pytest.warns(FeatxWarning, match="not compared"):
        made = export(classifier, tmp_path / "m.onnx", samples=[b"no picture", *pictures[:3]])
    assert made.n == 3
    with pytest.raises(BadSample, match="not an image"):
        export(classifier, tmp_path / "n.onnx", samples=[b"no picture"])


class OtherInGraphs(TemperatureScaling):
    """A calibrator whose ONNX form is not what it does."""

    def add_nodes(self, graph, scores):
        return TemperatureScaling(6 * self.temperature).add_nodes(graph, scores)


def test_a_graph_that_answers_otherwise_is_not_written(train, pictures, tmp_path):
    classifier = train("logistic", 3)
    classifier = replace(classifier, head=replace(classifier.head, calibrator=OtherInGraphs(0.5)))
    with pytest.raises(BadGraph, match=r"of 36 samples the worst differs by 0\.\d+"):
        export(classifier, tmp_path / "m.onnx", samples=pictures)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_refused_by_name(train, pictures, tmp_path):
    with pytest.raises(NotExportable, match="head GaussianNB: cannot be written as a graph"):
        export(train(GaussianNB(), 2), tmp_path / "m.onnx", samples=pictures)


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


@pytest.mark.slow
def test_a_graph_names_no_set_of_operators_that_none_of_its_nodes_is_of(photos, tmp_path):
    samples = featx.read_samples(photos)
    export(featx.fit(samples, head="centroid"), tmp_path / "m.onnx", samples=samples)
    model = onnx.load(tmp_path / "m.onnx")
    named = {one.domain for one in model.opset_import}
    assert named == {node.domain for node in model.graph.node}
    assert "ai.onnx.training" not in named


@pytest.mark.slow
def test_a_range_is_applied_before_the_graph_and_written_into_it(tmp_path):
    rng = np.random.default_rng(0)
    scans = [rng.integers(low, low + 900, (32, 32)).astype(np.uint16) for low in (0, 3000) * 8]
    card = featx.get_card("featx-image-nano").variant(options={"range": [0, 4095]})
    samples = list(featx.make_samples(scans, ["dark", "light"] * 8))
    classifier = featx.fit(samples, backbone=card, head="centroid")
    assert classifier.predict(scans[:2]).tolist() == ["dark", "light"]
    path = tmp_path / "m.onnx"
    export(classifier, path, samples=samples)
    facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert facts["range"] == "0.0,4095.0"
