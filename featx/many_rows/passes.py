"""Readings of rows on disk: one that gathers sums and the rows of some parts, and others for a solver."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import IO, TypeVar

import numpy as np

from featx._typing import FloatArray, Integers, Mask
from featx.errors import FeatxNotice
from featx.many_rows.reading import RowsWithTargets
from featx.storage.atomic import os_errors_in_words
from featx.storage.dirs import cache_dir
from featx.tuning.progress import Progress
from featx.tuning.solvers.lbfgs import MapFn
from featx.tuning.solvers.streamed_sums import CHUNK, RowTargets, StreamedSums

__all__ = ["RowPasses"]

T = TypeVar("T")

# The bytes of the rows that are in work at a time, and twice: one block is read while another is used.
_BLOCK_BYTES = 64 << 20
# The share of the room on the disk that a copy of the rows leaves free.
_FREE = 0.1


@dataclass(slots=True)
class RowPasses:
    """Readings of labelled rows, always in the same order and in the same blocks.

    Attributes
    ----------
    rows : RowsWithTargets
    targets : RowTargets
        Those of the rows, in the same order.
    map_fn : MapFn
        ``map``, or that of a pool of threads.
    progress : Progress or None
        Called with the rows that were read of all.
    """

    rows: RowsWithTargets
    targets: RowTargets
    map_fn: MapFn
    progress: Progress | None = None
    _copy: IO[bytes] | None = field(default=None, repr=False)

    @property
    def block(self) -> int:
        """The rows that are read at a time."""
        return max(CHUNK, _BLOCK_BYTES // (4 * self.rows.stored.dim) // CHUNK * CHUNK)

    def gather(
        self, train: Mask, kept: Integers, *, products: bool, copy: bool
    ) -> tuple[StreamedSums, StreamedSums, FloatArray]:
        """Return the sums over the rows to train on, those over all others, and some rows themselves.

        Parameters
        ----------
        train : ndarray of shape (n,), bool
        kept : ndarray of integers
            The indices of rows to return, ascending; float32 of shape (len(kept), d).
        products : bool
            Whether outer products are summed.
        copy : bool
            Whether the rows will be read again: a copy on disk is then read in place of the files, which are
            packed.
        """
        some = np.empty((len(kept), self.rows.stored.dim), np.float32)
        sums: list[StreamedSums] = []
        if copy:
            self._open_copy()
        for start, block in self._tell("reading rows", self._from_files()):
            stop = start + len(block)
            if not sums:
                center = block[:CHUNK].mean(axis=0, dtype=np.float64).astype(np.float32)
                sums = [self._zeros(center, products=products) for _ in range(2)]
            if self._copy is not None:
                with os_errors_in_words(cache_dir()):
                    self._copy.write(np.ascontiguousarray(block).data)
            first, last = np.searchsorted(kept, [start, stop])
            some[first:last] = block[kept[first:last] - start]
            own, mask = self.targets.subset(slice(start, stop)), train[start:stop]
            if mask.all():
                sums[0].add(block, own, self.map_fn)
                continue
            sums[0].add(block[mask], own.subset(mask), self.map_fn)
            sums[1].add(block[~mask], own.subset(~mask), self.map_fn)
        return sums[0], sums[1], some

    def read(self, train: Mask | None, stage: str) -> Iterator[tuple[FloatArray, RowTargets]]:
        """Give the rows to train on with their targets, block by block; all of them for None."""
        source = self._from_files() if self._copy is None else self._from_copy()
        for start, block in self._tell(stage, source):
            own = self.targets.subset(slice(start, start + len(block)))
            mask = None if train is None else train[start : start + len(block)]
            if mask is None or mask.all():
                yield block, own
            elif mask.any():
                yield block[mask], own.subset(mask)

    def close(self) -> None:
        """Remove the copy."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _zeros(self, center: FloatArray, *, products: bool) -> StreamedSums:
        of_classes = self.targets.codes is not None
        return StreamedSums.zeros(
            center, self.targets.n_outputs, products=products, of_classes=of_classes
        )

    def _open_copy(self) -> None:
        """Open a nameless file for a copy of the rows, where the disk has room for it."""
        folder, size = cache_dir(), 4 * len(self.rows) * self.rows.stored.dim
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            disk = shutil.disk_usage(folder)
            if size < (1 - _FREE) * disk.free:
                # It is closed at the end of all readings.
                self._copy = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
                return
        message = (
            f"rows: no room for a copy of {size / 1e9:.1f} GB in {folder}; they are read from their files "
            "again and again, which takes longer"
        )
        warnings.warn(message, FeatxNotice, stacklevel=4)

    def _from_files(self) -> Iterator[tuple[int, FloatArray]]:
        return _ahead(self.rows.blocks(self.block))

    def _from_copy(self) -> Iterator[tuple[int, FloatArray]]:
        return _ahead(self._read_copy())

    def _read_copy(self) -> Iterator[tuple[int, FloatArray]]:
        assert self._copy is not None
        dim = self.rows.stored.dim
        with os_errors_in_words(cache_dir()):
            self._copy.seek(0)
            for start in range(0, len(self.rows), self.block):
                rows = np.empty((min(self.block, len(self.rows) - start), dim), np.float32)
                view = memoryview(rows.data).cast("B")
                while view:
                    view = view[self._copy.readinto(view) :]  # type: ignore[attr-defined]
                yield start, rows

    def _tell(
        self, stage: str, blocks: Iterable[tuple[int, FloatArray]]
    ) -> Iterator[tuple[int, FloatArray]]:
        """Give the blocks, and tell how many rows have been used."""
        for start, block in blocks:
            yield start, block
            if self.progress:
                self.progress(stage, start + len(block), len(self.rows))


def _ahead(values: Iterator[T]) -> Iterator[T]:
    """Give values, the next of which is made by another thread meanwhile."""
    nothing = object()
    with ThreadPoolExecutor(1, "featx-read") as pool, closing(values):  # type: ignore[type-var]
        coming = pool.submit(next, values, nothing)
        while (value := coming.result()) is not nothing:
            coming = pool.submit(next, values, nothing)
            yield value  # type: ignore[misc]
        # Where the reader leaves early, the value that is being made is awaited by the pool.
