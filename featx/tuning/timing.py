"""Estimate how long tuning and training will take on many rows, before they start."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from featx._typing import FloatArray
from featx.embedding.engine import count_workers
from featx.errors import FeatxNotice
from featx.heads import HeadSpec
from featx.heads.support_vectors import LARGEST_GRAM
from featx.tuning.candidates import PATHS, leave_out_each, score_candidates, split_scores
from featx.tuning.problem import TuningProblem
from featx.tuning.search import FOLDS, RACES, HeadConfig, SearchResult, fit_choice
from featx.tuning.splits import Splits, fits_gram, make_splits

__all__ = ["estimate_duration", "format_duration"]

# Runs a task and returns its seconds.
Stopwatch = Callable[[Callable[[], object]], float]

# Searches whose progress tells soon how long they take.
_FAST = (*PATHS, "leave-one-out")
# Samples on which a search and a training are timed.
_PROBE = 800
# Seconds from which on a user is told.
NOTICE_AFTER = 20.0
# By how much an upper bound exceeds what was estimated.
_MARGIN = 1.2


@dataclass(frozen=True, slots=True)
class _Timing:
    """The seconds that a search and a training of a head took on ``n`` samples."""

    head: HeadSpec
    n: int
    search: float
    training: float

    def on(self, n: int) -> tuple[float, float]:
        """Return the seconds of a search and of a training on ``n`` samples."""
        growth = (n / self.n) ** self.head.growth
        return self.search * growth, self.training * growth


def estimate_duration(
    heads: Sequence[HeadSpec],
    problem: TuningProblem,
    rows: FloatArray,
    sizes: tuple[int, int],
    config: HeadConfig,
    *,
    notice_after: float = NOTICE_AFTER,
    stopwatch: Stopwatch | None = None,
) -> float | None:
    """Time heads on 800 samples, and say what that means for the whole where it is long.

    Only featx's own heads are timed, and only where there are far more samples: how the time of others grows
    is not known. A logistic head or a ridge that has no rival is not: it takes little longer than the probe.
    Several heads race, and which are left at the end is not known: the slowest are assumed.

    Parameters
    ----------
    heads : sequence of HeadSpec
        The heads to choose among.
    problem : TuningProblem
        The n targets.
    rows : ndarray of shape (n, d), float32
    sizes : (int, int)
        On how many of these heads are chosen, trained and measured, and on how many what was chosen is trained.
    config : HeadConfig
    notice_after : float, default=20.0
        Seconds from which on a notice is given.
    stopwatch : callable, default=None
        Runs a task and returns its seconds; None is a real one.

    Returns
    -------
    float
        Seconds of all of it: searches, trainings and predictions; None where nothing was timed.

    Warns
    -----
    FeatxNotice
        It takes ``notice_after`` seconds or longer.
    """
    n = len(problem)
    # What takes less time than its probe is not timed.
    slow = [head for head in heads if head.search not in _FAST or len(heads) > 1]
    if n < 4 * _PROBE or not slow or not all(head.shipped for head in heads):
        return None
    some = np.flatnonzero(problem.make_folds(-(-n // _PROBE), np.random.default_rng(0)) == 0)
    alone = len(heads) == 1
    probe = _Probe(problem.subset(some), n, config, alone, stopwatch or _measure_seconds)
    # A few samples may all be of one class, which nothing can be trained on.
    if probe.problem.n_outputs < min(2, problem.n_outputs):
        return None
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        timings = [probe.time(head, rows[some]) for head in heads]
        chosen_on, trained_on = sizes
        seconds = _total(timings, chosen_on) + max(t.on(trained_on)[1] for t in timings)
    if seconds >= notice_after:
        name, bound = (heads[0].name, "") if alone else ("auto", "at most ")
        duration = format_duration(seconds if alone else _MARGIN * seconds)
        message = f"{name}: {bound}about {duration} on {n} samples, measuring included"
        warnings.warn(message, FeatxNotice, stacklevel=3)
    return seconds


def _total(timings: Sequence[_Timing], n: int) -> float:
    """Return the seconds until one of several heads is chosen and trained, if the slowest stay in the race."""
    seconds, left = 0.0, list(timings)
    for size, n_best in RACES:
        if len(left) > n_best and n > 1.5 * size:
            seconds += sum(timing.on(size)[0] for timing in left)
            left = sorted(left, key=lambda timing: sum(timing.on(n)), reverse=True)[:n_best]
    searches = sum(timing.on(n)[0] for timing in left)
    return seconds + searches + max(timing.on(n)[1] for timing in left)


@dataclass(frozen=True, slots=True)
class _Probe:
    """A few samples of the whole, on which heads are timed as they will run on all ``n`` of it."""

    problem: TuningProblem
    n: int
    config: HeadConfig
    alone: bool
    stopwatch: Stopwatch

    def time(self, head: HeadSpec, rows: FloatArray) -> _Timing:
        """Time one head on the rows of these samples."""
        splits = make_splits(self.problem, FOLDS, repeats=1, random_state=0)
        grid = head.candidates(splits.smallest_train)
        search = self._time_search(head, rows, splits)
        params = grid[len(grid) // 2]
        calibrator = self.problem.default_calibrator()
        choice = SearchResult(head, params, calibrator, 0.0, FOLDS, 1, len(grid))

        def train_and_predict() -> None:
            if self.n > LARGEST_GRAM and head.search == "kernel":
                estimator = head.build().set_params(**params)
                estimator.fit(rows, self.problem.targets).predict(rows[splits.tested])
            else:
                trained = fit_choice(choice, rows, self.problem, n_jobs=1)
                trained.predict_outputs(rows[splits.pairs[0][1]])

        return _Timing(head, len(rows), search, self.stopwatch(train_and_predict))

    def _time_search(self, head: HeadSpec, rows: FloatArray, splits: Splits) -> float:
        workers = count_workers(self.config.n_jobs)
        if head.search in PATHS:
            task = partial(score_candidates, head, rows, self.problem, splits, map)
            return self.stopwatch(task) / workers
        if head.search == "leave-one-out" and self.alone:
            return self.stopwatch(lambda: leave_out_each(head, rows, self.problem))
        grid = head.candidates(splits.smallest_train)
        gram = fits_gram(self.n - self.n // FOLDS)
        one = self.stopwatch(
            lambda: split_scores(head, grid, rows, self.problem, splits.pairs[0], gram=gram)
        )
        return one * -(-len(splits.pairs) // workers)


def _measure_seconds(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def format_duration(seconds: float) -> str:
    """Return seconds as people say them.

    >>> format_duration(34), format_duration(250), format_duration(9000)
    ('34 s', '4 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
