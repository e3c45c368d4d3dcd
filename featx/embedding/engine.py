"""The engine: rows of samples on every core, in input order and bounded memory."""

from __future__ import annotations

import math
import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from featx._typing import FloatArray
from featx.embedding.cache import RowCache, row_key
from featx.embedding.embedder import BaselineEmbedder, Embedder, describe_doubts
from featx.embedding.joint_rows import ChunkResult, JointEmbedder, JointTask
from featx.embedding.rows import Reject, Rows
from featx.embedding.run_settings import RunSettings, remembered_settings
from featx.errors import BadOption, BadSample, FeatxWarning, wrong_type
from featx.modalities import DoubtfulReader
from featx.modalities.remarks import (
    Remark,
    collected,
    describe_remark,
    warn_each,
    warn_of,
)
from featx.sources import Sample

__all__ = [
    "BaselineEmbedder",
    "Cache",
    "Embedder",
    "Engine",
    "OnError",
    "count_workers",
    "embed_chunk",
    "embed_remarked",
]

Cache = RowCache | bool | str | Path | None
OnError = Literal["fail", "skip"]

# Why a sample that can be read is a reject all the same.
NOT_FINITE = "the backbone gives a row that is not finite"

# Samples for which threads are not worth their start, however few make a batch.
_FEW = 4
# Chunks in flight a worker: enough that one slow sample does not hold up the others.
_AHEAD = 4
# Chunks a worker before the end from which on they become smaller.
_TAIL = 2
# Rows of one transaction of the cache.
_COMMIT = 64
# Samples of a run whose rows are in the cache and that are read all the same, to see what they hold.
_EXAMINED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine that turns samples into rows: decoding and inference run in the same worker, a worker a core.

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

    @classmethod
    def of(cls, engine: Engine | None, *, n_jobs: int | None = None) -> Engine:
        """Return the engine that was given, else one of defaults.

        Raises
        ------
        BadOption
            It is no engine.

        Examples
        --------
        >>> Engine.of(None, n_jobs=2).n_jobs
        2
        """
        if engine is None:
            return cls(n_jobs=n_jobs)
        if not isinstance(engine, Engine):
            raise wrong_type("engine", engine, "an Engine, or None")
        return engine

    def embed(
        self,
        samples: Iterable[Sample],
        backbone: Embedder | JointEmbedder,
        *,
        digests: bool = False,
    ) -> Rows:
        """Return all rows at once, in input order; see ``stream``."""
        empty = Rows((), (), np.empty((0, backbone.dim), np.float32), backbone.fingerprint)
        return Rows.concatenate([empty, *self.stream(samples, backbone, digests=digests)])

    def stream(
        self,
        samples: Iterable[Sample],
        backbone: Embedder | JointEmbedder,
        *,
        digests: bool = False,
    ) -> Iterator[Rows]:
        """Give rows a few at a time, in input order; memory does not grow with the number of samples.

        Parameters
        ----------
        samples : iterable of Sample
        backbone : Backbone or JointEmbedder
            Of several inputs ``Sample.data`` is a mapping of their names to values.
        digests : bool, default=False
            Whether the rows carry the digest of each sample's content.

        Raises
        ------
        BadSample
            A sample cannot be read and ``on_error`` is "fail"; names the sample and says why.
        BadOption
            A parameter of the engine cannot be used.

        Warns
        -----
        FeatxWarning
            At the end, of samples that hold hardly anything that the backbone knows.
        """
        self._check_parameters()
        with ExitStack() as stack:
            store = _open_cache(self.cache, stack)
            settings = remembered_settings(backbone.cache_key)
            task = _make_task(backbone, self.batch_size, store, digests)
            fresh: list[tuple[bytes, FloatArray]] = []
            remarks, total = list[tuple[str, Remark]](), 0
            stack.callback(lambda: warn_of(remarks, total))
            if store:
                stack.callback(lambda: store.put(fresh))
            doubtful = examined = 0
            ahead = _read_ahead(iter(samples))
            stack.callback(ahead.close)
            for done in _work(task, ahead, self.n_jobs, settings, stack):
                doubtful, examined = doubtful + done.rows.doubtful, examined + done.rows.examined
                fresh += done.fresh
                remarks += done.remarks
                total += len(done.rows.ids) + len(done.rows.rejects)
                if self.on_error == "fail" and done.rows.rejects:
                    raise done.rows.rejects[0].failure()
                if store and len(fresh) >= _COMMIT:
                    store.put(fresh)
                    fresh.clear()
                if self.progress:
                    self.progress(len(done.rows.ids) + len(done.rows.rejects))
                yield done.rows
            if isinstance(task, JointTask):
                doubts = task.doubts()
            else:
                doubts = [describe_doubts(task.backbone, doubtful, examined) or ""]
            for text in filter(None, doubts):
                warnings.warn(text, FeatxWarning, stacklevel=2)

    def _check_parameters(self) -> None:
        _check_jobs(self.n_jobs)
        size = self.batch_size
        if size is not None and (not isinstance(size, (int, np.integer)) or size < 1):
            raise BadOption(f"batch_size = {size!r}: expected 1 or more")
        if self.on_error not in ("fail", "skip"):
            raise BadOption(f"on_error = {self.on_error!r}: expected 'fail' or 'skip'")
        if self.progress is not None and not callable(self.progress):
            raise wrong_type("progress", self.progress, "a function of a number")


