import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from featx.metrics.curves import calibration_bins, selective_curve

RNG = np.random.default_rng(0)


def test_bins_are_those_of_scikit_learn_where_no_probabilities_are_equal():
    probabilities = RNG.random(1000)
    right = RNG.random(1000) < probabilities
    bins = calibration_bins(probabilities, right)
    shares, means = calibration_curve(right, probabilities, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([one.share for one in bins], shares, atol=0.011)
    np.testing.assert_allclose([one.probability for one in bins], means, atol=0.002)
    assert sum(one.low <= one.probability <= one.high for one in bins) >= 8


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.booleans()), max_size=60))
def test_each_answer_is_in_one_bin_and_equal_ones_are_together(pairs):
    probabilities = np.array([p for p, _ in pairs])
    bins = calibration_bins(probabilities, np.array([r for _, r in pairs], bool))
    assert sum(one.count for one in bins) == len(pairs)
    assert sum(one.share * one.count for one in bins) == pytest.approx(sum(r for _, r in pairs))
    assert len(bins) <= len(set(probabilities.tolist()))
    assert all(one.low <= one.share + 1e-9 and one.share - 1e-9 <= one.high for one in bins)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.booleans()), max_size=60))
def test_the_surest_answers_are_counted_as_one_would_by_hand(pairs):
    confidence = np.array([p for p, _ in pairs])
    right = np.array([r for _, r in pairs], bool)
    curve = selective_curve(confidence, right)
    assert [one.threshold for one in curve] == sorted(set(confidence.tolist()), reverse=True)
    for one in curve:
        answered = confidence >= one.threshold
        assert one.coverage == answered.mean()
        assert one.accuracy == pytest.approx(right[answered].mean())


def test_a_long_curve_has_few_points_and_its_ends():
    confidence = RNG.random(5000)
    curve = selective_curve(confidence, RNG.random(5000) < confidence)
    assert len(curve) == 40
    assert (curve[0].coverage, curve[-1].coverage) == (1 / 5000, 1.0)
