"""How long a search will take, told before it starts."""

from __future__ import annotations

import time
import warnings
from types import MappingProxyType

import numpy as np
from threadpoolctl import threadpool_limits

from featx.errors import FeatxNotice
from featx.heads import HEADS, Head
from featx.inputs import FloatArray
from featx.tuning.benches import try_split
from featx.tuning.folds import Deals, Labels, make_folds

__all__ = ["foretell", "in_words"]

_PROBE = 800  # samples of the small search that is timed
_LONG = 20.0  # seconds from which on it is worth a word
_ORDERS = MappingProxyType(
    {"linear-svm": 2, "rbf-svm": 2, "knn": 2}
)  # else time grows with samples


def foretell(
    head: Head, rows: FloatArray, labels: Labels, deals: Deals, workers: int
) -> float | None:
    """Time a search on 800 samples, and tell what that says of the whole where it is long.

    Only of featx's own heads, and only where there are far more samples: of others nobody knows how their
    time grows.

    Returns
    -------
    float
        Seconds that the search on all folds will take; None where nothing was timed.
    """
    if head.name not in HEADS or head.search == "path" or deals.least < 3 * _PROBE:
        return None
    folds = make_folds(labels, -(-len(labels) // _PROBE), np.random.default_rng(0))
    some = np.flatnonzero(folds == 0)
    if len(np.unique(labels[some])) < 2:
        return None
    left = some[:: len(deals.splits)]
    grid = head.candidates(len(some))
    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        try_split(head, grid, rows, labels, some, left, gram=deals.gram)
        took = time.perf_counter() - start
    growth = (deals.least / len(some)) ** _ORDERS.get(head.name, 1)
    turns = -(-len(deals.splits) // min(workers, len(deals.splits)))
    seconds = took * growth * turns
    if seconds >= _LONG:
        fits = len(grid) * len(deals.splits)
        told = f"{head.name}: about {in_words(seconds)} for {fits} fits of {deals.least} rows"
        warnings.warn(told, FeatxNotice, stacklevel=5)
    return seconds


def in_words(seconds: float) -> str:
    """Seconds as people say them.

    >>> in_words(34), in_words(250), in_words(9000)
    ('34 s', '4 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
