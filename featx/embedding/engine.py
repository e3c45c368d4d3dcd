"""Samples in, rows out: every core, bounded memory, input order, rejects, progress."""

from __future__ import annotations

import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from featx._typing import FloatArray
from featx.embedding.cache import RowCache, row_key
from featx.embedding.embedder import Baseline, Embedder
from featx.embedding.rows import Reject, Rows
from featx.embedding.run_settings import RunSettings, remembered_settings
from featx.errors import BadOption, BadSample
from featx.sources import Sample

__all__ = [
    "Baseline",
    "Cache",
    "Embedder",
    "Engine",
    "OnError",
    "count_workers",
    "embed_chunk",
]

Cache = RowCache | bool | str | Path | None
OnError = Literal["fail", "skip"]

_AHEAD = 4  # chunks in flight a worker: enough that one slow sample does not hold up the others
_TAIL = 2  # chunks a worker before the end from which on they become smaller
_COMMIT = 64  # rows a transaction of the cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How samples become rows: decode and inference in the same worker, a worker a core.

    Parameters
    ----------
    n_jobs : int, default=None
        Worker threads: -1 is every core that the process may use (cgroup and affinity considered)
        and, inside a joblib worker, one. None is the same, or what `featx bench` remembered here.
    batch_size : int, default=None
        Samples that go through the graph together; None leaves it to what `featx bench` remembered
        here, else to the modality, whose default is small because large batches leave a CPU's cache.
    cache : bool, path or RowCache, default=None
        Where rows already paid for are kept; True is the user's cache. It never changes a row.
    on_error : {"fail", "skip"}, default="fail"
        Whether a sample that cannot be read raises BadSample, or becomes a Reject of its block.
    progress : callable, default=None
        Called with the number of samples done since the last call.

    Examples
    --------
    >>> from featx import Backbone, make_samples
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 255)]
    >>> Engine().embed(make_samples(images), Backbone("featx-image-nano")).embeddings.shape
    (2, 384)
    """

    n_jobs: int | None = None
    batch_size: int | None = None
    cache: Cache = None
    on_error: OnError = "fail"
    progress: Callable[[int], object] | None = None

    def embed(self, samples: Iterable[Sample], backbone: Embedder) -> Rows:
        """All rows at once, in input order."""
        nothing = Rows((), (), np.empty((0, backbone.dim), np.float32), backbone.fingerprint)
        return Rows.concatenate([nothing, *self.stream(samples, backbone)])

    def stream(self, samples: Iterable[Sample], backbone: Embedder) -> Iterator[Rows]:
        """Rows a few at a time, in input order; memory does not grow with the number of samples.

        Raises
        ------
        BadSample
            A sample cannot be read and ``on_error`` is "fail"; names the sample and says why.
        BadOption
            A parameter of the engine cannot be used.
        """
        _check_jobs(self.n_jobs)
        if self.batch_size is not None and self.batch_size < 1:
            raise BadOption(f"batch_size = {self.batch_size}: expected 1 or more")
        if self.on_error not in ("fail", "skip"):
            raise BadOption(f"on_error = {self.on_error!r}: expected 'fail' or 'skip'")
        with ExitStack() as stack:
            store = _open_cache(self.cache, stack)
            plan = remembered_settings(backbone.cache_key)
            size = self.batch_size or (plan.batch_size if plan else backbone.batch)
            task = _Task(backbone, size, store)
            fresh: list[tuple[bytes, FloatArray]] = []
            if store:
                stack.callback(lambda: store.put(fresh))
            for done in _work(task, iter(samples), self.n_jobs, plan, stack):
                fresh += done.fresh
                if self.on_error == "fail" and done.rows.rejects:
                    raise done.rows.rejects[0].failure()
                if store and len(fresh) >= _COMMIT:
                    store.put(fresh)
                    fresh.clear()
                if self.progress:
                    self.progress(len(done.rows.ids) + len(done.rows.rejects))
                yield done.rows


def count_workers(n_jobs: int | None) -> int:
    """How many threads ``n_jobs`` stands for, as joblib counts; None is all, or one in a worker process."""
    _check_jobs(n_jobs)
    if n_jobs is not None and n_jobs > 0:
        return n_jobs
    processes = sys.modules.get("multiprocessing")  # loaded in every process that it started
    if processes and processes.current_process().daemon:  # joblib would say so too, with a warning
        return 1
    import joblib  # 0.08 s, which a single photo need not wait for

    return int(joblib.effective_n_jobs(-1 if n_jobs is None else n_jobs))


def _check_jobs(n_jobs: int | None) -> None:
    if n_jobs == 0:
        raise BadOption("n_jobs = 0: expected a number of threads, or -1 for every core")


def embed_chunk(samples: Sequence[Sample], backbone: Embedder) -> Rows:
    """Rows of a few samples in the calling thread, for who has threads of its own; never raises BadSample."""
    return _Task(backbone, backbone.batch, None)(samples).rows


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one chunk."""

    rows: Rows
    fresh: list[tuple[bytes, FloatArray]]  # for the cache


