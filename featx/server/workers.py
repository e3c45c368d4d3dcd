"""Threads that work on what waits, and together on what waits for the same."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar
from weakref import finalize

__all__ = ["Step", "Workers"]

S = TypeVar("S", contravariant=True)
T = TypeVar("T", covariant=True)


class Step(Protocol[S, T]):
    """What is made of items; equal steps make the same of them."""

    @property
    def most(self) -> int:
        """Items to work on together, at most: with more the first of them waits for the others."""

    def __call__(self, items: Sequence[S], /) -> Sequence[T]:
        """One result an item, in order."""

    def __hash__(self) -> int:
        """As of any key."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An item that waits for a worker, and somebody for what a step makes of it."""

    step: Step[Any, Any]
    item: Any
    answer: asyncio.Future[Any]


_Queue = SimpleQueue[_Waiting | None]  # None ends the worker that takes it


class Workers:
    """Threads that take what waits, each its share.

    Two pictures at once take less than one after the other, so items of steps that are equal are worked on
    together where several wait. One that nobody waits beside never waits for company. An executor of
    concurrent.futures would hand over one call at a time, and make objects for each on the event loop's thread.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._queue: _Queue | None = None  # none until there is work
        self._threads: list[Thread] = []

    async def run(self, step: Step[S, T], items: Sequence[S]) -> list[T]:
        """What a step makes of each item.

        It may be given items of other calls beside these, in any division. An item that nobody waits for any
        more when a worker comes to it is left out. Where a step fails on several, each is tried alone.
        """
        loop, queue = asyncio.get_running_loop(), self._queue or self._start()
        waiting = [_Waiting(step, item, loop.create_future()) for item in items]
        for each in waiting:
            queue.put(each)
        if len(waiting) == 1:  # the usual case: gather takes a round of the event loop
            return [await waiting[0].answer]
        made: list[T] = await asyncio.gather(*(each.answer for each in waiting))
        return made

    def close(self) -> None:
        """Wait for the work that has begun; what has not is dropped. They start again where there is more."""
        queue, self._queue = self._queue, None
        if queue is None:
            return
        with suppress(Empty):
            while dropped := queue.get_nowait():
                dropped.answer.get_loop().call_soon_threadsafe(dropped.answer.cancel)
        self._end()
        for thread in self._threads:
            thread.join()

    def _start(self) -> _Queue:
        queue: _Queue = SimpleQueue()
        self._queue = queue
        self._threads = [
            Thread(target=_work_on, args=(queue, self.count), name=f"serving_{k}", daemon=True)
            for k in range(self.count)
        ]
        for thread in self._threads:
            thread.start()
        self._end = finalize(self, _dismiss, queue, self.count)  # nobody need call close
        return queue


def _dismiss(queue: _Queue, count: int) -> None:
    for _ in range(count):
        queue.put(None)


def _work_on(queue: _Queue, count: int) -> None:
    """A worker: its share of what waits, again and again."""
    while first := queue.get():
        taken = [first]
        share = min(first.step.most, math.ceil((queue.qsize() + 1) / count))
        with suppress(Empty):
            while len(taken) < share:
                more = queue.get_nowait()
                if more is None:  # this worker's or another's: its time comes after what is taken
                    queue.put(None)
                    break
                taken.append(more)
                share = min(share, more.step.most)
        together: dict[Step[Any, Any], list[_Waiting]] = {}
        for each in taken:
            if not each.answer.cancelled():
                together.setdefault(each.step, []).append(each)
        for step, group in together.items():
            _settle(group, _outcomes(step, group))
        del first, taken, together  # what was worked on is not held while nothing waits


def _outcomes(step: Step[Any, Any], group: Sequence[_Waiting]) -> list[Any]:
    """A result or an exception for each."""
    try:
        return list(step([each.item for each in group]))
    except Exception as error:  # whatever it is, it belongs to those who wait
        if len(group) == 1:
            return [error]
        return [outcome for each in group for outcome in _outcomes(step, [each])]


def _settle(group: Sequence[_Waiting], outcomes: Sequence[Any]) -> None:
    """Tell those who wait, all of an event loop in one of its rounds."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for each, outcome in zip(group, outcomes, strict=True):
        loops.setdefault(each.answer.get_loop(), []).append((each.answer, outcome))
    for loop, told in loops.items():
        with suppress(RuntimeError):  # it was closed: nobody waits
            loop.call_soon_threadsafe(_tell, told)


def _tell(told: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for answer, outcome in told:
        if answer.done():  # given up meanwhile
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
