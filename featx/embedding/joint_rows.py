"""Rows of several inputs: one work a chunk and input, and the blocks beside each other."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from featx._typing import FloatArray
from featx.embedding.embedder import Embedder, describe_doubts
from featx.embedding.rows import Reject, Rows
from featx.modalities.remarks import Remark
from featx.sources import Sample
from featx.sources.file_names import refusal_of
from featx.sources.sample import is_blank

__all__ = [
    "ChunkResult",
    "InputPart",
    "JointEmbedder",
    "JointTask",
    "Missing",
    "filled_block",
    "filled_rows",
]

Missing = Literal["reject", "zero", "read"]

# The most samples of a chunk of several inputs, and of the last ones.
_CHUNK, _LEAST = 64, 16


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The outcome of the work on one chunk."""

    rows: Rows
    # What the cache does not have yet: keys and rows.
    fresh: list[tuple[bytes, FloatArray]]
    # What is said of samples, by their ids.
    remarks: list[tuple[str, Remark]]
    # The same, and what is doubtful, as sentences for whoever sent them.
    said: list[tuple[str, str]]


class ChunkTask(Protocol):
    """The work on one chunk of what a single embedder reads."""

    stop: threading.Event

    def __call__(self, chunk: Sequence[Sample]) -> ChunkResult:
        """Return the rows of a chunk."""


@dataclass(frozen=True, slots=True, eq=False)
class InputPart:
    """One input as an engine sees it.

    Attributes
    ----------
    name : str
    embedder : Embedder
        What makes rows of its values.
    columns : tuple of str
        The key of its values in a record; of two, u and v, the row is ``|u - v|`` and then ``u * v``.
    several : bool, default=True
        Whether a list is several values, whose mean row it gets.
    cached : bool, default=True
        Whether its rows are worth keeping.
    missing : {"reject", "zero", "read"}, default="reject"
        Whether a sample without a value is refused, or gets the row ``filling``, or None is a value.
    filling : ndarray of shape (dim,), or None
        None: a row of NaN, which training replaces by the mean row.

    Notes
    -----
    Conneau et al., "Supervised learning of universal sentence representations", 2017.
    """

    name: str
    embedder: Embedder
    columns: tuple[str, ...]
    several: bool = True
    cached: bool = True
    missing: Missing = "reject"
    filling: FloatArray | None = None

    @property
    def pair(self) -> bool:
        """Tell whether two values are compared."""
        return len(self.columns) > 1

    @property
    def dim(self) -> int:
        """The number of columns of its block."""
        return self.embedder.dim * (2 if self.pair else 1)

    def values_of(self, record: Any) -> list[Any]:
        """Return the values of a record that are embedded; none where one is missing, or it is no record."""
        if not isinstance(record, Mapping):
            return []
        values: list[Any] = [record.get(column) for column in self.columns]
        if self.missing == "read":
            return values
        if self.several and not self.pair and _is_several(values[0]):
            return [one for one in values[0] if not is_blank(one)]
        return [] if any(map(is_blank, values)) else values

    def is_missing(self, record: Any) -> bool:
        """Return whether a record says nothing of it."""
        values = self.values_of(record)
        return not values or (len(values) == 1 and values[0] is None)

    def combine(self, rows: Sequence[FloatArray]) -> FloatArray:
        """Return the block of one sample from the rows of its values."""
        if self.pair:
            first, second = rows
            return np.concatenate([np.abs(first - second), first * second])
        if len(rows) == 1:
            return rows[0]
        return np.asarray(np.mean(rows, axis=0, dtype=np.float64), np.float32)

    @property
    def filled(self) -> FloatArray:
        """The row of a sample without a value."""
        return np.full(self.dim, np.nan, np.float32) if self.filling is None else self.filling


@dataclass(frozen=True, slots=True, eq=False)
class JointEmbedder:
    """Several inputs whose blocks stand beside each other in one row; see ``Engine``.

    Attributes
    ----------
    parts : tuple of InputPart
    fingerprint : str
        A digest of all that decides a row.

    Examples
    --------
    >>> from featx import Backbone, Engine, make_samples
    >>> photo = InputPart("photo", Backbone("featx-image-nano"), ("file",))
    >>> embedder = JointEmbedder((photo, photo), "two of the same")
    >>> sample = Sample("a", {"file": np.zeros((9, 9, 3), np.uint8)})
    >>> Engine().embed([sample], embedder).embeddings.shape
    (1, 768)
    """

    parts: tuple[InputPart, ...]
    fingerprint: str

    @property
    def name(self) -> str:
        """The names of its inputs."""
        return " + ".join(part.name for part in self.parts)

    @property
    def cache_key(self) -> str:
        """The key of joint rows, which are not kept: those of each input are."""
        return self.fingerprint

    @property
    def dim(self) -> int:
        """The number of columns of a row."""
        return sum(part.dim for part in self.parts)

    @property
    def chunk_size(self) -> int:
        """Samples that one worker takes at a time: as many as suits the input of the largest chunks."""
        return min(_CHUNK, max(part.embedder.chunk_size for part in self.parts))

    @property
    def batch_size(self) -> int:
        """Samples of the smallest chunk."""
        return min(_LEAST, max(part.embedder.batch_size for part in self.parts))


