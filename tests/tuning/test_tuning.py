import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
import warnings
from dataclasses import replace

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC

import featx
from featx.errors import FeatxNotice, FeatxWarning
from featx.heads import HEADS, choose_heads, scores
from featx.heads.support_vectors import fit_by_kernel
from featx.tasks.classification_problem import ClassificationProblem
from featx.training import fit_head
from featx.tuning import HeadConfig, estimate_duration, fit_choice, tune
from featx.tuning.candidates import CandidateScore, best_candidate, split_scores
from featx.tuning.solvers.logistic import LogisticPath
from featx.tuning.solvers.ridge import leave_one_out
from featx.tuning.solvers.row_space import RowSpacePath
from featx.tuning.splits import make_splits

GRID = [params["logisticregression__C"] for params in HEADS["logistic"].grid]


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))[:600]
    return data.data[order].astype(np.float32), data.target[order]


def scaled(**params):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000, tol=1e-6, **params))


@pytest.mark.parametrize("kind", ["many classes", "two classes", "more columns than rows"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("solver", [LogisticPath, RowSpacePath])
def test_a_path_solves_what_scikit_learn_solves_on_each_training_part(
    solver, kind, class_weight, digits, rng
):
    X, y = digits
    if kind == "two classes":
        y = (y > 3).astype(int)
    if kind == "more columns than rows":
        X, y = np.hstack([X[:90], rng.normal(size=(90, 300)).astype(np.float32)]), y[:90]
    X, y = X[:200], y[:200]
    splits = make_splits(ClassificationProblem(y.astype(str)), 3, repeats=1, random_state=0)
    path = solver(X, y, splits.trains, class_weight=class_weight, gap=1e-6)
    for strength in path.solve_path([1e-3, 3e-2]):
        theirs = scaled(C=strength, class_weight=class_weight)
        for index, (train, test) in enumerate(splits.pairs):
            expected = scores(theirs.fit(X[train], y[train]), X[test])
            ours = path.scores(index, test)
            if len(theirs.classes_) > 2:  # where scores are known up to a constant
                ours = ours - ours.mean(axis=1, keepdims=True)
            np.testing.assert_allclose(ours, expected, atol=1e-2 * np.abs(expected).max())


@pytest.mark.parametrize("solver", [LogisticPath, RowSpacePath])
def test_a_column_that_only_the_left_out_rows_vary_says_nothing(solver, rng):
    X = rng.normal(size=(60, 4)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    train, test = np.arange(40), np.arange(40, 60)
    X[train, 3], X[test, 3] = 5, 5 + 100 * X[test, 3]
    path = solver(X, y, [train], class_weight=None, gap=1e-7)
    for strength in path.solve_path([1.0]):
        expected = scores(scaled(C=strength).fit(X[train], y[train]), X[test])
        np.testing.assert_allclose(path.scores(0, test), expected, rtol=1e-2, atol=1e-2)


def test_a_path_that_is_given_too_few_steps_warns_and_keeps_what_it_found(digits):
    X, y = digits
    path = LogisticPath(X, y, [np.arange(len(y))], class_weight=None, gap=1e-7, max_steps=1)
    with pytest.warns(ConvergenceWarning, match="stopped after 1 steps, before it converged"):
        assert list(path.solve_path([1.0])) == [1.0]
    assert (path.scores(0, np.arange(len(y))).argmax(axis=1) == y).mean() > 0.5


def test_a_solver_that_stops_short_is_told_once_and_in_featx_s_words(digits):
    X, y = digits[0], digits[1].astype(str)
    hasty = replace(
        HEADS["logistic"],
        search="fits",
        build=lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1)),
    )
    with pytest.warns(FeatxWarning) as caught:
        tune([hasty], X, ClassificationProblem(y), config=HeadConfig())
    assert [str(warning.message) for warning in caught] == [
        "while training: a solver stopped before it converged, 52 times; the score is of what it found"
    ]


def real_rows(shared_data, name, limit):
    """Rows of a real set by the backbone that featx ships for it, and their labels."""
    texts = name in ("trec6", "sst2", "banking77")
    backbone = featx.Backbone("featx-text-nano" if texts else "featx-audio-mel")
    samples = featx.read_samples(shared_data / name, split="train")
    order = np.random.default_rng(0).permutation(len(samples))[:limit]
    rows = featx.Engine(cache=False).embed([samples[i] for i in order], backbone)
    return rows.embeddings, np.array(rows.labels, dtype=str)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("digits", 200),
        pytest.param("fsdd", 160, marks=pytest.mark.slow),
        pytest.param("sst2", 250, marks=pytest.mark.slow),
    ],
)
def test_the_tuned_logistic_head_is_what_scikit_learn_would_choose_on_real_rows(
    name, limit, request
):
    if name == "digits":
        X, y = (part[:limit] for part in request.getfixturevalue("digits"))
        y = y.astype(str)
    else:
        X, y = real_rows(request.getfixturevalue("shared_data"), name, limit)
    head, problem = HEADS["logistic"], ClassificationProblem(y)
    splits = make_splits(problem, 4, repeats=1, random_state=0)
    choice = tune([head], X, problem, config=HeadConfig())
    plain = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000, tol=1e-5))
    tries = []
    for params in head.grid:
        values = cross_val_predict(
            plain.set_params(**params),
            X.astype(np.float64),
            y,
            cv=splits.pairs,
            method="decision_function",
        )
        values = values if values.ndim == 2 else np.stack([np.zeros(len(y)), values], axis=1)
        tries.append(CandidateScore(head, params, problem.evaluate(values, np.arange(len(y)))))
    assert choice.params == best_candidate(tries).params
    accuracies = [candidate.evaluation.score for candidate in tries]
    theirs = accuracies[GRID.index(choice.params["logisticregression__C"])]
    assert abs(theirs - choice.score) <= 1 / len(y) + 1e-9  # one sample
    assert max(accuracies) - theirs < 0.012


