"""Rows that stay on disk and are read block by block: a folder of shards, or one file.

The ids, labels and other columns of all rows are read at once, which takes some hundred bytes a row; the
numbers come in blocks of a fixed size, whatever the files are cut into.

========= ==============================================================================
form      how its numbers are read
========= ==============================================================================
a folder  a row group of each shard at a time, once the shard has the digest of the index
.parquet  a row group at a time
.npz      a block at a time, where they are stored as featx stores them
.npy      a block at a time; it has no ids: these are the numbers of the rows, from 0 on
others    whole
========= ==============================================================================
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadArtifact, BadTable
from featx.storage.address import to_path
from featx.storage.border import library_border
from featx.tables.shard_facts import INDEX, digest_of_shard, index_of_shards

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["RowFacts", "StoredRows", "is_rows", "open_stored_rows"]

# The most bytes of a line that says whether a table of text has rows.
_LINE = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class RowFacts:
    """The facts of rows: what is known of them besides their numbers.

    Attributes
    ----------
    ids : sequence of n str
    labels : sequence of n str or None
    columns : mapping of str to sequence of n values
        Those that were asked for, by their names.
    """

    ids: Sequence[str]
    labels: Sequence[str | None]
    columns: Mapping[str, Sequence[Any]]


@dataclass(slots=True)
class _File:
    """One file of rows, with what it was when its facts were read."""

    path: Path
    rows: int | None = None
    size: int | None = None
    digest: str | None = None
    stamp: tuple[int, int] | None = field(default=None, compare=False)

    def check(self) -> None:
        """Raise BadTable where it is not the file that it was, or that the index tells of."""
        found = self._stat()
        if self.size is not None and found[0] != self.size:
            raise BadTable(
                f"{self.path}: has {found[0]} bytes, expected {self.size}; make it again"
            )
        if self.stamp is not None and found != self.stamp:
            raise BadTable(f"{self.path}: changed while it was read; start again once it is whole")
        self.stamp = found

    def verify(self) -> None:
        """Raise BadTable where it has another digest than the index says; it is computed once."""
        self.check()
        if self.digest is not None and digest_of_shard(self.path) != self.digest:
            raise BadTable(f"{self.path}: not the bytes that were written; make it again")
        self.digest = None

    def _stat(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadTable(f"{self.path}: cannot be read: {reason}") from error
        return found.st_size, found.st_mtime_ns


@dataclass(frozen=True, slots=True, eq=False)
class StoredRows:
    """Rows on disk; see ``open_stored_rows``.

    Attributes
    ----------
    path : Path
    dim : int
        Columns of numbers.
    fingerprint : str
        What made them; "" where the file does not say.
    """

    path: Path
    dim: int
    fingerprint: str
    _files: tuple[_File, ...] = field(repr=False)
    _reader: _Reader = field(repr=False)

    def facts(self, columns: Sequence[str] = ()) -> RowFacts:
        """Return ids, labels and other columns of all rows.

        Raises
        ------
        BadTable
            A file is missing, damaged or not the one that the index tells of, there is no such column, or an
            id repeats.
        """
        ids: list[str] = []
        labels: list[str | None] = []
        cells: dict[str, list[Any]] = {name: [] for name in columns}
        for file in self._files:
            file.check()
            found = self._reader.facts(file.path, columns)
            if file.rows is not None and len(found.ids) != file.rows:
                raise BadTable(
                    f"{file.path}: is not the shard that {INDEX} tells of; make it again"
                )
            file.rows = len(found.ids)
            ids += found.ids
            labels += found.labels
            for name in columns:
                cells[name] += found.columns[name]
        if len(set(ids)) < len(ids):
            twice = _first_repeat(ids)
            raise BadTable(
                f"{self.path}: the id {twice!r:.200} is there twice; give each row its own"
            )
        return RowFacts(ids, labels, cells)

    def blocks(self, size: int) -> Iterator[FloatArray]:
        """Give the numbers, so many rows at a time and the rest at the end, in the order of ``facts``.

        The bytes of each file are compared with the digest of the index the first time that it is read.

        Raises
        ------
        BadTable
            A file is missing, damaged, or changed since its facts were read.
        """
        held: list[FloatArray] = []
        count = 0
        for file in self._files:
            file.verify()
            rows = 0
            for block in self._reader.numbers(file.path, size):
                if block.shape[1] != self.dim:
                    raise BadTable(
                        f"{file.path}: has rows of {block.shape[1]} columns, expected {self.dim}"
                    )
                rows += len(block)
                while count + len(block) >= size:
                    some, block = block[: size - count], block[size - count :]
                    yield np.concatenate([*held, some]) if held else some
                    held, count = [], 0
                if len(block):
                    held.append(block)
                    count += len(block)
            if file.rows is not None and rows != file.rows:
                raise BadTable(f"{file.path}: has {rows} rows, expected {file.rows}; make it again")
            file.check()
        if held:
            yield np.concatenate(held)


@dataclass(frozen=True, slots=True)
class _Reader:
    """The reader of one format.

    Attributes
    ----------
    shape : callable
        Takes a file, and gives its number of columns and its fingerprint.
    facts : callable
        Takes a file and names of columns.
    numbers : callable
        Takes a file and a number of rows, and gives blocks, none of which has many more.
    """

    shape: Callable[[Path], tuple[int, str]]
    facts: Callable[[Path, Sequence[str]], RowFacts]
    numbers: Callable[[Path, int], Iterator[FloatArray]]


def open_stored_rows(path: str | os.PathLike[str]) -> StoredRows:
    """Return the rows in a file, or in a folder of shards, without reading their numbers.

    Raises
    ------
    BadTable
        There is no such file, it is damaged, or a folder is not whole.
    MissingExtra
        A Parquet file, and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from featx import Rows, write_rows
    >>> rows = Rows(("a.jpg", "b.jpg"), ("cat", "dog"), np.eye(2, dtype=np.float32), "")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_rows(f"{folder}/x.npz", rows)
    ...     stored = open_stored_rows(f"{folder}/x.npz")
    ...     stored.facts().labels, [block.tolist() for block in stored.blocks(1)]
    (['cat', 'dog'], [[[1.0, 0.0]], [[0.0, 1.0]]])
    """
    where = _on_this_machine(to_path(path))
    if where.is_dir():
        index = index_of_shards(where)
        files = tuple(
            _File(where / one["name"], one["rows"], one["bytes"], one["sha256"])
            for one in index["shards"]
        )
        reader = _READERS[".parquet"]
    else:
        files, reader = (_File(where),), _READERS.get(where.suffix.lower(), _WHOLE)
    files[0].check()
    dim, fingerprint = reader.shape(files[0].path)
    if where.is_dir() and (dim, fingerprint) != (index["dim"], index["fingerprint"]):
        raise BadTable(f"{files[0].path}: is not the shard that {INDEX} tells of; make it again")
    return StoredRows(where, dim, fingerprint, files, reader)


def _on_this_machine(path: AnyPath) -> Path:
    """Return a path as it is; of rows at an address a copy that is kept until the process ends."""
    if isinstance(path, Path):
        return path
    from featx.storage.remote_output import local_container

    try:
        return local_container(path)
    except BadArtifact as error:
        raise BadTable(str(error)) from error


def is_rows(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is of rows that were extracted, and not of samples; never raises.

    Shards, .npz and .npy are. A table is where it carries a fingerprint: in the metadata of Parquet, in a
    column of the others.
    """
    where = to_path(path)
    suffix = where.suffix.lower()
    try:
        if not isinstance(where, Path):
            return suffix in (".npz", ".npy") or (not suffix and (where / INDEX).is_file())
        if where.is_dir():
            return (where / INDEX).exists() or any(where.glob("part-*-of-*.parquet"))
        if not where.is_file():
            return False
        if suffix == ".parquet":
            from featx.tables.parquet import is_row_file

            return is_row_file(where)
        if suffix in (".csv", ".jsonl"):
            with where.open("rb") as stream:
                line = stream.readline(_LINE)
            starts = (b"id,label,fingerprint,", b'{"id": ')
            return line.startswith(starts) and b"fingerprint" in line
    except (OSError, ValueError):
        return False
    return suffix in (".npz", ".npy")


