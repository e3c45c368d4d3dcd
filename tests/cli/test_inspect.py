"""What Python saved reads as well as what the command trained."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.embedding.engine import Engine
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.predictor import Classifier
from featx.training import fit_rows
from featx.tuning import HeadConfig
from tests.support.commands import refusal, run
from tests.support.hostile_predictors import Hostile, write

PICTURES = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
LABELS = ["dark"] * 3 + ["light"] * 3


def trained_on_arrays():
    return featx.fit(PICTURES, LABELS, head="centroid")


def with_an_own_head():
    own = make_pipeline(StandardScaler(), LogisticRegression(C=3))
    return featx.fit(PICTURES, LABELS, head=own)


def with_numbers_as_labels():
    return featx.fit(PICTURES, [0, 0.0, 0, 1, 1, 1], head="centroid")


def with_odd_labels():
    return featx.fit(PICTURES, ["two\nlines"] * 3 + ["猫\x1b[31m"] * 3, head="centroid")


def from_rows():
    rows = Engine().embed(featx.make_samples(PICTURES, LABELS), featx.Backbone("featx-image-nano"))
    return fit_rows(rows, featx.get_card("featx-image-nano"), HeadConfig("centroid"))


def without_a_report():
    rows = np.random.default_rng(0).normal(size=(20, 384)).astype(np.float32)
    estimator = make_head("ridge").fit(rows, ["dark", "light"] * 10)
    head = TrainedHead.from_estimator("mine", estimator, TemperatureScaling(1.0))
    return Classifier.from_card(featx.get_card("featx-image-nano"), head)


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (trained_on_arrays, "Head centroid"),
        (with_an_own_head, "Head Pipeline on featx-image-nano, trained on 6 samples of 2 classes."),
        (with_numbers_as_labels, "Head centroid"),
        (with_odd_labels, "Head centroid"),
        (from_rows, "Head centroid"),
        (without_a_report, "Head mine, 2 classes: dark, light."),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_inspect_describes_whatever_python_saved(make, first, tmp_path):
    path = featx.save(make(), tmp_path / "x.featx")
    result = run("inspect", path)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(first)
    assert "Backbone featx-image-nano, 384 columns, fingerprint" in result.stdout
    # No label breaks the table or reaches the terminal as a control character.
    assert result.stdout.replace("\n", "").isprintable()
    assert json.loads(run("inspect", path, "--format", "json").stdout)["format"] == 2


def test_the_configuration_of_an_own_estimator_is_refused_by_fit_in_words(tmp_path):
    path = featx.save(with_an_own_head(), tmp_path / "x.featx")
    config = tmp_path / "own.toml"
    config.write_text(run("inspect", path, "--config").stdout, encoding="utf-8")
    words = refusal(run("fit", tmp_path, "--config", config, "-o", tmp_path / "y.featx"))
    assert words.startswith("--head own:Pipeline: an estimator of one's own was trained in Python")
    bare = featx.save(without_a_report(), tmp_path / "bare.featx")
    assert "saved without its configuration" in refusal(run("inspect", bare, "--config"))


def test_the_hint_for_rare_classes_names_the_option_and_in_python_the_argument(tmp_path):
    pictures = [np.full((9, 9, 3), 8 * number, np.uint8) for number in range(30)]
    labels = ["dark"] * 28 + ["light"] * 2
    classifier = featx.fit(pictures, labels, head="centroid")
    assert "or class_weight='balanced'." in classifier.report.format_table()
    path = featx.save(classifier, tmp_path / "x.featx")
    assert "or --balance." in run("inspect", path).stdout


def test_no_stored_text_of_a_report_forges_a_line_or_fills_the_screen(tmp_path):
    forged = "a\nForged: 100 %\x1b[31m" + "y" * 100_000

    path = featx.save(trained_on_arrays(), tmp_path / "honest.featx")
    files = {one.name: one.read_bytes() for one in path.iterdir()}
    manifest = json.loads(files.pop("manifest.json"))
    del manifest["digest"]
    manifest["report"]["tuning"]["head"] = manifest["report"]["data"]["inputs"][0] = forged
    manifest["versions"] = {forged: "1"}
    for one in manifest["report"]["baselines"]:
        one["name"] = forged
    write(Hostile("texts", files, manifest), tmp_path / "x.featx")
    shown = run("inspect", tmp_path / "x.featx")
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("a\\nForged: 100 %\\x1b[31m") >= 3
    assert not [line for line in shown.output.splitlines() if line.startswith("Forged")]
    assert len(shown.output) < 30_000
