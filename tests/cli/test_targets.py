"""Targets of each task, and what says how samples belong together, on the command line."""

import csv
import json
import shutil

import numpy as np
import pytest

import featx
from tests.support.commands import refusal, run
from tests.support.targets import make_records, write_records

# What is wanted of each task, and the head whose training takes least.
TARGETS = {
    "classification": ("--target-column", "kind", "--head", "ridge"),
    "multilabel": ("--target-column", "topics", "--task", "multilabel", "--head", "ridge"),
    "regression": ("--target-column", "price", "--task", "regression"),
}
pytestmark = pytest.mark.filterwarnings("ignore:.*not used. columns")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("targets")
    for suffix in ("csv", "jsonl", "parquet"):
        write_records(root / f"texts.{suffix}", make_records())
    return root


@pytest.fixture
def fit(folder, tmp_path):
    """Return a function that trains on a table of texts; ``--baseline`` is a part of other tests."""

    def fit(*words, table="texts.csv"):
        path = folder / table if isinstance(table, str) else table
        output = tmp_path / "made.featx"
        return run(
            *("fit", path, "--text-column", "text", "--no-baseline", "--overwrite", "-o", output),
            *("--format", "json", *words),
        )

    return fit


@pytest.fixture(scope="module")
def predictors(folder):
    """A predictor of each task."""
    for task, words in TARGETS.items():
        result = run(
            *("fit", folder / "texts.csv", "--text-column", "text", "--no-baseline", *words),
            *("-o", folder / f"{task}.featx"),
        )
        assert result.exit_code == 0, result.output
    return folder


def report_of(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def scores_of(result):
    return report_of(result)["validation"]["report"]


def labels_of(result):
    return {one["label"] for one in scores_of(result)["labels"]}


def test_numbers_without_a_task_are_refused_with_what_to_type(fit):
    message = refusal(fit("--target-column", "price"))
    assert "labels: 60 distinct numbers" in message
    assert "--task regression" in message
    assert "--task classification" in message


def test_few_numbers_are_classes(fit):
    assert set(report_of(fit("--target-column", "area", "--head", "ridge"))["data"]["targets"]) == {
        *("3", "4", "5")
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "ranking"), "'ranking' is not one of"),
        (
            ("--target-column", "kind", "--task", "regression"),
            "row 1: expected a number, found 'red'",
        ),
        (("--target-column", "prize"), "expected a column 'prize'; found columns 'text', 'kind'"),
        (("--target-column", "kind", "--group-column", "persona"), "expected a column 'persona'"),
        (("--target-column", "kind", "--log-target"), "--log-target: only a regression"),
        (("--target-column", "kind", "--threshold", "0.5"), "--threshold"),
        ((*TARGETS["regression"], "--balance"), "--balance: a regression has no classes"),
        ((*TARGETS["regression"], "--threshold", "0.5"), "--threshold 0.5: a regression has no"),
        ((*TARGETS["regression"], "--min-samples", "3"), "--min-samples 3: a regression has no"),
        ((*TARGETS["regression"], "--head", "lda"), "no head named 'lda'"),
        ((*TARGETS["multilabel"], "--threshold", "1.5"), "expected a number between 0 and 1"),
        (("--target-column", "kind", "--test-size", "1.5"), "--test-size"),
        (("--target-column", "kind", "--groups", "("), "--groups"),
        (("--target-column", "kind", "--weight-column", "kind"), "weight"),
        (("--target-column", "kind", "--time-column", "kind"), "time"),
        (("--target-column", "kind", "--split-column", "kind"), "split"),
    ],
)
def test_what_makes_no_sense_of_a_target_is_refused_in_the_words_of_options(fit, words, said):
    result = fit(*words)
    assert result.exit_code in (1, 2), result.output
    last = result.stderr.strip().splitlines()[-1]
    assert said in last
    assert last.startswith("Error: ")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("task", TARGETS)
