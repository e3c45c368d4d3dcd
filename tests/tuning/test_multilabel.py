"""The regressions of several labels, solved together, are scikit-learn's, each by itself."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx.tuning.solvers.multilabel import MultilabelPath

STRENGTHS = [1e-3, 3e-2, 1.0]


def make_problem(rng, n=300, d=20, n_labels=5):
    """Return rows, and labels of which the first is frequent and the last rare."""
    rows = (rng.normal(size=(n, d)) * rng.uniform(0.1, 3, d) + 2).astype(np.float32)
    values = (rows - 2) @ rng.normal(size=(d, n_labels)) + 2 * rng.normal(size=(n, n_labels))
    shares = np.linspace(0.5, 0.08, n_labels)
    borders = [np.quantile(v, 1 - share) for v, share in zip(values.T, shares, strict=True)]
    return rows, (values > borders).astype(np.intp)


def fit_alone(rows, y, strength, class_weight=None):
    regression = LogisticRegression(
        C=strength, tol=1e-8, max_iter=5000, class_weight=class_weight, solver="newton-cholesky"
    )
    return make_pipeline(StandardScaler(), regression).fit(rows.astype(np.float64), y)


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("d", [20, 250])
def test_each_label_is_solved_as_scikit_learn_solves_it_alone(class_weight, d, rng):
    rows, targets = make_problem(rng, d=d)
    trains = [np.arange(200), np.arange(100, 300)]
    path = MultilabelPath(rows, targets, trains, class_weight=class_weight, gap=1e-8)
    for strength in path.solve_path(STRENGTHS):
        for split, train in enumerate(trains):
            ours = path.scores(split, np.arange(300))
            for label in range(targets.shape[1]):
                y = targets[train, label]
                theirs = fit_alone(rows[train], y, strength, class_weight)
                assert_close(ours[:, label], theirs.decision_function(rows.astype(np.float64)))
                assert_close(path.weights[split, :-1, label], theirs[-1].coef_[0])
                assert path.weights[split, -1, label] == pytest.approx(
                    theirs[-1].intercept_[0], abs=1e-2
                )


def test_a_label_that_all_or_none_of_a_part_have_gets_the_odds_alone(rng):
    rows, targets = make_problem(rng, n=60, n_labels=3)
    targets[:40, 0], targets[:40, 1], targets[40, 1] = 0, 1, 0
    trains = [np.arange(40), np.arange(60)]
    path = MultilabelPath(rows, targets, trains, class_weight="balanced", gap=1e-6)
    assert path.is_constant.tolist() == [[True, True, False], [False, False, False]]
    for _ in path.solve_path([0.1]):
        scores = path.scores(0, np.arange(60))
    np.testing.assert_allclose(scores[:, 0], np.log(0.5 / 40.5), rtol=1e-5)
    np.testing.assert_allclose(scores[:, 1], np.log(40.5 / 0.5), rtol=1e-5)
    assert np.ptp(scores[:, 2]) > 0.1
    assert np.ptp(path.scores(1, np.arange(60))[:, 0]) > 0.1


def test_where_no_label_can_be_learnt_there_is_still_an_answer(rng):
    rows = rng.normal(size=(10, 3)).astype(np.float32)
    path = MultilabelPath(
        rows, np.zeros((10, 2), int), [np.arange(10)], class_weight=None, gap=1e-6
    )
    assert list(path.solve_path([0.1, 1.0])) == [0.1, 1.0]
    np.testing.assert_allclose(path.scores(0, np.arange(4)), np.log(0.5 / 10.5), rtol=1e-5)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_sample_of_weight_three_is_a_sample_given_three_times(class_weight, rng):
    rows, targets = make_problem(rng)
    weights = rng.integers(0, 4, 300).astype(np.float64)
    train = np.arange(200)
    path = MultilabelPath(
        rows, targets, [train], class_weight=class_weight, gap=1e-8, sample_weight=weights
    )
    again = np.repeat(train, weights[train].astype(int))
    for strength in path.solve_path(STRENGTHS):
        ours = path.scores(0, np.arange(300))
        for label in range(targets.shape[1]):
            theirs = fit_alone(rows[again], targets[again, label], strength, class_weight)
            assert_close(ours[:, label], theirs.decision_function(rows.astype(np.float64)))


def test_threads_and_a_warm_start_change_nothing_but_the_time(rng):
    rows, targets = make_problem(rng, n=1500)
    trains = [np.arange(1000), np.arange(500, 1500)]
    options = {"class_weight": None, "gap": 1e-7}
    alone = MultilabelPath(rows, targets, trains, **options)
    with ThreadPoolExecutor(3) as pool:
        together = MultilabelPath(rows, targets, trains, map_fn=pool.map, **options)
        for _ in zip(alone.solve_path(STRENGTHS), together.solve_path(STRENGTHS), strict=True):
            np.testing.assert_array_equal(alone.weights, together.weights)
    warm = MultilabelPath(
        rows, targets, [np.arange(1500)], warm_start=alone.warm_start(), **options
    )
    cold = MultilabelPath(rows, targets, [np.arange(1500)], **options)
    for path in (warm, cold):
        assert list(path.solve_path(STRENGTHS[-1:])) == STRENGTHS[-1:]
    assert_close(warm.scores(0, np.arange(1500)), cold.scores(0, np.arange(1500)))
