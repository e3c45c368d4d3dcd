"""A worker a core behind a queue that has an end."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from featx.server.refusals import Refusal

__all__ = ["Pool", "Step"]

S = TypeVar("S")
T = TypeVar("T")
Step = Callable[[Sequence[S]], Sequence[T]]  # one result an item

_TOGETHER = 4  # items of a step at most: more would keep the first of them waiting for nothing

_SHORT = 1.0  # seconds after a refusal in which none may wait
_FORGET = 0.1  # weight of the newest request in the mean duration


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An item that waits for a worker, and somebody for what a step makes of it."""

    step: Step[Any, Any]
    item: Any
    answer: asyncio.Future[Any]


class Pool:
    """Threads that do the work, and places for the requests that wait for them.

    A request holds a place from before its body is read until it is answered: that bounds what waits in
    memory as well as in time. Everything but the work itself happens on the event loop's thread.

    A burst may fill every place. Where requests come faster than they are answered, a queue only adds its own
    length to the time that each accepted one takes; so from a refusal on, until there was none for a second,
    none may wait: the next request is there before a free worker could miss it. One worker stands still
    meanwhile, for refusing takes its part of the cores.

    What waits for equal steps is worked on together, a worker's share of it: two pictures at once take less
    than one after the other. An item that nobody waits beside never waits for company.
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
        self._waiting: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._executor = self._start()

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
        if self.held >= (max(1, self.workers - 1) if overload else self.places):
            self._short = now + _SHORT
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

    async def run(self, step: Step[S, T], items: Sequence[S]) -> list[T]:
        """What a step makes of each item, in a worker.

        It may be given items of other requests beside these, in any division; steps that are equal are
        interchangeable. An item that nobody waits for any more when a worker comes to it is left out. Where
        a step fails on several, each is tried alone.
        """
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(step, item, loop.create_future()) for item in items]
        with self._lock:
            self._waiting.extend(waiting)
        for _ in waiting:
            self._executor.submit(self._turn)
        if (
            len(waiting) == 1
        ):  # the usual case, without the rounds of the event loop that gather takes
            return [await waiting[0].answer]
        made: list[T] = await asyncio.gather(*(each.answer for each in waiting))
        return made

    def close(self) -> None:
        """Wait for the work that has begun; what has not is dropped."""
        ended, self._executor = self._executor, self._start()  # an application may be started again
        with self._lock:
            dropped = list(self._waiting)
            self._waiting.clear()
        for each in dropped:
            each.answer.get_loop().call_soon_threadsafe(each.answer.cancel)
        ended.shutdown(wait=True, cancel_futures=True)

    def _turn(self) -> None:
        """A worker's share of what waits, the first of it first; it may be that others have taken all."""
        taken = self._take()
        if taken:
            _settle(taken, _outcomes(taken[0].step, taken))

    def _take(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        with self._lock:
            share = min(_TOGETHER, math.ceil(len(self._waiting) / self.workers))
            while self._waiting and len(taken) < share:
                if taken and self._waiting[0].step != taken[0].step:
                    break
                each = self._waiting.popleft()
                if not each.answer.cancelled():
                    taken.append(each)
        return taken

    def _start(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.workers, thread_name_prefix="serving")


def _outcomes(step: Step[Any, Any], taken: Sequence[_Waiting]) -> list[Any]:
    """A result or an exception for each."""
    try:
        return list(step([each.item for each in taken]))
    except Exception as error:  # whatever it is, it belongs to those who wait
        if len(taken) == 1:
            return [error]
        return [outcome for each in taken for outcome in _outcomes(step, [each])]


def _settle(taken: Sequence[_Waiting], outcomes: Sequence[Any]) -> None:
    """Tell those who wait, all of one event loop in one of its rounds."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for each, outcome in zip(taken, outcomes, strict=True):
        loops.setdefault(each.answer.get_loop(), []).append((each.answer, outcome))
    for loop, told in loops.items():
        loop.call_soon_threadsafe(_tell, told)


def _tell(told: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for answer, outcome in told:
        if answer.done():  # given up meanwhile
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
