"""The hints of a report are true in every relation of a baseline to the classifier."""

from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.metrics.classification import evaluate_predictions
from featx.reporting.fit_report import Baseline, FitReport


def measured(right, n=200):
    """The report of a classifier that is right in ``right`` of ``n`` samples."""
    truth = ["a", "b"] * (n // 2)
    wrong = {"a": "b", "b": "a"}
    said = [label if k < right else wrong[label] for k, label in enumerate(truth)]
    return evaluate_predictions(truth, said)


def hints_with(own, baseline, *, interval=True):
    images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    report = featx.fit(images, ["dark"] * 3 + ["light"] * 3, head="centroid").report
    other = measured(baseline)
    scores = {
        "accuracy": other.accuracy,
        "balanced_accuracy": other.balanced_accuracy,
        "macro_f1": other.macro_f1,
    }
    named = Baseline("the same head on hashed words", scores, other.intervals if interval else {})
    changed = replace(
        report,
        validation=replace(report.validation, report=measured(own)),
        baselines=(report.baselines[0], named),
    )
    return [line for line in changed.format_table().split("\n") if "hashed words did" in line]


@pytest.mark.parametrize(
    ("own", "baseline", "words"),
    [
        (84, 200, "did far better (accuracy 1.000 against 0.420)"),
        (100, 140, "did far better (accuracy 0.700 against 0.500)"),
        (100, 116, "did better (accuracy 0.580 against 0.500)"),
        (100, 104, "did about as well (accuracy 0.520 against 0.500)"),
        (100, 100, "did about as well (accuracy 0.500 against 0.500)"),
        (100, 94, "did about as well (accuracy 0.470 against 0.500)"),
        (200, 200, "did about as well (accuracy 1.000 against 1.000)"),
    ],
)
def test_a_baseline_is_compared_by_the_intervals(own, baseline, words):
    [hint] = hints_with(own, baseline)
    assert words in hint


@pytest.mark.parametrize(("own", "baseline"), [(100, 60), (180, 120), (200, 100)])
def test_nothing_is_said_of_a_baseline_that_is_worse(own, baseline):
    assert hints_with(own, baseline) == []


def test_a_baseline_without_an_interval_is_compared_by_its_score():
    [hint] = hints_with(100, 140, interval=False)
    assert "did far better" in hint


def test_notes_of_a_training_stand_in_its_report_and_survive_json():
    images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    report = featx.fit(images, ["dark"] * 3 + ["light"] * 3, head="centroid").report
    noted = replace(report, notes=("3 of 6 texts are odd",))
    assert "Hint: 3 of 6 texts are odd" in noted.format_table()
    assert FitReport.from_dict(noted.to_dict()).notes == noted.notes
    older = {key: value for key, value in noted.to_dict().items() if key != "notes"}
    assert FitReport.from_dict(older).notes == ()
