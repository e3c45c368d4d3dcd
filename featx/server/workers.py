"""Threads that work on items together where several wait for equal steps, and are replaced where they fail."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar
from weakref import finalize

from featx.backbones.session import Interrupt, interruptible

__all__ = ["Step", "Workers", "in_thread"]

S = TypeVar("S", contravariant=True)
T = TypeVar("T", covariant=True)

# What a call may have waiting for each worker, in shares of one.
_AHEAD = 2
# Seconds after the end of a step's time until its worker is given up: a graph ends at its next node.
_GRACE_SECONDS = 2.0
# Seconds that closing waits for the work that has begun, and then for graphs to be interrupted.
_CLOSE_SECONDS, _INTERRUPT_SECONDS = 2.0, 1.0
# Threads a worker that may be given up and still run; with more, none is replaced until one of them ends.
_MAX_LOST = 2


class Step(Protocol[S, T]):
    """A function of several items; steps that are equal give equal results."""

    @property
    def max_batch(self) -> int:
        """Most items to work on together: with more, the first of them waits too long for the last."""

    def __call__(self, items: Sequence[S], /) -> Sequence[T]:
        """Return one result an item, in order."""

    def __hash__(self) -> int:
        """Return the hash of a key: equal steps are found by it."""


@dataclass(slots=True, eq=False)
class _Task:
    """An item that waits for a worker, and the future that waits for its result.

    ``weight`` is the part of what a worker takes at once. Once nobody waits for it, step and item are none.
    """

    step: Step[Any, Any]
    item: Any
    future: asyncio.Future[Any]
    weight: float = 0.0


class _NoStep:
    """A step in the place of one that nobody waits for: it holds nothing, and is never taken."""

    max_batch = 1

    def __call__(self, items: Sequence[Any]) -> Sequence[Any]:
        raise AssertionError


_NO_STEP = _NoStep()

# None ends the worker that takes it.
_Queue = SimpleQueue[_Task | None]


class _Worker(Thread):
    """A thread of a crew.

    Attributes
    ----------
    since : float or None
        When the step began in which it is.
    retired : bool
        Whether it was given up: it ends with its step, should that ever end.
    """

    def __init__(self, crew: _Crew, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._crew = crew
        self.since: float | None = None
        self.retired = False
        self.interrupt = Interrupt()

    def run(self) -> None:
        """Work on what waits until told to end, or until something fails that is no common exception."""
        crew = self._crew
        while not self.retired and (first := crew.queue.get()):
            tasks, whole = [first], False
            try:
                tasks = _take_share(first, crew.queue, crew.count)
                self.interrupt, self.since = Interrupt(), time.monotonic()
                with interruptible(self.interrupt):
                    whole = _work_on(tasks)
            # Nothing may end a worker while its tasks wait for ever.
            except BaseException as error:
                _resolve(tasks, [_to_exception(error)] * len(tasks))
            self.since = None
            # What was worked on is not kept in memory while nothing waits.
            del first, tasks
            if not whole:
                crew.replace(self)
                return


@dataclass(slots=True)
class _Crew:
    """The threads of one queue; they hold this and not the Workers, who may be forgotten while they wait."""

    name: str
    count: int
    timeout: float | None
    queue: _Queue = field(default_factory=SimpleQueue)
    ending: threading.Event = field(default_factory=threading.Event)
    restarts: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _active: list[_Worker] = field(default_factory=list)
    _lost: list[_Worker] = field(default_factory=list)

    def start(self) -> None:
        """Start as many threads as are missing, and one that looks after them where their time is limited."""
        with self._lock:
            self._fill()
        if self.timeout is not None:
            Thread(target=self._watch, name=f"{self.name}_watch", daemon=True).start()

    def replace(self, worker: _Worker) -> None:
        """Start another thread in the place of one."""
        with self._lock:
            if worker in self._active and not self.ending.is_set():
                self._active.remove(worker)
                self.restarts += 1
                self._fill()

    def alive(self) -> int:
        """Return the number of threads that can take a task, or will soon."""
        with self._lock:
            return sum(worker.is_alive() and not self._is_late(worker) for worker in self._active)

    def end(self) -> None:
        """Tell every thread to end once nothing waits."""
        self.ending.set()
        for _ in range(self.count):
            self.queue.put(None)

    def join(self) -> None:
        """Wait for the threads to end, but not for ever: graphs are interrupted, and what goes on is left."""
        deadline = time.monotonic() + _CLOSE_SECONDS
        with self._lock:
            active = list(self._active)
        for worker in active:
            worker.join(max(0.0, deadline - time.monotonic()))
        for worker in active:
            worker.interrupt.stop()
        deadline = time.monotonic() + _INTERRUPT_SECONDS
        for worker in active:
            worker.join(max(0.0, deadline - time.monotonic()))

    def _fill(self) -> None:
        while len(self._active) < self.count:
            worker = _Worker(self, f"{self.name}_{self.restarts + len(self._active)}")
            worker.start()
            # Whoever joins the active ones may do so at any time.
            self._active.append(worker)

    def _watch(self) -> None:
        assert self.timeout is not None
        while not self.ending.wait(min(1.0, self.timeout / 4)):
            self._check()

    def _check(self) -> None:
        """Interrupt what has taken its time, and replace the workers that it does not let go."""
        with self._lock:
            self._lost = [worker for worker in self._lost if worker.is_alive()]
            for worker in list(self._active):
                if self._is_late(worker):
                    worker.interrupt.stop()
                lost = self._is_late(worker, _GRACE_SECONDS)
                if lost and len(self._lost) < _MAX_LOST * self.count:
                    worker.retired = True
                    self._active.remove(worker)
                    self._lost.append(worker)
                    self.restarts += 1
            self._fill()

    def _is_late(self, worker: _Worker, grace: float = 0.0) -> bool:
        since = worker.since
        if since is None or self.timeout is None:
            return False
        return time.monotonic() - since > self.timeout + grace


class Workers:
    """Threads that take the tasks that wait, each its share.

    Two pictures together take less time than one after the other, so items of equal steps are worked on
    together where several wait. An item never waits for others to come. An executor of concurrent.futures would
    hand over one call at a time, and make objects for each on the event loop's thread.

    A thread in which something fails that is no ``Exception``, as the panic of a library in Rust, ends, and
    another takes its place. After ``timeout`` a step's graph is interrupted; a thread that does not come back
    then is given up, and another takes its place.

    Parameters
    ----------
    count : int
        Threads; they start with the first task.
    name : str, default="serving"
        What the threads are called.
    timeout : float, default=None
        Seconds that a step may take; None is any time.
    """

    def __init__(self, count: int, *, name: str = "serving", timeout: float | None = None) -> None:
        self.count = count
        self._name = name
        self._timeout = timeout
        self._crew: _Crew | None = None
        self._earlier_restarts = 0

    @property
    def restarts(self) -> int:
        """The number of threads that were replaced."""
        return self._earlier_restarts + (self._crew.restarts if self._crew else 0)

    @property
    def alive(self) -> int:
        """The number of threads that can take a task; before the first task all of them."""
        return self._crew.alive() if self._crew else self.count

    async def run(
        self, step: Step[S, T], items: Sequence[S], weights: Sequence[float] | None = None
    ) -> list[T]:
        """Return the result of each item, in order.

        The step may be given items of other calls beside these, in any division. An item whose call was
        cancelled before a worker came to it is left out. Where a step fails on several items, each is tried
        alone. A worker takes no more items once their ``weights`` are 1 together; None is no weight.
        """
        loop, queue = asyncio.get_running_loop(), (self._crew or self._start()).queue
        tasks = [_Task(step, item, loop.create_future()) for item in items]
        # Of a call of many items some wait here, so that those of other calls need not wait for all of them.
        ahead = _AHEAD * self.count * step.max_batch
        if weights is not None:
            for task, weight in zip(tasks, weights, strict=True):
                task.weight = weight
            heaviest = max(1.0, step.max_batch * max(weights, default=0.0))
            ahead = max(self.count, int(ahead / heaviest))
        rest = iter(tasks[ahead:])

        def put_next(_: object) -> None:
            if (task := next(rest, None)) is not None:
                queue.put(task)

        for task in tasks[: max(0, len(tasks) - ahead)]:
            task.future.add_done_callback(put_next)
        for task in tasks[:ahead]:
            queue.put(task)
        try:
            # The usual case: gather would take another round of the event loop.
            if len(tasks) == 1:
                return [await tasks[0].future]
            results: list[T] = await asyncio.gather(*(task.future for task in tasks))
            return results
        except asyncio.CancelledError:
            # They stand in the queue until a worker comes, but what they hold need not.
            for task in tasks:
                task.step, task.item = _NO_STEP, None
            raise

    def close(self) -> None:
        """Wait for the tasks that have begun, some seconds at most, and drop the others.

        The next task starts threads again.
        """
        crew, self._crew = self._crew, None
        if crew is None:
            return
        self._earlier_restarts += crew.restarts
        with suppress(Empty):
            while task := crew.queue.get_nowait():
                task.future.get_loop().call_soon_threadsafe(task.future.cancel)
        self._end_threads()
        crew.join()

    def _start(self) -> _Crew:
        crew = self._crew = _Crew(self._name, self.count, self._timeout)
        crew.start()
        # Threads also end where nobody calls close.
        self._end_threads = finalize(self, crew.end)
        return crew


async def in_thread(function: Callable[[], object]) -> None:
    """Wait for a function in a thread that does not keep the process, as one of asyncio's executor would."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def call() -> None:
        try:
            function()
        finally:
            # The loop is closed where nobody waited.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_set_results, [(ended, None)])

    Thread(target=call, daemon=True).start()
    await ended


