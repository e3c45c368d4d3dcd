"""The best candidate of one head or of several, and its training on all rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from featx._typing import FloatArray, Labels
from featx.embedding.engine import count_workers
from featx.errors import FeatxWarning
from featx.heads import HEADS, FittedHead, HeadSpec, fit_vectors
from featx.tuning.candidates import CandidateScore, Data, leave_out, open_path, try_fits, try_path
from featx.tuning.solvers.lbfgs import MapFn
from featx.tuning.splits import Deals, make_folds

__all__ = ["HeadConfig", "SearchResult", "fit_choice", "tune"]

FOLDS = 4
_CLOSE = 0.5  # standard errors of accuracy within which the log-loss decides
_GAP = 1e-5  # of the loss, when what was chosen is trained
_SMALL = 2_000_000  # samples x columns x classes below which threads cost more than they save
RACES = ((1500, 4), (4500, 2))  # samples of a race among heads, and how many of them go on


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """How a head is trained: what a user decides, besides the rows."""

    head: str | BaseEstimator = "logistic"
    class_weight: str | None = None  # "balanced": every class weighs the same
    random_state: int = 0
    n_jobs: int | None = None  # threads; it never changes the answer


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A head, its parameters and its temperature, as cross-validation chose them."""

    head: HeadSpec
    params: Mapping[str, Any]
    temperature: float
    accuracy: float  # of the samples left out: the number that was optimised, so not one to quote
    folds: (
        int  # 0 where there were too few samples to leave any out; as many as samples: each in turn
    )
    repeats: int
    tried: int  # candidates