@dataclass(slots=True, eq=False)
class JointTask:
    """The work on one chunk of samples of several inputs, from any thread.

    Parameters
    ----------
    backbone : JointEmbedder
    make_task : callable
        Gives the work on a chunk of one input: for its embedder, and whether its rows are cached.
    digests : bool
        Whether rows carry the digest of each sample's content.
    columns : callable
        Gives the cells that samples carry along, by column.
    """

    backbone: JointEmbedder
    make_task: Callable[[Embedder, bool], ChunkTask]
    digests: bool
    columns: Callable[[Sequence[Sample]], dict[str, tuple[Any, ...]]]
    stop: threading.Event = field(default_factory=threading.Event)
    batch_size: int = field(init=False)
    _tasks: list[ChunkTask] = field(init=False)
    _doubts: list[list[int]] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.batch_size = self.backbone.batch_size
        self._tasks = [self.make_task(part.embedder, part.cached) for part in self.backbone.parts]
        for task in self._tasks:
            # One signal stops them all.
            task.stop = self.stop
        self._doubts = [[0, 0] for _ in self._tasks]

    def __call__(self, chunk: Sequence[Sample]) -> ChunkResult:
        """Return the joint rows of a chunk; a sample of which one input cannot be read is a reject."""
        done = [
            _PartRows.of(part, task, chunk)
            for part, task in zip(self.backbone.parts, self._tasks, strict=True)
        ]
        with self._lock:
            for counts, one in zip(self._doubts, done, strict=True):
                counts[0] += one.doubtful
                counts[1] += one.examined
        rejects = {
            i: reject
            for i, one in enumerate(chunk)
            if (reject := _reject(one, done, i)) is not None
        }
        # After an interrupt, some samples have neither a row nor a reason.
        good = [i for i in range(len(chunk)) if all(i in one.rows for one in done)]
        good = [i for i in good if i not in rejects]
        rows = [np.concatenate([one.rows[i] for one in done]) for i in good]
        block = Rows(
            ids=tuple(chunk[i].id for i in good),
            labels=tuple(chunk[i].label for i in good),
            embeddings=np.stack(rows) if rows else np.empty((0, self.backbone.dim), np.float32),
            fingerprint=self.backbone.fingerprint,
            rejects=tuple(rejects.values()),
            digests=tuple(_digest(done, i) for i in good) if self.digests else (),
            columns=self.columns([chunk[i] for i in good]),
        )
        fresh = [pair for one in done for pair in one.fresh]
        remarks = [(chunk[i].id, remark) for one in done for i, remark in one.remarks]
        said = [(chunk[i].id, text) for one in done for i, text in one.said]
        return ChunkResult(block, fresh, remarks, said)

    def doubts(self) -> list[str]:
        """Return what to say of samples that a backbone can hardly make sense of, by input."""
        said = []
        for part, (doubtful, examined) in zip(self.backbone.parts, self._doubts, strict=True):
            if text := describe_doubts(part.embedder, doubtful, examined):
                said.append(f"{part.name}: {text}")
        return said


