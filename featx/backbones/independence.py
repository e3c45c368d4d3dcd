"""Independence: whether the row of a sample depends on the samples that share a batch with it.

A graph in training mode, one that is quantised while it runs and one that reduces over the batch axis mix the
samples of a batch; others have the batch of their export baked in. Both are found by running: samples alone,
among others, and among copies of themselves.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from featx._typing import FloatArray
from featx.catalog import Card
from featx.errors import BadGraph, BadSample, FeatxWarning
from featx.graphs.admission import EXPORT_ADVICE
from featx.modalities import Batch, DoubtfulReader, PaddingReader, Reader, varied_samples
from featx.modalities.remarks import collected
from featx.storage.dirs import cache_dir
from featx.storage.json_file import read_json_table, remember_entry

if TYPE_CHECKING:
    from featx.backbones.backbone import Backbone

__all__ = ["Finding", "Runnable", "examine", "known_batch", "spread"]

# Of a row's length. On inputs of one shape a graph does the same sums in the same order whoever the neighbours
# are, so that independent rows are equal to the bit; a GPU may add up in another order.
SAME = 1e-6
# Of a row's length, where shapes differ, and with them the order of sums: graphs of float32 stay below 1e-5,
# those that round to fp16 on their way below 6e-4. What depends on padding or the length of a batch is beyond.
CLOSE = 2e-3

# Batches that an export may have baked in.
_BAKED = (*range(2, 17), 20, 24, 32, 48, 64, 96, 128, 256)
# Batch sizes, and which probe comes first.
_QUICK = ((2, 0),)
_THOROUGH = ((2, 0), (2, 2), (3, 1), (5, 0))
# Backbones that are remembered; another version forgets what was found by another check.
_REMEMBERED = 256
_VERSION = 1
# Samples of which it can be said whether their rows differ.
_FEW = 5

_MIXED = "its rows depend on the samples of their batch"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of running a graph on a few samples.

    Attributes
    ----------
    batch : int
        Samples of one run, always; 0 is any number.
    reason : str
        Why it is not any number.
    not_finite : int
        Probes whose row holds values that are not finite.
    probes : int
        Samples that were run alone.
    """

    batch: int
    reason: str = ""
    not_finite: int = 0
    probes: int = 0


def spread(backbone: Backbone) -> float | None:
    """Return how far the rows of the modality's varied samples lie from their mean, of their length.

    It is the root of the mean of the squares: 0 where all rows are the same, and about 1 where they have
    nothing in common. None is too few samples of which the backbone knows enough and gives finite rows.
    """
    reader, items = backbone.reader, []
    for sample in varied_samples(backbone.card.input):
        with suppress(BadSample), collected():
            item = reader.read(reader.load(sample))
            if not (isinstance(reader, DoubtfulReader) and reader.is_doubtful(item)):
                items.append(item)
    found = [backbone.embed_items([item])[0].astype(np.float64) for item in items]
    rows = [row for row in found if np.isfinite(row).all()]
    if len(rows) < _FEW:
        return None
    total = np.square(rows).sum()
    return float(np.sqrt(np.square(rows - np.mean(rows, axis=0)).sum() / total)) if total else 0.0


class Runnable(Protocol):
    """The part of a backbone that is examined."""

    @property
    def card(self) -> Card:
        """The card."""

    @property
    def reader(self) -> Reader:
        """The reader that makes items of samples."""

    @property
    def fixed(self) -> int | None:
        """The only batch that the graph's inputs take, or None."""

    def entry_rows(self, batch: Batch) -> FloatArray:
        """Return the row of each entry of a batch."""


class _FailsOnProbes(BadGraph):
    """The graph fails on the built-in samples, however many are run: it may not on those of a user."""


def known_batch(backbone: Runnable, key: str) -> int:
    """Return the samples of one run, 0 for any number: as remembered under ``key``, or found out now.

    Where it is not any number, a FeatxWarning says so.

    Raises
    ------
    BadGraph
        As ``examine``.
    """
    name = f"{_VERSION} {key}"
    batch, reason = _entry(read_json_table(_file()).get(name))
    if batch is None:
        try:
            finding = examine(backbone)
        except (BadSample, _FailsOnProbes):
            # the card's settings or the graph refuse the built-in samples: nothing can be told
            return 0
        batch, reason = finding.batch, finding.reason
        remember_entry(_file(), name, [batch, reason], most=_REMEMBERED)
    if batch:
        runs = "each is run alone" if batch == 1 else f"{batch} are run at a time"
        warnings.warn(
            f"{backbone.card.name}: {reason}, so {runs}; batch = {batch} under [graph] in its card says so",
            FeatxWarning,
            stacklevel=2,
        )
    return batch


