"""The choice among the measured: beyond chance what was measured, within it the quick score too."""

import numpy as np
import pytest

import featx
from featx.metrics.resampling import Resampling
from featx.selection.candidates import BackboneCandidate
from featx.selection.choice import choose_first, joint_score
from featx.selection.finals import Finals, Measured
from featx.selection.ranking import RankedBackbone

N = 200


def _measured(name, right, quick):
    """Return a backbone whose first ``right`` of 200 samples are right, with a quick score."""
    card = featx.get_card("featx-image-nano")
    entry = RankedBackbone(BackboneCandidate(name, card), None, quick, 1.0, 4)
    values = (np.arange(N) < right).astype(float)
    measure = lambda weights: weights @ values / weights.sum(axis=1)  # noqa: E731
    return Measured("", entry, right / N, None, measure)


def _order(*measured, n=N, n_quick=N):
    finals = Finals(tuple(measured), "accuracy", "hold-out", n, Resampling(N))
    return [one.entry.candidate.name for one in choose_first(finals, n_quick, 0)]


def test_where_measuring_cannot_tell_the_better_mean_of_both_scores_is_first():
    one, other = _measured("one", 160, {"rank": 0.75}), _measured("other", 159, {"rank": 0.82})
    assert _order(one, other) == ["other", "one"]
    assert _order(one, other, n_quick=0) == ["one", "other"]


def test_what_is_measured_as_better_beyond_chance_is_first_whatever_the_quick_score():
    one, other = _measured("one", 160, {"rank": 0.5}), _measured("other", 140, {"rank": 0.99})
    third = _measured("third", 159, {"rank": 0.4})
    assert _order(one, other, third) == ["one", "third", "other"]


def test_each_score_counts_by_how_many_samples_it_is_of():
    one = _measured("one", 100, {"rank": 0.8})
    assert joint_score(one, 200, 200) == pytest.approx(0.65)
    # A hold-out measures a fifth of 1000 samples, and the quick pass all.
    assert joint_score(one, 200, 1000) == pytest.approx(0.75)
    assert joint_score(one, 200, 0) == 0.5


def test_of_several_heads_the_quick_score_is_that_of_the_head():
    classes = _measured("one", 100, {"rank": 0.8, "head": 0.6})
    assert joint_score(classes, 100, 100) == pytest.approx(0.55)
    # Minus half a standard deviation is an R² of three quarters.
    numbers = _measured("one", 100, {"rank": 0.8, "head": -0.5})
    assert joint_score(numbers, 100, 100) == pytest.approx(0.625)


def test_equal_scores_keep_the_order_of_the_quick_pass():
    quick = {"rank": 0.7}
    assert _order(_measured("a", 150, quick), _measured("b", 150, quick)) == ["a", "b"]