def _first_repeat(ids: Sequence[str]) -> str:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _parquet_shape(path: Path) -> tuple[int, str]:
    from featx.tables.parquet import shape_of_rows

    return shape_of_rows(path)


def _parquet_facts(path: Path, columns: Sequence[str]) -> RowFacts:
    from featx.tables.parquet import read_columns

    table = read_columns(path, ("id", "label", *columns))
    cells = table["id"]
    if cells is None:
        raise BadTable(f"{path}: expected a column id; found none")
    ids = [str(value) for value in cells]
    labels = [None if value in (None, "") else str(value) for value in table["label"] or ()]
    return RowFacts(ids, labels or [None] * len(ids), _wanted(path, table, columns))


def _parquet_numbers(path: Path, size: int) -> Iterator[FloatArray]:
    from featx.tables.parquet import stream_embeddings

    yield from stream_embeddings(path, size)


def _npz_shape(path: Path) -> tuple[int, str]:
    with _npz(path) as archive:
        fingerprint = "fingerprint.npy" in archive.namelist()
        with _embeddings(path, archive) as stream:
            shape = _header(path, stream)[0]
        text = str(_member(path, archive, "fingerprint")) if fingerprint else ""
    return shape[1], text


def _npz_facts(path: Path, columns: Sequence[str]) -> RowFacts:
    with _npz(path) as archive:
        with _embeddings(path, archive) as stream:
            n = _header(path, stream)[0][0]
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        texts = {
            name: np.atleast_1d(_member(path, archive, name)).tolist() if name in names else None
            for name in ("ids", "labels", *columns)
        }
    ids = [str(value) for value in texts["ids"] or map(str, range(n))]
    labels = [str(value) or None for value in texts["labels"] or [""] * n]
    for name, values in (("ids", ids), ("labels", labels)):
        if len(values) != n:
            raise BadTable(f"{path}: has {len(values)} {name} for {n} rows; expected one each")
    return RowFacts(ids, labels, _wanted(path, texts, columns))