def examine(backbone: Runnable, *, thorough: bool = False) -> Finding:
    """Run a graph on the modality's probes, alone, twice and in company, and return what that told.

    Parameters
    ----------
    thorough : bool, default=False
        Whether every probe is tried, in several batch sizes and positions; otherwise two in one.

    Raises
    ------
    BadGraph
        The graph fails on one sample and in every batch, gives other rows each time, or mixes the samples
        of the only batch that it takes.
    BadSample
        The card's settings refuse the modality's built-in samples.
    """
    probes = _probes(backbone.reader, backbone.card.input.probes())
    subjects = range(len(probes.alone) if thorough else min(2, len(probes.alone)))
    try:
        rows = [backbone.entry_rows(probes.alone[k])[0] for k in subjects]
    except BadGraph as error:
        return _with_baked_batch(backbone, probes, error)
    again = backbone.entry_rows(probes.alone[0])[0]
    if not _near(again, rows[0], SAME):
        raise BadGraph(
            f"{backbone.card.name}: gives another row of the same sample each time: something in the graph "
            f"is random, as Dropout is in training mode; {EXPORT_ADVICE}"
        )
    lost = sum(not np.isfinite(row).all() for row in rows)
    reason = _dependence(backbone, probes, rows, _THOROUGH if thorough else _QUICK)
    return Finding(1 if reason else 0, reason, lost, len(rows))


@dataclass(frozen=True, slots=True, eq=False)
class _Probes:
    """Samples as a graph takes them: each alone, and side by side, padded to one length where that is done."""

    alone: tuple[Batch, ...]
    together: Batch | None

    def company(self, indices: Sequence[int]) -> Batch:
        """Return a batch of probes by their numbers, any of them several times."""
        assert self.together is not None
        return _take(self.together, list(indices))


def _probes(reader: Reader, samples: Sequence[Any]) -> _Probes:
    items, refusal = [], None
    for sample in samples:
        try:
            items.append(reader.read(reader.load(sample)))
        except BadSample as error:
            refusal = error
    if not items:
        raise refusal or BadSample("no built-in samples")
    alone = tuple(_take(next(iter(reader.batches([item], 1))), [0]) for item in items)
    batches = reader.batches(items, 256)
    if isinstance(reader, PaddingReader):
        # by itself it would not fill one probe up beside another
        batches = [reader.batch_of_all(items)]
    # a batch may come in another order, and hold several windows of an item
    for batch in batches:
        firsts = [np.flatnonzero(batch.item_index == k)[:1] for k in range(len(items))]
        if all(len(first) for first in firsts):
            return _Probes(alone, _take(batch, np.concatenate(firsts).tolist()))
    return _Probes(alone, None)


def _take(batch: Batch, indices: Sequence[int]) -> Batch:
    """Return the entries of a batch that are named, in that order, as items of their own."""
    feeds = {name: feed[indices] for name, feed in batch.feeds.items()}
    mask = None if batch.mask is None else batch.mask[indices]
    return Batch(feeds, np.arange(len(indices)), mask)


def _dependence(
    backbone: Runnable,
    probes: _Probes,
    rows: Sequence[FloatArray],
    tries: Sequence[tuple[int, int]],
) -> str:
    """Return why samples cannot share a batch; empty where they can, or where the graph takes one only."""
    if backbone.fixed == 1 or probes.together is None or len(probes.alone) < 2:
        return ""
    # a batch that the inputs insist on is tried as it is
    sizes = [(backbone.fixed, 0)] if backbone.fixed else tries
    for size, first in sizes:
        try:
            mixed = list(_mixed(backbone, probes, size, first))
        except BadGraph:
            return f"its graph fails on {size} samples at a time and takes one"
        for subject, row, alike in mixed:
            if not _near(row, alike, SAME):
                return _MIXED
            # another shape than alone: sums come in another order, and texts are padded
            if subject < len(rows) and not _near(alike, rows[subject], CLOSE):
                return f"{_MIXED}, or on its length"
    return ""


def _mixed(
    backbone: Runnable, probes: _Probes, size: int, first: int
) -> Iterator[tuple[int, FloatArray, FloatArray]]:
    """Give the number of a probe, its row among others, and its row at the same place among its own copies."""
    company = [(first + k) % len(probes.alone) for k in range(size)]
    rows = backbone.entry_rows(probes.company(company))
    for place in sorted({0, size // 2, size - 1}):
        subject = company[place]
        yield subject, rows[place], backbone.entry_rows(probes.company([subject] * size))[place]


def _with_baked_batch(backbone: Runnable, probes: _Probes, error: BadGraph) -> Finding:
    """Return the batch that a graph insists on though its inputs do not say so; raise BadGraph without one."""
    if backbone.fixed or probes.together is None:
        raise _FailsOnProbes(str(error)) from error
    for size in _BAKED:
        with suppress(BadGraph):
            mixed = list(_mixed(backbone, probes, size, 0))
            if all(_near(row, alike, SAME) for _, row, alike in mixed):
                reason = f"its graph takes {size} samples at a time only"
                return Finding(size, reason, 0, len(probes.alone))
    raise _FailsOnProbes(str(error)) from error


def _near(row: FloatArray, other: FloatArray, tolerance: float) -> bool:
    """Return whether two rows are equal up to a part of their length; what is not finite must be so in both."""
    if row.shape != other.shape:
        return False
    finite = np.isfinite(row)
    if not np.array_equal(finite, np.isfinite(other)):
        return False
    one, two = row[finite].astype(np.float64), other[finite].astype(np.float64)
    return bool(
        np.linalg.norm(one - two) <= tolerance * max(np.linalg.norm(one), np.linalg.norm(two))
    )


def _file() -> Path:
    return cache_dir() / "batches.json"


def _entry(value: Any) -> tuple[int | None, str]:
    """Return what a file that anybody may have changed says of a backbone, where that makes sense."""
    match value:
        case [int(batch), str(reason)] if 0 <= batch <= max(_BAKED) and batch is not True:
            return batch, reason
    return None, ""
