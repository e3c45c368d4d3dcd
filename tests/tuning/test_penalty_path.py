"""How a path of penalties is followed: few evaluations, splits together or alone, the way to one penalty."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featx.heads import HEADS
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig, fit_choice, tune
from featx.tuning.solvers.lbfgs import LbfgsHistory, LossPoint, Spectrum, minimize
from featx.tuning.solvers.logistic import LogisticPath
from featx.tuning.solvers.losses import softmax_loss
from featx.tuning.solvers.multilabel import MultilabelPath
from featx.tuning.solvers.row_space import RowSpacePath
from featx.tuning.solvers.streamed_logistic import StreamedLogistic
from featx.tuning.solvers.streamed_sums import RowTargets, StreamedSums


def draw(n_classes, d, n, rng, noise=2.0):
    """Rows with a mean for each class, and their classes."""
    y = rng.permutation(np.arange(n) % n_classes)
    rows = rng.normal(size=(n_classes, d))[y] + noise * rng.normal(size=(n, d))
    return rows.astype(np.float32), y


def test_a_penalty_begins_at_the_last_solution_without_reading_the_rows_again(rng):
    rows, y = draw(10, 100, 2000, rng)
    targets = RowTargets(np.ones(2000), np.ones(2000), y, None, 10)
    sums = StreamedSums.zeros(rows[:50].mean(axis=0), 10, products=True, of_classes=True)
    sums.add(rows, targets, map)
    path = StreamedLogistic(lambda: [(rows, targets)], sums.standardized(), rows, gap=1e-3)
    n_reads = [path.n_reads for _ in path.solve_path([1e-3, 1e-3, 1.001e-3])]
    assert 1 < n_reads[0] == n_reads[1] == n_reads[2]


@pytest.mark.parametrize("solver", [LogisticPath, RowSpacePath])
def test_one_penalty_solved_over_stronger_ones_is_what_scikit_learn_solves(solver, rng):
    rows, y = draw(3, 150, 120, rng)
    path = solver(rows, y, [np.arange(90)], class_weight=None, gap=1e-7)
    path.solve(1.0, 2 / 9)
    alone = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000)
    theirs = make_pipeline(StandardScaler(), alone).fit(rows[:90], y[:90])
    expected = theirs.decision_function(rows)
    found = path.scores(0, np.arange(120))
    found -= found.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max())


def test_labels_solved_over_stronger_penalties_are_what_a_path_of_one_penalty_finds(rng):
    rows = rng.normal(size=(300, 12)).astype(np.float32)
    targets = (rows[:, :4] + rng.normal(size=(300, 4)) > 0.5).astype(int)
    paths = [
        MultilabelPath(rows, targets, [np.arange(300)], class_weight=None, gap=1e-8)
        for _ in range(2)
    ]
    paths[0].solve(0.5, 1 / 4)
    assert list(paths[1].solve_path([0.5])) == [0.5]
    np.testing.assert_allclose(paths[0].weights, paths[1].weights, atol=2e-3)


def test_splits_solved_together_are_what_each_is_alone_and_threads_change_no_bit(rng):
    # More columns of scores than one thread multiplies at a time.
    rows, y = draw(70, 20, 1400, rng)
    folds = rng.permutation(np.arange(1400) % 3)
    folds[folds == 2][:100] = 0
    trains = [np.flatnonzero(folds != fold) for fold in range(3)]
    tests = [np.flatnonzero(folds == fold) for fold in range(3)]
    options = {"class_weight": None, "gap": 1e-6}
    with ThreadPoolExecutor(3) as pool:
        together = [LogisticPath(rows, y, trains, map_fn=fn, **options) for fn in (map, pool.map)]
        for path in together:
            assert list(path.solve_path([1e-3, 1e-2])) == [1e-3, 1e-2]
    np.testing.assert_array_equal(together[0].weights, together[1].weights)
    for split, (train, test) in enumerate(zip(trains, tests, strict=True)):
        alone = LogisticPath(rows, y, [train], **options)
        assert list(alone.solve_path([1e-3, 1e-2])) == [1e-3, 1e-2]
        ours, expected = together[0].scores(split, test), alone.scores(0, test)
        np.testing.assert_allclose(ours, expected, atol=5e-3 * np.abs(expected).max())


def test_what_other_splits_leave_out_is_not_known_from_the_first(rng):
    # Labels without any meaning are guessed right once in a hundred times, however weak the penalty.
    rows, y = rng.normal(size=(4000, 125)).astype(np.float32), rng.permutation(4000) % 100
    weak = replace(HEADS["logistic"], grid=({"logisticregression__C": 10.0},))
    problem = ClassificationProblem(np.array([f"{code:02d}" for code in y]))
    left_out = tune([weak], rows, problem, config=HeadConfig()).left_out
    assert left_out.folds.min() == 0
    right = left_out.scores.argmax(axis=1) == problem.codes
    for fold in range(4):
        assert right[left_out.folds == fold].mean() < 0.025


@pytest.mark.parametrize("k", [2, 4])
def test_the_loss_of_two_splits_and_its_slope_are_those_of_each(k, rng):
    m = 1 if k == 2 else k
    values, codes = rng.normal(size=(9, 2, m)), np.arange(9) % k
    shares = rng.uniform(0.1, 1, size=(9, 2))
    losses, slopes = softmax_loss(
        values.astype(np.float32), codes, (shares / shares.sum(axis=0)).astype(np.float32)
    )
    for split in range(2):

        def loss(flat, split=split):
            table = flat.reshape(9, m)
            table = np.hstack([np.zeros((9, 1)), table]) if k == 2 else table
            odds = np.exp(table)
            return log_loss(
                codes, odds / odds.sum(axis=1, keepdims=True), sample_weight=shares[:, split]
            )

        start = values[:, split].ravel()
        assert losses[split] == pytest.approx(loss(start), rel=1e-5)
        slope = approx_fprime(start, loss, 1e-6).reshape(9, m)
        np.testing.assert_allclose(slopes[:, split], slope, atol=1e-4)


def test_a_point_under_a_larger_penalty_is_what_an_evaluation_there_gives(rng):
    factors = rng.uniform(1, 5, size=(2, 6, 3)).astype(np.float32)

    def evaluate(weights, penalty, problems):
        ridge = np.ones_like(weights) * penalty
        ridge[:, -1] = 0
        own = factors[problems] + ridge
        return (own / 2 * weights**2 - weights).sum(axis=(1, 2)), own * weights - 1

    weights = rng.normal(size=(2, 6, 3)).astype(np.float32)
    penalty = np.array([0.5, 2], np.float32)[:, None, None]
    moved = LossPoint.of(evaluate, weights, penalty).with_penalty_added(3 * penalty)
    expected = LossPoint.of(evaluate, weights, 4 * penalty)
    np.testing.assert_allclose(moved.loss, expected.loss, rtol=1e-5)
    np.testing.assert_allclose(moved.gradient, expected.gradient, rtol=1e-4, atol=1e-5)
    history = LbfgsHistory(lambda gradient, problems: gradient)
    # The least loss is negative: the gap is a share of its size at most.
    found = minimize(
        lambda w, p, some: (evaluate(w, p, some)[0] + 100, evaluate(w, p, some)[1]),
        replace(expected, loss=expected.loss + 100),
        4 * penalty,
        history,
        gap=1e-9,
        max_steps=100,
    )
    np.testing.assert_allclose(found.gradient, 0, atol=2e-2)


def test_a_preconditioner_solves_in_chunks_of_columns_what_it_solves_at_once(rng):
    table = rng.normal(size=(2, 30, 150)).astype(np.float32)
    penalty = np.array([0.1, 1], np.float32)[:, None, None]
    for n in (20, 90):
        rows = rng.normal(size=(n, 30)).astype(np.float32)
        spectrum = Spectrum.of(rows, map)
        solved = spectrum.solve(table, 0.3, penalty)
        for split in range(2):
            matrix = 0.3 * rows.T @ rows / n + penalty[split] * np.eye(30)
            np.testing.assert_allclose(
                solved[split], np.linalg.solve(matrix, table[split]), atol=2e-2
            )


@pytest.mark.parametrize("n", [60, 1400])
def test_splits_are_each_their_own_whether_their_rows_are_kept_apart_or_not(n, rng):
    # Few rows are multiplied with the weights of all splits, many only with those that learn from them.
    rows, y = draw(10, 400, n, rng)
    folds = np.arange(n) // 10 % 3
    trains = [np.flatnonzero(folds != fold) for fold in range(3)]
    together = LogisticPath(rows, y, trains, class_weight=None, gap=1e-6)
    list(together.solve_path([1e-2]))
    for split, train in enumerate(trains):
        alone = LogisticRegression(C=1e-2, tol=1e-8, max_iter=5000)
        theirs = make_pipeline(StandardScaler(), alone).fit(rows[train], y[train])
        expected = theirs.decision_function(rows)
        found = together.scores(split, np.arange(n))
        found -= found.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-2 * np.abs(expected).max())


def test_the_leading_part_of_a_spectrum_is_that_of_all_and_the_rest_keeps_the_sum(rng):
    rows = rng.normal(size=(300, 500)) * np.arange(1, 501) ** -0.7
    rows = rows.astype(np.float32)
    leading, whole = Spectrum.leading(rows), Spectrum.of(rows, map)
    values = np.sort(whole.values)[::-1]
    np.testing.assert_allclose(np.sort(leading.values)[::-1][:16], values[:16], rtol=0.05)
    inner = leading.vectors.T @ leading.vectors
    np.testing.assert_allclose(inner, np.eye(len(inner)), atol=1e-4)
    total = leading.values.sum() + leading.rest * (300 - len(leading.values))
    assert total == pytest.approx(values.sum(), rel=1e-4)


def test_hundreds_of_rows_of_more_columns_lead_to_the_regression_of_scikit_learn(rng):
    rows, y = draw(3, 600, 500, rng, noise=6.0)
    problem = ClassificationProblem(y.astype(str))
    weak = replace(HEADS["logistic"], grid=({"logisticregression__C": 0.1},))
    pipeline = fit_choice(tune([weak], rows, problem, config=HeadConfig()), rows, problem).estimator
    alone = LogisticRegression(C=0.1, tol=1e-8, max_iter=5000)
    theirs = make_pipeline(StandardScaler(), alone).fit(rows, y)
    np.testing.assert_allclose(pipeline.predict_proba(rows), theirs.predict_proba(rows), atol=0.01)


@pytest.mark.parametrize(("noise", "n_tried"), [(1.0, 9), (1e3, 13)])
def test_the_strongest_penalties_wait_until_a_strong_one_is_best(noise, n_tried, rng):
    rows, y = draw(2, 30, 300, rng, noise=noise)
    choice = tune(
        [HEADS["logistic"]], rows, ClassificationProblem(y.astype(str)), config=HeadConfig()
    )
    assert choice.n_candidates <= n_tried
    strongest = choice.params["logisticregression__C"] < 1e-3
    assert strongest == (noise > 100)