def _work_on(tasks: Sequence[_Task]) -> bool:
    """Resolve tasks, those of equal steps together; return whether only common exceptions were raised."""
    whole = True
    by_step: dict[Step[Any, Any], list[tuple[_Task, Any]]] = {}
    for task in tasks:
        # In this order: a future is cancelled before step and item are taken away.
        step, item = task.step, task.item
        if not task.future.cancelled():
            by_step.setdefault(step, []).append((task, item))
    for step, group in by_step.items():
        results = _results(step, [item for _, item in group])
        whole = whole and not any(isinstance(result, _StepFailed) for result in results)
        _resolve([task for task, _ in group], results)
    return whole


def _take_share(first: _Task, queue: _Queue, count: int) -> list[_Task]:
    """Return a task and others that wait: one worker's share, and no more than their steps allow."""
    taken, weight = [first], first.weight
    size = min(first.step.max_batch, math.ceil((queue.qsize() + 1) / count))
    with suppress(Empty):
        while len(taken) < size and weight < 1:
            task = queue.get_nowait()
            # The sign to end is left for after what is taken, or for another worker.
            if task is None:
                queue.put(None)
                break
            # Of what nobody waits for any more nothing is done.
            if not task.future.cancelled():
                taken.append(task)
                weight += task.weight
                size = min(size, task.step.max_batch)
    return taken


def _results(step: Step[Any, Any], items: Sequence[Any]) -> list[Any]:
    """Return a result or an exception for each item."""
    try:
        results = list(step(items))
        if len(results) == len(items):
            return results
        raise RuntimeError(f"{len(results)} results of {len(items)} items")
    # Whatever it is, it is raised again where the task's result is awaited.
    except BaseException as error:
        if len(items) == 1:
            return [_to_exception(error)]
        return [result for item in items for result in _results(step, [item])]


class _StepFailed(RuntimeError):
    """A step raised what is no Exception; where that is awaited it would end the event loop, or its task."""


def _to_exception(error: BaseException) -> Exception:
    """Return what can be raised where a result is awaited."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    failure = _StepFailed(f"{type(error).__module__}.{type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


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