def test_what_is_trained_is_a_plain_fitted_regression(digits):
    X, y = digits
    problem = ClassificationProblem(y.astype(str))
    choice = tune([HEADS["logistic"]], X, problem, config=HeadConfig())
    pipeline = fit_choice(choice, X, problem).estimator
    last = pipeline[-1]
    assert not last.warm_start
    theirs = scaled(C=last.C).fit(X, y.astype(str))
    np.testing.assert_allclose(pipeline.predict_proba(X), theirs.predict_proba(X), atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("shape", [(40, 6), (25, 70)])
def test_ridge_in_closed_form_is_ridge_with_each_sample_left_out(
    shape, n_classes, class_weight, rng
):
    n, _ = shape
    X = rng.normal(size=shape).astype(np.float32) * 3 + 1
    y = np.concatenate([np.arange(n_classes)] * 3 + [rng.integers(0, n_classes, n)])[:n]
    X[:, 0] += y
    weights = (n / (n_classes * np.bincount(y)))[y] if class_weight else np.ones(n)
    table = StandardScaler().fit_transform(X.astype(np.float64))
    alphas = [1e3, 10.0, 0.5]
    for alpha, ours in zip(
        alphas, leave_one_out(X, y, alphas, class_weight=class_weight), strict=True
    ):
        for left in range(n):
            kept = np.arange(n) != left
            ridge = RidgeClassifier(alpha).fit(table[kept], y[kept], sample_weight=weights[kept])
            np.testing.assert_allclose(ours[left], scores(ridge, table[[left]])[0], atol=1e-6)


def test_ridge_alone_is_tuned_by_leaving_out_each_and_beside_others_in_folds(digits):
    X, y = digits[0][:120], digits[1][:120].astype(str)
    problem = ClassificationProblem(y)
    alone = tune([HEADS["ridge"]], X, problem, config=HeadConfig("ridge"), repeats=3)
    assert (alone.folds, alone.repeats, alone.n_candidates) == (120, 1, len(HEADS["ridge"].grid))
    beside = tune([HEADS["ridge"], HEADS["centroid"]], X, problem, config=HeadConfig("auto"))
    assert beside.folds == 4


def test_neighbours_of_one_search_vote_as_those_of_many(digits):
    X, y = digits[0], digits[1].astype(str)
    head, train, test = HEADS["knn"], np.arange(400), np.arange(400, 600)
    problem = ClassificationProblem(y)
    found = split_scores(head, head.grid, X, problem, (train, test), gram=True)
    for params, values in zip(head.grid, found, strict=True):
        k = params["kneighborsclassifier__n_neighbors"]
        theirs = make_pipeline(StandardScaler(), Normalizer(), KNeighborsClassifier(k))
        np.testing.assert_allclose(values, scores(theirs.fit(X[train], y[train]), X[test]))


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("kind", ["linear", "rbf"])
def test_support_vectors_by_way_of_a_kernel_are_those_of_their_own_fit(kind, n_classes):
    X, y = make_classification(
        300, 12, n_informative=6, n_classes=n_classes, class_sep=0.7, random_state=0
    )
    X, y = StandardScaler().fit_transform(X).astype(np.float32), y.astype(str)
    ours, theirs = (
        SVC(kernel=kind, C=0.5, tol=1e-6, decision_function_shape="ovo") for _ in range(2)
    )
    fit_by_kernel(ours, X[:200], y[:200])
    theirs.fit(X[:200], y[:200])
    assert set(vars(ours)) == set(vars(theirs))
    assert ours.get_params() == theirs.get_params()
    assert ours.n_features_in_ == theirs.n_features_in_ == 12
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=5e-3)
    np.testing.assert_allclose(scores(ours, X[200:]), scores(theirs, X[200:]), atol=5e-3)
    np.testing.assert_allclose(
        scores(ours, X[200:]), np.vstack([scores(ours, X[[i]]) for i in range(200, 300)]), atol=1e-9
    )


