"""Shares of sets and answers count samples by weight; their intervals are of groups where there are groups."""

import numpy as np
import pytest

import featx
from featx.errors import FeatxWarning
from featx.metrics.answers import measure_answers
from featx.metrics.intervals import wilson
from featx.metrics.resampling import Resampling, group_codes


def answers_of(covered, resampling=None, **more):
    n = len(covered)
    sizes = np.ones(n, int) if covered.ndim == 1 else covered.sum(axis=1)
    values = {"covered": covered, "sizes": sizes, "coverage": 0.9}
    return measure_answers(n, resampling=resampling, **values | more)


def test_without_weights_and_groups_each_share_has_the_interval_of_wilson(rng):
    covered, answered, wrong = (rng.random(50) < share for share in (0.9, 0.7, 0.2))
    measured = answers_of(covered, answered=answered, wrong=wrong, novel=wrong)
    counts = {
        "covered": (covered.sum(), 50),
        "answered": (answered.sum(), 50),
        "error": ((wrong & answered).sum(), answered.sum()),
        "novel": (wrong.sum(), 50),
    }
    for name, (part, whole) in counts.items():
        assert getattr(measured, name) == part / whole
        assert measured.intervals[name] == wilson(int(part), int(whole))


def test_a_weight_of_two_is_as_the_sample_twice(rng):
    covered, answered, wrong = (rng.random(40) < share for share in (0.8, 0.6, 0.3))
    weights = rng.integers(1, 4, 40)
    twice = [np.repeat(one, weights) for one in (covered, answered, wrong)]
    weighted = answers_of(
        covered,
        Resampling(40, weights=weights.astype(float)),
        answered=answered,
        wrong=wrong,
        novel=wrong,
    )
    repeated = answers_of(twice[0], answered=twice[1], wrong=twice[2], novel=twice[2])
    for name in ("covered", "mean_size", "single", "empty", "answered", "error", "novel"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name)), name


def test_groups_whose_samples_agree_have_the_interval_of_so_many_groups(rng):
    right = rng.random(60) < 0.8
    codes = np.repeat(np.arange(60), 20)
    apart = answers_of(np.repeat(right, 20))
    grouped = answers_of(np.repeat(right, 20), Resampling(1200, codes=codes))
    width = np.ptp(apart.intervals["covered"])
    own = np.ptp(grouped.intervals["covered"])
    assert grouped.covered == apart.covered
    # Twenty samples that agree are one: the interval is that of 60.
    assert own > 3.5 * width
    assert own == pytest.approx(np.ptp(wilson(int(right.sum()), 60)), rel=0.25)


def test_the_labels_of_one_sample_are_not_samples_of_their_own(rng):
    right = rng.random(100) < 0.8
    measured = answers_of(np.repeat(right[:, None], 30, axis=1))
    width = np.ptp(measured.intervals["covered"])
    assert width == pytest.approx(np.ptp(wilson(int(right.sum()), 100)), rel=0.25)


@pytest.mark.parametrize("n", [1, 2])
def test_hardly_any_samples_of_any_weight_are_measured(n):
    resampling = Resampling(n, weights=np.full(n, 5.0))
    ones = np.ones(n, bool)
    measured = answers_of(ones, resampling, answered=ones, wrong=~ones)
    assert measured.covered == measured.answered == 1
    assert measured.error == 0
    assert measured.intervals["covered"][1] == 1


def test_where_nothing_is_answered_there_is_no_error(rng):
    none = np.zeros(6, bool)
    groups = Resampling(6, codes=group_codes(list("aabbcc"), 6))
    measured = answers_of(~none, groups, answered=none, wrong=none)
    assert measured.answered == 0
    assert measured.error is None


@pytest.mark.slow
def test_evaluate_counts_answers_by_weight_and_leaves_out_those_of_weight_0(rng):
    levels = np.linspace(0, 240, 40).astype(int)
    images = [np.full((9, 9, 3), level, np.uint8) for level in levels]
    labels = ["dark" if level < 120 else "light" for level in levels]
    careful = featx.fit(images, labels, baseline=False).with_abstention(0.9)
    given = [*images[:4], *images[-4:]]
    wrong = [*labels[:4], *labels[:4]]
    weights = [1, 1, 1, 1, 3, 3, 0, 0]
    with pytest.warns(FeatxWarning, match="8 of 8 samples are among those"):
        found = featx.evaluate(careful, given, wrong, sample_weight=weights).answers
    assert found.n == 6
    assert found.covered == pytest.approx(0.4)
    assert found.by_class == pytest.approx({"dark": 0.4})
