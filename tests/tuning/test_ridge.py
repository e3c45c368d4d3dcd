"""Ridge in closed form is ridge fitted anew without each sample, or without each group."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from featx.errors import BadOption
from featx.heads import scores
from featx.tuning.solvers.ridge import leave_one_out, leave_one_out_numbers

ALPHAS = [1e3, 10.0, 0.5]
# Groups of one sample, of a few, and of more samples than rows have columns.
GROUPS = np.repeat(list("abcdefghij"), [1, 1, 2, 2, 3, 3, 5, 5, 4, 14])


def make_rows(rng, shape):
    rows = rng.normal(size=shape).astype(np.float32) * 3 + 1
    rows[:, 1] = 5
    return rows


def standardized(rows, weights=None):
    wide = rows.astype(np.float64)
    return StandardScaler().fit(wide, sample_weight=weights).transform(wide)


@pytest.mark.parametrize("shape", [(40, 6), (40, 70)])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_left_out_are_those_of_a_ridge_that_never_saw_them(shape, grouped, weighted, rng):
    rows, n = make_rows(rng, shape), shape[0]
    targets = rng.normal(size=(n, 2)) * 5 + rows[:, :1] + 100
    weights = rng.integers(0, 4, n).astype(np.float64) if weighted else None
    groups = rng.permutation(GROUPS) if grouped else None
    own = np.arange(n) if groups is None else groups
    table = standardized(rows, weights)
    left_out = leave_one_out_numbers(rows, targets, ALPHAS, groups=groups, sample_weight=weights)
    for alpha, ours in zip(ALPHAS, left_out, strict=True):
        for name in np.unique(own):
            known, out = own != name, own == name
            known_weights = None if weights is None else weights[known]
            ridge = Ridge(alpha).fit(table[known], targets[known], sample_weight=known_weights)
            np.testing.assert_allclose(ours[out], ridge.predict(table[out]), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("grouped", [False, True])
def test_scores_of_a_weighted_sample_are_those_of_the_sample_given_so_often(
    grouped, n_classes, class_weight, rng
):
    rows = make_rows(rng, (40, 6))
    y = np.arange(40) % n_classes
    weights = rng.integers(0, 4, 40).astype(np.float64)
    groups = rng.permutation(GROUPS) if grouped else np.arange(40)
    left_out = leave_one_out(
        rows,
        y,
        ALPHAS,
        class_weight=class_weight,
        groups=groups if grouped else None,
        sample_weight=weights,
    )
    again = np.repeat(np.arange(40), weights.astype(int))
    table = standardized(rows, weights)
    own = np.ones(40)
    if class_weight:
        own = (len(again) / (n_classes * np.bincount(y[again])))[y]
    for alpha, ours in zip(ALPHAS, left_out, strict=True):
        for i in range(40):
            known = again[groups[again] != groups[i]]
            ridge = RidgeClassifier(alpha).fit(table[known], y[known], sample_weight=own[known])
            np.testing.assert_allclose(ours[i], scores(ridge, table[[i]])[0], atol=1e-6)


def test_equal_weights_and_groups_of_one_change_nothing(rng):
    rows, y = make_rows(rng, (40, 6)), np.arange(40) % 3
    plain = list(leave_one_out(rows, y, ALPHAS, class_weight=None))
    weighted = leave_one_out(rows, y, ALPHAS, class_weight=None, sample_weight=np.ones(40))
    grouped = leave_one_out(rows, y, ALPHAS, class_weight=None, groups=np.arange(40))
    for one, other, third in zip(plain, weighted, grouped, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-12)
        np.testing.assert_allclose(third, one, atol=1e-9)


@pytest.mark.parametrize(
    ("groups", "weights", "words"),
    [
        (np.zeros(4), None, "groups: expected two or more"),
        (np.array(list("aabb")), np.array([1.0, 1.0, 0.0, 0.0]), "groups: .*, found 1"),
        (None, np.array([0.0, 0.0, 2.0, 0.0]), "samples: .*, found 1"),
        (None, np.zeros(4), "samples: .*, found 0"),
    ],
)
def test_where_nothing_would_be_left_it_says_so(groups, weights, words, rng):
    rows, numbers = rng.normal(size=(4, 2)).astype(np.float32), np.arange(4.0)[:, None]
    with pytest.raises(BadOption, match=words):
        list(leave_one_out_numbers(rows, numbers, [1.0], groups=groups, sample_weight=weights))