@pytest.mark.parametrize("kind", ["linear", "rbf"])
def test_support_vectors_by_way_of_a_kernel_can_be_stored_cloned_and_fitted_again(kind, digits):
    X, y = digits[0][:200], digits[1][:200].astype(str)
    last = SVC(kernel=kind, decision_function_shape="ovo")
    fit_by_kernel(last, X, y)
    stored = skops.io.dumps(last)
    again = skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored))
    np.testing.assert_array_equal(again.decision_function(X), last.decision_function(X))
    expected = SVC(kernel=kind, decision_function_shape="ovo").fit(X, y).decision_function(X)
    for other in (clone(last), again):
        np.testing.assert_array_equal(other.fit(X, y).decision_function(X), expected)


def test_support_vectors_are_fitted_plainly_where_a_kernel_matrix_gives_other_margins(digits):
    # So far from zero that distances drown in rounding, which both kernels round in ways of their own.
    X, y = digits[0][:200].astype(np.float64) + 3e8, digits[1][:200].astype(str)
    last = SVC(decision_function_shape="ovo")
    fit_by_kernel(last, X, y)
    expected = SVC(decision_function_shape="ovo").fit(X, y).decision_function(X)
    np.testing.assert_array_equal(last.decision_function(X), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HEADS if name != "boosting"])
def test_threads_do_not_change_a_bit_of_any_choice(name):
    X, y = make_classification(900, 600, n_informative=20, n_classes=5, random_state=0)
    X, problem = X.astype(np.float32), ClassificationProblem(y.astype(str))
    first, second = (
        tune([HEADS[name]], X, problem, config=HeadConfig(name, n_jobs=jobs)) for jobs in (1, 3)
    )
    assert first == second