def test_targets_are_read_from_every_kind_of_table(fit, task, suffix):
    report = report_of(fit(*TARGETS[task], table=f"texts.{suffix}"))
    assert report["task"] == task
    expected = {
        "classification": {"red": 20, "green": 20, "blue": 20},
        "multilabel": {"blue": 20, "food": 10, "green": 20, "red": 20},
    }
    if task == "regression":
        assert report["data"]["targets"]["value"]["min"] == 10
    else:
        assert report["data"]["targets"] == expected[task]


def test_a_separator_of_labels_can_be_named(fit, tmp_path):
    records = [one | {"topics": "|".join(one["topics"])} for one in make_records()]
    table = write_records(tmp_path / "bars.csv", records)
    words = TARGETS["multilabel"]
    assert labels_of(fit(*words, "--label-separator", "|", table=table)) == {
        *("red", "green", "blue", "food")
    }
    assert "red|food" in labels_of(fit(*words, table=table))


@pytest.mark.slow
def test_columns_of_0_and_1_are_labels_and_several_numbers_are_told_by_name(fit):
    labels = fit("--task", "multilabel", "--target-column", "red", "--target-column", "food")
    assert labels_of(labels) == {"red", "food"}
    numbers = fit("--task", "regression", "--target-column", "price", "--target-column", "area")
    assert [one["name"] for one in scores_of(numbers)["outputs"]] == ["price", "area"]


def test_groups_of_a_column_or_a_pattern_are_on_one_side_and_both_figures_are_told(fit, tmp_path):
    report = report_of(fit(*TARGETS["regression"], "--group-column", "person"))
    assert set(report["without_groups"]["scores"]) == {"r2", "rmse"}
    loaded = featx.load(tmp_path / "made.featx")
    folds = loaded.report.samples.folds
    people = np.array([one["person"] for one in make_records()])
    assert all(len(set(folds[people == name])) == 1 for name in set(people))
    records = [one | {"name": f"{one['person']}_{i}"} for i, one in enumerate(make_records())]
    table = write_records(tmp_path / "named.csv", records)
    by_name = fit(
        *TARGETS["regression"], "--id-column", "name", "--groups", "^(p[0-9]+)_", table=table
    )
    for key in ("validation", "without_groups"):
        assert report_of(by_name)[key] == report[key]


@pytest.mark.slow
def test_a_valid_part_takes_the_place_of_folds_and_is_not_measured_on(fit):
    plain = report_of(fit(*TARGETS["classification"], "--head", "logistic"))
    report = report_of(
        fit(*TARGETS["classification"], "--head", "logistic", "--split-column", "part")
    )
    assert report["data"]["n"] == 48
    assert report["validation"]["report"]["n"] == 36
    assert plain["data"]["n"] == 60


def test_with_times_the_latest_are_measured_on(fit, tmp_path):
    records = make_records()
    table = write_records(tmp_path / "times.csv", records)
    report = report_of(fit(*TARGETS["regression"], "--time-column", "day", table=table))
    assert report["validation"]["method"] == "hold-out"
    # The price rises with the day: the latest twelve of sixty are the dearest of each kind.
    tenths = report["validation"]["report"]["outputs"][0]["tenths"]
    assert report["validation"]["report"]["n"] == 12
    assert tenths[0]["low"] >= 10.48


def test_a_share_to_measure_on_can_be_said(fit):
    assert scores_of(fit(*TARGETS["classification"], "--test-size", "0.5"))["n"] == 30


def test_weights_are_counted_in_every_score(fit, tmp_path):
    records = make_records()
    for one in records:
        # the samples that weigh nothing have a wrong label
        one["times"] = int(one["day"] % 5 != 0)
        if not one["times"]:
            one["kind"] = "red"
    table = write_records(tmp_path / "weights.csv", records)
    words = ("--target-column", "kind", "--head", "ridge")
    weighted = scores_of(fit(*words, "--weight-column", "times", table=table))
    plain = scores_of(fit(*words, table=table))
    assert weighted["accuracy"] == 1
    assert weighted["n"] < plain["n"]
    assert plain["accuracy"] < 0.95


