"""A worker a core behind a queue that has an end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from featx.server.errors import HTTPError
from featx.server.workers import Step, Workers

__all__ = ["Pool"]

S = TypeVar("S")
T = TypeVar("T")

_SHORT = 1.0  # seconds after a refusal in which none may wait
_FORGET = 0.1  # weight of the newest request in the mean duration


class Pool:
    """Threads that do the work, and places for the requests that wait for them.

    A request holds a place from before its body is read until it is answered: that bounds what waits in
    memory as well as in time. Everything but the work itself happens on the event loop's thread.

    A burst may fill every place. Where requests come faster than they are answered, a queue only adds its own
    length to the time that each accepted one takes; so from a refusal on, until there was none for a second,
    none may wait: the next request is there before a free worker could miss it.
    """

    def __init__(
        self, workers: int, queue: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.workers = workers
        self.places = workers + queue
        self._short = -math.inf  # until when there are only as many places as in an overload
        self._clock = clock
        self.held = 0
        self._mean = 0.1  # seconds a request holds its place; a guess until there are any
        self._threads = Workers(workers)

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of the places, for as long as a request is being answered.

        Raises
        ------
        Refusal
            None is free (429); says in how many seconds to try again.
        """
        now = self._clock()
        overload = now < self._short
        if self.held >= (self.workers if overload else self.places):
            self._short = now + _SHORT
            seconds = max(1, math.ceil(self._mean))
            raise HTTPError(
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

    async def run(self, step: Step[S, T], items: Sequence[S]) -> list[T]:
        """What a step makes of each item, in a worker; as ``Workers.run``."""
        return await self._threads.run(step, items)

    def close(self) -> None:
        """Wait for the work that has begun; what has not is dropped."""
        self._threads.close()
