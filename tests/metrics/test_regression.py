import json
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from featx.errors import BadLabels, FeatxWarning
from featx.metrics.regression import RegressionReport, evaluate_numbers


@pytest.fixture
def truth(rng):
    # many ties, as marks and counts have
    return rng.integers(0, 30, 300) / 2.0


@pytest.fixture
def guesses(truth, rng):
    return np.round(truth + rng.normal(0, 3, 300), 1)


def test_scores_are_those_of_scikit_learn_and_scipy(truth, guesses):
    report = evaluate_numbers(truth, guesses, names=["mark"])
    assert report.n == 300
    assert report.rmse == pytest.approx(metrics.root_mean_squared_error(truth, guesses))
    assert report.mae == pytest.approx(metrics.mean_absolute_error(truth, guesses))
    assert report.median_absolute_error == pytest.approx(
        metrics.median_absolute_error(truth, guesses)
    )
    assert report.r2 == pytest.approx(metrics.r2_score(truth, guesses))
    assert report.spearman == pytest.approx(stats.spearmanr(truth, guesses).statistic)
    assert report.baseline_rmse == pytest.approx(truth.std())


def test_weighted_scores_are_those_of_scikit_learn(truth, guesses, rng):
    weights = rng.random(300) + 0.1
    report = evaluate_numbers(truth, guesses, names=["mark"], sample_weight=weights)
    assert report.rmse == pytest.approx(
        metrics.root_mean_squared_error(truth, guesses, sample_weight=weights)
    )
    assert report.mae == pytest.approx(np.average(abs(truth - guesses), weights=weights))
    assert report.r2 == pytest.approx(metrics.r2_score(truth, guesses, sample_weight=weights))
    assert report.median_absolute_error == pytest.approx(
        metrics.median_absolute_error(truth, guesses, sample_weight=weights)
    )


