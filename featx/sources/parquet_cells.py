"""Cells of a Parquet file that are read when they are needed, such as the bytes of a picture."""

from __future__ import annotations

import errno
import io
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from featx._extras import require
from featx.errors import first_line
from featx.storage.address import blob_at
from featx.storage.blob import Blob, Location

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["ParquetCell", "open_parquet_file"]

# Bytes and rows that are decoded at a time, bytes that are held of a group of rows, and of how many groups. Few
# rows: a value that repeats takes its room once in the file, and once a row when it is decoded.
_BATCH = 8 << 20
_ROWS = 8
_HELD = 64 << 20
_GROUPS = 4
# Bytes of a file up to which a column is read whole, and that are read at a time of a larger one.
_WHOLE = 64 << 20
_BUFFER = 1 << 20


def open_parquet_file(path: AnyPath) -> Any:
    """Return a pyarrow.parquet.ParquetFile that reads a large file piece by piece.

    Raises
    ------
    MissingExtra
        pyarrow is not installed.
    Exception
        Whatever pyarrow raises of a file that is no Parquet file.
    """
    parquet = require("pyarrow.parquet", extra="parquet")
    # A column that is read whole is never longer than its file; piece by piece, a damaged header may
    # ask for a piece of two gigabytes.
    blob = blob_at(path)
    piece = _BUFFER if blob.size > _WHOLE else 0
    file = blob.open() if not isinstance(path, Path) else path
    return parquet.ParquetFile(file, buffer_size=piece, pre_buffer=False)


@lru_cache(maxsize=8)
def _empty_cells(path: AnyPath, modified: int, leaf: str, group: int) -> frozenset[int]:
    """Return the rows of a group in which a column of bytes holds nothing.

    Where the file counts its empty cells and has none, nothing is read.
    """
    with open_parquet_file(path) as file:
        return _without_bytes(file, leaf, group)


def _without_bytes(file: Any, leaf: str, group: int) -> frozenset[int]:
    from pyarrow import compute

    metadata = file.metadata.row_group(group)
    columns = map(metadata.column, range(metadata.num_columns))
    known = [c.statistics for c in columns if c.path_in_schema == leaf]
    if known and all(
        one is not None and one.has_null_count and not one.null_count for one in known
    ):
        return frozenset()
    size = _rows_at_a_time(file, leaf, group)
    batches = file.iter_batches(size, row_groups=[group], columns=[leaf], use_threads=False)
    empty, start = [], 0
    for batch in batches:
        values = batch.column(0)
        for name in _below(leaf, batch):
            values = compute.struct_field(values, name)
        empty += [start + row for row, null in enumerate(values.is_null().to_pylist()) if null]
        start += len(values)
    return frozenset(empty)


def _rows_at_a_time(file: Any, leaf: str, group: int) -> int:
    """Return how many cells of a group are decoded at a time."""
    metadata = file.metadata.row_group(group)
    columns = map(metadata.column, range(metadata.num_columns))
    size = max(c.total_uncompressed_size for c in columns if c.path_in_schema == leaf)
    return int(min(_ROWS, max(1, _BATCH * metadata.num_rows // max(size, 1))))


def _below(leaf: str, batch: Any) -> list[str]:
    """Return the names of the children that lead to a leaf of the first column of a batch."""
    below = leaf.removeprefix(batch.schema.names[0]).removeprefix(".")
    return below.split(".") if below else []


@dataclass(frozen=True, slots=True)
class ParquetCell(Location):
    """A cell that holds the content of a file.

    Attributes
    ----------
    file : Path or RemotePath
        The Parquet file.
    leaf : str
        The column of its bytes, such as "image.bytes".
    group, row : int
        The row group, and the row within it.
    elsewhere : Blob or None
        What is read where the cell is empty.
    """

    file: AnyPath
    leaf: str
    group: int
    row: int
    elsewhere: Blob | None = None

    @property
    def container(self) -> str:
        """The path of the Parquet file."""
        return str(self.file)

    def is_empty(self) -> bool:
        """Return whether it holds nothing and names no file; False where nobody can tell."""
        if self.elsewhere is not None:
            return False
        try:
            # An address has a version.
            modified = self.file.stat().st_mtime_ns if isinstance(self.file, Path) else 0
            return self.row in _empty_cells(self.file, modified, self.leaf, self.group)
        # Whatever a damaged file makes pyarrow raise: its reader says it.
        except Exception:
            return False

    def size(self) -> int:
        """Return how many bytes the cell holds; raise OSError where it holds none or is damaged."""
        content = self._content()
        return len(content) if isinstance(content, bytes) else content.size

    def open(self) -> IO[bytes]:
        """Return a file object of its bytes; raise OSError likewise."""
        content = self._content()
        return io.BytesIO(content) if isinstance(content, bytes) else content.open()

    def read(self, limit: int | None) -> bytes:
        """Return the bytes of the cell, which is looked for once; raise OSError likewise."""
        content = self._content()
        return content if isinstance(content, bytes) else content.read(limit)

    def _content(self) -> bytes | Blob:
        try:
            content = _group(self.file, self.leaf, self.group).cell(self.row)
        # Whatever a damaged file makes pyarrow raise; an OSError of the system has a number.
        except Exception as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise OSError(errno.EIO, f"the cell is damaged: {first_line(error)}") from error
        if content is not None:
            return content
        if self.elsewhere is None:
            raise OSError(errno.ENODATA, "the cell is empty")
        return self.elsewhere


class _Group:
    """The cells of one column in one group of rows, decoded from the first on; the last ones are held."""

    def __init__(self, file: AnyPath, leaf: str, group: int) -> None:
        self._file = open_parquet_file(file)
        self._leaf = leaf
        self._group = group
        self._lock = threading.Lock()
        self._size = _rows_at_a_time(self._file, leaf, group)
        self._start()

    def _start(self) -> None:
        self._batches: Iterator[Any] = self._file.iter_batches(
            self._size, row_groups=[self._group], columns=[self._leaf], use_threads=False
        )
        self._held: deque[Any] = deque()
        # The row of the first batch that is held, and the row after the last.
        self._first = self._end = 0

    def cell(self, row: int) -> bytes | None:
        """Return the bytes of a row, quickly where rows are asked for in about their order."""
        with self._lock:
            if row < self._first:
                self._start()
            while row >= self._end:
                self._advance()
            row -= self._first
            for values in self._held:
                if row < len(values):
                    value = values[row].as_py()
                    return None if value is None else bytes(value)
                row -= len(values)
        raise EOFError("it is not where it should be")

    def _advance(self) -> None:
        batch = next(self._batches, None)
        if batch is None:
            self._start()
            raise EOFError("the file ends before it")
        values = batch.column(0)
        for name in _below(self._leaf, batch):
            values = values.field(name)
        self._held.append(values)
        self._end += len(values)
        while len(self._held) > 1 and sum(values.nbytes for values in self._held) > _HELD:
            self._first += len(self._held.popleft())


_GROUPS_LOCK = threading.Lock()
_OPEN: OrderedDict[tuple[object, ...], _Group] = OrderedDict()


def _group(file: AnyPath, leaf: str, group: int) -> _Group:
    key: tuple[object, ...] = (file, leaf, group)
    # An address has a version.
    if isinstance(file, Path):
        status = file.stat()
        key = (*key, status.st_mtime_ns, status.st_ino)
    with _GROUPS_LOCK:
        if key not in _OPEN:
            _OPEN[key] = _Group(file, leaf, group)
            while len(_OPEN) > _GROUPS:
                _OPEN.popitem(last=False)
        _OPEN.move_to_end(key)
        return _OPEN[key]
