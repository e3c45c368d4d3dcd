"""Differences of scores on the same samples: what they say, how wide they are, and when they say nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from featx.metrics.paired import Difference, paired_difference
from featx.metrics.resampling import Resampling
from featx.tasks import get_task
from featx.tuning import HeadConfig


def _share(right: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda weights: weights @ right / weights.sum(axis=1)


def test_the_interval_is_that_of_the_mean_of_paired_differences():
    rng = np.random.default_rng(0)
    first, second = rng.random(400) < 0.9, rng.random(400) < 0.8
    found = paired_difference(_share(first), _share(second), Resampling(400))
    each = first.astype(float) - second
    half = 1.96 * each.std() / 20
    assert found is not None
    assert found.value == pytest.approx(each.mean())
    assert found.low == pytest.approx(each.mean() - half, abs=0.006)
    assert found.high == pytest.approx(each.mean() + half, abs=0.006)


def test_what_both_get_wrong_alike_does_not_widen_it():
    hard = np.arange(300) % 3 == 0
    first = ~hard
    second = first & (np.arange(300) % 10 != 1)
    found = paired_difference(_share(first), _share(second), Resampling(300))
    assert found is not None
    assert found.tells
    assert found.high - found.low < 0.08
    alone = 2 * 1.96 * np.sqrt(2 * 0.66 * 0.34 / 300)
    assert found.high - found.low < alone / 2


def test_groups_that_agree_within_themselves_widen_it():
    rng = np.random.default_rng(1)
    by_group = (rng.random(20) < 0.75).repeat(20)
    other = np.ones(400, bool)
    groups = np.arange(20).repeat(20)
    alone = paired_difference(_share(other), _share(by_group), Resampling.of(400))
    grouped = paired_difference(_share(other), _share(by_group), Resampling.of(400, groups))
    assert alone is not None
    assert grouped is not None
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_fewer_than_six_groups_tell_nothing():
    right, wrong = np.ones(100), np.zeros(100)
    groups = np.arange(100) % 5
    found = paired_difference(_share(right), _share(wrong), Resampling.of(100, groups))
    assert found == Difference(1.0, None, None)
    assert not found.tells
    assert str(found) == "+100.0 points"


def test_equal_predictions_differ_by_nothing():
    right = np.arange(30) % 2
    found = paired_difference(_share(right), _share(right), Resampling(30))
    assert found == Difference(0.0, 0.0, 0.0)
    assert not found.tells


def test_all_against_none_is_no_surer_than_their_number():
    found = paired_difference(_share(np.ones(8)), _share(np.zeros(8)), Resampling(8))
    assert found is not None
    assert 0 < found.low < 0.5
    assert found.high == 1.0


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = 0
    for seed in range(120):
        first, second = rng.random(80) < 0.85, rng.random(80) < 0.7
        found = paired_difference(_share(first), _share(second), Resampling(80), seed)
        covered += found.low <= 0.15 <= found.high
    assert 105 <= covered <= 119


def test_a_score_that_is_not_defined_has_no_difference():
    nothing = paired_difference(
        lambda weights: np.full(len(weights), np.nan), _share(np.ones(9)), Resampling(9)
    )
    assert nothing is None


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_the_measure_of_a_task_is_the_main_score_of_its_report(task):
    rng = np.random.default_rng(3)
    numbers = rng.normal(size=60)
    targets = {
        "classification": np.where(numbers > 0, "up", "down").tolist(),
        "multilabel": ["a;b" if x > 0.5 else "a" if x > 0 else "b" for x in numbers],
        "regression": numbers.tolist(),
    }[task]
    kind = get_task(task)
    problem = kind.tuning_problem(kind.encode_targets(targets), HeadConfig())
    outputs = rng.random((60, problem.n_columns)).astype(np.float32)
    if task == "multilabel":
        outputs = np.round(outputs)
    some = np.arange(10, 60)
    report = problem.report(outputs[some], some, random_state=0)
    [score] = problem.measure(outputs[some], some)(np.ones((1, 50)))
    assert score == pytest.approx(kind.main_scores(report)[problem.score_name], abs=1e-6)
