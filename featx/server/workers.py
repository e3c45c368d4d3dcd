"""Threads that work on items together where several wait for equal steps."""

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
    """A function of several items; steps that are equal give equal results."""

    @property
    def max_batch(self) -> int:
        """Most items to work on together: with more, the first of them waits too long for the last."""

    def __call__(self, items: Sequence[S], /) -> Sequence[T]:
        """Return one result an item, in order."""

    def __hash__(self) -> int:
        """Return the hash of a key: equal steps are found by it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """An item that waits for a worker, and the future that waits for its result."""

    step: Step[Any, Any]
    item: Any
    future: asyncio.Future[Any]


# None ends the worker that takes it.
_Queue = SimpleQueue[_Task | None]


class Workers:
    """Threads that take the tasks that wait, each its share.

    Two pictures together take less time than one after the other, so items of equal steps are worked on
    together where several wait. An item never waits for others to come. An executor of concurrent.futures would
    hand over one call at a time, and make objects for each on the event loop's thread.

    Parameters
    ----------
    count : int
        Threads; they start with the first task.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._queue: _Queue | None = None
        self._threads: list[Thread] = []

    async def run(self, step: Step[S, T], items: Sequence[S]) -> list[T]:
        """Return the result of each item, in order.

        The step may be given items of other calls beside these, in any division. An item whose call was
        cancelled before a worker came to it is left out. Where a step fails on several items, each is tried
        alone.
        """
        loop, queue = asyncio.get_running_loop(), self._queue or self._start()
        tasks = [_Task(step, item, loop.create_future()) for item in items]
        for task in tasks:
            queue.put(task)
        # The usual case: gather would take another round of the event loop.
        if len(tasks) == 1:
            return [await tasks[0].future]
        results: list[T] = await asyncio.gather(*(task.future for task in tasks))
        return results

    def close(self) -> None:
        """Wait for the tasks that have begun, and drop the others; the next task starts threads again."""
        queue, self._queue = self._queue, None
        if queue is None:
            return
        with suppress(Empty):
            while task := queue.get_nowait():
                task.future.get_loop().call_soon_threadsafe(task.future.cancel)
        self._end_threads()
        for thread in self._threads:
            thread.join()

    def _start(self) -> _Queue:
        queue: _Queue = SimpleQueue()
        self._queue = queue
        self._threads = [
            Thread(target=_work, args=(queue, self.count), name=f"serving_{k}", daemon=True)
            for k in range(self.count)
        ]
        for thread in self._threads:
            thread.start()
        # Threads also end where nobody calls close.
        self._end_threads = finalize(self, _end, queue, self.count)
        return queue


def _end(queue: _Queue, count: int) -> None:
    for _ in range(count):
        queue.put(None)


def _work(queue: _Queue, count: int) -> None:
    """Work on what waits until told to end."""
    while first := queue.get():
        _work_on(_take_share(first, queue, count))
        # What was worked on is not kept in memory while nothing waits.
        del first


def _work_on(tasks: Sequence[_Task]) -> None:
    """Resolve tasks, those of equal steps together."""
    by_step: dict[Step[Any, Any], list[_Task]] = {}
    for task in tasks:
        if not task.future.cancelled():
            by_step.setdefault(task.step, []).append(task)
    for step, group in by_step.items():
        _resolve(group, _results(step, group))


def _take_share(first: _Task, queue: _Queue, count: int) -> list[_Task]:
    """Return a task and others that wait: one worker's share, and no more than their steps allow."""
    taken = [first]
    size = min(first.step.max_batch, math.ceil((queue.qsize() + 1) / count))
    with suppress(Empty):
        while len(taken) < size:
            task = queue.get_nowait()
            # The sign to end is left for after what is taken, or for another worker.
            if task is None:
                queue.put(None)
                break
            taken.append(task)
            size = min(size, task.step.max_batch)
    return taken


def _results(step: Step[Any, Any], tasks: Sequence[_Task]) -> list[Any]:
    """Return a result or an exception for each task."""
    try:
        return list(step([task.item for task in tasks]))
    # Whatever it is, it is raised again where the task's result is awaited.
    except Exception as error:
        if len(tasks) == 1:
            return [error]
        return [result for task in tasks for result in _results(step, [task])]


def _resolve(tasks: Sequence[_Task], results: Sequence[Any]) -> None:
    """Hand over results, all those of an event loop in one of its rounds."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for task, result in zip(tasks, results, strict=True):
        by_loop.setdefault(task.future.get_loop(), []).append((task.future, result))
    for loop, pairs in by_loop.items():
        # A loop that was closed raises: nobody waits there.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_set_results, pairs)


def _set_results(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in pairs:
        # Its call may have been cancelled meanwhile.
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
