"""Few rows and many columns: the same regressions, found in the space of the rows."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx.heads import HEADS
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig, fit_choice, tune
from featx.tuning.candidates import open_path
from featx.tuning.solvers.logistic import LogisticPath
from featx.tuning.solvers.path import WarmStart
from featx.tuning.solvers.row_space import RowSpacePath


@pytest.fixture
def wide(rng):
    """120 rows of 300 columns, some of them alike, and three classes."""
    y = np.arange(120) % 3
    rows = (rng.normal(size=(120, 300)) + rng.normal(size=(3, 300))[y]).astype(np.float32)
    rows[:, 7], rows[5] = 2, rows[4]
    return rows, y


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_of_columns_are_those_that_the_columns_themselves_lead_to(wide, n_classes):
    rows, y = wide
    y = y % n_classes
    trains = [np.arange(80), np.arange(39, 120)]
    paths = [
        kind(rows, y, trains, class_weight=None, gap=1e-9) for kind in (RowSpacePath, LogisticPath)
    ]
    for _ in zip(*(path.solve_path([1e-3, 0.1]) for path in paths), strict=True):
        ours, expected = (path.weights for path in paths)
        np.testing.assert_allclose(ours, expected, atol=1e-2 * np.abs(expected).max())


def test_a_warm_start_leads_from_either_kind_of_path_to_the_other(wide):
    rows, y = wide
    options = {"class_weight": None, "gap": 1e-7}
    kinds = (RowSpacePath, LogisticPath)
    for first, second in (kinds, kinds[::-1]):
        one = first(rows, y, [np.arange(80), np.arange(40, 120)], **options)
        list(one.solve_path([0.01]))
        start = one.warm_start()
        assert isinstance(start, WarmStart)
        assert start.weights.shape == (301, 3)
        path = second(rows, y, [np.arange(120)], warm_start=start, **options)
        cold = second(rows, y, [np.arange(120)], **options)
        list(path.solve_path([0.01])), list(cold.solve_path([0.01]))
        np.testing.assert_allclose(
            path.scores(0, np.arange(120)), cold.scores(0, np.arange(120)), atol=1e-2
        )


def test_few_rows_are_solved_in_their_own_space_and_threads_change_no_bit(wide):
    rows, y = wide
    problem = ClassificationProblem(y.astype(str))
    with ThreadPoolExecutor(3) as pool:
        paths = [
            open_path(
                HEADS["logistic"], rows, problem, [np.arange(80), np.arange(120)], fn, gap=1e-5
            )
            for fn in (map, pool.map)
        ]
        assert all(type(path) is RowSpacePath for path in paths)
        for path in paths:
            list(path.solve_path([0.01, 0.1]))
    np.testing.assert_array_equal(paths[0].weights, paths[1].weights)
    many = open_path(HEADS["logistic"], rows[:, :50], problem, [np.arange(120)], map, gap=1e-5)
    assert type(many) is LogisticPath


def test_a_head_of_few_rows_is_the_regression_that_scikit_learn_finds(wide):
    rows, y = wide
    problem = ClassificationProblem(y.astype(str))
    choice = tune([HEADS["logistic"]], rows, problem, config=HeadConfig())
    pipeline = fit_choice(choice, rows, problem).estimator
    alone = LogisticRegression(C=pipeline[-1].C, tol=1e-7, max_iter=5000)
    theirs = make_pipeline(StandardScaler(), alone).fit(rows, y)
    np.testing.assert_allclose(pipeline.predict_proba(rows), theirs.predict_proba(rows), atol=0.01)
