"""Threads of a search and of a training: one pool, and no threads inside the linear algebra."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController, threadpool_limits

from featx.tuning.solvers.lbfgs import MapFn

__all__ = ["one_thread_each", "threads"]


def one_thread_each() -> AbstractContextManager[Any]:
    """Allow no threads inside the linear algebra: folds fill the cores, and sums keep their order."""
    limited: AbstractContextManager[Any] = _controller(len(sys.modules)).limit(limits=1)
    return limited


@lru_cache(maxsize=1)
def _controller(n_modules: int) -> ThreadpoolController:
    """Return what limits the libraries that are loaded: to look for them takes as long as a small search.

    Only an import loads another one, after which there are more modules.
    """
    return ThreadpoolController()


@contextmanager
def threads(workers: int) -> Iterator[MapFn]:
    """Give ``map`` over so many threads, or the plain one for none; after an interrupt none takes new work.

    One thread is of use too: the main thread hears Ctrl-C while another one is inside a library.
    """
    if workers == 0:
        yield map
        return
    pool = ThreadPoolExecutor(workers, "featx-fit", initializer=_limit_openmp)
    try:
        yield pool.map
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _limit_openmp() -> None:
    """Keep OpenMP to one thread in this thread of a pool; limits of OpenMP are a thread's own."""
    threadpool_limits(limits=1, user_api="openmp")
