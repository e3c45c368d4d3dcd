"""Ridge on large tables: what samples left out are told, against trainings without them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from featx.selection.quick import ridge_evaluation
from featx.selection.quick_ridge import LargeRidge, suits_large_ridge
from featx.tasks import get_task
from featx.tuning import HeadConfig
from featx.tuning.candidates import best_candidate, leave_out_each
from featx.tuning.design import SampleDesign
from featx.tuning.problem import TuningProblem


def _table(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised rows whose columns depend on each other, and two noisy targets."""
    rng = np.random.default_rng(n + d)
    rows = rng.normal(size=(n, d)) @ (rng.normal(size=(d, d)) * 0.99 ** np.arange(d))
    table = StandardScaler().fit_transform(rows).astype(np.float32)
    return table, table[:, :2].astype(np.float64) + rng.normal(size=(n, 2))


@pytest.mark.parametrize(("n", "d"), [(90, 60), (60, 90)])
@pytest.mark.parametrize("grouped", [False, True])
def test_a_sample_is_told_what_the_others_say_whichever_side_is_longer(
    n: int, d: int, grouped: bool
) -> None:
    table, targets = _table(n, d)
    rng = np.random.default_rng(1)
    weights, groups = rng.integers(1, 4, n).astype(float), rng.integers(0, n // 3, n)
    ridge = LargeRidge(table, targets, weights, groups if grouped else None)
    for alpha, found in zip((1000.0, 10.0), ridge.left_out([1000.0, 10.0]), strict=True):
        for i in range(0, n, 9):
            out = groups == groups[i] if grouped else np.arange(n) == i
            model = Ridge(alpha)
            # The rows are centred by all of their weight before the penalty sees them; the intercept is free.
            model.fit(table[~out], targets[~out], sample_weight=weights[~out])
            assert found[i] == pytest.approx(model.predict(table[i : i + 1])[0], abs=2e-3)


def test_copies_and_constant_columns_are_solved_too() -> None:
    table, targets = _table(40, 30)
    twice = np.hstack([table, table, np.zeros((40, 5), np.float32)])
    wide = np.concatenate([twice, twice])
    both = np.concatenate([targets, targets])
    [found] = LargeRidge(wide, both, np.ones(80)).left_out([10.0])
    [of_pairs] = LargeRidge(wide, both, np.ones(80), np.tile(np.arange(40), 2)).left_out([10.0])
    assert np.isfinite(found).all()
    assert np.square(found - both).mean() < np.square(of_pairs - both).mean()


def test_where_rounding_makes_products_indefinite_they_are_solved_in_float64() -> None:
    table, targets = _table(70, 40)
    # One direction is millions of times as large as the penalty.
    large = table.copy()
    large[:, :20] = 3e4 * table[:, :1]
    [found] = LargeRidge(large, targets, np.ones(70)).left_out([1e-3])
    for i in (0, 33):
        others = np.arange(70) != i
        wide = large.astype(np.float64)
        model = Ridge(1e-3, solver="svd").fit(wide[others], targets[others])
        assert found[i] == pytest.approx(model.predict(wide[i : i + 1])[0], abs=0.3)


def _problem(kind: str, targets: object, design: SampleDesign | None = None) -> TuningProblem:
    task = get_task(kind)
    return task.tuning_problem(task.encode_targets(targets), HeadConfig(), design)


@pytest.mark.parametrize(
    ("task", "d"),
    [("classification", 620), ("classification", 150), ("multilabel", 620), ("regression", 620)],
)
def test_a_large_table_scores_as_the_decomposition_of_all_of_it_does(task: str, d: int) -> None:
    rng, n = np.random.default_rng(7), 640
    rows = (rng.normal(size=(n, d)) * 0.995 ** np.arange(d)).astype(np.float32)
    told = rows[:, :12] @ rng.normal(size=(12, 3)) + 2 * rng.normal(size=(n, 3))
    targets: list[object] = told[:, 0].tolist()
    if task == "classification":
        targets = [f"c{i}" for i in told.argmax(axis=1)]
    if task == "multilabel":
        targets = [";".join(f"l{i}" for i in range(3) if row[i] > 0) or "[]" for row in told]
    design = SampleDesign(groups=np.repeat([f"g{i}" for i in range(n // 4)], 4))
    problem = _problem(task, targets, design)
    assert suits_large_ridge(rows, problem)
    [head] = problem.choose_heads("ridge", random_state=0)
    exact = best_candidate(leave_out_each(head, rows, problem)).evaluation
    found = ridge_evaluation(rows, problem)
    assert found.score == pytest.approx(exact.score, abs=2 * exact.standard_error)
    assert found.loss == pytest.approx(exact.loss, rel=0.05)


@pytest.mark.parametrize("weight", [0.0, 1e-200, 1e200])
def test_samples_of_no_weight_or_of_a_vast_one_go_the_long_way(weight: float) -> None:
    rows = np.zeros((700, 700), np.float32)
    weights = np.ones(700)
    problem = _problem("classification", ["a", "b"] * 350, SampleDesign(weights=weights))
    assert suits_large_ridge(rows, problem)
    light = weights.copy()
    light[0] = weight
    problem = _problem("classification", ["a", "b"] * 350, SampleDesign(weights=light))
    assert not suits_large_ridge(rows, problem)