@pytest.mark.filterwarnings("default")
def test_rare_classes_and_unlabelled_samples_are_left_out_by_name_and_number(fit, tmp_path):
    records = make_records()
    records[0]["kind"], records[3]["kind"] = "rare", ""
    table = write_records(tmp_path / "rare.csv", records)
    words = ("--target-column", "kind", "--head", "ridge")
    assert "1 of 60 samples have none" in refusal(fit(*words, table=table))
    result = fit(*words, "--min-samples", "3", "--unlabelled", "skip", table=table)
    assert report_of(result)["data"]["n"] == 58
    notes = report_of(result)["notes"]
    assert all(note in result.stderr for note in notes)
    assert "'rare'" in " ".join(notes)
    assert "1 of 60 samples have no label" in " ".join(notes)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*are among those that the classifier was trained on")
@pytest.mark.parametrize("task", TARGETS)
def test_each_task_is_predicted_measured_inspected_and_exported(predictors, tmp_path, task):
    path, table = predictors / f"{task}.featx", predictors / "texts.csv"
    columns = ("--text-column", "text")
    loaded = featx.load(path)
    answers = [
        json.loads(line) for line in run("predict", path, table, *columns).stdout.splitlines()
    ]
    texts = [one["text"] for one in make_records()]
    cells = run("predict", path, table, *columns, "--format", "csv").stdout.splitlines()
    rows = list(csv.DictReader(cells))
    assert len(answers) == len(rows) == 60
    if task == "regression":
        expected = loaded.predict(texts)
        found = [[answer[key] for key in ("value", "low", "high")] for answer in answers]
        np.testing.assert_allclose([row[0] for row in found], expected, rtol=1e-5)
        assert all(low < value < high for value, low, high in found)
        np.testing.assert_allclose([float(row["value"]) for row in rows], expected, rtol=1e-5)
    elif task == "multilabel":
        expected = loaded.predict_labels(texts)
        assert [tuple(answer["labels"]) for answer in answers] == expected
        assert [tuple(filter(None, row["labels"].split(";"))) for row in rows] == expected
    else:
        assert [answer["label"] for answer in answers] == loaded.predict(texts).tolist()
        assert [row["label"] for row in rows] == loaded.predict(texts).tolist()

    measured = json.loads(
        run("evaluate", path, table, *columns, *TARGETS[task][:2], "--format", "json").stdout
    )
    assert measured["n"] == 60
    assert task in run("inspect", path, "--format", "json").stdout
    written = run("export", path, "--to", tmp_path / "one.onnx", "--check", table, *columns)
    assert written.exit_code == 0, written.output
    assert "on 60 of your samples" in written.stderr


def test_what_a_predictor_was_asked_for_can_be_asked_for_again(fit, tmp_path):
    words = (
        *TARGETS["regression"],
        *("--target-column", "area", "--group-column", "person", "--weight-column", "times"),
        *("--test-size", "0.3", "--seed", "3"),
    )
    first = report_of(fit(*words))
    shutil.move(tmp_path / "made.featx", tmp_path / "first.featx")
    config = tmp_path / "asked.toml"
    config.write_text(run("inspect", tmp_path / "first.featx", "--config").stdout, encoding="utf-8")
    again = report_of(fit("--config", config))
    assert again["validation"] == first["validation"]
    printed = run("inspect", tmp_path / "made.featx", "--config").stdout
    assert printed == config.read_text(encoding="utf-8")
    # one that is typed wins
    assert report_of(fit("--config", config, "--seed", "4"))["tuning"]["random_state"] == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("--threshold", "0.4"),
        ("--label-separator", ";", "--groups", "[0-9]$"),
        ("--min-samples", "3", "--unlabelled", "skip"),
    ],
)
def test_options_of_labels_go_to_the_configuration_and_back(fit, tmp_path, words):
    first = report_of(fit(*TARGETS["multilabel"], *words))
    config = tmp_path / "asked.toml"
    config.write_text(run("inspect", tmp_path / "made.featx", "--config").stdout, encoding="utf-8")
    assert report_of(fit("--config", config))["validation"] == first["validation"]