def count_workers(n_jobs: int | None, settings: RunSettings | None = None) -> int:
    """Return how many threads are meant by ``n_jobs`` and by settings that are remembered.

    Parameters
    ----------
    n_jobs : int or None
        As in joblib; None is every core, or one in a worker process.
    settings : RunSettings, optional
        Where ``n_jobs`` is None their workers are taken, if there are the cores they were measured on.
    """
    workers = _count_jobs(n_jobs)
    if n_jobs is None and settings and settings.cores == workers:
        return settings.workers
    return workers


def _count_jobs(n_jobs: int | None) -> int:
    _check_jobs(n_jobs)
    if n_jobs is not None and n_jobs > 0:
        return n_jobs
    # It is loaded in every process that it started.
    processes = sys.modules.get("multiprocessing")
    # Joblib would say so too, with a warning.
    if processes and processes.current_process().daemon:
        return 1
    # 0.08 s, which a single photo need not wait for
    import joblib

    return int(joblib.effective_n_jobs(-1 if n_jobs is None else n_jobs))


def _check_jobs(n_jobs: int | None) -> None:
    if n_jobs is not None and (not isinstance(n_jobs, (int, np.integer)) or n_jobs == 0):
        raise BadOption(f"n_jobs = {n_jobs!r}: expected a number of threads, or -1 for every core")


def embed_chunk(samples: Sequence[Sample], backbone: Embedder | JointEmbedder) -> Rows:
    """Return rows of a few samples, computed in the calling thread; samples that fail are rejects."""
    return embed_remarked(samples, backbone)[0]


def embed_remarked(
    samples: Sequence[Sample], backbone: Embedder | JointEmbedder
) -> tuple[Rows, dict[str, list[str]]]:
    """Return what ``embed_chunk`` returns, and what is to be known of single samples, as sentences by ids.

    Such as that a photo is cut off, a text in words that the backbone does not know, or a category one that
    training never had.
    """
    result = _make_task(backbone, None, None, False, remembered=False)(samples)
    warn_each(one for _, one in result.remarks)
    said: dict[str, list[str]] = {}
    for name, text in result.said:
        said.setdefault(name, []).append(text)
    return result.rows, said


