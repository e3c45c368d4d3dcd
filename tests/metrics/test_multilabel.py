import itertools
import json
import warnings

import numpy as np
import pytest
from sklearn import metrics

from featx.errors import BadLabels
from featx.metrics.multilabel import MultilabelReport, evaluate_label_sets

LABELS = list("abcd")


@pytest.fixture
def truth(rng):
    return rng.random((250, 4)) < [0.6, 0.3, 0.1, 0.05]


@pytest.fixture
def shares(truth, rng):
    # rounded: ties
    return np.round(np.clip(truth * 0.3 + rng.random((250, 4)) * 0.7, 0, 1), 2)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_scikit_learn(truth, shares, rng, weighted):
    weights = rng.random(250) + 0.1 if weighted else None
    guesses = shares > 0.5
    report = evaluate_label_sets(truth, guesses, shares, labels=LABELS, sample_weight=weights)
    for average in ("micro", "macro", "weighted"):
        expected = metrics.f1_score(truth, guesses, average=average, sample_weight=weights)
        assert getattr(report, f"{average}_f1") == pytest.approx(expected)
    assert report.mean_average_precision == pytest.approx(
        metrics.average_precision_score(truth, shares, average="macro", sample_weight=weights)
    )
    assert report.subset_accuracy == pytest.approx(
        metrics.accuracy_score(truth, guesses, sample_weight=weights)
    )
    assert report.hamming_loss == pytest.approx(
        metrics.hamming_loss(truth, guesses, sample_weight=weights)
    )
    rows = metrics.precision_recall_fscore_support(truth, guesses, sample_weight=weights)
    average = metrics.average_precision_score(truth, shares, average=None, sample_weight=weights)
    for i, one in enumerate(report.labels):
        assert (one.precision, one.recall, one.f1) == pytest.approx([rows[j][i] for j in range(3)])
        assert one.average_precision == pytest.approx(average[i])
        assert (one.support, one.predicted) == (truth[:, i].sum(), guesses[:, i].sum())


def test_a_weight_of_a_whole_number_counts_a_sample_so_many_times(truth, shares, rng):
    times = rng.integers(0, 3, 250)
    weighted = evaluate_label_sets(truth, shares > 0.5, shares, labels=LABELS, sample_weight=times)
    many = np.repeat(np.arange(250), times)
    repeated = evaluate_label_sets(truth[many], (shares > 0.5)[many], shares[many], labels=LABELS)
    for name in weighted.intervals:
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name
    assert weighted.prevalence_baseline == pytest.approx(repeated.prevalence_baseline)
    assert weighted.n == np.count_nonzero(times)


