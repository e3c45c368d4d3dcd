"""Samples from a table of paths, contents or texts: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, islice
from pathlib import Path
from typing import Any

from featx.errors import BadLabels, BadOption, BadSource
from featx.sources.columns import (
    LABEL_COLUMNS,
    PATH_COLUMNS,
    TARGET,
    TEXT_COLUMNS,
    USUAL,
    choose_columns,
    choose_content,
    note_unused,
    pick,
)
from featx.sources.delimited import open_delimited
from featx.sources.file_names import Finder, find_below, refused
from featx.sources.json_lines import open_json_lines
from featx.sources.kept import asked_columns, kept_cells
from featx.sources.open_table import Notes, OpenTable
from featx.sources.parquet import open_parquet
from featx.sources.sample import Sample, number_repeats, to_id, to_label
from featx.sources.sample_facts import read_time, read_weight
from featx.sources.segment import Segment
from featx.sources.source import ENOUGH, Columns, Peek, Readable, count_suffixes, table_suffix
from featx.sources.splits import choose, split_of
from featx.sources.table_text import read_text
from featx.sources.targets import to_target
from featx.storage.address import to_path
from featx.storage.blob import Blob, describe_os_error, to_text
from featx.storage.remote import RemotePath, pinned

__all__ = ["LABEL_COLUMNS", "Table"]

# How many columns a table may have.
_MOST_COLUMNS = 1 << 16
# Digits of seconds behind the point.
_DIGITS = 9
# The first bytes of sounds.
_SOUNDS = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"FORM")


class Table:
    """A table with a row a sample: a column of paths, relative to the table, of contents, or of texts."""

    def __init__(
        self, uri: str | RemotePath, columns: Columns, stdin: Iterable[bytes | str] | None
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
        where = self._where
        table = self._open(notes)
        reads_parts = split is not None or self._columns.parts
        chosen = choose_columns(table, self._columns, readable, split=reads_parts, where=where)
        if "path" not in chosen and self._columns.root is not None:
            raise BadOption(f"root: the rows of {where} are texts, not files; leave the option out")
        finder = find_below(self._columns.root, self._path.parent, readable.suffixes)
        content = chosen["path"] if chosen.get("path") in table.contents else None
        keep = self._columns.keep
        kept = asked_columns(keep, table.columns, where)
        rows, carried = [], []
        for number, (line, cells) in enumerate(
            table.rows([*chosen.values(), *kept], content), start=1
        ):
            row = self._row(f"{where}: {line}", number, cells, chosen, finder)
            rows.append(row)
            known = () if isinstance(cells, BadSource) else cells[len(chosen) :]
            carried.append(known or (None,) * len(kept))
        if self._columns.split and not any(row.split for row in rows):
            raise BadSource(
                f"{where}: split_column {chosen['split']!r}: expected train, val or test in its cells, found "
                "none of them"
            )
        if split and any(row.split for row in rows):
            wanted = choose(split, {row.split for row in rows if row.split}, where)
            if split == "train" and self._columns.split:
                # A part to choose by goes with the part to train on.
                wanted |= {row.split for row in rows if row.split and split_of(row.split) == "val"}
            # Nobody knows the part of a row that makes no sense.
            taken = [row.unread or row.split in wanted for row in rows]
            carried = list(compress(carried, taken))
            rows = list(compress(rows, taken))
        elif split:
            # A column of which no cell names a split was not used.
            chosen.pop("split", None)
        if not rows:
            raise BadSource(f"{where}: expected a row a sample, found no rows")
        ids = _ids(rows, chosen.get("id"), self._columns.id is not None, where, notes)
        left = tuple(n for n in table.columns if n not in kept or n in chosen.values())
        unkept = replace(table, columns=left)
        note_unused(unkept, chosen, self._columns, split=reads_parts, where=where, notes=notes)
        columns = kept_cells(kept, carried, keep, where) if keep else [None] * len(rows)
        return [row.sample(name, own) for name, row, own in zip(ids, rows, columns, strict=True)]

    def _row(
        self,
        where: str,
        number: int,
        cells: Sequence[Any] | BadSource,
        chosen: Mapping[str, str],
        finder: Finder,
    ) -> _Row:
        """Return what a row says; raise BadSource for one that makes no sense, unless it is to be skipped."""
        try:
            if isinstance(cells, BadSource):
                raise cells
            own = dict(zip(chosen, cells, strict=False))
            return _Row.of(where, number, own, finder, self._columns.separator)
        except BadSource as error:
            if not self._columns.skip:
                raise
            return _Row.unreadable(where, number, str(error).removeprefix(f"{self._where}: "))

    def holds_contents(self) -> bool:
        """Return whether a column of it holds the contents of files; raise BadSource."""
        if table_suffix(self._path.name) != ".parquet":
            return False
        return choose_content(self._open(Notes()), self._columns.path, None) is not None

    def peek(self) -> Peek:
        """Return the suffixes of the first files, and whether there is a column of texts.

        Rows that make no sense are passed over.
        """
        table, where = self._open(Notes(), skip=True), self._where
        text = pick(table.columns, self._columns.text, TEXT_COLUMNS, where)
        content = choose_content(table, self._columns.path, None)
        name = content or pick(table.columns, self._columns.path, PATH_COLUMNS, where)
        rows = islice(table.rows([name], content), ENOUGH) if name else iter(())
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a table: what it says of a sample. ``name`` is its id where no column has ids."""

    where: str
    name: str
    data: Any
    label: str | None
    id: str | None
    split: str | None
    group: str | None
    weight: float | None
    time: float | None
    # Whether it makes no sense.
    unread: bool = False

    @classmethod
    def unreadable(cls, where: str, number: int, reason: str) -> _Row:
        """Return a row of which nothing is known but why."""
        name = f"row {number}"
        data = refused(name, reason)
        return cls(where, name, data, None, None, None, None, None, None, unread=True)

    @classmethod
    def of(
        cls,
        where: str,
        number: int,
        cells: Mapping[str, Any],
        finder: Finder,
        separator: str | None,
    ) -> _Row:
        try:
            label, split = _target(cells, separator), to_label(cells.get("split"))
            given, group = to_id(cells.get("id")), to_label(cells.get("group"))
        except BadLabels as error:
            raise BadSource(f"{where}: {error}") from error
        part = split if split and split_of(split) else None
        name, data = f"row {number}", cells.get("text")
        if "path" in cells:
            name, data = _file(where, name, cells["path"], finder)
        if "start" in cells:
            name, data = _segment(name, data, cells)
        weight = read_weight(cells["weight"], where) if "weight" in cells else None
        time = read_time(cells["time"], where) if "time" in cells else None
        if "group" in cells and group is None:
            raise BadSource(f"{where}: the group is empty; expected a name for each sample")
        return cls(where, name, data, label, given, part, group, weight, time)

    def sample(self, name: str, columns: Mapping[str, Any] | None) -> Sample:
        """Return the sample of the row."""
        part = split_of(self.split) if self.split else None
        return Sample(
            name, self.data, self.label, columns, self.group, self.weight, part, self.time
        )


