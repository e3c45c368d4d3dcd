"""How samples belong together: parts of a design, times, and what a search leaves out together."""

import numpy as np
import pytest

from featx.training import fit_head
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign

TASKS = {"classification": "logistic", "multilabel": "logistic", "regression": "ridge"}


def make_problem(task, rng, n=80):
    rows = rng.normal(size=(n, 5)).astype(np.float32)
    names = ["low", "high"]
    if task == "regression":
        return rows, [repr(float(value)) for value in rows[:, 0] + rng.normal(0, 0.1, n)]
    labels = [names[int(value > 0)] for value in rows[:, 0] + rng.normal(0, 0.3, n)]
    return rows, labels


def test_a_subset_has_the_part_of_all_that_is_known():
    design = SampleDesign(
        groups=np.array(list("aabc")),
        weights=np.array([1.0, 2.0, 0.5, 0.5]),
        validation=np.array([False, False, True, True]),
        times=np.arange(4.0),
    )
    for some in (np.array([3, 1]), np.array([False, True, False, True])):
        part = design.subset(some)
        order = np.flatnonzero(some) if some.dtype == bool else some
        assert part.groups.tolist() == [design.groups[i] for i in order]
        assert part.weights.tolist() == [design.weights[i] for i in order]
        assert part.validation.tolist() == [design.validation[i] for i in order]
        assert part.times.tolist() == order.tolist()
    assert SampleDesign().subset(np.arange(3)).is_plain
    assert not design.is_plain


def test_without_groups_all_else_stays():
    design = SampleDesign(groups=np.array(list("ab")), weights=np.ones(2), times=np.arange(2.0))
    bare = design.without_groups()
    assert bare.groups is None
    assert bare.weights is design.weights
    assert bare.times is design.times


def test_the_latest_are_whole_times():
    times = np.array([5.0, 1, 5, 3, 5, 2, 4, 5, 1, 2])
    assert SampleDesign(times=times).latest(0.2).tolist() == (times == 5).tolist()
    assert not SampleDesign(times=np.ones(4)).latest(0.5).any()


@pytest.mark.parametrize("n_folds", [1, 3, 5])
def test_what_is_trained_on_is_always_older(n_folds, rng):
    times = rng.integers(0, 30, 100).astype(float)
    pairs = SampleDesign(times=times).time_splits(n_folds)
    assert 1 <= len(pairs) <= n_folds
    for train, test in pairs:
        assert times[train].max() < times[test].min()
    assert len(pairs[-1][0]) > len(pairs[0][0]) or n_folds == 1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("head", ["own", "ridge"])
def test_no_group_is_in_two_folds_of_what_is_kept(task, head, rng):
    rows, targets = make_problem(task, rng)
    groups = rng.integers(0, 12, len(rows)).astype(str)
    config = HeadConfig(TASKS[task] if head == "own" else head)
    trained = fit_head(rows, targets, config, task=task, design=SampleDesign(groups=groups))
    folds = trained.search.left_out.folds
    assert all(len(set(folds[groups == name])) == 1 for name in set(groups))
    assert len(set(folds)) == trained.search.folds


@pytest.mark.parametrize("task", TASKS)
def test_groups_that_decide_the_target_make_the_score_without_them_too_good(task, rng):
    groups = np.repeat(np.arange(20), 6)
    places = rng.normal(size=(20, 8)) * 5
    rows = (places[groups] + rng.normal(size=(120, 8))).astype(np.float32)
    # the target of a group is drawn by chance: nothing can be known of a new one
    drawn = rng.permutation(20)
    if task == "regression":
        targets, key = [repr(float(drawn[g])) for g in groups], "r2"
    else:
        targets = [("low", "high")[drawn[g] % 2] for g in groups]
        key = "accuracy" if task == "classification" else "subset_accuracy"
    design = SampleDesign(groups=groups.astype(str))
    config = HeadConfig("knn")
    apart = fit_head(rows, targets, config, task=task, design=design).validation.report
    mixed = fit_head(rows, targets, config, task=task).validation.report
    assert getattr(mixed, key) > 0.9
    assert getattr(apart, key) < 0.75


@pytest.mark.parametrize("task", TASKS)
def test_a_part_to_choose_by_is_left_out_whole_and_never_measured_on(task, rng):
    rows, targets = make_problem(task, rng)
    part = np.arange(len(rows)) % 4 == 0
    design = SampleDesign(validation=part)
    trained = fit_head(rows, targets, HeadConfig(TASKS[task]), task=task, design=design)
    assert trained.validation.report.n == (~part).sum()


@pytest.mark.parametrize("task", TASKS)
def test_with_times_the_latest_fifth_is_measured_on(task, rng):
    rows, targets = make_problem(task, rng)
    design = SampleDesign(times=np.arange(len(rows), dtype=float))
    result = fit_head(rows, targets, HeadConfig(TASKS[task]), task=task, design=design).validation
    assert (result.method, result.report.n) == ("hold-out", 16)
