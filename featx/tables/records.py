"""Records of named cells into a file, one after the other: CSV, JSON lines or Parquet, by its suffix.

Rows of a backbone have writers of their own; these are for what is said about samples, such as predictions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from featx._extras import require
from featx.errors import BadTable
from featx.storage.address import to_path
from featx.storage.atomic import replacing
from featx.storage.writable import check_writable

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["RECORD_FORMATS", "RecordWriter", "check_records_output"]

# Records of a row group of Parquet.
_GROUP = 4096


class _Writer(Protocol):
    """A writer of records of one format."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one record."""

    def close(self) -> None:
        """Write what is held back, and close the file."""


class _Lines:
    """A writer of a line a record."""

    def __init__(self, path: Path, line: Callable[[Mapping[str, Any]], str], head: str) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._line = line
        self._file.write(head)

    def write(self, record: Mapping[str, Any]) -> None:
        self._file.write(f"{self._line(record)}\n")

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """A writer of Parquet, a row group after the other."""

    def __init__(self, path: Path, columns: Mapping[str, type]) -> None:
        from featx.tables.parquet import arrow_type

        self._arrow = require("pyarrow", extra="parquet")
        parquet = require("pyarrow.parquet", extra="parquet")
        fields = [self._arrow.field(name, arrow_type(kind)) for name, kind in columns.items()]
        self._schema = self._arrow.schema(fields)
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._held: list[Mapping[str, Any]] = []

    def write(self, record: Mapping[str, Any]) -> None:
        self._held.append(record)
        if len(self._held) == _GROUP:
            self._write_group()

    def close(self) -> None:
        with self._writer:
            if self._held:
                self._write_group()

    def _write_group(self) -> None:
        table = self._arrow.Table.from_pylist(self._held, schema=self._schema)
        self._writer.write_table(table)
        self._held = []


def _open_csv(path: Path, columns: Mapping[str, type]) -> _Writer:
    from featx.tables.csv import csv_line

    names = tuple(columns)
    return _Lines(path, lambda record: csv_line(map(record.get, names)), f"{csv_line(names)}\n")


def _open_jsonl(path: Path, columns: Mapping[str, type]) -> _Writer:
    return _Lines(path, lambda record: json.dumps(record, ensure_ascii=False), "")


RECORD_FORMATS: Mapping[str, Callable[[Path, Mapping[str, type]], _Writer]] = MappingProxyType(
    {".csv": _open_csv, ".jsonl": _open_jsonl, ".parquet": _Parquet}
)


class RecordWriter:
    """A context manager that writes records; ``path`` is replaced when the last one is written, not before.

    Parameters
    ----------
    path : path ending in one of ``RECORD_FORMATS``
    columns : mapping of str to type
        The names of the cells, in order, and the type of their values: str, int, float or bool.

    Raises
    ------
    BadTable
        The suffix is another one.
    MissingExtra
        A Parquet file, and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with RecordWriter(f"{folder}/x.csv", {"id": str, "probability": float}) as writer:
    ...         writer.write({"id": "a.jpg", "probability": 0.5})
    ...     Path(folder, "x.csv").read_text(encoding="utf-8")
    'id,probability\\na.jpg,0.5\\n'
    """

    def __init__(
        self, path: str | os.PathLike[str] | RemotePath, columns: Mapping[str, type]
    ) -> None:
        self._path = to_path(path)
        self._columns = columns
        self._open = _format(self._path)

    def __enter__(self) -> Self:
        """Open a temporary file beside ``path``; raise OutputFailed where that cannot be."""
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self._path))
            self._writer = self._open(temporary, self._columns)
            stack.callback(self._writer.close)
            self._stack = stack.pop_all()
        return self

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record; a cell that it lacks is empty."""
        self._writer.write(record)

    def write_all(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Write records in their order."""
        for record in records:
            self.write(record)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the file appear; after an error leave what stood at ``path``."""
        self._stack.__exit__(kind, error, traceback)


def check_records_output(path: str | os.PathLike[str] | RemotePath) -> None:
    """Refuse what ``RecordWriter`` could not write, before there is anything to write.

    Raises
    ------
    BadTable
        The suffix is not one of ``RECORD_FORMATS``.
    MissingExtra
        A Parquet file, and pyarrow is not installed.
    OutputFailed
        It cannot be written there.
    """
    path = to_path(path)
    _format(path)
    if path.suffix.lower() == ".parquet":
        require("pyarrow.parquet", extra="parquet")
    check_writable(path)


def _format(path: AnyPath) -> Callable[[Path, Mapping[str, type]], _Writer]:
    suffix = path.suffix.lower()
    if suffix not in RECORD_FORMATS:
        raise BadTable(f"{path}: expected a name ending in {', '.join(RECORD_FORMATS)}")
    return RECORD_FORMATS[suffix]
