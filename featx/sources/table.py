"""Samples from a table of paths or texts: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from featx._extras import require
from featx.errors import BadLabels, BadOption, BadSource
from featx.sources.kept import asked_columns, kept_cells
from featx.sources.sample import Sample, number_repeats, to_label
from featx.sources.source import TABLE_SUFFIXES, Columns, Peek, Readable, count_suffixes
from featx.sources.splits import choose, split_of
from featx.storage.blob import LIMIT, Blob, describe_os_error, to_text

__all__ = ["LABEL_COLUMNS", "Table"]

PATH_COLUMNS = ("path", "file", "filename", "image", "filepath")
TEXT_COLUMNS = (
    *("text", "sentence", "question", "content", "document", "review"),
    *("comment", "message", "utterance", "query"),
)
LABEL_COLUMNS = ("label", "class", "target", "category")


class Table:
    """A table with a row a sample: a column of paths, relative to the table, or of texts."""

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        self._path = Path(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` ends in one of ``TABLE_SUFFIXES`` and is a file."""
        path = Path(uri)
        try:
            return path.suffix.lower() in TABLE_SUFFIXES and path.exists() and not path.is_dir()
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return a sample a row, in the order of the rows.

        A row without a label has none. Files need not exist: one that does not is a reject when read. Where
        a string is a sample a column of texts goes before one of paths. ``split`` selects by a column of
        that name, where a cell of it names a split.
        """
        table, where = self._open(), self._where
        columns = {
            **_data_columns(table.columns, self._columns, where, readable.string_is_sample),
            "label": _pick(table.columns, self._columns.label, LABEL_COLUMNS, where),
            "id": _pick(table.columns, self._columns.id, ("id",), where),
            "split": _pick(table.columns, None, ("split",), where) if split else None,
        }
        names = {key: name for key, name in columns.items() if name is not None}
        kept = asked_columns(self._columns.keep, table.columns, where)
        rows, carried = [], []
        for number, (line, cells) in enumerate(table.rows([*names.values(), *kept]), start=1):
            own = dict(zip(names, cells, strict=False))
            rows.append(_Row.of(f"{where}: {line}", number, own))
            carried.append(cells[len(names) :])
        if split and any(row.split for row in rows):
            chosen = choose(split, {row.split for row in rows if row.split}, where)
            carried = [c for row, c in zip(rows, carried, strict=True) if row.split in chosen]
            rows = [row for row in rows if row.split in chosen]
        if not rows:
            raise BadSource(f"{where}: expected a row a sample, found no rows")
        ids = _ids(rows) if "id" in names else number_repeats(row.name for row in rows)
        folder = self._path.parent
        keep = self._columns.keep
        columns_of = kept_cells(kept, carried, keep, where) if keep else [None] * len(rows)
        return [
            Sample(
                name,
                row.text if row.path is None else Blob.of_path(folder / row.path),
                row.label,
                own,
            )
            for name, row, own in zip(ids, rows, columns_of, strict=True)
        ]

    def peek(self) -> Peek:
        """Return the suffixes of the first paths, and whether there is a column of texts."""
        table, where = self._open(), self._where
        text = _pick(table.columns, self._columns.text, TEXT_COLUMNS, where)
        name = _pick(table.columns, self._columns.path, PATH_COLUMNS, where)
        rows = table.rows([name]) if name else ()
        return Peek(
            count_suffixes(cell for _, [cell] in rows if isinstance(cell, str)), text is not None
        )

    @property
    def _where(self) -> str:
        return to_text(str(self._path))

    def _open(self) -> _OpenTable:
        try:
            return _OPENERS[self._path.suffix.lower()](self._path)
        except OSError as error:
            reason = describe_os_error(error)
            raise BadSource(f"{self._where}: cannot be read: {reason}") from error


@dataclass(frozen=True, slots=True)
class _OpenTable:
    """A table that has been opened: its columns, and how to get the cells of some of them.

    ``rows`` takes the names of columns and gives, for each row, where it is ("line 3") and its cells.
    """

    columns: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[tuple[str, Sequence[Any]]]]


def _data_columns(
    names: Sequence[str], columns: Columns, where: str, string_is_sample: bool
) -> dict[str, str | None]:
    """Return the column that holds the samples: of texts where they may be, else of paths."""
    if columns.text is not None and not string_is_sample:
        raise BadOption(f"text_column {columns.text!r}: the backbone reads files, not texts")
    if columns.text is not None and columns.path is not None:
        raise BadOption("text_column, path_column: name one of the two")
    if string_is_sample and columns.path is None:
        text = _pick(names, columns.text, TEXT_COLUMNS, where)
        path = _pick(names, None, PATH_COLUMNS, where) if text is None else None
        if text is None and path is None:
            _pick(names, None, (*TEXT_COLUMNS, *PATH_COLUMNS), where, needed=True)
        return {"text": text, "path": path}
    return {"path": _pick(names, columns.path, PATH_COLUMNS, where, needed=True)}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table: what it says of a sample.

    ``name`` is its id where no column has ids. Without a ``path`` the text is the sample; one that is None
    or a number is a reject when it is read.
    """

    where: str
    name: str
    path: str | None
    text: Any
    label: str | None
    id: str | None
    split: str | None

    @classmethod
    def of(cls, where: str, number: int, cells: dict[str, Any]) -> _Row:
        path = cells.get("path")
        if "path" in cells and (path is None or (isinstance(path, str) and not path.strip())):
            raise BadSource(f"{where}: the path is empty")
        if path is not None and not isinstance(path, str):
            raise BadSource(f"{where}: expected a path, found {type(path).__name__}")
        try:
            label, split = to_label(cells.get("label")), to_label(cells.get("split"))
            given = to_label(cells.get("id"))
        except BadLabels as error:
            raise BadSource(f"{where}: {error}") from error
        part = split if split and split_of(split) else None
        name = f"row {number}" if path is None else to_text(path)
        return cls(where, name, path, cells.get("text"), label, given, part)


