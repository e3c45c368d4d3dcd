"""A worker a core behind a queue that has an end."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from featx.server.refusals import Refusal

__all__ = ["Pool"]

T = TypeVar("T")

_FORGET = 0.1  # weight of the newest request in the mean duration


class Pool:
    """Threads that do the work, and places for the requests that wait for them.

    A request holds a place from before its body is read until it is answered: that bounds what waits in
    memory as well as in time. Everything but the work itself happens on the event loop's thread.
    """

    def __init__(self, workers: int, queue: int) -> None:
        self.workers = workers
        self.places = workers + queue
        self.held = 0
        self._mean = 0.1  # seconds a request holds its place; a guess until there are any
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="serving")

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places, for as long as a request is being answered.

        Raises
        ------
        Refusal
            None is free (429); says in how many seconds to try again.
        """
        if self.held >= self.places:
            seconds = max(1, math.ceil(self._mean))
            raise Refusal(
                429,
                "busy",
                f"{self.held} requests are being answered, and no more may wait; try again in "
                f"{seconds} s",
                {"Retry-After": str(seconds)},
            )
        self.held += 1
        start = time.perf_counter()
        try:
            yield
        finally:
            self.held -= 1
            self._mean += _FORGET * (time.perf_counter() - start - self._mean)

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, from a worker; where it has not begun when nobody waits, it never does."""
        return await asyncio.wrap_future(self._executor.submit(work))

    def close(self) -> None:
        """Wait for the work that has begun; what has not is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)
