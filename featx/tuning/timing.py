"""How long a head will take on many rows, told before it starts."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from featx._typing import FloatArray, Labels
from featx.embedding.engine import count_workers
from featx.errors import FeatxNotice
from featx.heads import HEADS, LARGEST_GRAM, HeadSpec
from featx.tuning.candidates import Data, leave_out, try_path
from featx.tuning.search import FOLDS, RACES, HeadConfig, SearchResult, fit_choice
from featx.tuning.split_scores import split_scores
from featx.tuning.splits import Deals, make_folds

__all__ = ["estimate_duration", "in_words"]

_PROBE = 800  # samples on which a search and a training are timed
_LONG = 20.0  # seconds from which on it is worth a word
_SAFE = 1.2  # where it is said to be the most
# powers of the samples as measured from 800 to 10 000 of them, where not 1: part of the work is linear
_POWERS = MappingProxyType({"linear-svm": 1.8, "rbf-svm": 1.8, "knn": 1.5})


@dataclass(frozen=True, slots=True)
class _Timing:
    """What a head took on few samples."""

    head: HeadSpec
    n: int
    search: float  # seconds
    training: float

    def on(self, n: int) -> tuple[float, float]:
        """Seconds of a search and of a training on ``n`` samples."""
        growth = (n / self.n) ** _POWERS.get(self.head.name, 1)
        return self.search * growth, self.training * growth


def estimate_duration(
    heads: Sequence[HeadSpec],
    labels: Labels,
    work: Sequence[tuple[FloatArray, Sequence[int]]],
    recipe: HeadConfig,
) -> float | None:
    """Time heads on 800 samples, and tell what that says of the whole where it is long.

    Only of featx's own heads, and only where there are far more samples: of others nobody knows how their
    time grows. Several heads race, and nobody knows which are left at the end: the slowest are assumed.

    Parameters
    ----------
    heads : sequence of Head
        Those to choose among.
    labels : ndarray of shape (n,)
    work : sequence of (rows, sizes)
        Tables of n rows, and on how many of these heads are chosen and trained, one size a time.

    Returns
    -------
    float
        Seconds of all of it: searches, trainings and predictions; None where nothing was timed.

    Warns
    -----
    FeatxNotice
        It takes longer than 20 seconds.
    """
    n = len(labels)
    if n < 4 * _PROBE or not all(head.name in HEADS for head in heads):
        return None
    some = np.flatnonzero(make_folds(labels, -(-n // _PROBE), np.random.default_rng(0)) == 0)
    if len(np.unique(labels[some])) < 2:
        return None
    seconds = 0.0
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        for rows, sizes in work:
            few, deals = (rows[some], labels[some]), Deals(labels[some], FOLDS, repeats=1, seed=0)
            paces = [_probe(head, *few, deals, n, recipe, len(heads) == 1) for head in heads]
            seconds += sum(_total(paces, size) for size in sizes)
    if seconds >= _LONG:
        name, most = (heads[0].name, "") if len(heads) == 1 else ("auto", "at most ")
        words = in_words(seconds if len(heads) == 1 else _SAFE * seconds)
        told = f"{name}: {most}about {words} on {n} samples, measuring included"
        warnings.warn(told, FeatxNotice, stacklevel=3)
    return seconds


def _total(paces: Sequence[_Timing], n: int) -> float:
    """Seconds until one of several heads is chosen and trained, if the slowest stay in the race."""
    seconds, left = 0.0, list(paces)
    for size, kept in RACES:
        if len(left) > kept and n > 1.5 * size:
            seconds += sum(pace.on(size)[0] for pace in left)
            left = sorted(left, key=lambda pace: sum(pace.on(n)), reverse=True)[:kept]
    return seconds + sum(pace.on(n)[0] for pace in left) + max(pace.on(n)[1] for pace in left)


def _probe(
    head: HeadSpec,
    rows: FloatArray,
    labels: Labels,
    deals: Deals,
    n: int,
    recipe: HeadConfig,
    alone: bool,
) -> _Timing:
    """Time one head as it will run on ``n`` samples."""
    data, grid = (
        Data.of(rows, labels, balance=recipe.class_weight == "balanced"),
        head.candidates(deals.least),
    )
    workers = count_workers(recipe.n_jobs)
    if head.search == "path":
        search = _time(lambda: try_path(head, data, deals, map)) / workers
    elif head.search == "leave-one-out" and alone:
        search = _time(lambda: leave_out(head, data))
    else:
        train, test = deals.splits[0]
        gram = Deals.fits(n - n // FOLDS)
        one = _time(lambda: split_scores(head, grid, rows, labels, train, test, gram=gram))
        search = one * -(-len(deals.splits) // workers)
    choice = SearchResult(head, grid[len(grid) // 2], 1.0, 0.0, FOLDS, 1, len(grid))

    def train_and_predict() -> None:
        if n > LARGEST_GRAM and isinstance(head.build()[-1], SVC):
            head.build().set_params(**choice.params).fit(rows, labels).predict(rows[deals.tested])
        else:
            made = fit_choice(choice, rows, labels, n_jobs=1)
            made.predict_proba(rows[deals.splits[0][1]])

    return _Timing(head, len(rows), search, _time(train_and_predict))


def _time(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def in_words(seconds: float) -> str:
    """Seconds as people say them.

    >>> in_words(34), in_words(250), in_words(9000)
    ('34 s', '4 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