def tune(
    heads: Sequence[HeadSpec],
    rows: FloatArray,
    labels: Labels,
    *,
    recipe: HeadConfig,
    repeats: int = 1,
) -> SearchResult:
    """The best of the candidates of ``heads``, by stratified cross-validation in four folds.

    Accuracy decides; among candidates within half of its standard error, the log-loss after
    calibration does. The answer is the same, bit for bit, whatever ``n_jobs``. A ridge that has no rival
    is tuned with every sample left out in turn, in closed form. Several heads on thousands of rows race
    first on a part of them: the four best of 1500 rows go on, and of those the two best of 4500.

    Parameters
    ----------
    repeats : int, default=1
        Times that samples are dealt into folds anew; more is steadier.
    recipe : Recipe
        With ``balance`` every class counts the same in accuracy, log-loss and temperature.
    """
    for size, kept in RACES:
        if len(heads) > kept and len(labels) > 1.5 * size:
            part = make_folds(
                labels, -(-len(labels) // size), np.random.default_rng(recipe.random_state)
            )
            some = np.flatnonzero(part == 0)
            tries = _search(heads, rows[some], labels[some], recipe, 1)[0]
            heads = _fastest(heads, tries, kept)
    tries, deals = _search(heads, rows, labels, recipe, repeats)
    if not tries:
        head = heads[0]
        grid = head.candidates(len(labels))
        return SearchResult(head, grid[len(grid) // 2], 1.0, float("nan"), 0, 0, 1)
    best = _best(tries, len(labels))
    out = _leaves_one_out(heads)
    return SearchResult(
        best.head,
        best.params,
        best.temperature,
        best.accuracy,
        folds=len(labels) if out else deals.k,
        repeats=1 if out else repeats,
        tried=len(tries),
    )


def fit_choice(
    choice: SearchResult, rows: FloatArray, labels: Labels, *, n_jobs: int | None = None
) -> FittedHead:
    """Train what ``tune`` chose on all rows.

    Parameters
    ----------
    n_jobs : int, default=None
        Threads; they never change the answer.

    Raises
    ------
    BadOption
        A user's own estimator gives no scores: neither ``decision_function`` nor ``predict_proba``.
    """
    head = choice.head
    estimator = head.build().set_params(**choice.params)
    workers = 1 if rows.size < _SMALL else count_workers(n_jobs)
    with _quiet([head]), _one_thread_each(), _threads(workers) as map_fn:
        if head.search == "path":
            _finish_path(head, estimator, rows, labels, map_fn)
        elif head.name in HEADS and isinstance(estimator[-1], SVC):
            fit_vectors(estimator[-1], estimator[:-1].fit_transform(rows), labels)
        else:
            estimator.fit(rows, labels)
    return FittedHead(head.name, estimator, choice.temperature)


def _finish_path(
    head: HeadSpec, estimator: Pipeline, rows: FloatArray, labels: Labels, map_fn: MapFn
) -> None:
    """Fit from featx's solution: scikit-learn's solver has nothing left to do but to agree."""
    scaler, last = estimator
    last.classes_, y = np.unique(labels, return_inverse=True)
    path = open_path(head, rows, y, [np.arange(len(y))], map_fn, gap=_GAP)
    for _ in path.walk([last.C]):
        last.coef_ = np.ascontiguousarray(path.weights[0, :-1].T)
        last.intercept_ = path.weights[0, -1].copy()
    last.set_params(warm_start=True).fit(scaler.fit_transform(rows), labels)
    last.set_params(warm_start=False)


def _search(
    heads: Sequence[HeadSpec], rows: FloatArray, labels: Labels, recipe: HeadConfig, repeats: int
) -> tuple[list[CandidateScore], Deals]:
    """Every candidate of every head on samples left out; none where there are too few to leave any out."""
    k = int(min(FOLDS, max(np.unique(labels, return_counts=True)[1])))
    deals = Deals(labels, k, repeats=repeats, seed=recipe.random_state)
    tries: list[CandidateScore] = []
    if not deals.splits:
        return tries, deals
    data = Data.of(rows, labels, balance=recipe.class_weight == "balanced")
    small = rows.size * int(data.y.max() + 1) < _SMALL
    workers = 1 if small else count_workers(recipe.n_jobs)
    with _quiet(heads), _one_thread_each(), _threads(workers) as map_fn:
        for head in heads:
            if head.search == "path":
                tries += try_path(head, data, deals, map_fn)
            elif _leaves_one_out(heads):
                tries += leave_out(head, data)
            else:
                tries += try_fits(head, data, deals, map_fn)
    return tries, deals


def _leaves_one_out(heads: Sequence[HeadSpec]) -> bool:
    """Beside other heads no sample more may be learned from than they learn from."""
    return len(heads) == 1 and heads[0].search == "leave-one-out"


def _best(tries: Sequence[CandidateScore], n: int) -> CandidateScore:
    top = max(each.accuracy for each in tries)
    close = _CLOSE * np.sqrt(top * (1 - top) / n) + 1e-9
    near = [each for each in tries if each.accuracy >= top - close]
    return min(near, key=lambda each: each.log_loss)


def _fastest(
    heads: Sequence[HeadSpec], tries: Sequence[CandidateScore], kept: int
) -> list[HeadSpec]:
    """The heads of the best candidates, in the order of ``heads``."""
    best = {head.name: max(each.accuracy for each in tries if each.head is head) for head in heads}
    names = sorted(best, key=best.__getitem__, reverse=True)[:kept]
    return [head for head in heads if head.name in names]


def _one_thread_each() -> threadpool_limits:
    """No threads inside the linear algebra: folds already fill the cores, and sums keep their order."""
    return threadpool_limits(limits=1)


@contextmanager
def _threads(workers: int) -> Iterator[MapFn]:
    """``map``, over threads where there is more than one; after an interrupt none goes on to new work."""
    if workers == 1:
        yield map
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="featx-fit")
    try:
        yield pool.map
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _quiet(heads: Sequence[HeadSpec]) -> Iterator[None]:
    """Hold back what scikit-learn says of each fold; say once what a user's own estimator said.

    featx's own heads warn about classes with one sample, which is known and harmless; of a solver at its
    limit they say so in featx's words, since nobody can set what scikit-learn advises to raise.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    if all(head.name in HEADS for head in heads):
        short = any(issubclass(each.category, ConvergenceWarning) for each in caught)
        told = (
            {"a solver stopped before it converged; the score is of what it found"}
            if short
            else set()
        )
    else:
        told = {str(each.message).partition("\n")[0] for each in caught}
    for message in sorted(told):
        warnings.warn(f"while training: {message}", FeatxWarning, stacklevel=4)
