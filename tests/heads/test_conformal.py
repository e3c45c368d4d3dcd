import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_predict

from featx.errors import BadOption
from featx.heads.conformal import (
    best_thresholds,
    conformal_quantile,
    describe_coverage,
    label_calibration,
)


@pytest.mark.parametrize("n", [9, 10, 19, 69, 99, 100, 250])
@pytest.mark.parametrize("coverage", [0.5, 0.7, 0.9])
def test_the_quantile_is_that_of_so_many_residuals_and_one_more(rng, n, coverage):
    residuals = rng.random(n)
    # in whole numbers, without rounding
    rank = -(-(n + 1) * round(coverage * 10) // 10)
    assert conformal_quantile(residuals, coverage) == np.sort(residuals)[rank - 1]


def test_intervals_cover_as_often_as_they_say():
    """Over many splits of data whose noise is skewed, and a model that is wrong."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        x = rng.random(250) * 4
        y = np.sin(x) + rng.exponential(0.3, 250)
        train, held_out = np.arange(100), np.arange(100, 175)
        line = np.polyfit(x[train], y[train], 1)
        residuals = np.abs(y - np.polyval(line, x))
        covered.append((residuals[175:] <= conformal_quantile(residuals[held_out])).mean())
    assert 0.885 < np.mean(covered) < 0.915


@pytest.mark.slow
def test_residuals_of_cross_validation_cover_as_often_on_real_numbers():
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    X, y = load_diabetes(return_X_y=True)
    covered = []
    for seed in range(100):
        order = np.random.default_rng(seed).permutation(len(y))
        train, test = order[:300], order[300:]
        left_out = cross_val_predict(Ridge(0.1), X[train], y[train], cv=5)
        radius = conformal_quantile(np.abs(y[train] - left_out))
        predicted = Ridge(0.1).fit(X[train], y[train]).predict(X[test])
        covered.append((np.abs(y[test] - predicted) <= radius).mean())
    assert 0.885 < np.mean(covered) < 0.915


def test_intervals_cover_samples_of_new_groups_as_often_as_they_say():
    rng = np.random.default_rng(1)
    by_group, by_sample = [], []
    for _ in range(600):
        # large groups, and shifts of whole groups
        sizes = rng.integers(1, 60, 31)
        groups = np.repeat(np.arange(31), sizes)
        residuals = np.abs(rng.normal(size=31)[groups] + 0.2 * rng.normal(size=len(groups)))
        known, new = groups < 30, groups == 30
        grouped = conformal_quantile(residuals[known], groups=groups[known])
        by_group.append((residuals[new] <= grouped).mean())
        by_sample.append((residuals[new] <= conformal_quantile(residuals[known])).mean())
    assert 0.885 < np.mean(by_group) < 0.93
    assert np.mean(by_sample) < np.mean(by_group)


def test_groups_of_one_sample_are_samples_and_copies_count_once(rng):
    residuals = rng.random(60)
    alone = conformal_quantile(residuals)
    assert conformal_quantile(residuals, groups=np.arange(60)) == alone
    many = np.repeat(np.arange(60), rng.integers(1, 9, 60))
    assert conformal_quantile(residuals[many], groups=many) == alone


def test_weights_count_within_groups_and_zero_leaves_out(rng):
    residuals, weights = rng.random(200), np.ones(200)
    weights[::2] = 0
    assert conformal_quantile(residuals, sample_weight=weights) == conformal_quantile(
        residuals[1::2]
    )
    assert conformal_quantile(residuals, sample_weight=np.full(200, 1e9)) == conformal_quantile(
        residuals
    )
    heavy = np.where(residuals > 0.7, 10.0, 1.0)
    assert conformal_quantile(residuals, 0.5, sample_weight=heavy) > 0.7
    groups = np.arange(200) // 2
    assert conformal_quantile(residuals, groups=groups, sample_weight=weights) == (
        conformal_quantile(residuals[1::2])
    )


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_too_few_residuals_are_said_and_the_largest_is_taken(rng, coverage):
    for n in range(1, 120):
        residuals = rng.random(n)
        # n residuals part the line in n + 1, one of which is above all
        enough = round(n / (n + 1), 9) >= coverage
        assert (describe_coverage(n, "samples", coverage) == "") == enough
        if not enough:
            assert conformal_quantile(residuals, coverage) == residuals.max()
            assert conformal_quantile(residuals, coverage, groups=range(n)) == residuals.max()
    assert "4 groups are too few for a coverage of 90%" in describe_coverage(4, "groups")
    assert "about 80% of new groups" in describe_coverage(4, "groups")


def test_weights_that_are_all_zero_say_nothing(rng):
    members, scores, none = rng.random((60, 2)) < 0.4, rng.normal(size=(60, 2)), np.zeros(60)
    assert conformal_quantile(scores[:, 0] ** 2, sample_weight=none) == conformal_quantile(
        scores[:, 0] ** 2
    )
    np.testing.assert_array_equal(
        label_calibration(scores, members, none), label_calibration(scores, members)
    )
    np.testing.assert_array_equal(
        best_thresholds(members, scores, none), best_thresholds(members, scores)
    )


@pytest.mark.parametrize("coverage", [0, 1, 1.5, float("nan")])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(BadOption, match="between 0 and 1"):
        conformal_quantile(np.ones(20), coverage)


@pytest.mark.slow
def test_thresholds_are_the_best_of_all_that_part_the_probabilities(rng):
    members = rng.random((4000, 3)) < [0.5, 0.3, 0.2]
    shares = np.round(np.clip(members * 0.2 + rng.random((4000, 3)) * 0.8, 0, 1), 2)
    chosen = best_thresholds(members, shares)
    for label, threshold in enumerate(chosen):
        # every threshold between two probabilities
        tried = [
            f1_score(members[:, label], shares[:, label] >= limit)
            for limit in np.arange(0.005, 1, 0.01)
        ]
        reached = f1_score(members[:, label], shares[:, label] >= threshold)
        assert reached >= max(tried) - 5e-3


def test_of_thresholds_that_are_as_good_the_one_nearest_to_a_half_is_taken():
    parted = np.repeat([[0.1], [0.9]], 500, axis=0)
    assert best_thresholds(parted > 0.5, parted)[0] == pytest.approx(0.5)
    low = np.repeat([[0.1], [0.3]], 500, axis=0)
    assert best_thresholds(low > 0.2, low)[0] == pytest.approx(0.2)


def test_the_threshold_of_a_rare_label_is_near_that_of_all_labels(rng):
    members = rng.random((3000, 4)) < [0.3, 0.3, 0.3, 0.0007]
    members[0, 3] = True
    shares = np.clip(members * 0.3 + rng.random((3000, 4)) * 0.5, 0, 1)
    shares[:, 3] = rng.random(3000) * 0.02
    chosen = best_thresholds(members, shares)
    common = np.median(chosen[:3])
    assert np.ptp(chosen[:3]) < 0.1
    # its own best is below .02
    assert 0.4 * common < chosen[3] < common
    none = best_thresholds(np.zeros((50, 2), bool), rng.random((50, 2)))
    np.testing.assert_allclose(none, 0.5)


def test_weights_count_like_repeated_samples(rng):
    members = rng.random((400, 3)) < 0.4
    scores = members + rng.normal(size=(400, 3))
    times = rng.integers(1, 4, 400)
    many = np.repeat(np.arange(400), times)
    shares = 1 / (1 + np.exp(-scores))
    # no label is rare, so that hardly anything is shared
    np.testing.assert_allclose(
        best_thresholds(members, shares, times),
        best_thresholds(members[many], shares[many]),
        atol=0.05,
    )
    weighted = label_calibration(scores, members, times)
    repeated = label_calibration(scores[many], members[many])
    np.testing.assert_allclose(weighted, repeated, rtol=0.03, atol=0.03)


def test_the_likelihood_has_its_maximum_there(rng):
    """SciPy's general minimiser finds the same slope and offset where samples are many."""
    scores = rng.normal(3, 5, (3000, 2))
    logits = scores * [0.3, 0.8] + [-2.0, 1.0]
    members = rng.random((3000, 2)) < 1 / (1 + np.exp(-logits))
    slopes, offsets = label_calibration(scores, members)
    for label in range(2):
        signs = np.where(members[:, label], 1, -1)

        def loss(pair, label=label, signs=signs):
            return np.logaddexp(0, -signs * (pair[0] * scores[:, label] + pair[1])).sum()

        expected = minimize(loss, [1.0, 0.0]).x
        assert (slopes[label], offsets[label]) == pytest.approx(expected, rel=0.03, abs=0.05)


@pytest.mark.parametrize("positives", [0, 1, 2, 99, 100])
def test_labels_that_few_or_all_samples_have_stay_finite_and_in_order(rng, positives):
    scores = rng.normal(size=(100, 2))
    members = np.zeros((100, 2), bool)
    # one is parted without an error, of the other the score says the contrary
    members[np.argsort(-scores[:, 0])[:positives], 0] = True
    members[np.argsort(scores[:, 1])[:positives], 1] = True
    slopes, offsets = label_calibration(scores, members)
    assert (slopes > 0).all()
    shares = 1 / (1 + np.exp(-(scores * slopes + offsets)))
    assert ((shares > 1e-9) & (shares < 1 - 1e-9)).all()
    assert shares.mean(axis=0) == pytest.approx(members.mean(axis=0), abs=0.1)


def test_one_row_with_an_enormous_score_does_not_decide(rng):
    scores = rng.normal(size=(500, 1))
    members = rng.random((500, 1)) < 1 / (1 + np.exp(-3 * scores))
    plain = label_calibration(scores, members)
    odd = np.concatenate([scores, [[1e12]]]), np.concatenate([members, [[False]]])
    slopes, offsets = label_calibration(*odd)
    assert slopes[0] > plain[0][0] / 4
    assert abs(offsets[0]) < 1
    constant = label_calibration(np.full((50, 1), 7.0), np.arange(50)[:, None] < 10)
    assert 1 / (1 + np.exp(-(7 * constant[0] + constant[1]))) == pytest.approx(0.2, abs=0.03)
