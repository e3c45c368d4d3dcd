"""Workers behind a queue of limited length."""

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

# Seconds after a refusal in which no request may wait.
_OVERLOAD_SECONDS = 1.0
# Weight of the newest request in the mean duration.
_NEWEST_WEIGHT = 0.1


class Pool:
    """Threads that do the work, and slots for the requests that are answered or wait.

    A request holds a slot from before its body is read until it is answered, which limits what waits in
    memory as well as in time. Everything but the work itself happens on the event loop's thread.

    A burst may fill every slot. Where requests come faster than they are answered, a queue only adds its own
    length to the time that each accepted one takes. So no request may wait while the pool is overloaded, which
    it is from a refusal on until there was none for a second: the next request is there before a free worker
    could miss it.

    Parameters
    ----------
    workers : int
        Threads.
    queue : int
        Requests that may wait while every worker is busy.
    clock : callable, default=time.monotonic
        Gives the time in seconds.

    Attributes
    ----------
    held : int
        Slots that are taken.
    """

    def __init__(
        self, workers: int, queue: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.workers = workers
        self.slots = workers + queue
        self.held = 0
        self._clock = clock
        self._overloaded_until = -math.inf
        # Seconds that a request holds its slot; a guess until there are any.
        self._mean_seconds = 0.1
        self._threads = Workers(workers)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot while a request is answered.

        Raises
        ------
        HTTPError
            None is free (429); the message says in how many seconds to try again.
        """
        now = self._clock()
        overloaded = now < self._overloaded_until
        if self.held >= (self.workers if overloaded else self.slots):
            self._overloaded_until = now + _OVERLOAD_SECONDS
            seconds = max(1, math.ceil(self._mean_seconds))
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
            duration = time.perf_counter() - start
            self._mean_seconds += _NEWEST_WEIGHT * (duration - self._mean_seconds)

    async def run(self, step: Step[S, T], items: Sequence[S]) -> list[T]:
        """Return the results of a step on items, computed by workers as ``Workers.run`` does."""
        return await self._threads.run(step, items)

    def close(self) -> None:
        """Wait for the work that has begun, and drop what has not."""
        self._threads.close()