@pytest.mark.slow
def test_rows_are_not_copied_for_each_fold_or_thread():
    X, y = make_classification(4000, 500, n_informative=20, n_classes=3, random_state=0)
    X, problem = X.astype(np.float32), ClassificationProblem(y.astype(str))
    tracemalloc.start()
    tune([HEADS["logistic"]], X, problem, config=HeadConfig(n_jobs=2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * X.nbytes  # one standardised copy, and what is made of 500 rows at a time


@pytest.mark.slow
def test_of_many_rows_one_split_chooses_and_all_of_them_judge():
    X, y = make_classification(
        4200, 600, n_informative=30, n_classes=20, n_clusters_per_class=1, random_state=0
    )
    X, problem = X.astype(np.float32), ClassificationProblem(y.astype(str))
    choice = tune([HEADS["logistic"]], X, problem, config=HeadConfig())
    assert choice.n_candidates >= 4
    left_out = choice.left_out
    assert (choice.folds, set(left_out.folds)) == (4, {0, 1, 2, 3})
    assert choice.score == (left_out.scores.argmax(axis=1) == problem.codes).mean()
    # Each fold's scores are those of a regression that was trained on the others.
    train, test = left_out.folds != 2, left_out.folds == 2
    theirs = scaled(C=choice.params["logisticregression__C"]).fit(X[train], problem.targets[train])
    expected = theirs.decision_function(X[test])
    found = left_out.scores[test] - left_out.scores[test].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-2 * np.abs(expected).max())


@pytest.mark.slow
def test_many_heads_race_on_a_part_of_many_rows():
    X, y = make_classification(7000, 10, n_informative=8, n_classes=3, random_state=0)
    X, problem = X.astype(np.float32), ClassificationProblem(y.astype(str))
    names = ("logistic", "ridge", "knn", "centroid", "lda")
    choice = tune([HEADS[name] for name in names], X, problem, config=HeadConfig("auto"))
    assert choice.head.name == "knn"  # by far the best of them here
    assert choice.n_candidates <= max(
        len(HEADS["knn"].grid) + len(HEADS[name].grid) for name in names if name != "knn"
    )


def a_second(task):
    """A stopwatch for which everything takes a second."""
    task()
    return 1.0


def test_what_takes_long_is_announced_in_one_line():
    X, y = make_classification(6000, 20, n_classes=2, random_state=0)
    rows, problem = X.astype(np.float32), ClassificationProblem(y.astype(str))
    config = HeadConfig("knn")
    with pytest.warns(FeatxNotice) as notices:
        estimate_duration([HEADS["knn"]], problem, rows, (4800, 6000), config, notice_after=0.0)
    (words,) = [str(notice.message) for notice in notices]
    assert re.fullmatch(r"knn: about \d+ s on 6000 samples, measuring included", words)


def test_what_is_done_soon_is_not_announced():
    X, y = make_classification(6000, 20, n_classes=2, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_head(X.astype(np.float32), y, HeadConfig("centroid"))
    assert not [warning for warning in caught if issubclass(warning.category, FeatxNotice)]


def test_the_estimated_time_is_that_of_the_search_and_of_both_trainings():
    X, y = make_classification(8000, 20, n_informative=6, n_classes=2, random_state=0)
    X, problem = X.astype(np.float32), ClassificationProblem(y.astype(str))
    config = HeadConfig("centroid", n_jobs=1)

    def estimate(heads, *sizes):
        return estimate_duration(
            heads, problem, X, sizes, config, notice_after=0, stopwatch=a_second
        )

    # 8 x (4 folds + 1) on four fifths, and 10 x 1 on all
    with pytest.warns(FeatxNotice, match=r"^centroid: about 50 s on 8000 samples"):
        assert estimate([HEADS["centroid"]], 6400, 8000) == 50
    heads = [HEADS[name] for name in ("centroid", "knn", "lda")]
    # all three on 4500 rows; then the slower two on all, and the slowest of them is trained twice
    race, knn = 4 * (5.625 + 5.625**1.5 + 5.625), 10**1.5
    with pytest.warns(FeatxNotice, match="^auto: at most about"):
        assert estimate(heads, 8000, 8000) == pytest.approx(race + 4 * (knn + 10) + 2 * knn)
    # What is done sooner than its probe is not timed.
    for name in ("logistic", "ridge"):
        assert estimate([HEADS[name]], 6400, 8000) is None


def test_the_time_of_an_estimator_of_the_users_own_is_not_estimated():
    X, y = make_classification(4000, 5, random_state=0)
    problem = ClassificationProblem(y.astype(str))
    own = choose_heads(LogisticRegression(), largest=2000)
    rows = X.astype(np.float32)
    assert estimate_duration(own, problem, rows, (3200, 4000), HeadConfig()) is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
def test_no_thread_or_process_is_left_after_an_interrupt():
    code = (
        "import numpy as np, sys\n"
        "from featx.training import fit_head\n"
        "from featx.tuning import HeadConfig\n"
        "X = np.random.default_rng(0).normal(size=(10000, 400)).astype(np.float32)\n"
        "print('ready', flush=True)\n"
        "fit_head(X, np.arange(10000) % 100, HeadConfig('logistic', n_jobs=2))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.5)
    os.kill(child.pid, signal.SIGINT)
    _, told = child.communicate(timeout=120)
    assert child.returncode != 0
    assert "KeyboardInterrupt" in told
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


@pytest.mark.slow
def test_class_weight_reaches_every_search(rng):
    X = rng.normal(size=(200, 3)).astype(np.float32)
    y = np.array(["many"] * 180 + ["few"] * 20)
    X[180:, 0] += 1.2
    for name in ("logistic", "ridge", "linear-svm"):
        found = []
        for class_weight in (None, "balanced"):
            heads = choose_heads(name, largest=180, class_weight=class_weight)
            problem = ClassificationProblem(y, class_weight)
            choice = tune(heads, X, problem, config=HeadConfig(name, class_weight))
            found.append((fit_choice(choice, X, problem).predict(X[180:]) == "few").mean())
        assert found[1] > found[0] + 0.3