def _ids(rows: Sequence[_Row]) -> list[str]:
    seen: dict[str, str] = {}
    for row in rows:
        if row.id is None:
            raise BadSource(f"{row.where}: the id is empty")
        if row.id in seen:
            first = seen[row.id].rpartition(": ")[2]
            raise BadSource(f"{row.where}: the id {row.id!r} is already taken in {first}")
        seen[row.id] = row.where
    return list(seen)


def _pick(
    columns: Sequence[str],
    asked: str | None,
    usual: Sequence[str],
    where: str,
    *,
    needed: bool = False,
) -> str | None:
    """Return the column that was asked for, else the first of the usual ones, in any case of letters."""
    if asked is not None:
        column = asked if asked in columns else None
    else:
        lower = {name.lower(): name for name in reversed(columns)}
        column = next((lower[name] for name in usual if name in lower), None)
    if column is None and (needed or asked is not None):
        expected = repr(asked) if asked is not None else f"named {' or '.join(usual)}"
        listed = ", ".join(map(repr, columns)) or "none"
        raise BadSource(f"{where}: expected a column {expected}; found columns {to_text(listed)}")
    if column is not None and columns.count(column) > 1:
        raise BadSource(f"{where}: the column {column!r} is there {columns.count(column)} times")
    return column


def _read_text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadSource(
            f"{to_text(str(path))}: line {line}: not UTF-8; save the file as UTF-8"
        ) from error


def _open_csv(path: Path) -> _OpenTable:
    text, where = _read_text(path), to_text(str(path))
    first = text.partition("\n")[0]
    tabs = path.suffix.lower() == ".tsv"
    delimiter = "\t" if tabs else max(",;\t", key=first.count)
    # A cell may be a whole document.
    csv.field_size_limit(max(csv.field_size_limit(), LIMIT))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = tuple(name.strip() for name in next(reader, []))
    except csv.Error as error:
        raise BadSource(f"{where}: line 1: {error}") from error

    def rows(wanted: Sequence[str]) -> Iterator[tuple[str, Sequence[Any]]]:
        at = [columns.index(name) for name in wanted]
        line = reader.line_num + 1
        try:
            for cells in reader:
                if len(cells) > len(columns):
                    raise BadSource(
                        f"{where}: line {line}: expected {len(columns)} cells, found {len(cells)}; "
                        "a cell that holds the separator needs quotes"
                    )
                if cells:
                    yield f"line {line}", [cells[i] if i < len(cells) else None for i in at]
                line = reader.line_num + 1
        except csv.Error as error:
            raise BadSource(f"{where}: line {line}: {error}") from error

    return _OpenTable(columns, rows)


def _open_jsonl(path: Path) -> _OpenTable:
    where = to_text(str(path))
    records: list[tuple[str, dict[str, Any]]] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(_read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadSource(f"{where}: line {number}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise BadSource(f"{where}: line {number}: expected an object such as {{…}}")
        records.append((f"line {number}", record))
        columns.update(dict.fromkeys(record))

    def rows(wanted: Sequence[str]) -> Iterator[tuple[str, Sequence[Any]]]:
        for line, record in records:
            yield line, [record.get(name) for name in wanted]

    return _OpenTable(tuple(columns), rows)


def _open_parquet(path: Path) -> _OpenTable:
    parquet = require("pyarrow.parquet", extra="parquet")
    arrow = require("pyarrow", extra="parquet")
    where = to_text(str(path))
    try:
        file = parquet.ParquetFile(path)
    except (arrow.ArrowException, OSError) as error:
        raise BadSource(f"{where}: not a Parquet file, or a damaged one: {error}") from error

    def rows(wanted: Sequence[str]) -> Iterator[tuple[str, Sequence[Any]]]:
        number = 0
        try:
            with file:
                for batch in file.iter_batches(columns=list(wanted)):
                    cells = [batch.column(name).to_pylist() for name in wanted]
                    for row in zip(*cells, strict=True):
                        number += 1
                        yield f"row {number}", row
        except (arrow.ArrowException, OSError) as error:
            raise BadSource(f"{where}: after row {number}: damaged: {error}") from error

    return _OpenTable(tuple(file.schema_arrow.names), rows)


_OPENERS = MappingProxyType(
    {
        ".csv": _open_csv,
        ".tsv": _open_csv,
        ".jsonl": _open_jsonl,
        ".ndjson": _open_jsonl,
        ".parquet": _open_parquet,
    }
)
