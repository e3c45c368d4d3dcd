import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.errors import BadLabels
from featx.tuning.folds import group_folds, iterative_folds, quantile_folds


@st.composite
def grouped_labels(draw):
    n = draw(st.integers(4, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.choice(list("abcd")[: draw(st.integers(1, 4))], n)
    groups = rng.integers(draw(st.integers(2, 20)), size=n)
    return labels, groups


def assert_groups_whole(folds, groups):
    for group in np.unique(groups):
        assert len(set(folds[groups == group].tolist())) == 1


@settings(max_examples=150, deadline=None)
@given(grouped_labels(), st.integers(2, 7))
def test_no_group_is_split_and_no_training_part_lacks_a_class(case, n_folds):
    labels, groups = case
    holders = [set(groups[labels == label].tolist()) for label in np.unique(labels)]
    alone = set().union(*(names for names in holders if len(names) == 1))
    if len(set(groups.tolist()) - alone) < 2:
        with pytest.raises(BadLabels, match="expected two or more groups"):
            group_folds(labels, groups, n_folds, np.random.default_rng(0))
        return
    folds = group_folds(labels, groups, n_folds, np.random.default_rng(0))
    assert folds.shape == labels.shape
    assert folds.min() >= -1
    assert folds.max() < n_folds
    assert_groups_whole(folds, groups)
    for fold in range(n_folds):
        assert set(labels[folds != fold]) == set(labels)
    again = group_folds(labels, groups, n_folds, np.random.default_rng(0))
    np.testing.assert_array_equal(folds, again)


def test_classes_are_spread_as_evenly_as_groups_allow():
    groups = np.repeat(np.arange(60), 5)
    labels = np.repeat(np.array(list("aab")), 5).tolist() * 20
    folds = group_folds(np.array(labels), groups, 5, np.random.default_rng(1))
    for fold in range(5):
        values, counts = np.unique(np.array(labels)[folds == fold], return_counts=True)
        assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {"a": 40, "b": 20}


def test_a_class_of_one_group_stays_in_every_training_part():
    labels = np.array(list("aabbccdd") + ["rare"] * 2)
    groups = [0, 1, 0, 1, 2, 3, 2, 3, 4, 4]
    folds = group_folds(labels, groups, 2, np.random.default_rng(0))
    assert folds[-2:].tolist() == [-1, -1]
    assert set(folds[:-2].tolist()) == {0, 1}


def test_groups_of_which_none_can_be_left_out_are_refused():
    with pytest.raises(BadLabels, match="found 0; a class of one group alone"):
        group_folds(np.array(list("aabb")), [0, 0, 1, 1], 2, np.random.default_rng(0))
    with pytest.raises(BadLabels, match="expected two or more groups"):
        quantile_folds([1.0, 2.0], 2, np.random.default_rng(0), ["a", "a"])
    for make in (
        lambda groups: group_folds(np.array(list("ab")), groups, 2, np.random.default_rng(0)),
        lambda groups: quantile_folds([1.0, 2.0], 2, np.random.default_rng(0), groups),
        lambda groups: iterative_folds(np.eye(2) > 0, 2, np.random.default_rng(0), groups),
    ):
        with pytest.raises(BadLabels, match="found 1"):
            make(["a"])


@st.composite
def label_sets(draw):
    n, width = draw(st.integers(2, 120)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.random((n, width)) < rng.random(width) ** 2, rng.integers(12, size=n)


@settings(max_examples=150, deadline=None)
@given(label_sets(), st.integers(2, 6), st.booleans())
def test_every_training_part_has_samples_with_and_without_each_label(case, n_folds, grouped):
    targets, groups = case
    options = {"groups": groups} if grouped else {}
    try:
        folds = iterative_folds(targets, n_folds, np.random.default_rng(0), **options)
    except BadLabels:
        assert grouped
        return
    assert -1 <= folds.min() <= folds.max() < n_folds
    if grouped:
        assert_groups_whole(folds, groups)
    for fold in range(n_folds):
        train = folds != fold
        np.testing.assert_array_equal(targets[train].any(axis=0), targets.any(axis=0))
        np.testing.assert_array_equal(targets[train].all(axis=0), targets.all(axis=0))
    again = iterative_folds(targets, n_folds, np.random.default_rng(0), **options)
    np.testing.assert_array_equal(folds, again)


def test_labels_are_spread_better_than_by_chance():
    rng = np.random.default_rng(2)
    targets = rng.random((600, 10)) < np.geomspace(0.02, 0.4, 10)
    counts = targets.sum(axis=0)

    def unevenness(folds):
        spread = np.stack([targets[folds == fold].sum(axis=0) for fold in range(5)])
        return np.abs(spread / counts - 0.2).mean()

    ours = unevenness(iterative_folds(targets, 5, np.random.default_rng(0)))
    chance = np.mean([unevenness(rng.permutation(600) % 5) for _ in range(20)])
    assert ours < chance / 4
    sizes = np.bincount(iterative_folds(targets, 5, np.random.default_rng(0)), minlength=5)
    assert np.ptp(sizes) <= 6


def test_a_rare_label_reaches_as_many_folds_as_it_has_samples():
    targets = np.zeros((100, 3), bool)
    targets[:4, 0] = targets[::2, 1] = targets[:50, 2] = True
    folds = iterative_folds(targets, 5, np.random.default_rng(0))
    assert len(set(folds[:4].tolist())) == 4


def test_go_emotions_is_spread(shared_data):
    import csv

    with open(shared_data / "go_emotions" / "train.csv", encoding="utf-8", newline="") as file:
        sets = [row["labels"].split("|") for row in csv.DictReader(file)]
    names = sorted({name for one in sets for name in one})
    column = {name: i for i, name in enumerate(names)}
    targets = np.zeros((len(sets), len(names)), bool)
    for row, one in zip(targets, sets, strict=True):
        row[[column[name] for name in one]] = True
    folds = iterative_folds(targets, 5, np.random.default_rng(0))
    spread = np.stack([targets[folds == fold].sum(axis=0) for fold in range(5)])
    # the second of the two labels of a sample is spread with the first; the rarest are spread exactly
    assert np.abs(spread / targets.sum(axis=0) - 0.2).max() < 0.01
    assert np.ptp(np.bincount(folds)) < 0.01 * len(folds)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-5, 50), min_size=1, max_size=90), st.integers(2, 7), st.integers(0, 99)
)
def test_folds_of_numbers_have_equal_sizes_and_hold_low_and_high_alike(numbers, n_folds, seed):
    numbers = np.array(numbers, float)
    folds = quantile_folds(numbers, n_folds, np.random.default_rng(seed))
    sizes = np.bincount(folds, minlength=n_folds)
    assert np.ptp(sizes) <= 1
    # of any so many lowest numbers each fold has its share, but for one
    ranks = np.argsort(numbers, kind="stable")
    for lowest in range(0, len(numbers) + 1, n_folds):
        assert (
            np.bincount(folds[ranks[:lowest]], minlength=n_folds).tolist()
            == [lowest // n_folds] * n_folds
        )
    again = quantile_folds(numbers[:, None], n_folds, np.random.default_rng(seed))
    np.testing.assert_array_equal(folds, again)


def test_numbers_with_groups_keep_groups_whole_and_means_alike():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 6)
    numbers = rng.normal(size=100)[groups] + 0.1 * rng.normal(size=600)
    folds = quantile_folds(numbers, 5, np.random.default_rng(0), groups)
    assert_groups_whole(folds, groups)
    means = [numbers[folds == fold].mean() for fold in range(5)]
    by_chance = rng.permutation(100)[groups] % 5
    assert np.std(means) < np.std([numbers[by_chance == fold].mean() for fold in range(5)]) / 2
    few = quantile_folds(numbers[:12], 5, np.random.default_rng(0), groups[:12])
    assert set(few.tolist()) == {0, 1}


def test_several_outputs_are_spread_together_whatever_their_units():
    rng = np.random.default_rng(0)
    common = rng.normal(size=200)
    numbers = np.stack([common, 1e200 * common, np.ones(200)], axis=1)
    folds = quantile_folds(numbers, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(folds, quantile_folds(common, 4, np.random.default_rng(0)))