def test_a_weight_of_a_whole_number_counts_a_sample_so_many_times(truth, guesses, rng):
    times = rng.integers(0, 4, 300)
    weighted = evaluate_numbers(truth, guesses, names=["mark"], sample_weight=times)
    repeated = evaluate_numbers(np.repeat(truth, times), np.repeat(guesses, times), names=["mark"])
    for name in ("rmse", "mae", "median_absolute_error", "r2", "spearman", "baseline_rmse"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name
    assert weighted.n == np.count_nonzero(times)
    left_out = evaluate_numbers(truth[times > 0], guesses[times > 0], names=["mark"])
    assert weighted.outputs[0].tenths[0].count == left_out.outputs[0].tenths[0].count


def test_several_outputs_each_have_their_scores_and_the_report_has_their_mean(truth, guesses):
    targets = np.stack([truth, -100 * truth + 7], axis=1)
    predictions = np.stack([guesses, -100 * guesses], axis=1)
    report = evaluate_numbers(targets, predictions, names=["a", "b"])
    assert [one.name for one in report.outputs] == ["a", "b"]
    expected = metrics.r2_score(targets, predictions, multioutput="raw_values")
    assert [one.r2 for one in report.outputs] == pytest.approx(expected)
    assert report.r2 == pytest.approx(metrics.r2_score(targets, predictions))
    alone = evaluate_numbers(truth, guesses, names=["a"])
    assert report.outputs[0].intervals["rmse"] == pytest.approx(alone.intervals["rmse"])
    low, high = report.intervals["r2"]
    assert low < report.r2 < high
    assert "mean R²" in report.format_table()


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside = {"rmse": 0, "mae": 0, "spearman": 0, "r2": 0}
    rng = np.random.default_rng(5)
    # of a bivariate normal distribution with correlation .8
    true = {"rmse": 0.6, "mae": 0.6 * np.sqrt(2 / np.pi), "r2": 0.64}
    true["spearman"] = 6 / np.pi * np.arcsin(0.8 / 2)
    for seed in range(120):
        x = rng.normal(size=150)
        report = evaluate_numbers(
            0.8 * x + 0.6 * rng.normal(size=150), 0.8 * x, names=["y"], random_state=seed
        )
        for name, value in true.items():
            low, high = report.intervals[name]
            inside[name] += low <= value <= high
    assert min(inside.values()) / 120 > 0.88, inside
    assert max(inside.values()) / 120 < 1.0, inside


@pytest.mark.slow
def test_intervals_of_few_groups_hold_the_truth_and_those_of_samples_do_not():
    rng = np.random.default_rng(3)
    by_group = by_sample = 0
    for seed in range(60):
        groups = np.repeat(np.arange(8), 25)
        # residuals are shifts of whole groups, but for a little
        residuals = rng.normal(size=8)[groups] + 0.05 * rng.normal(size=200)
        targets = rng.normal(size=200)
        for chosen in (groups, None):
            report = evaluate_numbers(
                targets, targets + residuals, names=["y"], groups=chosen, random_state=seed
            )
            low, high = report.intervals["mae"]
            inside = low <= np.sqrt(2 / np.pi * (1 + 0.05**2)) <= high
            by_group += inside * (chosen is not None)
            by_sample += inside * (chosen is None)
    assert by_group >= 48
    assert by_sample <= 30


def test_coverage_and_width_are_measured(truth, guesses):
    report = evaluate_numbers(truth, guesses, names=["mark"], low=guesses - 4, high=guesses + 5)
    [own] = report.outputs
    within = (guesses - 4 <= truth) & (truth <= guesses + 5)
    assert own.coverage == pytest.approx(within.mean())
    assert own.mean_width == pytest.approx(9)
    low, high = own.intervals["coverage"]
    assert low < own.coverage < high
    assert "mean width 9" in report.format_table()
    # a bootstrap has no variance here, though fifty samples cannot prove that none will be missed
    [own] = evaluate_numbers(
        truth[:50], guesses[:50], names=["mark"], low=guesses[:50] - 99, high=guesses[:50] + 99
    ).outputs
    assert own.coverage == 1
    assert own.intervals["coverage"] == pytest.approx((0.929, 1), abs=1e-3)


def test_tenths_part_the_targets_and_never_equal_ones(truth, guesses):
    rows = evaluate_numbers(truth, guesses, names=["mark"]).outputs[0].tenths
    assert sum(row.count for row in rows) == 300
    assert len(rows) == 10
    assert all(one.high < other.low for one, other in pairwise(rows))
    for row in rows:
        part = (truth >= row.low) & (truth <= row.high)
        assert row.count == part.sum()
        assert row.mean_prediction == pytest.approx(guesses[part].mean())
        assert row.mean_residual == pytest.approx((guesses - truth)[part].mean())
        assert row.rmse == pytest.approx(
            metrics.root_mean_squared_error(truth[part], guesses[part])
        )
    two_values = evaluate_numbers([0.0] * 95 + [1.0] * 5, [0.5] * 100, names=["y"])
    assert [row.count for row in two_values.outputs[0].tenths] == [95, 5]


def test_the_largest_residuals_are_named_first():
    report = evaluate_numbers(
        [[1.0, 0.0], [2.0, 100.0], [3.0, 200.0]],
        [[1.0, 0.0], [2.0, 300.0], [4.0, 201.0]],
        names=["a", "b"],
        ids=["x", "y", "z"],
    )
    assert [(one.id, one.output) for one in report.largest] == [("y", "b"), ("z", "a"), ("z", "b")]


def test_what_is_not_defined_is_said_and_not_a_number(truth):
    report = evaluate_numbers([5.0] * 20, truth[:20], names=["y"])
    assert report.r2 is None
    assert report.spearman is None
    assert set(report.intervals) == {"rmse", "mae", "median_absolute_error"}
    assert report.baseline_rmse == 0
    assert "not defined" in report.format_table()
    assert RegressionReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    # a tenth of ten equal numbers is not one to the bit
    assert evaluate_numbers([0.1] * 10, truth[:10], names=["y"]).r2 is None
    same = evaluate_numbers(truth, np.full(300, 0.1), names=["y"])
    assert same.spearman is None
    assert same.r2 == pytest.approx(metrics.r2_score(truth, np.full(300, 0.1)))


@pytest.mark.parametrize("scale", [1e290, 1e-290])
def test_very_large_and_very_small_numbers_are_measured_alike(truth, guesses, scale):
    report = evaluate_numbers(truth * scale, guesses * scale, names=["y"])
    expected = evaluate_numbers(truth, guesses, names=["y"])
    assert report.rmse == pytest.approx(expected.rmse * scale)
    assert report.r2 == pytest.approx(expected.r2)
    assert report.outputs[0].tenths[0].rmse == pytest.approx(
        expected.outputs[0].tenths[0].rmse * scale
    )


def test_a_report_survives_json_and_becomes_a_frame(truth, guesses):
    report = evaluate_numbers(truth, guesses, names=["mark"], low=guesses - 4, high=guesses + 5)
    assert RegressionReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    assert repr(report) == report.format_table()
    assert "<table>" in report._repr_html_()
    frame = report.to_frame()
    assert frame.index.tolist() == ["mark"]
    assert frame.loc["mark", "rmse"] == report.rmse


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n", "3"),
        ("n", True),
        ("n", -1),
        ("rmse", None),
        ("outputs", []),
        ("outputs", [{"name": 3}]),
        ("outputs", 5),
        ("intervals", {"rmse": [1]}),
        ("intervals", {"rmse": "ab"}),
        ("unknown", 1),
    ],
)
def test_json_that_is_no_report_is_refused(key, value):
    table = evaluate_numbers([1.0, 2.0], [1.0, 3.0], names=["y"]).to_dict()
    with pytest.raises(BadLabels, match="not the JSON of a regression report"):
        RegressionReport.from_dict(table | {key: value})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"targets": [1.0]}, "found 1"),
        ({"targets": [], "predictions": []}, "found 0"),
        ({"predictions": [1.0, 2.0]}, r"found \(2, 1\)"),
        ({"targets": [1.0, np.nan, 2.0]}, "found nan for sample 2"),
        ({"predictions": [1.0, 2.0, np.inf]}, "found inf for sample 3"),
        ({"targets": ["1", "two", "3"]}, "expected numbers"),
        ({"low": [0.0, 0.0, 0.0]}, "both bounds"),
        ({"sample_weight": [1, -1, 1]}, "found -1 for sample 2"),
        ({"sample_weight": [0, 0, 0]}, "zeros alone"),
        ({"sample_weight": [0, 0, 1]}, "found 1"),
        ({"sample_weight": [1, 1]}, "one a sample"),
        ({"groups": ["a"]}, "one a sample"),
        ({"ids": ["a"]}, "one a sample"),
        ({"names": ["a", "b"]}, r"expected shape \(n, 2\)"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(changed, message):
    given = {"targets": [1.0, 2.0, 4.0], "predictions": [1.0, 2.0, 3.0], "names": ["y"]}
    given |= changed
    if "targets" in changed and len(given["targets"]) < 3:
        given["predictions"] = given["targets"]
    with pytest.raises(BadLabels, match=message):
        evaluate_numbers(given.pop("targets"), given.pop("predictions"), **given)


def test_a_single_group_is_said():
    with pytest.warns(FeatxWarning, match="found one alone"):
        report = evaluate_numbers([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], names=["y"], groups=["a"] * 3)
    assert report.intervals["rmse"][1] > report.rmse
