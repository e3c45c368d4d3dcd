"""Workers behind a queue of limited length."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from featx.server.errors import HTTPError
from featx.server.workers import Step, Workers

__all__ = ["Pool"]

S = TypeVar("S")
T = TypeVar("T")

# Seconds after a refusal in which no request may wait.
_OVERLOAD_SECONDS = 1.0
# Smaller bodies are parsed at once: that takes a millisecond or two, whatever they hold.
_INLINE_BYTES = 1 << 16
# Weight of the newest request in the mean duration.
_NEWEST_WEIGHT = 0.1


class Pool:
    """Threads that do the work, and slots for the requests that are answered or wait.

    A request holds a slot from when its body is whole until it is answered, so that a client who sends slowly
    holds none. Large bodies are parsed by a thread of their own: everything but that and the work itself
    happens on the event loop's thread.

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
    timeout : float, default=None
        Seconds that a worker may take for what it works on at once; None is any time.
    clock : callable, default=time.monotonic
        Gives the time in seconds.

    Attributes
    ----------
    held : int
        Slots that are taken.
    """

    def __init__(
        self,
        workers: int,
        queue: int,
        *,
        timeout: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers = workers
        self.slots = workers + queue
        self.held = 0
        self._clock = clock
        self._overloaded_until = -math.inf
        # Seconds that a request holds its slot; a guess until there are any.
        self._mean_seconds = 0.1
        self._threads = Workers(workers, timeout=timeout)
        # One: what several bodies would build at a time is several times as much.
        self._parser = Workers(1, name="parsing", timeout=timeout)

    @property
    def alive(self) -> int:
        """The number of workers that can take a sample; 0 where nothing can be parsed."""
        return self._threads.alive if self._parser.alive else 0

    @property
    def restarts(self) -> int:
        """The number of workers that were replaced because they had failed or did not come back."""
        return self._threads.restarts + self._parser.restarts

    @property
    def is_full(self) -> bool:
        """True where a request would get no slot now."""
        if self.held < self.workers:
            return False
        return self.held >= self.slots or self._clock() < self._overloaded_until

    def check(self) -> None:
        """Raise HTTPError (429) where a request would get no slot now: its body need not be read."""
        if self.is_full:
            self._overloaded_until = self._clock() + _OVERLOAD_SECONDS
            seconds = max(1, math.ceil(self._mean_seconds))
            raise HTTPError(
                429,
                "busy",
                f"{self.held} requests are being answered, and no more may wait; try again in "
                f"{seconds} s",
                {"Retry-After": str(seconds)},
            )

    def slot(self) -> AbstractContextManager[None]:
        """Hold a slot while a request is answered.

        Raises
        ------
        HTTPError
            None is free (429); the message says in how many seconds to try again.
        """
        return _Slot(self)

    def note_seconds(self, seconds: float) -> None:
        """Note how long a request has held its slot: a refusal says when to come back."""
        self._mean_seconds += _NEWEST_WEIGHT * (seconds - self._mean_seconds)

    async def parse(self, parse: Callable[[], T], size: int) -> T:
        """Return what a function returns that reads ``size`` bytes of a client; many are read by a thread."""
        if size <= _INLINE_BYTES:
            return parse()
        [result] = await self._parser.run(_Call(parse), [None])
        parsed: T = result
        return parsed

    async def run(
        self, step: Step[S, T], items: Sequence[S], weights: Sequence[float] | None = None
    ) -> list[T]:
        """Return the results of a step on items, computed by workers as ``Workers.run`` does."""
        return await self._threads.run(step, items, weights)

    def close(self) -> None:
        """Wait for the work that has begun, some seconds at most, and drop what has not."""
        self._parser.close()
        self._threads.close()


class _Slot:
    """A slot while a request is answered; every request has one, so that it is no generator."""

    __slots__ = ("_pool", "_start")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._start = 0.0

    def __enter__(self) -> None:
        self._pool.check()
        self._pool.held += 1
        self._start = time.perf_counter()

    def __exit__(self, *failure: object) -> None:
        self._pool.held -= 1
        self._pool.note_seconds(time.perf_counter() - self._start)


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A call as a step of workers, which works on one item at a time."""

    function: Callable[[], Any]

    @property
    def max_batch(self) -> int:
        """Return 1: nothing is gained by several."""
        return 1

    def __call__(self, items: Sequence[None]) -> list[Any]:
        """Return what the function returns, once an item."""
        return [self.function() for _ in items]