@dataclass(frozen=True, slots=True)
class _PartRows:
    """The blocks of one input for the samples of a chunk, by their places in it."""

    rows: Mapping[int, FloatArray]
    reasons: Mapping[int, str]
    # Those that are refused because they have no value, and those that have none, refused or not.
    lacking: frozenset[int]
    missing: frozenset[int]
    digests: Mapping[int, str]
    fresh: list[tuple[bytes, FloatArray]]
    remarks: list[tuple[int, Remark]]
    said: list[tuple[int, str]]
    examined: int
    doubtful: int

    @classmethod
    def of(cls, part: InputPart, task: ChunkTask, chunk: Sequence[Sample]) -> _PartRows:
        """Run one input's work, as many values at a time as suit it."""
        owners: list[int] = []
        values: list[Sample] = []
        for index, sample in enumerate(chunk):
            for value in part.values_of(sample.data):
                owners.append(index)
                values.append(Sample(str(len(values)), value))
        size = max(1, part.embedder.chunk_size)
        results = [task(values[start : start + size]) for start in range(0, len(values), size)]
        found, digests, reasons = _by_owner(owners, results)
        absent = frozenset(range(len(chunk))) - frozenset(owners)
        counts = {index: owners.count(index) for index in found}
        rows = {i: part.combine(own) for i, own in found.items() if len(own) == counts[i]}
        lacking = frozenset[int]() if part.missing == "zero" else absent
        rows |= dict.fromkeys(absent - lacking, part.filled)
        reasons |= dict.fromkeys(lacking, "is missing")
        return cls(
            rows,
            {i: f"{part.name}: {why.removeprefix(f'{part.name}: ')}" for i, why in reasons.items()},
            lacking,
            frozenset(i for i, sample in enumerate(chunk) if part.is_missing(sample.data)),
            digests,
            [pair for result in results for pair in result.fresh],
            [(owners[int(name)], said) for result in results for name, said in result.remarks],
            [
                (owners[int(name)], f"{part.name}: {text}")
                for result in results
                for name, text in result.said
            ],
            sum(result.rows.examined for result in results),
            sum(result.rows.doubtful for result in results),
        )


def _by_owner(
    owners: Sequence[int], results: Sequence[ChunkResult]
) -> tuple[dict[int, list[FloatArray]], dict[int, str], dict[int, str]]:
    """Return rows, digests and reasons of rejects by the samples that the values belong to."""
    rows: dict[int, list[FloatArray]] = {}
    digests: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for result in results:
        for k, name in enumerate(result.rows.ids):
            owner = owners[int(name)]
            rows.setdefault(owner, []).append(result.rows.embeddings[k])
            if result.rows.digests:
                digests[owner] = f"{digests.get(owner, '')}{result.rows.digests[k]} "
        for reject in result.rows.rejects:
            reasons.setdefault(owners[int(reject.id)], reject.reason)
    return rows, digests, reasons


def _is_several(value: Any) -> bool:
    """Return whether a value is several of one sample; an array with its rate is one sound."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], np.ndarray):
        return not isinstance(value[1], int | float | np.number)
    return isinstance(value, list | tuple)


def _unread(data: Any) -> str | None:
    """Return why data is no record, such as a row of a table that makes no sense; None where it is one."""
    if isinstance(data, Mapping):
        return None
    found = type(data).__name__
    return refusal_of(data) or f"expected a record, a value for each input; found {found}"


def _reject(sample: Sample, done: Sequence[_PartRows], index: int) -> Reject | None:
    """Return a sample that has no row, and why; None where it has one."""
    if reason := _unread(sample.data):
        return Reject(sample.id, reason)
    if all(index in one.missing for one in done):
        return Reject(sample.id, "every input is missing")
    refusing = next((one for one in done if index in one.reasons), None)
    if refusing is None:
        return None
    return Reject(sample.id, refusing.reasons[index], lacks_input=index in refusing.lacking)


def _digest(done: Sequence[_PartRows], index: int) -> str:
    """Return what identifies the content of a sample: equal for equal contents of all inputs."""
    text = "\0".join(one.digests.get(index, "") for one in done)
    return hashlib.sha256(text.encode()).hexdigest()


def filled_rows(rows: Rows, parts: Sequence[InputPart]) -> tuple[Rows, dict[str, FloatArray]]:
    """Return rows with the mean row of an input where a sample has no value, and these means by input.

    A block that is the mean is 0 after scaling: it says nothing.
    """
    embeddings, start = rows.embeddings.copy(), 0
    fillings: dict[str, FloatArray] = {}
    for part in parts:
        block = embeddings[:, start : start + part.dim]
        start += part.dim
        if part.missing == "zero" and part.filling is None:
            filled, fillings[part.name] = filled_block(block)
            block[:] = filled
    return replace(rows, embeddings=embeddings), fillings


def filled_block(block: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the columns of one input with their mean in rows of NaN, and this mean; 0 where all are NaN.

    >>> block, mean = filled_block(np.array([[1, 2], [np.nan, np.nan], [3, 4]], np.float32))
    >>> block.tolist(), mean.tolist()
    ([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]], [2.0, 3.0])
    """
    absent = np.isnan(block[:, 0])
    known = block[~absent].astype(np.float64)
    mean = known.mean(axis=0) if len(known) else np.zeros(block.shape[1])
    filling = np.asarray(mean, np.float32)
    return np.where(absent[:, None], filling, block), filling