def _npz_numbers(path: Path, size: int) -> Iterator[FloatArray]:
    with _npz(path) as archive, _embeddings(path, archive) as stream:
        yield from _stream(path, stream, size)


def _npy_shape(path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        return _header(path, stream)[0][1], ""


def _npy_facts(path: Path, columns: Sequence[str]) -> RowFacts:
    with path.open("rb") as stream:
        n = _header(path, stream)[0][0]
    return RowFacts(list(map(str, range(n))), [None] * n, _wanted(path, {}, columns))


def _npy_numbers(path: Path, size: int) -> Iterator[FloatArray]:
    with path.open("rb") as stream:
        yield from _stream(path, stream, size)


def _npz(path: Path) -> zipfile.ZipFile:
    with library_border(f"{path}: not an .npz, or a damaged one", BadTable):
        archive = zipfile.ZipFile(path)
        if "embeddings.npy" not in archive.namelist():
            archive.close()
            raise BadTable(f"{path}: expected an array named embeddings")
        return archive


def _embeddings(path: Path, archive: zipfile.ZipFile) -> IO[bytes]:
    """Open the numbers of rows within an archive."""
    with library_border(f"{path}: its array embeddings cannot be read", BadTable):
        return archive.open("embeddings.npy")


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
    with (
        library_border(f"{path}: its array {name} cannot be read", BadTable),
        archive.open(f"{name}.npy") as stream,
    ):
        return np.lib.format.read_array(stream, allow_pickle=False)


def _header(path: Path, stream: IO[bytes]) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Return the shape and type of the numbers of an array, whose header is read."""
    with library_border(f"{path}: not an array of NumPy, or a damaged one", BadTable):
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, columns_first, dtype = read(stream)
    if len(shape) != 2 or columns_first or dtype.kind != "f" or not shape[1]:
        order = ", a column after the other" if columns_first else ""
        raise BadTable(
            f"{path}: expected floats of shape (n, dim), a row after the other; found {dtype} of {shape}{order}"
        )
    return shape, dtype


def _stream(path: Path, stream: IO[bytes], size: int) -> Iterator[FloatArray]:
    """Give an array block by block."""
    (n, dim), dtype = _header(path, stream)
    for start in range(0, n, size):
        wanted = min(size, n - start) * dim * dtype.itemsize
        with library_border(f"{path}: a damaged array", BadTable):
            data = stream.read(wanted)
        if len(data) != wanted:
            raise BadTable(f"{path}: ends after {start} of {n} rows; make it again")
        yield np.frombuffer(data, dtype).astype(np.float32, copy=False).reshape(-1, dim)


def _whole_shape(path: Path) -> tuple[int, str]:
    from featx.tables import read_rows

    rows = read_rows(path)
    return rows.dim, rows.fingerprint


def _whole_facts(path: Path, columns: Sequence[str]) -> RowFacts:
    from featx.tables import read_rows

    rows = read_rows(path)
    return RowFacts(list(rows.ids), list(rows.labels), _wanted(path, rows.columns, columns))


def _whole_numbers(path: Path, size: int) -> Iterator[FloatArray]:
    from featx.tables import read_rows

    yield read_rows(path).embeddings


def _wanted(
    path: Path, table: Mapping[str, Any], columns: Sequence[str]
) -> dict[str, Sequence[Any]]:
    """Return the columns that were asked for."""
    for name in columns:
        if table.get(name) is None:
            raise BadTable(f"{path}: has no column {name!r}; extract it with keep={name!r}")
    return {name: list(table[name]) for name in columns}


_WHOLE = _Reader(_whole_shape, _whole_facts, _whole_numbers)
_READERS: Mapping[str, _Reader] = {
    ".parquet": _Reader(_parquet_shape, _parquet_facts, _parquet_numbers),
    ".npz": _Reader(_npz_shape, _npz_facts, _npz_numbers),
    ".npy": _Reader(_npy_shape, _npy_facts, _npy_numbers),
}
