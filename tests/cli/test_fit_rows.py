"""``featx fit ROWS``: what ``featx extract`` wrote becomes a predictor that predicts, serves and exports."""

import json

import numpy as np
import pytest

import featx
from tests.support.commands import refusal, run

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Texts in a table, and their rows in shards."""
    root = tmp_path_factory.mktemp("fit rows")
    nouns = {
        "animal": ("cat", "dog", "horse", "sheep", "goat", "mouse", "duck", "hen", "cow"),
        "tool": ("hammer", "saw", "drill", "file", "axe", "rasp", "plane", "chisel", "pliers"),
    }
    lines = [
        f"{'aei'[i % 3]}{noun[::-1]},the {noun} of day {i},{kind},{i}"
        for i in range(3)
        for kind, names in nouns.items()
        for noun in names
    ]
    (root / "texts.csv").write_text("id,text,label,day\n" + "\n".join(lines) + "\n")
    words = ["--shards", 4, "--keep", "day", "--jobs", 1]
    assert run("extract", root / "texts.csv", "-o", root / "rows", *words).exit_code == 0
    return root


def fit(world, output, *words, source="rows"):
    return run("fit", world / source, "-o", output, "--jobs", 1, *words)


def test_shards_are_trained_on_without_a_sample_being_read(world, tmp_path):
    made = fit(world, tmp_path / "x.featx", "--head", "lda", "--on-disk")
    assert made.exit_code == 0, made.output
    assert "Rows of featx-text-nano." in made.stderr
    assert "held out of tuning and training" in made.stdout
    assert "Rows were read from disk" in made.stdout
    predicted = run("predict", tmp_path / "x.featx", "-", input="a horse\na saw\n")
    labels = [json.loads(line)["label"] for line in predicted.stdout.splitlines()]
    assert labels == ["animal", "tool"]
    assert run("export", tmp_path / "x.featx", "--to", tmp_path / "x.onnx").exit_code == 0
    config = run("inspect", tmp_path / "x.featx", "--config").stdout
    assert 'backbone = "featx-text-nano"' in config
    assert 'head = "lda"' in config


def test_few_rows_are_trained_on_as_the_samples_are(world, tmp_path):
    assert fit(world, tmp_path / "rows.featx", "--no-baseline").exit_code == 0
    assert fit(world, tmp_path / "texts.featx", "--no-baseline", source="texts.csv").exit_code == 0
    ours, theirs = (featx.load(tmp_path / name) for name in ("rows.featx", "texts.featx"))
    rows = featx.read_rows(world / "rows").embeddings
    np.testing.assert_array_equal(
        ours.head.predict_outputs(rows), theirs.head.predict_outputs(rows)
    )
    mine, other = (one.report.validation.report.accuracy for one in (ours, theirs))
    assert mine == other


@pytest.mark.slow
def test_another_column_or_table_gives_the_targets(world, tmp_path):
    made = fit(
        world, tmp_path / "x.featx", "--task", "regression", "--target-column", "day", "--on-disk"
    )
    assert made.exit_code == 0, made.output
    assert type(featx.load(tmp_path / "x.featx")).__name__ == "Regressor"
    rows = featx.read_rows(world / "rows")
    table = tmp_path / "targets.csv"
    table.write_text("key,kind\n" + "".join(f"{name},{name[0]}\n" for name in reversed(rows.ids)))
    words = ["--targets", table, "--id-column", "key", "--target-column", "kind"]
    assert fit(world, tmp_path / "y.featx", *words).exit_code == 0
    assert featx.load(tmp_path / "y.featx").classes == ("a", "e", "i")


def test_a_head_that_cannot_is_refused_in_the_words_of_options(world, tmp_path):
    said = refusal(fit(world, tmp_path / "x.featx", "--head", "knn", "--on-disk"))
    assert "choose one of logistic, ridge, lda, centroid, or set --in-memory" in said
    assert not (tmp_path / "x.featx").exists()
    assert fit(world, tmp_path / "y.featx", "--head", "knn", "--in-memory").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--path-column", "x"],
        ["--time-column", "day"],
        ["--baseline"],
        ["--provider", "openvino"],
        ["--report", "x.html"],
        ["--on-error", "skip"],
        ["--modality", "text"],
        ["--backbone", "auto"],
        ["--tap", "last-map"],
    ],
)
def test_options_of_samples_are_refused_by_name(world, tmp_path, words):
    made = fit(world, tmp_path / "x.featx", *words)
    assert made.exit_code == 2
    named = {"--tap": "--backbone"}.get(words[0], words[0])
    assert made.stderr.splitlines()[-1].startswith(f"Error: {named}")


@pytest.mark.parametrize("words", [["--targets", "x.csv"], ["--in-memory"], ["--on-disk"]])
def test_options_of_rows_are_refused_with_samples(world, tmp_path, words):
    made = fit(world, tmp_path / "x.featx", *words, source="texts.csv")
    assert made.exit_code == 2
    assert "is for rows that featx extract wrote" in made.stderr


def test_a_predictor_that_is_there_is_not_replaced(world, tmp_path):
    assert fit(world, tmp_path / "x.featx", "--head", "centroid").exit_code == 0
    assert "--overwrite" in refusal(fit(world, tmp_path / "x.featx"))
    assert fit(world, tmp_path / "x.featx", "--overwrite").exit_code == 0
