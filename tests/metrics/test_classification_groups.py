import json

import numpy as np
import pytest
from sklearn import metrics

from featx.errors import BadLabels, FeatxWarning
from featx.metrics.classification import ClassificationReport, evaluate_predictions

NAMES = ["cat", "dog", "eel"]


@pytest.fixture
def truth(rng):
    return rng.choice(NAMES, 200, p=[0.6, 0.3, 0.1])


@pytest.fixture
def shares(truth, rng):
    return rng.dirichlet([1, 1, 1], 200) * 0.6 + 0.4 * (truth[:, None] == NAMES)


def measure(truth, shares, **options):
    guesses = np.array(NAMES)[shares.argmax(axis=1)]
    return evaluate_predictions(truth, guesses, shares, classes=NAMES, **options)


def test_weighted_scores_are_those_of_scikit_learn(truth, shares, rng):
    weights = rng.random(200) + 0.01
    guesses = np.array(NAMES)[shares.argmax(axis=1)]
    report = measure(truth, shares, sample_weight=weights)
    options = {"sample_weight": weights}
    assert report.accuracy == pytest.approx(metrics.accuracy_score(truth, guesses, **options))
    assert report.balanced_accuracy == pytest.approx(
        metrics.balanced_accuracy_score(truth, guesses, **options)
    )
    assert report.macro_f1 == pytest.approx(
        metrics.f1_score(truth, guesses, average="macro", **options)
    )
    assert report.log_loss == pytest.approx(metrics.log_loss(truth, shares, **options))
    rows = metrics.precision_recall_fscore_support(truth, guesses, **options)
    for i, one in enumerate(report.classes):
        assert (one.precision, one.recall, one.f1) == pytest.approx([rows[j][i] for j in range(3)])
        assert one.support == (truth == NAMES[i]).sum()
    for k in (1, 2):
        assert report.top_k_accuracy(k)[0] == pytest.approx(
            metrics.top_k_accuracy_score(truth, shares, k=k, **options)
        )
    assert report.top_k_accuracy(3)[0] == 1
    assert report.majority_baseline == pytest.approx(weights[truth == "cat"].sum() / weights.sum())


def test_a_weight_of_a_whole_number_counts_a_sample_so_many_times(truth, shares, rng):
    times = rng.integers(0, 3, 200)
    many = np.repeat(np.arange(200), times)
    weighted = measure(truth, shares, sample_weight=times)
    repeated = measure(truth[many], shares[many])
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "majority_baseline"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name
    assert weighted.expected_calibration_error == pytest.approx(repeated.expected_calibration_error)
    assert weighted.top_k_accuracy(2)[0] == pytest.approx(repeated.top_k_accuracy(2)[0])
    assert weighted.n == np.count_nonzero(times)


def test_without_groups_and_weights_nothing_is_new_in_json(truth, shares):
    report = measure(truth, shares)
    assert "top_k" not in report.to_dict()
    assert measure(truth, shares, groups=None, sample_weight=None) == report


def test_weights_of_one_change_no_score_and_groups_change_intervals_alone(truth, shares):
    plain = measure(truth, shares)
    groups = np.repeat(np.arange(20), 10)
    for options in ({"sample_weight": np.ones(200)}, {"groups": groups}):
        report = measure(truth, shares, **options)
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss"):
            assert getattr(report, name) == pytest.approx(getattr(plain, name)), name
        assert report.confusion == plain.confusion
        assert report.classes == plain.classes
        low, high = report.intervals["accuracy"]
        assert low < report.accuracy < high


def test_copies_of_samples_in_groups_make_intervals_no_narrower(truth, shares):
    alone, many = np.arange(200), np.repeat(np.arange(200), 4)
    names = [f"patient {number:03}" for number in many]
    grouped = measure(truth[many], shares[many], groups=names)
    single = measure(truth, shares, groups=[f"patient {number:03}" for number in alone])
    for name in grouped.intervals:
        assert grouped.intervals[name] == pytest.approx(single.intervals[name])
        plain = measure(truth, shares).intervals[name]
        assert grouped.intervals[name] == pytest.approx(plain, abs=0.02)
    assert grouped.top_k_accuracy(2) == (
        pytest.approx(single.top_k_accuracy(2)[0]),
        pytest.approx(single.top_k_accuracy(2)[1]),
    )
    by_sample = measure(truth[many], shares[many])
    assert np.ptp(by_sample.intervals["accuracy"]) < 0.6 * np.ptp(grouped.intervals["accuracy"])


def test_the_interval_of_labels_by_chance_within_few_groups_contains_a_half():
    """Six patients, whose samples are all predicted alike: the score is that of six coins."""
    contained = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(6), 30)
        truth = rng.choice(["a", "b"], 6)[groups]
        guesses = rng.choice(["a", "b"], 6)[groups]
        low, high = evaluate_predictions(
            truth, guesses, groups=groups, random_state=seed
        ).intervals["accuracy"]
        contained += low <= 0.5 <= high
    assert contained >= 90


def test_what_has_no_variance_has_the_interval_of_so_many_groups():
    truth = np.repeat(["a", "b"], 50)
    report = evaluate_predictions(truth, truth, groups=np.repeat(np.arange(10), 10))
    assert report.intervals["accuracy"] == pytest.approx((0.722, 1), abs=1e-3)
    wrong = evaluate_predictions(truth, truth[::-1], groups=np.repeat(np.arange(10), 10))
    assert wrong.intervals["macro_f1"] == pytest.approx((0, 0.278), abs=1e-3)


def test_a_report_by_groups_survives_json(truth, shares):
    report = measure(truth, shares, groups=np.repeat(np.arange(20), 10))
    table = json.loads(json.dumps(report.to_dict()))
    assert ClassificationReport.from_dict(table) == report
    for wrong in ([[1, 2]], [["a", 1, 1]], 5, [None]):
        with pytest.raises(BadLabels, match="not the JSON"):
            ClassificationReport.from_dict(table | {"top_k": wrong})


def test_samples_of_weight_zero_are_neither_counted_nor_named(truth, shares):
    ids = [f"{i}.jpg" for i in range(200)]
    weights = np.arange(200) % 2
    report = measure(truth, shares, ids=ids, sample_weight=weights, groups=np.arange(200) // 10)
    assert report.n == 100
    assert {one.id for one in report.mistakes} <= {f"{i}.jpg" for i in range(1, 200, 2)}
    assert sum(one.support for one in report.classes) == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": ["a"]}, "found 1"),
        ({"groups": ["a"], "sample_weight": [0] + [1] * 199}, "found 1"),
        ({"sample_weight": [1.0]}, "one a sample"),
        ({"sample_weight": [np.nan] * 200}, "found nan"),
        ({"sample_weight": [0] * 200}, "zeros alone"),
    ],
)
def test_groups_and_weights_that_are_none_are_refused(truth, shares, options, message):
    with pytest.raises(BadLabels, match=message):
        measure(truth, shares, **options)


def test_a_single_group_is_said_and_a_single_sample_proves_nothing(truth, shares):
    with pytest.warns(FeatxWarning, match="found one alone"):
        measure(truth, shares, groups=["a"] * 200)
    report = evaluate_predictions(["a"], ["a"], classes=["a", "b"], groups=["g"])
    assert report.intervals["accuracy"][0] < 0.3
