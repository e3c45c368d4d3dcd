"""Power laws: what made a curve is found again, and what is not known is a wide range."""

import numpy as np
import pytest

from featx.selection.power_law import PowerLaw, fit_power_law

SIZES = np.array([16.0, 32, 64, 128, 256, 512])


def draws(floor, scale, rate, *, noise, rng, n=20):
    return 1 - floor - scale * SIZES**-rate + rng.normal(0, noise, (n, len(SIZES)))


@pytest.mark.parametrize(
    ("floor", "scale", "rate"), [(0.05, 1.5, 0.5), (0.2, 1, 0.6), (0, 0.6, 0.2)]
)
def test_the_score_of_twice_the_labels_is_foretold(floor, scale, rate, rng):
    law = fit_power_law(SIZES, draws(floor, scale, rate, noise=0.01, rng=rng), rng)
    true = 1 - floor - scale * 1024.0**-rate
    found = law.scores([1024.0])[:, 0]
    assert np.median(found) == pytest.approx(true, abs=0.015)
    low, high = np.quantile(found, [0.025, 0.975])
    assert low <= true <= high


def test_the_range_of_a_forecast_grows_with_the_chance_of_draws(rng):
    widths = []
    for noise in (0.002, 0.02, 0.1):
        found = fit_power_law(SIZES, draws(0.1, 1, 0.5, noise=noise, rng=rng), rng).scores([1024.0])
        widths.append(np.ptp(np.quantile(found, [0.025, 0.975])))
    assert widths == sorted(widths)
    assert widths[2] > 2 * widths[0]


def test_ranges_hold_the_truth_about_as_often_as_they_say(rng):
    held = 0
    for _ in range(40):
        floor, rate = rng.uniform(0, 0.2), rng.uniform(0.25, 0.9)
        law = fit_power_law(SIZES, draws(floor, 1, rate, noise=0.03, rng=rng, n=10), rng)
        found = law.scores([512.0, 1024.0])
        low, high = np.quantile(found[:, 1] - found[:, 0], [0.025, 0.975])
        held += low <= 512.0**-rate - 1024.0**-rate <= high
    assert held >= 34


def test_a_curve_without_error_stays_where_it_is(rng):
    law = fit_power_law(SIZES, np.ones((5, len(SIZES))), rng)
    assert np.allclose(law.scores([1024.0]), 1)


def test_scores_below_zero_as_r2_has_them_are_fitted_too(rng):
    law = fit_power_law(SIZES, draws(0.3, 30, 1, noise=0.01, rng=rng), rng)
    assert np.median(law.scores([1024.0])) == pytest.approx(1 - 0.3 - 30 / 1024, abs=0.02)


def test_labels_for_a_score_are_those_at_which_the_law_has_it():
    law = PowerLaw(np.array([0.1, 0.3]), np.array([1.0, 1.0]), np.array([0.5, 0.5]))
    needed = law.labels_for(0.8)
    assert needed.tolist() == [pytest.approx(100), np.inf]
    assert law.scores(needed[:1])[0] == pytest.approx([0.8])


def test_the_same_draws_give_the_same_law():
    scores = draws(0.1, 1, 0.5, noise=0.01, rng=np.random.default_rng(1))
    one, two = (fit_power_law(SIZES, scores, np.random.default_rng(0)) for _ in range(2))
    assert np.array_equal(one.scores([1024.0]), two.scores([1024.0]))