def _target(cells: Mapping[str, Any], separator: str | None) -> str | None:
    """Return the text of the target: of one column, or of several by their names."""
    several = {key[len(TARGET) :]: cell for key, cell in cells.items() if key.startswith(TARGET)}
    return to_target(several) if several else to_target(cells.get("label"), separator)


def _file(where: str, name: str, cell: Any, finder: Finder) -> tuple[str, Blob]:
    """Return the name and the bytes of the file that a cell names, or holds."""
    if isinstance(cell, Blob):
        return to_text(cell.name), cell
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise BadSource(f"{where}: the path is empty")
    if not isinstance(cell, str):
        raise BadSource(f"{where}: expected a path, found {type(cell).__name__}")
    found, blob = finder.find(cell)
    return to_text(found), blob


def _segment(name: str, data: Any, cells: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the id and the part of a recording; what names no seconds is a reject."""
    other = "duration" if "duration" in cells else "end"
    start, end = _seconds(cells["start"]), _seconds(cells[other])
    if start is not None and end is not None:
        # What is added to the start has its digits.
        last = round(start + end, _DIGITS) if other == "duration" else end
        segment = Segment(data, start, last)
        return segment.name_of(name), segment
    found = to_text(f"{cells['start']!r} and {cells[other]!r}"[:100])
    return name, refused(name, f"start and {other}: expected seconds, found {found}")


def _seconds(cell: Any) -> float | None:
    """Return a number of seconds, also one with a decimal comma; None for what is none."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, str):
        cell = cell.strip().replace(",", ".")
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None


def _ids(
    rows: Sequence[_Row], column: str | None, asked: bool, where: str, notes: Notes
) -> list[str]:
    """Return the ids of a column; without one, or where nobody asked for it and it is none, the names."""
    fault = _fault_of_ids(rows) if column is not None else ""
    if fault and asked:
        raise BadSource(fault)
    if fault:
        notes.add(
            "ids",
            f"{fault}: the column {column!r} is left alone and ids are paths, or numbers of rows; another "
            "column is named with id_column=",
        )
    if column is None or fault:
        return number_repeats(row.name for row in rows)
    return number_repeats(row.id or row.name for row in rows)


def _fault_of_ids(rows: Sequence[_Row]) -> str:
    """Return why the ids of the rows are none; '' where all are there and differ."""
    seen: dict[str, str] = {}
    for row in rows:
        if row.unread:
            continue
        if row.id is None:
            return f"{row.where}: the id is empty"
        if row.id in seen:
            first = seen[row.id].rpartition(": ")[2]
            return f"{row.where}: the id {row.id!r} is already taken in {first}"
        seen[row.id] = row.where
    return ""


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
    )
    return [name for name in names if name is not None]