class _Task:
    """The work on one chunk, from any thread."""

    def __init__(
        self, backbone: Embedder, batch_size: int, store: RowCache | None, digests: bool
    ) -> None:
        self.backbone = backbone
        self.batch_size = batch_size
        self.store = store
        self.digests = digests
        # samples of the cache that were looked at; about, where threads meet
        self.examined = 0
        self.stop = threading.Event()

    def __call__(self, chunk: Sequence[Sample]) -> ChunkResult:
        reader, reasons = self.backbone.reader, dict[int, str]()
        remarks: dict[int, list[Remark]] = {}
        data = {index: sample.data for index, sample in enumerate(chunk)}
        contents = self._apply(reader.load, data, reasons)
        keys: dict[int, bytes] = {}
        rows: dict[int, FloatArray] = {}
        digests: dict[int, bytes] = {}
        if self.store or self.digests:
            # What was there when it was looked at may be gone, or damaged where it is read.
            digests = self._apply(reader.digest, contents, reasons)
        if self.store:
            cache_key = self.backbone.cache_key
            keys = {index: row_key(cache_key, digest) for index, digest in digests.items()}
            cached = self.store.get(list(keys.values()), dim=self.backbone.dim)
            rows = {i: row for i, row in zip(keys, cached, strict=True) if row is not None}
        missing = {i: c for i, c in contents.items() if i not in rows and i not in reasons}
        items = self._apply(reader.read, missing, reasons, remarks)
        examined, doubtful, doubts = self._examine(items, contents)
        rows |= self._embed(items, reasons)
        good = sorted(rows)
        block = Rows(
            ids=tuple(chunk[index].id for index in good),
            labels=tuple(chunk[index].label for index in good),
            embeddings=np.stack([rows[index] for index in good]) if good else self._empty(),
            fingerprint=self.backbone.fingerprint,
            rejects=tuple(_reject(chunk[index], reasons[index]) for index in sorted(reasons)),
            digests=tuple(digests[index].hex() for index in good) if self.digests else (),
            columns=_columns([chunk[index] for index in good]),
            examined=examined,
            doubtful=doubtful,
        )
        # Of a row in the cache nothing would be said the next time.
        again = {index for index, found in remarks.items() if any(one.again for one in found)}
        fresh = [(keys[i], rows[i]) for i in items if keys and i in rows and i not in again]
        noticed = [(chunk[i].id, one) for i, found in remarks.items() for one in found]
        said = [(name, describe_remark(one)) for name, one in noticed]
        said += [(chunk[i].id, text) for i, text in doubts]
        return ChunkResult(block, fresh, noticed, said)

    def _examine(
        self, items: Mapping[int, Any], contents: Mapping[int, Any]
    ) -> tuple[int, int, list[tuple[int, str]]]:
        """Return how many items were looked at, how many say hardly anything to the backbone, and why.

        Of samples whose rows are in the cache, only the first are read for it.
        """
        reader = self.backbone.reader
        # the first is quick to tell, and most readers are none
        if not hasattr(reader, "is_doubtful") or not isinstance(reader, DoubtfulReader):
            return 0, 0, []
        known = {index: content for index, content in contents.items() if index not in items}
        known = dict(islice(known.items(), max(0, _EXAMINED - self.examined)))
        self.examined += len(known)
        looked = [*items.items(), *self._apply(reader.read, known, {}).items()]
        doubts = [
            (index, reader.describe_doubt(item, self.backbone.name))
            for index, item in looked
            if reader.is_doubtful(item)
        ]
        return len(looked), len(doubts), doubts

    def _apply(
        self,
        step: Callable[[Any], Any],
        data: Mapping[int, Any],
        reasons: dict[int, str],
        remarks: dict[int, list[Remark]] | None = None,
    ) -> dict[int, Any]:
        """Return what ``step`` makes of each value; why some cannot be read goes to ``reasons``.

        What the reader says of a value goes to ``remarks``.
        """
        results = {}
        for index, value in data.items():
            # Nobody waits for the result any more.
            if self.stop.is_set():
                break
            try:
                with collected() as found:
                    results[index] = step(value)
            except BadSample as error:
                reasons[index] = str(error)
            else:
                if found and remarks is not None:
                    remarks[index] = found
        return results

    def _embed(self, items: Mapping[int, Any], reasons: dict[int, str]) -> dict[int, FloatArray]:
        """Return rows by index; an item that spoils its batch is found by embedding each alone."""
        if not items or self.stop.is_set():
            return {}
        try:
            embeddings = self.backbone.embed_items(list(items.values()), self.batch_size)
        except BadSample as error:
            if len(items) == 1:
                reasons |= dict.fromkeys(items, str(error))
                return {}
            alone = [self._embed({index: item}, reasons) for index, item in items.items()]
            return {index: row for one in alone for index, row in one.items()}
        rows = {}
        finite = np.asarray(np.isfinite(embeddings).all(axis=1))
        for index, row, fine in zip(items, embeddings, finite, strict=True):
            if fine:
                rows[index] = row
            else:
                reasons[index] = NOT_FINITE
        return rows

    def _empty(self) -> FloatArray:
        return np.empty((0, self.backbone.dim), np.float32)


