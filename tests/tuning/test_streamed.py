"""Heads from sums over rows, and by readings of them: what scikit-learn finds on rows in memory."""

import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler

from featx.tuning.solvers.closed_form import (
    LinearSolution,
    principal_axes,
    solve_centroids,
    solve_discriminants,
    solve_ridge,
)
from featx.tuning.solvers.streamed_logistic import StreamedLogistic
from featx.tuning.solvers.streamed_sums import RowTargets, StreamedSums

N, D = 4500, 24


def draw(k, rng):
    """Rows far from 0 whose columns differ in spread, one of them constant, sorted by class."""
    y = np.sort(rng.integers(k, size=N))
    rows = rng.normal(size=(N, D)) * rng.uniform(0.1, 9, D) + rng.normal(size=(k, D))[y] + 100
    rows[:, 3] = 7.5
    return rows.astype(np.float32), y


def gathered(rows, targets, edges=(0, 2000, 2001, N), *, map_fn=map, products=True):
    """The sums over rows that come in blocks, as of two parts."""
    parts = []
    for first, last in pairwise(edges):
        part = StreamedSums.zeros(
            rows[:50].mean(axis=0),
            targets.n_outputs,
            products=products,
            of_classes=targets.codes is not None,
        )
        part.add(rows[first:last], targets.subset(slice(first, last)), map_fn)
        parts.append(part)
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def targets_of(y, k, *, weights=None, factors=None):
    ones = np.ones(len(y))
    return RowTargets(
        ones if weights is None else weights, ones if factors is None else factors, y, None, k
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [2, 5])
def test_ridge_is_that_of_scikit_learn_with_weights_of_rows_and_of_classes(k, weighted, rng):
    rows, y = draw(k, rng)
    weights = rng.uniform(0, 2, N) if weighted else np.ones(N)
    of_class = rng.uniform(0.5, 3, k) if weighted else np.ones(k)
    sums = gathered(rows, targets_of(y, k, weights=weights, factors=of_class[y])).standardized()
    scaler = StandardScaler().fit(rows, sample_weight=weights)
    np.testing.assert_allclose(sums.mean, scaler.mean_, rtol=1e-5)
    np.testing.assert_allclose(sums.scale, scaler.scale_, rtol=1e-5)
    for alpha, found in zip([1.0, 1e3], solve_ridge(sums, [1.0, 1e3]), strict=True):
        theirs = RidgeClassifier(alpha=alpha, class_weight=dict(enumerate(of_class)))
        theirs.fit(scaler.transform(rows), y, sample_weight=weights)
        np.testing.assert_allclose(found.coef, np.atleast_2d(theirs.coef_), atol=2e-5)
        np.testing.assert_allclose(found.intercept, theirs.intercept_, atol=2e-5)


