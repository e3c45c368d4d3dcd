"""Quick scores: what leaving out and evidence say, against computing them the long way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.preprocessing import StandardScaler

from featx.errors import BadLabels
from featx.selection.evidence import log_evidence
from featx.selection.quick import (
    centroid_evaluation,
    neighbor_evaluation,
    quick_scores,
    ridge_evaluation,
)
from featx.tasks import get_task
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign
from featx.tuning.problem import TuningProblem


def _problem(task: str, targets: object, design: SampleDesign | None = None) -> TuningProblem:
    kind = get_task(task)
    return kind.tuning_problem(kind.encode_targets(targets), HeadConfig(), design)


def _classes(n: int = 60, d: int = 7, k: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    rows = rng.normal(size=(n, d)) + 1.1 * rng.normal(size=(k, d))[labels]
    return rows.astype(np.float32), np.array(list("abcdefghij"))[labels]


def test_the_nearest_mean_is_that_of_every_other_sample() -> None:
    rows, labels = _classes()
    table = StandardScaler().fit_transform(rows)
    right = []
    for i in range(len(rows)):
        others = np.arange(len(rows)) != i
        nearest = NearestCentroid().fit(table[others], labels[others])
        right.append(nearest.predict(table[i : i + 1])[0] == labels[i])
    found = centroid_evaluation(rows, _problem("classification", labels))
    assert found is not None
    assert found.score == pytest.approx(np.mean(right))
    assert 0.4 < found.score < 1


def test_the_nearest_mean_leaves_out_the_whole_group() -> None:
    rows, labels = _classes(seed=1)
    groups = np.array([f"g{i // 6}" for i in range(60)])
    table = StandardScaler().fit_transform(rows)
    right = []
    for name in np.unique(groups):
        out = groups == name
        nearest = NearestCentroid().fit(table[~out], labels[~out])
        right += (nearest.predict(table[out]) == labels[out]).tolist()
    found = centroid_evaluation(
        rows, _problem("classification", labels, SampleDesign(groups=groups))
    )
    assert found is not None
    assert found.score == pytest.approx(np.mean(right))


def test_no_sample_is_a_neighbour_of_itself_or_of_its_group() -> None:
    # Each pair is two copies, and the labels are noise: a twin alone would know the answer.
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(size=(40, 5)), 2, axis=0).astype(np.float32)
    labels = np.repeat(rng.permutation(np.array(["a", "b"] * 20)), 2)
    groups = np.repeat([f"p{i}" for i in range(40)], 2)
    alone = _problem("classification", labels)
    grouped = _problem("classification", labels, SampleDesign(groups=groups))
    assert neighbor_evaluation(rows, alone, n_neighbors=1).score == 1.0
    assert neighbor_evaluation(rows, grouped, n_neighbors=1).score < 0.7
    assert ridge_evaluation(rows, grouped).score < ridge_evaluation(rows, alone).score + 1e-9
    assert centroid_evaluation(rows, grouped).score < 0.7  # type: ignore[union-attr]


def test_neighbours_of_numbers_are_those_of_scikit_learn() -> None:
    rows, _ = _classes(n=50)
    numbers = rows[:, 0] * 2 + rows[:, 1]
    centered = rows - rows.mean(axis=0)
    unit = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    standard = (numbers - numbers.mean()) / numbers.std()
    errors = []
    for i in range(len(rows)):
        others = np.arange(len(rows)) != i
        model = KNeighborsRegressor(5).fit(unit[others], standard[others])
        errors.append(model.predict(unit[i : i + 1])[0] - standard[i])
    found = neighbor_evaluation(rows, _problem("regression", numbers.tolist()))
    assert found.score == pytest.approx(-np.sqrt(np.mean(np.square(errors))), rel=1e-4)


@pytest.mark.slow
def test_ridge_is_scored_on_what_it_was_not_trained_on() -> None:
    rows, labels = _classes(n=48)
    table = StandardScaler().fit_transform(rows.astype(np.float64))
    best = 0.0
    for alpha in (1e5, 3e4, 1e4, 3e3, 1e3, 3e2, 1e2, 3e1, 1e1):
        right = []
        for i in range(len(rows)):
            others = np.arange(len(rows)) != i
            model = RidgeClassifier(alpha).fit(table[others], labels[others])
            right.append(model.predict(table[i : i + 1])[0] == labels[i])
        best = max(best, float(np.mean(right)))
    # The loss decides among penalties of about the same score.
    assert best - 0.05 <= ridge_evaluation(rows, _problem("classification", labels)).score <= best


def test_ridge_of_numbers_leaves_groups_out() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat([f"h{i}" for i in range(12)], 4)
    rows = rng.normal(size=(48, 6)).astype(np.float32)
    numbers = rows[:, 0] + rng.normal(size=12).repeat(4) * 0.3
    table = StandardScaler().fit_transform(rows.astype(np.float64))
    standard = (numbers - numbers.mean()) / numbers.std()
    best = -np.inf
    for alpha in 10 ** np.arange(6, -0.5, -0.5):
        errors = np.empty(48)
        for name in np.unique(groups):
            out = groups == name
            model = Ridge(alpha).fit(table[~out], standard[~out])
            errors[out] = model.predict(table[out]) - standard[out]
        best = max(best, -float(np.sqrt(np.mean(errors**2))))
    problem = _problem("regression", numbers.tolist(), SampleDesign(groups=groups))
    assert ridge_evaluation(rows, problem).score == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize(("n", "d"), [(30, 5), (12, 20)])
def test_the_evidence_is_the_largest_density_of_a_gaussian(n: int, d: int) -> None:
    rng = np.random.default_rng(n)
    rows = rng.normal(size=(n, d)).astype(np.float32)
    numbers = rows @ rng.normal(size=d) * 0.5 + rng.normal(size=n)
    standard = (numbers - numbers.mean()) / numbers.std()
    kernel = rows.astype(float) @ rows.T.astype(float)

    def density(logs: np.ndarray) -> float:
        covariance = np.eye(n) * np.exp(logs[0]) + kernel * np.exp(logs[1])
        return -float(multivariate_normal(np.zeros(n), covariance).logpdf(standard)) / n

    best = min(
        minimize(density, [a, b], method="Nelder-Mead", options={"xatol": 1e-6}).fun
        for a in (-2.0, 0.0)
        for b in (-3.0, 0.0)
    )
    found = log_evidence(rows, _problem("regression", numbers.tolist()))
    assert found == pytest.approx(-best, abs=2e-3)


def test_the_evidence_of_classes_is_the_mean_over_their_indicators() -> None:
    rows, labels = _classes()
    noise = np.random.default_rng(5).normal(size=rows.shape).astype(np.float32)
    problem = _problem("classification", labels)
    assert log_evidence(rows, problem) > log_evidence(noise, problem) + 0.05


def test_all_tasks_have_quick_scores_with_groups_and_weights() -> None:
    rows, labels = _classes(n=80, d=10)
    groups = np.array([f"g{i % 16}" for i in range(80)])
    weights = np.ones(80)
    weights[:8] = 0.0
    design = SampleDesign(groups=groups, weights=weights)
    sets = [
        [str(label), "big"] if row[0] > 0 else [str(label)]
        for label, row in zip(labels, rows, strict=True)
    ]
    for task, targets in (
        ("classification", labels.tolist()),
        ("multilabel", sets),
        ("regression", rows[:, 0].tolist()),
    ):
        kind = get_task(task)
        encoded = kind.encode_targets([";".join(t) if isinstance(t, list) else t for t in targets])
        problem = kind.tuning_problem(encoded, HeadConfig(), design)
        useful = quick_scores(rows, problem, logme=True)
        noise = np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
        useless = quick_scores(noise, problem, logme=True)
        assert useful.ridge > useless.ridge, task
        assert useful.knn > useless.knn, task
        assert useful.logme > useless.logme, task  # type: ignore[operator]
        assert (useful.centroid is None) == (task == "regression")


def test_a_sample_of_no_weight_teaches_nothing() -> None:
    rows, labels = _classes(n=60)
    wrong = np.concatenate([labels, np.roll(labels, 1)])
    twice = np.concatenate([rows, rows]).astype(np.float32)
    weights = np.repeat([1.0, 0.0], 60)
    problem = _problem("classification", wrong, SampleDesign(weights=weights))
    alone = _problem("classification", labels)
    assert neighbor_evaluation(twice, problem).score == neighbor_evaluation(rows, alone).score
    assert centroid_evaluation(twice, problem).score == pytest.approx(  # type: ignore[union-attr]
        centroid_evaluation(rows, alone).score  # type: ignore[union-attr]
    )


def test_with_times_the_past_judges_the_future() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(80.0)
    rows = rng.normal(size=(80, 4)).astype(np.float32)
    # What tells the classes changes its sign in the middle: the future knows, the past does not.
    labels = np.where(rows[:, 0] * np.where(times < 40, 1, -1) > 0, "up", "down")
    timed = _problem("classification", labels, SampleDesign(times=times))
    assert ridge_evaluation(rows, timed).score < 0.75
    assert np.isfinite(quick_scores(rows, timed).knn)


def test_a_part_to_choose_by_is_what_is_judged() -> None:
    rows, labels = _classes(n=60)
    part = np.zeros(60, bool)
    part[:12] = True
    noisy = labels.copy()
    noisy[~part] = np.random.default_rng(0).permutation(labels[~part])
    problem = _problem("classification", noisy, SampleDesign(validation=part))
    assert quick_scores(rows, problem).centroid < 0.8  # type: ignore[operator]
    clean = quick_scores(rows, _problem("classification", labels, SampleDesign(validation=part)))
    assert clean.centroid > 0.5  # type: ignore[operator]


def test_one_group_alone_is_refused_in_words() -> None:
    rows, labels = _classes(n=12)
    problem = _problem("classification", labels, SampleDesign(groups=np.array(["g"] * 12)))
    for score in (ridge_evaluation, neighbor_evaluation, centroid_evaluation):
        with pytest.raises(BadLabels, match="expected two or more"):
            score(rows, problem)


def test_constant_rows_score_as_a_guess_and_do_not_fail() -> None:
    labels = ["a", "b"] * 10
    rows = np.ones((20, 3), np.float32)
    scores = quick_scores(rows, _problem("classification", labels), logme=True)
    assert 0 <= scores.ridge <= 0.6
    assert 0 <= scores.knn <= 0.6
    assert np.isfinite(scores.logme)  # type: ignore[arg-type]


def test_of_many_samples_some_are_judged_by_their_neighbours_among_all() -> None:
    rows, labels = _classes(n=1500, d=4, seed=3)
    centered = rows - rows.mean(axis=0)
    unit = centered / np.linalg.norm(centered, axis=1, keepdims=True)
    model = KNeighborsClassifier(6).fit(unit, labels)
    # The nearest of all is the sample itself.
    votes = labels[model.kneighbors(unit, return_distance=False)[:, 1:]]
    right = [
        sum(vote == label for vote in row) > sum(vote != label for vote in row)
        for row, label in zip(votes, labels, strict=True)
    ]
    found = neighbor_evaluation(rows, _problem("classification", labels)).score
    # Three standard errors of 500 samples, and votes of 2 to 2 that the count of right ones leaves out.
    assert np.mean(right) - 0.06 < found < np.mean(right) + 0.12
    # A copy of each, with another label, in a group with it: no sample may learn from its own copy.
    twice = np.concatenate([rows, rows])
    wrong = np.concatenate([labels, np.roll(labels, 1)])
    groups = np.tile([f"p{i}" for i in range(1500)], 2)
    grouped = _problem("classification", wrong, SampleDesign(groups=groups))
    alone = _problem("classification", wrong)
    nearest = neighbor_evaluation(twice, alone, n_neighbors=1).score
    assert nearest == 0.0
    assert neighbor_evaluation(twice, grouped, n_neighbors=1).score > 0.2
