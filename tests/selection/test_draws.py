"""Sets to train on and to measure: nested, in the shares of all targets, and with groups on one side only."""

import json

import numpy as np
import pytest

from featx.errors import BadLabels
from featx.selection.draws import draw_nested, draw_part, usual_sizes
from featx.tasks import get_task
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign


def problem_of(task, targets, **design):
    kind = get_task(task)
    return kind.tuning_problem(kind.encode_targets(targets), HeadConfig(), SampleDesign(**design))


def classes(counts):
    return np.repeat([f"c{k}" for k in range(len(counts))], counts)


@pytest.fixture
def unbalanced():
    return problem_of("classification", classes([160, 40]))


def test_each_set_holds_the_one_before_and_none_what_is_measured(unbalanced, rng):
    for draw in draw_nested(unbalanced, [20, 40, 80, 160], 6, rng):
        assert [len(one) for one in draw.trains] == [20, 40, 80, 160]
        for small, large in zip(draw.trains, draw.trains[1:], strict=False):
            assert set(small) < set(large)
        assert not set(draw.test) & set(draw.trains[-1])


def test_five_draws_measure_every_sample_once(unbalanced, rng):
    draws = draw_nested(unbalanced, [20], 5, rng)
    assert sorted(np.concatenate([draw.test for draw in draws])) == list(range(200))


def test_sets_hold_classes_in_the_shares_of_all(unbalanced, rng):
    for draw in draw_nested(unbalanced, [20, 80], 5, rng):
        shares = [(unbalanced.targets[one] == "c1").mean() for one in (*draw.trains, draw.test)]
        assert shares == pytest.approx([0.2] * 3, abs=0.051)


def test_sets_hold_low_and_high_numbers_alike(rng):
    numbers = rng.lognormal(size=300)
    problem = problem_of("regression", [repr(float(value)) for value in numbers])
    for draw in draw_nested(problem, [60], 5, rng):
        assert np.median(numbers[draw.trains[0]]) == pytest.approx(np.median(numbers), rel=0.1)


def test_every_label_of_several_is_in_small_sets(rng):
    members = rng.random((400, 4)) < [0.5, 0.3, 0.2, 0.1]
    texts = [json.dumps([f"l{k}" for k in np.flatnonzero(row)]) for row in members]
    problem = problem_of("multilabel", texts)
    for draw in draw_nested(problem, [80], 5, rng):
        assert members[draw.trains[0]].mean(axis=0) == pytest.approx(members.mean(axis=0), abs=0.05)


def test_groups_are_drawn_whole_and_are_on_one_side_only(rng):
    groups = np.repeat([f"g{k}" for k in range(30)], 10)
    problem = problem_of("classification", np.tile(["a", "b"], 150), groups=groups)
    for draw in draw_nested(problem, [40, 120, 240], 5, rng):
        assert not set(groups[draw.test]) & set(groups[draw.trains[-1]])
        for one in draw.trains:
            assert all((groups[one] == name).sum() == 10 for name in set(groups[one]))
        assert [len(one) for one in draw.trains] == [40, 120, 240]


def test_samples_of_the_only_group_that_is_left_are_drawn_of_it(rng):
    groups = np.repeat(["left", "right"], 60)
    problem = problem_of("classification", np.tile(["a", "b"], 60), groups=groups)
    for draw in draw_nested(problem, [15, 30], 2, rng):
        assert len(set(groups[draw.trains[-1]])) == 1
        assert set(groups[draw.test]) != set(groups[draw.trains[-1]])


def test_what_is_measured_is_later_than_what_is_trained_on(rng):
    times = rng.permutation(100).astype(float)
    problem = problem_of("classification", np.tile(["a", "b"], 50), times=times)
    for draw in draw_nested(problem, [20, 80], 3, rng):
        assert times[draw.trains[-1]].max() < times[draw.test].min()


def test_usual_sizes_are_halves_of_what_a_fold_leaves(unbalanced):
    assert usual_sizes(unbalanced) == (10, 20, 40, 80, 160)
    assert usual_sizes(problem_of("classification", classes([15, 15]))) == (12, 17, 24)
    # two of each class at least
    assert usual_sizes(problem_of("classification", classes([20] * 20)))[0] == 40


def test_sets_of_whole_groups_are_no_smaller_than_one():
    groups = np.repeat([f"g{k}" for k in range(6)], 100)
    problem = problem_of("classification", np.tile(["a", "b"], 300), groups=groups)
    assert min(usual_sizes(problem)) >= 90


def test_too_few_samples_for_a_curve_are_refused_with_how_many_it_needs():
    with pytest.raises(BadLabels, match="8 are too few for a curve; expected at least 26"):
        usual_sizes(problem_of("classification", classes([4, 4])))


def test_a_part_of_the_samples_holds_classes_in_their_shares_and_in_their_order(unbalanced, rng):
    part = draw_part(unbalanced, 50, rng)
    assert len(part) == 50
    assert (np.diff(part) > 0).all()
    assert (unbalanced.targets[part] == "c1").sum() == pytest.approx(10, abs=2)
    assert len(draw_part(unbalanced, 500, rng)) == 200
