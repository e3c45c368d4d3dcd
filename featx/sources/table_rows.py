"""The rows of an open table as samples: what each says of its sample, its ids, and which part is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING, Any

from featx.errors import BadLabels, BadOption, BadSource
from featx.sources.columns import TARGET, choose_columns, note_unused
from featx.sources.file_names import Finder, find_below, refused
from featx.sources.kept import asked_columns, kept_cells
from featx.sources.open_table import Notes, OpenTable
from featx.sources.record import Record, RecordColumn
from featx.sources.record_cells import RecordReader
from featx.sources.sample import Sample, is_blank, number_repeats, to_id, to_label
from featx.sources.sample_facts import read_time, read_weight
from featx.sources.segment import Segment
from featx.sources.source import Columns, Readable
from featx.sources.splits import choose, split_of
from featx.sources.targets import to_target
from featx.storage.blob import Blob, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["TableRows"]

# What reads the data of a row: where it is, its name and its cells give its name and its data.
DataReader = Callable[[str, str, Mapping[str, Any]], tuple[str, Any]]

# Digits of seconds behind the point.
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of an open table.

    Attributes
    ----------
    table : OpenTable
    columns : Columns
        What was said of it.
    where : str
        The table's name, for messages.
    folder : Path or RemotePath
        The folder below which files lie, unless ``columns`` names another.
    """

    table: OpenTable
    columns: Columns
    where: str
    folder: AnyPath

    def read(self, readable: Readable, split: str | None, notes: Notes) -> list[Sample]:
        """Return a sample a row, or those of a part; what is to be said goes to ``notes``.

        Raises
        ------
        BadSource
            Columns are missing, there are no rows, or one makes no sense and is not to be skipped.
        BadOption
            Columns were asked for that do not go together.
        """
        table, asked, where = self.table, self.columns, self.where
        reads_parts = split is not None or asked.parts
        chosen = choose_columns(table, asked, readable, split=reads_parts, where=where)
        read, contents = self._data_reader(chosen, readable)
        keep = asked.keep
        kept = asked_columns(keep, table.columns, where)
        rows, carried = [], []
        wanted = [*chosen.values(), *kept]
        for number, (line, cells) in enumerate(table.rows(wanted, contents), start=1):
            rows.append(self._row(f"{where}: {line}", number, cells, chosen, read))
            known = () if isinstance(cells, BadSource) else cells[len(chosen) :]
            carried.append(known or (None,) * len(kept))
        taken = self._taken(rows, split, chosen)
        rows, carried = list(compress(rows, taken)), list(compress(carried, taken))
        if not rows:
            raise BadSource(f"{where}: expected a row a sample, found no rows")
        ids = _ids(rows, chosen.get("id"), asked.id is not None, where, notes)
        left = tuple(n for n in table.columns if n not in kept or n in chosen.values())
        unkept = replace(table, columns=left)
        note_unused(unkept, chosen, asked, split=reads_parts, where=where, notes=notes)
        cells_kept = kept_cells(kept, carried, keep, where) if keep else [None] * len(rows)
        return [row.sample(name, own) for name, row, own in zip(ids, rows, cells_kept, strict=True)]

    def _data_reader(
        self, chosen: Mapping[str, str], readable: Readable
    ) -> tuple[DataReader, tuple[str, ...]]:
        """Return what reads the data of a row, and the columns whose cells are wanted as blobs."""
        root = self.columns.root
        if self.columns.record:
            reader = RecordReader.of(self.columns.record, root, self.folder)
            files = [column.name for column in self.columns.record if column.reads == "file"]
            read = (
                _segment_reader(reader, self.columns.record) if "start" in chosen else reader.read
            )
            return read, tuple(name for name in files if name in self.table.contents)
        if "path" not in chosen and root is not None:
            raise BadOption(
                f"root: the rows of {self.where} are texts, not files; leave the option out"
            )
        finder = find_below(root, self.folder, readable.suffixes)
        contents = (chosen["path"],) if chosen.get("path") in self.table.contents else ()
        return _plain_reader(finder), contents

    def _taken(self, rows: Sequence[_Row], split: str | None, chosen: dict[str, str]) -> list[bool]:
        """Return which rows are of the part that is meant."""
        if self.columns.split and not any(row.split for row in rows):
            raise BadSource(
                f"{self.where}: split_column {chosen['split']!r}: expected train, val or test in its cells, "
                "found none of them"
            )
        if split and any(row.split for row in rows):
            wanted = choose(split, {row.split for row in rows if row.split}, self.where)
            if split == "train" and self.columns.split:
                # A part to choose by goes with the part to train on.
                wanted |= {row.split for row in rows if row.split and split_of(row.split) == "val"}
            # Nobody knows the part of a row that makes no sense.
            return [row.unread or row.split in wanted for row in rows]
        if split:
            # A column of which no cell names a split was not used.
            chosen.pop("split", None)
        return [True] * len(rows)

    def _row(
        self,
        where: str,
        number: int,
        cells: Sequence[Any] | BadSource,
        chosen: Mapping[str, str],
        read: DataReader,
    ) -> _Row:
        """Return what a row says; raise BadSource for one that makes no sense, unless it is to be skipped."""
        try:
            if isinstance(cells, BadSource):
                raise cells
            own = dict(zip(chosen, cells, strict=False))
            return _Row.of(where, number, own, read, self.columns.separator)
        except BadSource as error:
            if not self.columns.skip:
                raise
            return _Row.unreadable(where, number, str(error).removeprefix(f"{self.where}: "))


def _plain_reader(finder: Finder) -> DataReader:
    """Return what reads the only datum of a row: a text, a file, or a segment of one."""

    def read(where: str, name: str, cells: Mapping[str, Any]) -> tuple[str, Any]:
        data = cells.get("text")
        if "path" in cells:
            name, data = _file(where, name, cells["path"], finder)
        return _segment(name, data, cells) if "start" in cells else (name, data)

    return read


def _segment_reader(reader: RecordReader, columns: Sequence[RecordColumn]) -> DataReader:
    """Return what reads a record, whose only input of sounds is heard from one second to another.

    Where neither second is given, as in a table of whole sounds, the whole is heard.
    """
    [sound] = [column.name for column in columns if column.is_sound]

    def read(where: str, name: str, cells: Mapping[str, Any]) -> tuple[str, Any]:
        name, record = reader.read(where, name, cells)
        datum = record[sound]
        other = "duration" if "duration" in cells else "end"
        if datum is None or (is_blank(cells["start"]) and is_blank(cells[other])):
            return name, record
        if isinstance(datum, list | tuple):
            part: Any = refused(sound, f"one segment of {len(datum)} sounds; expected one sound")
        else:
            part = _segment(sound, datum, cells)[1]
        return name, Record({**record, sound: part})

    return read


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
        read: DataReader,
        separator: str | None,
    ) -> _Row:
        try:
            label, split = _target(cells, separator), to_label(cells.get("split"))
            given, group = to_id(cells.get("id")), to_label(cells.get("group"))
        except BadLabels as error:
            raise BadSource(f"{where}: {error}") from error
        part = split if split and split_of(split) else None
        name, data = read(where, f"row {number}", cells)
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
