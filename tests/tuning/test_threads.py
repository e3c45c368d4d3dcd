"""Trainings that take turns in a pool leave each other their cores."""

from typing import ClassVar

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from featx.heads import choose_heads
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig, tune
from featx.tuning.threads import one_thread_each, threads


def counts_of_threads(_=None):
    return {(library["user_api"], library["num_threads"]) for library in threadpool_info()}


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_each_thread_of_a_pool_has_one_thread_for_linear_algebra_and_for_openmp(workers):
    # The suite itself runs with one.
    with threadpool_limits(2), one_thread_each(), threads(workers) as map_fn:
        found = list(map_fn(counts_of_threads, range(2 * workers + 1)))
    apis = {api for api, _ in found[0]}
    assert apis >= {"blas", "openmp"}
    assert all(one == {(api, 1) for api in apis} for one in found)


class Witness(HistGradientBoostingClassifier):
    """Boosted trees that note how many threads they may use while they are fitted."""

    seen: ClassVar[list[set[tuple[str, int]]]] = []

    def fit(self, X, y):
        self.seen.append(counts_of_threads())
        return super().fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_trees_of_the_users_own_are_searched_with_one_thread_a_fold(n_jobs, rng):
    rows, y = rng.normal(size=(2000, 501)).astype(np.float32), np.arange(2000) % 2
    problem = ClassificationProblem(y.astype(str))
    Witness.seen.clear()
    own = Witness(max_iter=1, max_leaf_nodes=2, max_features=0.02)
    heads = choose_heads(own, largest=1000)
    tune(heads, rows, problem, config=HeadConfig(own, n_jobs=n_jobs))
    assert len(Witness.seen) == 4
    assert all(("openmp", 1) in one and ("openmp", 2) not in one for one in Witness.seen)
