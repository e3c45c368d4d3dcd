"""Rows as ``.csv`` with columns id, label, fingerprint, e0, e1, …, and rejects with id and reason.

Further columns of the samples stand before e0. Numbers are the shortest text that reads back to the same
float32.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from featx.embedding.rows import Reject, Rows
from featx.errors import BadTable
from featx.tables.lines import Line, collect_rows

__all__ = ["CsvWriter", "csv_line", "read_csv", "write_rejects_csv"]

_FIRST = ("id", "label", "fingerprint")


class CsvWriter:
    """Writes the blocks as they come: UTF-8, a line a row unless an id or label has line breaks."""

    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})

    def __init__(
        self, path: Path, *, fingerprint: str, dim: int, dtype: str, columns: Mapping[str, type]
    ) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._dim = dim
        self._columns = tuple(columns)

    def __enter__(self) -> Self:
        """Open the file and write its header."""
        self._file = self._path.open("w", encoding="utf-8", newline="")
        names = (*_FIRST, *self._columns, *(f"e{i}" for i in range(self._dim)))
        self._file.write(csv_line(names) + "\n")
        return self

    def write(self, block: Rows) -> None:
        """Write a line a row."""
        others = [block.columns[name] for name in self._columns]
        for name, label, row, *cells in zip(
            block.ids, block.labels, block.embeddings, *others, strict=True
        ):
            first = csv_line((name, label, self._fingerprint, *cells))
            self._file.write(f"{first},{','.join(map(str, row))}\n")

    def __exit__(self, *failure: object) -> None:
        """Close the file."""
        self._file.close()


def write_rejects_csv(path: Path, rejects: Iterable[Reject]) -> None:
    """Write id and reason, a line a reject."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,reason\n")
        for reject in rejects:
            file.write(csv_line((reject.id, reject.reason)) + "\n")


def read_csv(path: Path) -> Rows:
    """Return the rows of a file that featx wrote, or of any with columns id, e0, e1, …"""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            dim = sum(1 for name in header if name[:1] == "e" and name[1:].isdecimal())
            first = header[: len(header) - dim]
            numbers = [f"e{i}" for i in range(dim)]
            if "id" not in first or header != [*first, *numbers] or len(set(first)) < len(first):
                raise BadTable(f"{path}: expected columns id, label, fingerprint, e0, e1, …")
            return collect_rows(path, _parsed(path, reader, first, len(header)), dim)
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadTable(f"{path}: line {reader.line_num}: {error}") from error


def _parsed(path: Path, reader: Any, first: list[str], width: int) -> Iterator[Line]:
    for cells in reader:
        if len(cells) != width:
            raise BadTable(
                f"{path}: line {reader.line_num}: expected {width} cells, found {len(cells)}; "
                "the file is damaged"
            )
        yield Line(reader.line_num, dict(zip(first, cells, strict=False)), cells[len(first) :])


def csv_line(cells: Iterable[Any]) -> str:
    """Return a line of CSV without its end: nothing for None, true and false, numbers as they read back."""
    return ",".join(map(_cell, cells))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _quoted(text: str) -> str:
    """Return a cell, in quotes where a reader of CSV needs them.

    ``csv.writer`` does not give these bytes: before Python 3.13 it leaves a lone carriage return without
    quotes where lines end in a newline alone, so that the file cannot be read back, and it leaves out the
    quotes around a cell that begins or ends with a space.
    """
    if any(mark in text for mark in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text