def test_labels_that_no_sample_has_are_left_out_of_means(truth, shares):
    truth[:, 3] = False
    guesses = shares > 0.5
    guesses[:, 3] = False
    report = evaluate_label_sets(truth, guesses, shares, labels=LABELS)
    assert report.labels[3].average_precision is None
    assert report.mean_average_precision == pytest.approx(
        metrics.average_precision_score(truth[:, :3], shares[:, :3])
    )
    assert report.macro_f1 == pytest.approx(
        metrics.f1_score(truth[:, :3], guesses[:, :3], average="macro")
    )
    # a label that is only predicted counts as zero
    guesses[0, 3] = True
    report = evaluate_label_sets(truth, guesses, shares, labels=LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = metrics.f1_score(truth, guesses, average="macro")
    assert report.macro_f1 == pytest.approx(expected)


def test_the_baseline_is_the_best_of_all_constant_answers(truth, shares):
    report = evaluate_label_sets(truth, shares > 0.5, shares, labels=LABELS)
    baseline = report.prevalence_baseline
    answers = [np.tile(answer, (250, 1)) for answer in itertools.product([0, 1], repeat=4)]
    for name, score in (
        ("micro_f1", lambda y: metrics.f1_score(truth, y, average="micro", zero_division=0)),
        ("macro_f1", lambda y: metrics.f1_score(truth, y, average="macro", zero_division=0)),
        ("weighted_f1", lambda y: metrics.f1_score(truth, y, average="weighted", zero_division=0)),
        ("subset_accuracy", lambda y: metrics.accuracy_score(truth, y)),
        ("hamming_loss", lambda y: -metrics.hamming_loss(truth, y)),
    ):
        assert abs(max(map(score, answers))) == pytest.approx(baseline[name]), name
    assert baseline["mean_average_precision"] == pytest.approx(
        metrics.average_precision_score(truth, np.full((250, 4), 0.5))
    )


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    inside = {"micro_f1": 0, "hamming_loss": 0, "subset_accuracy": 0}
    # prevalence .4; a tenth of all pairs is turned round
    true = {"hamming_loss": 0.1, "subset_accuracy": 0.9**3, "micro_f1": 2 * 0.36 / (0.4 + 0.42)}
    for seed in range(120):
        truth = rng.random((120, 3)) < 0.4
        guesses = truth ^ (rng.random((120, 3)) < 0.1)
        report = evaluate_label_sets(truth, guesses, labels=list("abc"), random_state=seed)
        for name, value in true.items():
            low, high = report.intervals[name]
            inside[name] += low <= value <= high
    assert min(inside.values()) / 120 > 0.88
    assert max(inside.values()) / 120 < 1


def test_intervals_of_groups_are_those_of_one_sample_a_group(rng):
    truth = rng.random((40, 2)) < 0.5
    guesses = truth ^ (rng.random((40, 2)) < 0.2)
    alone = evaluate_label_sets(truth, guesses, labels=["a", "b"])
    many = np.repeat(np.arange(40), 5)
    names = [f"patient {number:02}" for number in many]
    grouped = evaluate_label_sets(truth[many], guesses[many], labels=["a", "b"], groups=names)
    for name, interval in alone.intervals.items():
        assert grouped.intervals[name] == pytest.approx(interval), name
    by_sample = evaluate_label_sets(truth[many], guesses[many], labels=["a", "b"])
    assert np.ptp(by_sample.intervals["micro_f1"]) < 0.7 * np.ptp(grouped.intervals["micro_f1"])


def test_perfect_predictions_are_not_certain(truth):
    report = evaluate_label_sets(truth, truth, truth * 1.0, labels=LABELS)
    low, high = report.intervals["micro_f1"]
    assert (low, high) == pytest.approx((0.985, 1), abs=1e-3)
    assert report.intervals["mean_average_precision"] == (low, high)
    assert report.intervals["hamming_loss"] == (0, pytest.approx(1 - low))
    wrong = evaluate_label_sets(truth, ~truth, labels=LABELS)
    assert wrong.intervals["subset_accuracy"][1] == pytest.approx(0.015, abs=1e-3)
    one = evaluate_label_sets(truth[:1], truth[:1], labels=LABELS)
    assert one.intervals["micro_f1"][0] < 0.3


def test_a_report_survives_json_and_becomes_a_frame(truth, shares):
    report = evaluate_label_sets(truth, shares > 0.5, shares, labels=LABELS)
    assert MultilabelReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert repr(report) == report.format_table()
    assert "micro F1" in repr(report)
    assert "<table>" in report._repr_html_()
    frame = report.to_frame()
    assert frame.loc["b", "support"] == truth[:, 1].sum()
    without = evaluate_label_sets(truth, shares > 0.5, labels=LABELS)
    assert without.mean_average_precision is None
    assert "mean_average_precision" not in without.intervals
    assert MultilabelReport.from_dict(json.loads(json.dumps(without.to_dict()))) == without


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n", -1),
        ("micro_f1", "a"),
        ("labels", []),
        ("labels", [{"label": "a"}]),
        ("labels", 3),
        ("intervals", {"micro_f1": [1]}),
        ("prevalence_baseline", []),
        ("prevalence_baseline", {"micro_f1": "x"}),
        ("other", 1),
    ],
)
def test_json_that_is_no_report_is_refused(truth, key, value):
    table = evaluate_label_sets(truth, truth, labels=LABELS).to_dict()
    with pytest.raises(BadLabels, match="not the JSON of a multilabel report"):
        MultilabelReport.from_dict(table | {key: value})


@pytest.mark.parametrize(
    ("targets", "predicted", "probabilities", "message"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), None, "found 0 and 2"),
        (np.zeros((3, 2)), np.zeros((2, 2)), None, r"found \(2, 2\)"),
        (np.zeros((3, 3)), np.zeros((3, 3)), None, r"expected shape \(3, 2\)"),
        (np.full((3, 2), 2), np.zeros((3, 2)), None, "expected 0 and 1"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), None, "expected 0 and 1"),
        (np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 1)), r"found shape \(3, 1\)"),
        (np.zeros((3, 2)), np.zeros((3, 2)), np.full((3, 2), np.nan), "not finite"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(targets, predicted, probabilities, message):
    with pytest.raises(BadLabels, match=message):
        evaluate_label_sets(targets, predicted, probabilities, labels=["a", "b"])
