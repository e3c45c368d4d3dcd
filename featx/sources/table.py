"""Samples from a table of paths, contents or texts: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.errors import BadOption, BadSource
from featx.sources.columns import (
    LABEL_COLUMNS,
    PATH_COLUMNS,
    TEXT_COLUMNS,
    USUAL,
    choose_content,
    pick,
)
from featx.sources.delimited import open_delimited
from featx.sources.file_names import find_below
from featx.sources.json_lines import open_json_lines
from featx.sources.open_table import Notes, OpenTable
from featx.sources.parquet import open_parquet
from featx.sources.sample import Sample
from featx.sources.source import ENOUGH, Columns, Peek, Readable, count_suffixes, table_suffix
from featx.sources.table_rows import TableRows
from featx.sources.table_text import read_text
from featx.storage.address import pinned, to_path
from featx.storage.blob import Blob, describe_os_error, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["LABEL_COLUMNS", "Table"]

# How many columns a table may have.
_MOST_COLUMNS = 1 << 16
# The first bytes of sounds.
_SOUNDS = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"FORM")


class Table:
    """A table with a row a sample: a column of paths, relative to the table, of contents, or of texts."""

    def __init__(
        self, uri: str | AnyPath, columns: Columns, stdin: Iterable[bytes | str] | None
    ) -> None:
        self._path = to_path(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` ends in one of ``TABLE_ENDINGS`` and is a file."""
        path = Path(uri)
        try:
            return bool(table_suffix(path.name)) and path.exists() and not path.is_dir()
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return a sample a row, in the order of the rows.

        A row without a label has none. Files need not exist: one that does not is a reject when read. Where
        a string is a sample a column of texts goes before one of paths; where a column holds contents of
        files, it goes before one of paths. ``split`` selects by a column of that name, where a cell of it
        names a split. Where sounds are read, columns of a start and an end make a segment of each row.

        What is doubtful, and which columns look like ones that are read and are not, is said in one
        FeatxWarning each. Where the columns say ``skip``, a row that makes no sense is a sample that cannot be
        read, without a label.
        """
        notes = Notes()
        samples = self.read(readable, split, notes)
        notes.warn()
        return samples

    def read(self, readable: Readable, split: str | None, notes: Notes) -> list[Sample]:
        """Return what ``samples`` returns; what is to be said goes to ``notes``."""
        table = self._open(notes)
        rows = TableRows(table, self._columns, self._where, self._path.parent)
        return rows.read(readable, split, notes)

    def holds_contents(self) -> bool:
        """Return whether a column of it holds the contents of files; raise BadSource."""
        if table_suffix(self._path.name) != ".parquet":
            return False
        return choose_content(self._open(Notes()), self._columns.path, None) is not None

    def head(self, count: int = ENOUGH) -> dict[str, list[Any]]:
        """Return the first cells of each column, contents of files as blobs; raise BadSource.

        Rows that make no sense are passed over.
        """
        table = self._open(Notes(), skip=True)
        names = [name for name in dict.fromkeys(table.columns) if table.columns.count(name) == 1]
        contents = [name for name in table.contents if name in names]
        rows = [
            cells
            for _, cells in islice(table.rows(names, contents), count)
            if not isinstance(cells, BadSource)
        ]
        return {name: [cells[place] for cells in rows] for place, name in enumerate(names)}

    def peek(self) -> Peek:
        """Return the suffixes of the first files, and whether there is a column of texts.

        Rows that make no sense are passed over.
        """
        table, where = self._open(Notes(), skip=True), self._where
        text = pick(table.columns, self._columns.text, TEXT_COLUMNS, where)
        content = choose_content(table, self._columns.path, None)
        name = content or pick(table.columns, self._columns.path, PATH_COLUMNS, where)
        rows = (
            islice(table.rows([name], (content,) if content else ()), ENOUGH) if name else iter(())
        )
        kind = table.contents.get(content or "", "")
        return Peek(count_suffixes(self._names(rows, kind)), text is not None)

    def _names(
        self, rows: Iterable[tuple[str, Sequence[Any] | BadSource]], kind: str
    ) -> Iterator[str]:
        """Give the names of the files of some rows, with a suffix where one can be found out."""
        finder = find_below(self._columns.root, self._path.parent, None)
        suffix = None
        for _, cells in rows:
            cell = None if isinstance(cells, BadSource) else cells[0]
            if isinstance(cell, Blob):
                if not cell.suffix and suffix is None:
                    suffix = _suffix_of_content(cell, kind)
                yield cell.name if cell.suffix else f"{cell.name}{suffix}"
            elif isinstance(cell, str):
                yield finder.find(cell)[1].name

    @property
    def _where(self) -> str:
        return to_text(str(self._path))

    def _open(self, notes: Notes, *, skip: bool = False) -> OpenTable:
        """Open the table; raise BadSource where it cannot be read."""
        table = self._open_any(notes, skip=skip or self._columns.skip)
        if len(table.columns) > _MOST_COLUMNS:
            raise BadSource(
                f"{self._where}: {len(table.columns):,} columns, expected at most {_MOST_COLUMNS:,}"
            )
        return table

    def _open_any(self, notes: Notes, *, skip: bool) -> OpenTable:
        suffix, columns = table_suffix(self._path.name), self._columns
        try:
            path = pinned(self._path)
            if suffix == ".parquet":
                if columns.encoding is not None:
                    raise BadOption(
                        f"encoding: {self._where} is no table of text; leave the option out"
                    )
                return open_parquet(path, find_below(columns.root, self._path.parent, None))
            text = read_text(path, columns.encoding)
        except (OSError, MemoryError) as error:
            reason = describe_os_error(error) if isinstance(error, OSError) else "too large"
            raise BadSource(f"{self._where}: cannot be read: {reason}") from error
        if suffix in (".jsonl", ".ndjson"):
            return open_json_lines(text, self._where, skip=skip)
        usual = {name for names in USUAL.values() for name in names}
        usual.update(name.lower() for name in _asked(columns))
        return open_delimited(text, self._where, usual, notes, tabs=suffix == ".tsv")


def _suffix_of_content(blob: Blob, kind: str) -> str:
    """Return a suffix of the modality of contents without a name, by their schema or their first bytes."""
    if kind in ("Image", "Audio"):
        return ".wav" if kind == "Audio" else ".jpg"
    try:
        with blob.open() as file:
            return ".wav" if file.read(16).startswith(_SOUNDS) else ".jpg"
    except OSError:
        return ".jpg"


def _asked(columns: Columns) -> list[str]:
    """Return the names of columns that a user said."""
    names = (
        *(columns.path, columns.text, *columns.target, columns.id, columns.start, columns.end),
        *(columns.group, columns.weight, columns.time, columns.split, columns.duration),
        *(column.name for column in columns.record),
    )
    return [name for name in names if name is not None]