class _Task:
    """The work on one chunk, from any thread."""

    def __init__(self, backbone: Embedder, batch_size: int, store: RowCache | None) -> None:
        self.backbone = backbone
        self.batch_size = batch_size
        self.store = store
        self.stop = threading.Event()

    def __call__(self, chunk: Sequence[Sample]) -> _Done:
        reader, reasons = self.backbone.reader, dict[int, str]()
        data = {place: sample.data for place, sample in enumerate(chunk)}
        contents = self._each(reader.load, data, reasons)
        keys: dict[int, bytes] = {}
        rows: dict[int, FloatArray] = {}
        if self.store:
            cache_key = self.backbone.cache_key
            keys = {p: row_key(cache_key, reader.digest(c)) for p, c in contents.items()}
            held = zip(
                keys, self.store.get(list(keys.values()), dim=self.backbone.dim), strict=True
            )
            rows = {place: row for place, row in held if row is not None}
        unpaid = {place: content for place, content in contents.items() if place not in rows}
        items = self._each(reader.read, unpaid, reasons)
        rows |= self._embed(items, reasons)
        good = sorted(rows)
        block = Rows(
            ids=tuple(chunk[place].id for place in good),
            labels=tuple(chunk[place].label for place in good),
            embeddings=np.stack([rows[p] for p in good]) if good else self._empty(),
            fingerprint=self.backbone.fingerprint,
            rejects=tuple(Reject(chunk[p].id, reasons[p]) for p in sorted(reasons)),
        )
        return _Done(block, [(keys[p], rows[p]) for p in items if keys and p in rows])

    def _each(
        self, step: Callable[[Any], Any], data: Mapping[int, Any], reasons: dict[int, str]
    ) -> dict[int, Any]:
        """``step`` of each, by place; the reasons of those that cannot be read go to ``reasons``."""
        made = {}
        for place, value in data.items():
            if self.stop.is_set():  # nobody waits for the result any more
                break
            try:
                made[place] = step(value)
            except BadSample as error:
                reasons[place] = str(error)
        return made

    def _embed(self, items: Mapping[int, Any], reasons: dict[int, str]) -> dict[int, FloatArray]:
        """Rows by place; an item that spoils its batch is found by embedding each alone."""
        if not items or self.stop.is_set():
            return {}
        try:
            made = self.backbone.embed(list(items.values()), self.batch_size)
        except BadSample as error:
            if len(items) == 1:
                reasons |= dict.fromkeys(items, str(error))
                return {}
            alone = [self._embed({place: item}, reasons) for place, item in items.items()]
            return {place: row for one in alone for place, row in one.items()}
        finite = np.asarray(np.isfinite(made).all(axis=1))
        for place, fine in zip(items, finite, strict=True):
            if not fine:
                reasons[place] = "the backbone gives a row that is not finite"
        return {place: row for place, row, fine in zip(items, made, finite, strict=True) if fine}

    def _empty(self) -> FloatArray:
        return np.empty((0, self.backbone.dim), np.float32)


def _open_cache(cache: Cache, stack: ExitStack) -> RowCache | None:
    if cache is None or cache is False:
        return None
    if isinstance(cache, RowCache):
        return cache
    return stack.enter_context(closing(RowCache(None if cache is True else Path(cache))))


def _chunks(
    samples: Iterator[Sample], most: int, least: int, workers: int
) -> Iterator[list[Sample]]:
    """Chunks of ``most`` samples, and down to ``least`` at the end, where workers would wait for the last.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987), from a few chunks before the end on.
    """
    ahead = deque(islice(samples, _TAIL * workers * most))
    while ahead:
        share = math.ceil(len(ahead) / (_TAIL * workers))
        size = min(max(share - share % least, least), len(ahead))  # whole batches
        yield [ahead.popleft() for _ in range(size)]
        ahead.extend(islice(samples, size))


def _work(
    task: _Task,
    samples: Iterator[Sample],
    n_jobs: int | None,
    plan: RunSettings | None,
    stack: ExitStack,
) -> Iterator[_Done]:
    """Results in the order of samples: of a few in this thread, of more from a pool's."""
    least = task.batch_size
    most = least * max(1, task.backbone.chunk // least)
    first = list(islice(samples, most + 1))
    if len(first) <= most:
        if first:
            yield task(first)
        return
    workers = count_workers(n_jobs)
    if n_jobs is None and plan and plan.cores == workers:
        workers = plan.workers
    pool = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="featx"))
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    stack.callback(task.stop.set)  # after an interrupt, workers end with their sample
    chunks = _chunks(chain(first, samples), most, least, workers)
    yield from _in_order(pool, task, chunks, workers * _AHEAD)


def _in_order(
    pool: ThreadPoolExecutor, task: _Task, chunks: Iterable[list[Sample]], ahead: int
) -> Iterator[_Done]:
    """Results in the order of chunks, with at most ``ahead`` of them under way or waiting."""
    pending: deque[Future[_Done]] = deque()
    for chunk in chunks:
        pending.append(pool.submit(task, chunk))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