def _make_task(
    backbone: Embedder | JointEmbedder,
    batch_size: int | None,
    store: RowCache | None,
    digests: bool,
    *,
    remembered: bool = True,
) -> _Task | JointTask:
    """Return the work on a chunk; settings that are remembered for an embedder may say how many at once."""

    def make(embedder: Embedder, cached: bool) -> _Task:
        settings = remembered_settings(embedder.cache_key) if remembered else None
        size = batch_size or (settings.batch_size if settings else embedder.batch_size)
        return _Task(embedder, size, store if cached else None, digests)

    if isinstance(backbone, JointEmbedder):
        return JointTask(backbone, make, digests, _columns)
    return make(backbone, True)


def _columns(samples: Sequence[Sample]) -> dict[str, tuple[Any, ...]]:
    """Return the cells that samples carry along, by column."""
    carried = [sample.columns or {} for sample in samples]
    names = dict.fromkeys(name for cells in carried for name in cells)
    return {name: tuple(cells.get(name) for cells in carried) for name in names}


def _reject(sample: Sample, reason: str) -> Reject:
    # A sample that is named like its file is named once.
    return Reject(sample.id, reason.removeprefix(f"{sample.id}: "))


def _open_cache(cache: Cache, stack: ExitStack) -> RowCache | None:
    if cache is None or cache is False:
        return None
    if isinstance(cache, RowCache):
        return cache
    if not isinstance(cache, bool | str | os.PathLike):
        raise wrong_type("cache", cache, "True, False, a path or a RowCache")
    where = None if isinstance(cache, bool) else Path(cache)
    return stack.enter_context(closing(RowCache(where)))


def _read_ahead(samples: Iterator[Sample]) -> Generator[Sample, None, None]:
    """Give the samples; from the first on another machine on, content is fetched before it is needed."""
    for sample in samples:
        if sample.is_remote:
            # Only who reads from another machine loads what does it.
            from featx.sources.read_ahead import fetching

            yield from fetching(chain([sample], samples))
            return
        yield sample


def _chunks(
    samples: Iterator[Sample], most: int, least: int, workers: int
) -> Iterator[list[Sample]]:
    """Give chunks of ``most`` samples, and down to ``least`` at the end, where workers would wait.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987), from a few chunks before the end on.
    """
    ahead = deque(islice(samples, _TAIL * workers * most))
    while ahead:
        # who works alone keeps nobody waiting
        share = math.ceil(len(ahead) / (_TAIL * workers)) if workers > 1 else most
        # A chunk holds whole batches.
        size = min(max(share - share % least, least), len(ahead))
        yield [ahead.popleft() for _ in range(size)]
        ahead.extend(islice(samples, size))


def _work(
    task: _Task | JointTask,
    samples: Iterator[Sample],
    n_jobs: int | None,
    settings: RunSettings | None,
    stack: ExitStack,
) -> Iterator[ChunkResult]:
    """Give results in the order of samples: of a few in this thread, of more from a pool's."""
    least = task.batch_size
    most = least * max(1, task.backbone.chunk_size // least)
    alone = min(most, max(least, _FEW))
    first = list(islice(samples, alone + 1))
    if len(first) <= alone:
        if first:
            yield task(first)
        return
    workers = count_workers(n_jobs, settings)
    pool = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="featx"))
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    # After an interrupt, workers end with their sample.
    stack.callback(task.stop.set)
    chunks = _chunks(chain(first, samples), most, least, workers)
    yield from _in_order(pool, task, chunks, workers * _AHEAD)


def _in_order(
    pool: ThreadPoolExecutor, task: _Task | JointTask, chunks: Iterable[list[Sample]], ahead: int
) -> Iterator[ChunkResult]:
    """Give results in the order of chunks, with at most ``ahead`` of them under way or waiting."""
    pending: deque[Future[ChunkResult]] = deque()
    for chunk in chunks:
        pending.append(pool.submit(task, chunk))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
