"""Rows into a file, block by block: what a writer is, which there are, and what is the same for all.

A format's own writer only turns blocks into bytes. ``TableWriter`` checks the blocks and lets the file appear
when it is whole. Whatever wraps either (to write several files in turn, say) is a ``RowWriter`` again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from featx._extras import require
from featx.embedding.rows import Reject, Rows, Written, check_block, check_rows
from featx.errors import BadTable, wrong_type
from featx.storage.address import to_path
from featx.storage.atomic import replacing

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = [
    "FORMATS",
    "Format",
    "FormatWriter",
    "RowWriter",
    "TableWriter",
    "check_output",
    "own_column",
    "write_rows",
]


class RowWriter(Protocol):
    """A writer of blocks of rows, as a context manager: they are kept where it ends without an error."""

    def __enter__(self) -> Self:
        """Open the output."""

    def write(self, block: Rows) -> None:
        """Write the rows of a block after those that were written before."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish and close the output; after an error close it as it is."""


class FormatWriter(RowWriter, Protocol):
    """A RowWriter of one format; ``dtypes`` are the NumPy types in which it can write the numbers."""

    dtypes: ClassVar[frozenset[str]]

    def __init__(
        self, path: Path, *, fingerprint: str, dim: int, dtype: str, columns: Mapping[str, type]
    ) -> None:
        """Remember what to write; every block is of this fingerprint and width, and has these columns."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of row tables: the module that has it, and there the names of its writer and its reader."""

    module: str
    writer: str
    reader: str

    def load(self, name: str) -> Any:
        """Return the writer or the reader, from its module."""
        return getattr(import_module(self.module), name)


# The names of columns, keys or arrays that the formats have themselves.
_OWN = frozenset({"id", "ids", "label", "labels", "fingerprint", "embedding", "embeddings"})

FORMATS = MappingProxyType(
    {
        ".parquet": Format("featx.tables.parquet", "ParquetWriter", "read_parquet"),
        ".npz": Format("featx.tables.npz", "NpzWriter", "read_npz"),
        ".csv": Format("featx.tables.csv", "CsvWriter", "read_csv"),
        ".jsonl": Format("featx.tables.jsonl", "JsonLinesWriter", "read_jsonl"),
    }
)


class TableWriter:
    """A RowWriter of one whole file: ``path`` is replaced when the last block is written, not before.

    Parameters
    ----------
    path : path ending in one of ``FORMATS``
    fingerprint : str, optional
        What each block must have been made by; by default that of the first block.
    dim : int, optional
        Columns of each block; by default those of the first block.
    dtype : str, default="float32"
        The NumPy type of the numbers in the file.
    columns : mapping of str to type, optional
        The further columns of the samples and the type of their values: str, int, float or bool. By default
        those of the first block.

    Raises
    ------
    BadTable
        The suffix is unknown, the format cannot hold ``dtype``, ``dim`` is not positive, or a column has a name
        that the format needs for itself.
    MissingExtra
        A Parquet file, and pyarrow is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | RemotePath,
        *,
        fingerprint: str | None = None,
        dim: int | None = None,
        dtype: str = "float32",
        columns: Mapping[str, type] | None = None,
    ) -> None:
        self._path = to_path(path)
        check_output(self._path, dtype)
        _check_dim(self._path, dim)
        self._fingerprint = fingerprint
        self._dim = dim
        self._dtype = dtype
        self._columns = columns
        _check_columns(self._path, columns or {})
        self._stack = ExitStack()
        self._writer: FormatWriter | None = None
        self._rows = 0
        self._rejects: list[Reject] = []

    @property
    def written(self) -> Written:
        """The number of rows written so far, and the rejects of all blocks, which a table does not hold."""
        return Written(self._rows, tuple(self._rejects))

    def __enter__(self) -> Self:
        """Open a temporary file beside ``path``.

        Raises
        ------
        OutputFailed
            The folder is missing, not writable, or full.
        """
        with ExitStack() as stack:
            self._temporary = stack.enter_context(replacing(self._path))
            self._stack = stack.pop_all()
        return self

    def write(self, block: Rows) -> None:
        """Write the rows of a block.

        Raises
        ------
        BadTable
            The block is of another width or backbone than the table.
        OSError
            It cannot be written; where the ``with`` block ends it is told as OutputFailed.
        """
        check_rows("rows", block)
        if self._fingerprint is None:
            self._fingerprint = block.fingerprint
        if self._dim is None:
            _check_dim(self._path, block.dim)
            self._dim = block.dim
        check_block(block, fingerprint=self._fingerprint, dim=self._dim)
        if self._columns is None and len(block):
            self._columns = {name: _type_of(cells) for name, cells in block.columns.items()}
            _check_columns(self._path, self._columns)
        block = _with_columns(block, self._columns or {})
        self._rejects += block.rejects
        self._rows += len(block)
        self._started().write(block)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the file appear; after an error leave what stood at ``path``, and nothing else."""
        if error is not None:
            self._stack.__exit__(kind, error, traceback)
            return
        with self._stack:
            # Where no block came the format has not been opened yet.
            self._started()

    def _started(self) -> FormatWriter:
        """Return the writer of the format, opened once the width and the fingerprint are known."""
        if self._writer is None:
            if self._fingerprint is None or self._dim is None:
                raise BadTable(
                    f"{self._path}: no rows to write; a table without rows needs fingerprint= and dim="
                )
            entry = FORMATS[self._path.suffix.lower()]
            writer: FormatWriter = entry.load(entry.writer)(
                self._temporary,
                fingerprint=self._fingerprint,
                dim=self._dim,
                dtype=self._dtype,
                columns=self._columns or {},
            )
            self._writer = self._stack.enter_context(writer)
        return self._writer