def test_ridge_of_several_numbers_is_that_of_scikit_learn(rng):
    rows, _ = draw(2, rng)
    numbers = rng.normal(size=(N, 2)) + rows[:, :2]
    ones = np.ones(N)
    sums = gathered(rows, RowTargets(ones, ones, None, numbers, 2)).standardized()
    [found] = solve_ridge(sums, [10.0])
    theirs = Ridge(10.0).fit(StandardScaler().fit_transform(rows), numbers)
    np.testing.assert_allclose(found.coef, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(found.intercept, theirs.intercept_, atol=1e-3)


@pytest.mark.parametrize("k", [2, 5])
def test_discriminants_behind_a_pca_are_those_of_scikit_learn(k, rng):
    rows, y = draw(k, rng)
    sums = gathered(rows, targets_of(y, k)).standardized()
    axes = principal_axes(sums, 0.99)
    table = StandardScaler().fit_transform(rows)
    pca = PCA(0.99, svd_solver="full").fit(table)
    assert axes.components.shape == pca.components_.shape
    np.testing.assert_allclose(axes.variances, pca.explained_variance_, rtol=1e-4)
    [found] = solve_discriminants(sums, axes, [0.3])
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3)
    theirs.fit(table @ axes.components.T, y)
    coef, intercept = found.coef, found.intercept
    if k == 2:
        coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
    np.testing.assert_allclose(coef, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(intercept, theirs.intercept_, atol=1e-3)


def test_centroids_need_no_products(rng):
    rows, y = draw(5, rng)
    sums = gathered(rows, targets_of(y, 5), products=False).standardized()
    with warnings.catch_warnings():
        # A column is constant.
        warnings.simplefilter("ignore", UserWarning)
        theirs = NearestCentroid().fit(StandardScaler().fit_transform(rows), y)
    np.testing.assert_allclose(solve_centroids(sums).coef, theirs.centroids_, atol=1e-4)


@pytest.mark.parametrize(("k", "class_weight"), [(2, None), (3, "balanced")])
def test_a_streamed_logistic_regression_is_that_of_scikit_learn(k, class_weight, rng):
    rows, y = draw(k, rng)
    factors = None if class_weight is None else (N / (k * np.bincount(y)))[y]
    targets = targets_of(y, k, factors=factors)

    def blocks():
        for start in range(0, N, 2000):
            yield rows[start : start + 2000], targets.subset(slice(start, start + 2000))

    sums = gathered(rows, targets).standardized()
    found = StreamedLogistic(blocks, sums, rows[::5], gap=1e-7)
    assert list(found.solve_path([0.001])) == [0.001]
    table = StandardScaler().fit_transform(rows)
    theirs = LogisticRegression(C=0.001, class_weight=class_weight, tol=1e-8, max_iter=2000)
    theirs.fit(table, y)
    np.testing.assert_allclose(found.solution.coef, theirs.coef_, atol=1e-3)
    # Once more from there nothing is left to do.
    again = StreamedLogistic(blocks, sums, rows[::5], gap=1e-4, start=found.solution)
    assert list(again.solve_path([0.001])) == [0.001]
    assert again.n_reads == 1


def test_threads_change_no_bit_of_the_sums(rng):
    rows, y = draw(3, rng)
    one = gathered(rows, targets_of(y, 3))
    with ThreadPoolExecutor(3) as pool:
        other = gathered(rows, targets_of(y, 3), map_fn=pool.map)
    for name in ("products", "crossed", "first", "squares"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_class_without_rows_is_never_the_answer(rng):
    rows, y = draw(3, rng)
    sums = gathered(rows, targets_of(y, 4)).standardized()
    [found] = solve_discriminants(sums, principal_axes(sums, 0.99), [0.3])
    assert found.intercept[3] == -np.inf


def test_the_memory_of_a_streamed_regression_does_not_grow_with_its_rows(rng):
    dim, k, size = 64, 5, 4096
    y = rng.integers(k, size=size)
    first = rng.normal(size=(size, dim)).astype(np.float32)
    first[:, 0] += y
    targets, peaks = targets_of(y, k), []
    for n_blocks in (2, 12):

        def blocks(n_blocks=n_blocks):
            return ((np.roll(first, number, axis=0), targets) for number in range(n_blocks))

        sums = StreamedSums.zeros(np.zeros(dim, np.float32), k, products=True)
        for rows, own in blocks():
            sums.add(rows, own, map)
        tracemalloc.start()
        solver = StreamedLogistic(blocks, sums.standardized(), first[:500], gap=1e-3)
        assert list(solver.solve_path([1e-4, 1e-3])) == [1e-4, 1e-3]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A block is a megabyte.
    assert peaks[1] < peaks[0] + 2e6


def test_another_start_leads_to_the_same_solution(rng):
    rows, y = draw(3, rng)
    targets = targets_of(y, 3)
    sums = gathered(rows, targets).standardized()
    solver = StreamedLogistic(lambda: iter([(rows, targets)]), sums, rows[::5], gap=1e-7)
    list(solver.solve_path([0.001]))
    first = solver.solution
    solver.start_at(LinearSolution(first.coef[::-1] * 3, first.intercept + 1))
    np.testing.assert_allclose(solver.solution.intercept, first.intercept + 1, rtol=1e-6)
    list(solver.solve_path([0.001]))
    np.testing.assert_allclose(solver.solution.coef, first.coef, atol=1e-3)
