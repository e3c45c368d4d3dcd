import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import featx
from featx.cli import main
from featx.embedding.engine import Engine
from featx.embedding.rows import Reject, Rows
from featx.errors import BadOption, BadSample, BadSource, FeatxWarning
from featx.tasks.classification import LabelPrediction


@pytest.fixture(scope="module")
def light_or_dark(tmp_path_factory):
    """A folder with train and test, and a classifier saved from its train part by the command."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("data")
    for part, n in (("train", 6), ("test", 2)):
        for label, base in (("dark", 40), ("light", 200)):
            (root / "pictures" / part / label).mkdir(parents=True)
            for k in range(n):
                noise = rng.integers(-30, 30, (48, 64, 3))
                picture = Image.fromarray((base + noise).astype(np.uint8))
                picture.save(root / "pictures" / part / label / f"{k}.png")
    return root


@pytest.fixture(scope="module")
def fitted(light_or_dark):
    output = light_or_dark / "light.featx"
    result = run("fit", light_or_dark / "pictures", "--output", output)
    assert result.exit_code == 0, result.output
    return output, result


@pytest.fixture
def saved(fitted):
    return fitted[0]


@pytest.fixture
def pictures(light_or_dark):
    return light_or_dark / "pictures"


def run(*arguments, input=None):
    return CliRunner().invoke(main, list(map(str, arguments)), input=input)


def test_predictions_come_in_input_order_whatever_the_sample_is(saved, pictures):
    classifier = featx.load(saved)
    path = pictures / "test" / "dark" / "0.png"
    bright = np.asarray(Image.open(pictures / "test" / "light" / "0.png"))
    X = [path, str(path), path.read_bytes(), Image.open(path), bright]
    assert list(classifier.predict(X)) == ["dark"] * 4 + ["light"]
    table = classifier.predict_proba(X)
    assert table.dtype == np.float32
    assert table.shape == (5, 2)
    np.testing.assert_array_equal(table[0], table[2])


def test_nothing_gives_nothing(saved):
    classifier = featx.load(saved)
    assert classifier.predict([]).shape == (0,)
    assert classifier.predict_proba([]).shape == (0, 2)


def test_records_hold_the_most_probable_classes_first(saved, pictures):
    samples = featx.read_samples(pictures / "test")
    records = list(featx.load(saved).predict_samples(samples, top_k=5))
    assert [each.id for each in records] == [sample.id for sample in samples]
    for each in records:
        assert isinstance(each, LabelPrediction)
        assert each.top[0] == (each.label, each.probability)
        assert [share for _, share in each.top] == sorted((s for _, s in each.top), reverse=True)
        assert len(each.top) == 2


def test_a_sample_that_cannot_be_read_fails_or_becomes_a_reject(saved):
    classifier = featx.load(saved)
    samples = featx.make_samples([b"no picture", np.zeros((9, 9, 3), np.uint8)])
    with pytest.raises(BadSample):
        list(classifier.predict_samples(samples))
    kinds = [
        type(each) for each in classifier.predict_samples(samples, engine=Engine(on_error="skip"))
    ]
    assert len(kinds) == 2
    assert set(kinds) == {LabelPrediction, Reject}
    with pytest.raises(BadOption, match="use predict_samples to skip"):
        classifier.predict(samples, engine=Engine(on_error="skip"))
    with pytest.raises(BadOption, match="top_k = 0"):
        list(classifier.predict_samples(samples, top_k=0))


def test_rows_of_another_backbone_are_refused(saved):
    rows = Rows(("a",), (None,), np.zeros((1, 384), np.float32), "f" * 64)
    with pytest.raises(BadOption, match="made with fingerprint ffff"):
        list(featx.load(saved).predict_rows(rows))


def test_fit_prints_its_report_and_names_the_next_command(fitted):
    output, result = fitted
    for words in (
        "accuracy", "balanced accuracy", "macro F1", "95 % interval", "precision",
        "always the most frequent class", "raw pixels", "Times:", "nested cross-validation",
    ):  # fmt: skip
        assert words in result.stdout
    assert "4 samples outside the train part were left alone" in result.stderr
    assert f"featx evaluate {output}" in result.stderr


def test_fit_refuses_an_output_it_cannot_write_before_any_work(pictures, tmp_path):
    result = run("fit", pictures, "--output", tmp_path / "no" / "x.featx", "--backbone", "unread")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "does not exist" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--head", "forest"], "no head named 'forest'"),
        (["--backbone", "featx-image-nan"], "did you mean 'featx-image-nano'?"),
    ],
)
def test_fit_refuses_in_one_line(options, words, pictures, tmp_path):
    result = run("fit", pictures, "--output", tmp_path / "x.featx", *options)
    assert result.exit_code == 1
    assert words in result.stderr.splitlines()[-1]
    assert not (tmp_path / "x.featx").exists()


@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_fit_lists_what_could_not_be_read(photos, tmp_path):
    (photos / "dark" / "broken.png").write_text("no picture")
    result = run(
        "fit", photos, "-o", tmp_path / "x.featx", "--on-error", "skip", "--format", "json"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["data"]["n"] == 6
    with (tmp_path / "rejects.csv").open(newline="", encoding="utf-8") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == ["dark/broken.png"]


def test_evaluate_measures_on_the_test_part(saved, pictures):
    result = run("evaluate", saved, pictures, "--format", "json")
    report = json.loads(result.stdout)
    assert (report["n"], report["accuracy"]) == (4, 1.0)
    assert "macro F1" in run("evaluate", saved, pictures).stdout


def test_evaluate_tells_the_top_k_accuracy_when_asked(saved, pictures):
    table = json.loads(run("evaluate", saved, pictures, "--top-k", "2", "--format", "json").stdout)
    assert table["top_k"]["accuracy"] == 1.0
    assert "top-2 accuracy" in run("evaluate", saved, pictures, "--top-k", "2").stdout
    refused = run("evaluate", saved, pictures, "--top-k", "3")
    assert refused.exit_code == 1
    assert "--top-k 3: expected 1 to 2, the number of classes" in refused.stderr


def test_predict_prints_a_line_a_sample_and_nothing_else(saved, pictures):
    files = sorted((pictures / "test").rglob("*.png"))
    result = run("predict", saved, *files, "--top-k", "1")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["id"] for line in lines] == [str(path) for path in files]
    assert all(list(line) == ["id", "label", "probability", "top"] for line in lines)
    assert [len(line["top"]) for line in lines] == [1] * 4


def test_predict_reads_folders_and_paths_on_standard_input(saved, pictures):
    folder = run("predict", saved, pictures / "test").stdout.splitlines()
    listed = "\n".join(map(str, sorted((pictures / "test").rglob("*.png"))))
    piped = run("predict", saved, "-", input=listed).stdout.splitlines()
    labels = [[json.loads(line)["label"] for line in lines] for lines in (folder, piped)]
    assert labels[0] == labels[1] == ["dark", "dark", "light", "light"]


def test_predict_writes_csv(saved, pictures):
    result = run("predict", saved, pictures / "test", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["label"] for row in rows] == ["dark", "dark", "light", "light"]
    assert list(rows[0]) == ["id", "label", "probability", "probability_dark", "probability_light"]
    shares = [float(rows[0][f"probability_{name}"]) for name in ("dark", "light")]
    assert shares[0] == float(rows[0]["probability"])
    assert sum(shares) == pytest.approx(1, abs=2e-6)
    assert not set(result.stdout) & set("[{")


def test_predict_goes_on_after_a_broken_file_and_says_so_by_its_status(saved, photos, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    good = sorted(photos.rglob("*.png"))
    listed = tmp_path / "lost.csv"
    result = run("predict", saved, broken, *good, "--rejects", listed)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == len(good)
    assert "broken.jpg" in result.stderr
    assert "1 of 7 could not be read" in result.stderr
    assert str(broken) in listed.read_text(encoding="utf-8")
    assert run("predict", saved, broken, *good, "--on-error", "fail").exit_code == 1


def test_inspect_needs_no_weights_and_prints_the_manifest(saved):
    result = run("inspect", saved)
    assert "Backbone featx-image-nano, 384 columns" in result.stdout
    assert "95 % interval" in result.stdout
    assert json.loads(run("inspect", saved, "--format", "json").stdout)["format"] == 2


def test_what_is_no_classifier_is_refused_in_one_line(photos):
    for command in (["inspect", photos], ["predict", photos, photos], ["evaluate", photos, photos]):
        result = run(*command)
        assert result.exit_code == 1
        assert "not a featx classifier" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_a_closed_pipe_is_quiet(saved, pictures):
    many = [str(pictures / "train" / "dark" / "0.png")] * 300
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-m", "featx", "predict", str(saved), *many],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout.readline().startswith(b'{"id"')
        process.stdout.close()
        errors = process.stderr.read()
    assert b"Traceback" not in errors
    assert b"BrokenPipe" not in errors


def test_evaluate_warns_of_samples_that_the_classifier_was_trained_on(saved, pictures):
    classifier = featx.load(saved)
    with pytest.warns(FeatxWarning, match="12 of 12 samples are among those .* trained on"):
        featx.evaluate(classifier, featx.read_samples(pictures / "train"))
    assert featx.evaluate(classifier, featx.read_samples(pictures / "test")).n == 4


def test_a_missing_file_is_named_once(saved):
    with pytest.raises(BadSample, match=r"^absent\.jpg: file not found;"):
        featx.load(saved).predict(["absent.jpg"])


def test_a_folder_given_as_samples_is_answered_with_how_to_read_it(pictures):
    with pytest.raises(BadSource, match=r"found one str; .* featx\.read_samples"):
        featx.fit(str(pictures))