def write_rows(
    path: str | os.PathLike[str] | RemotePath,
    rows: Rows | Iterable[Rows],
    *,
    fingerprint: str | None = None,
    dim: int | None = None,
    dtype: str = "float32",
) -> Written:
    """Write a table; ``path`` is replaced when the last row is written, not before.

    Parameters
    ----------
    path : path ending in one of ``FORMATS``
    rows : Rows, or iterable of Rows
        Blocks in the order of the table; taken one by one, and only after the name has been accepted.
    fingerprint : str, optional
        What each block must have been made by; kept in the file. By default that of the first block.
    dim : int, optional
        Columns of each block, and of a table without any, which JSON lines cannot say: read back they
        have 0. By default those of the first block.
    dtype : str, default="float32"
        The NumPy type of the numbers in the file; ``read_rows`` gives float32 always.

    Returns
    -------
    Written
        How many rows there were, and the rejects of all blocks, which a table does not hold.

    Raises
    ------
    BadTable
        The suffix is unknown, the format cannot hold ``dtype``, a block is of another width or backbone, or
        there is no block and ``fingerprint`` and ``dim`` do not say of what.
    OutputFailed
        The folder is missing, not writable, or full.
    MissingExtra
        A Parquet file, and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from featx import Rows, read_rows
    >>> rows = Rows(("a.jpg", "b.jpg"), ("cat", None), np.eye(2, dtype=np.float32), "")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_rows(f"{folder}/x.npz", rows)
    ...     back = read_rows(f"{folder}/x.npz")
    >>> written.rows, back.ids, back.embeddings.tolist()
    (2, ('a.jpg', 'b.jpg'), [[1.0, 0.0], [0.0, 1.0]])
    """
    if not hasattr(rows, "__iter__") or hasattr(rows, "__array__"):
        check_rows("rows", rows)
    if fingerprint is not None and not isinstance(fingerprint, str):
        raise wrong_type("fingerprint", fingerprint, "a text")
    blocks = [rows] if isinstance(rows, Rows) else rows
    with TableWriter(path, fingerprint=fingerprint, dim=dim, dtype=dtype) as writer:
        for block in blocks:
            writer.write(block)
    return writer.written


def check_output(path: str | os.PathLike[str] | RemotePath, dtype: str = "float32") -> None:
    """Refuse what ``write_rows`` would refuse of a name, before there is anything to write.

    Raises
    ------
    BadTable
        The suffix is not one of ``FORMATS``, or the format cannot hold ``dtype``.
    MissingExtra
        A Parquet file, and pyarrow is not installed.
    """
    path = to_path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise BadTable(f"{path}: expected a name ending in {', '.join(FORMATS)}")
    if suffix == ".parquet":
        require("pyarrow.parquet", extra="parquet")
    if not isinstance(dtype, str):
        raise wrong_type("dtype", dtype, "the name of a NumPy type")
    if dtype not in _dtypes(suffix):
        others = [other for other in FORMATS if dtype in _dtypes(other)]
        remedy = f"write {' or '.join(others)}" if others else f"expected {_listed(suffix)}"
        raise BadTable(f"{path}: {suffix} cannot hold {dtype}; {remedy}")


def own_column(name: str) -> bool:
    """Return whether a column of this name is one that a table of rows has itself, in some format."""
    return name in _OWN or (name[:1] == "e" and name[1:].isdecimal())


def _check_columns(path: AnyPath, columns: Mapping[str, type]) -> None:
    if taken := [name for name in columns if own_column(name)]:
        raise BadTable(f"{path}: the table has a column {taken[0]!r} of its own; rename the other")
    if wrong := [name for name, kind in columns.items() if kind not in (str, int, float, bool)]:
        raise BadTable(f"{path}: column {wrong[0]!r}: expected texts, numbers or truth values")


def _type_of(cells: Iterable[Any]) -> type:
    return next((type(cell) for cell in cells if cell is not None), str)


def _with_columns(block: Rows, columns: Mapping[str, type]) -> Rows:
    """Return the block with the columns of the table, in their order; cells that it lacks are None."""
    if tuple(block.columns) == tuple(columns):
        return block
    if unknown := [name for name in block.columns if name not in columns]:
        raise BadTable(f"rows: expected blocks of the same columns, found also {unknown[0]!r}")
    nothing = (None,) * len(block)
    cells = {name: block.columns.get(name, nothing) for name in columns}
    return replace(block, columns=cells)


def _dtypes(suffix: str) -> frozenset[str]:
    entry = FORMATS[suffix]
    dtypes: frozenset[str] = entry.load(entry.writer).dtypes
    return dtypes


def _listed(suffix: str) -> str:
    return " or ".join(sorted(_dtypes(suffix)))


def _check_dim(path: AnyPath, dim: int | None) -> None:
    if dim is not None and (not isinstance(dim, int) or isinstance(dim, bool)):
        raise wrong_type("dim", dim, "a number of columns")
    if dim is not None and dim < 1:
        raise BadTable(f"{path}: expected rows of one column or more, found {dim}")
