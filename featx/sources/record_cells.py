"""Cells of a table as a record: files that they name or hold, texts, and values as they are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.errors import BadSource
from featx.sources.file_names import Finder, find_below, refused
from featx.sources.parquet_cells import ParquetCell
from featx.sources.record import RECORD, Record, RecordColumn
from featx.sources.sample import Sample, is_blank
from featx.storage.blob import Blob, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["RecordReader", "find_files"]

# What stands between the names of several files in one cell.
_BETWEEN = ";"
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class RecordReader:
    """The maker of a record of the cells of a row.

    A cell of files is a path, several with semicolons between them, a list of paths, or the content of a file;
    a file whose own name has a semicolon goes before several. A cell of texts is a text or a list of texts.
    What is neither is data that cannot be read, so that its row is a reject of that reason.
    """

    columns: tuple[RecordColumn, ...]
    finders: Mapping[str, Finder]

    @classmethod
    def of(cls, columns: Sequence[RecordColumn], root: str | None, folder: AnyPath) -> RecordReader:
        """Return the reader of some columns, whose files lie below ``root``, or below ``folder``.

        Raises
        ------
        BadOption
            ``root`` is no folder.
        """
        finders = {
            column.name: find_below(root, folder, column.suffixes)
            for column in columns
            if column.reads == "file"
        }
        return cls(tuple(columns), finders)

    def read(self, where: str, name: str, cells: Mapping[str, Any]) -> tuple[str, Record]:
        """Return the name of a row, and its record.

        Raises
        ------
        BadSource
            All cells are empty.
        """
        data = {
            column.name: self.datum(column, cells[f"{RECORD}{column.name}"])
            for column in self.columns
        }
        if all(datum is None for datum in data.values()):
            names = ", ".join(to_text(repr(column.name)) for column in self.columns[:5])
            more = ", …" if len(self.columns) > 5 else ""
            raise BadSource(f"{where}: nothing stands in its inputs {names}{more}")
        return name, Record(data)

    def datum(self, column: RecordColumn, cell: Any) -> Any:
        """Return the datum of a cell; None where it is empty."""
        if column.reads == "value":
            return None if is_blank(cell) else cell
        several = cell.tolist() if _is_list_of_names(cell) else cell
        if isinstance(several, list | tuple):
            found = [self._one(column, one) for one in several]
            if any(one is None for one in found):
                return refused(column.name, f"one of {len(found)} in a list is empty")
            return None if not found else found[0] if len(found) == 1 else tuple(found)
        if column.reads == "file" and isinstance(cell, str) and _BETWEEN in cell:
            return self._several(column, cell)
        return self._one(column, cell)

    def _several(self, column: RecordColumn, cell: str) -> Any:
        """Return the files of a cell with semicolons: one of that name, where there is such a file."""
        finder = self.finders[column.name]
        whole = finder.find(cell)[1]
        path = whole.path
        try:
            if path is not None and path.is_file():
                return whole
        except (OSError, ValueError):
            pass
        names = [part.strip() for part in cell.split(_BETWEEN)]
        found = [finder.find(part)[1] for part in names if part]
        return None if not found else found[0] if len(found) == 1 else tuple(found)

    def _one(self, column: RecordColumn, cell: Any) -> Any:
        if isinstance(cell, dict) and cell.keys() == {"bytes", "path"}:
            # One of a list of contents of files, as Hugging Face writes them.
            cell = cell["path"] if cell["bytes"] is None else cell["bytes"]
        if is_blank(cell) or _is_empty_content(cell):
            return None
        if column.reads == "text":
            return cell if isinstance(cell, str) else self._refuse(column, "a text", cell)
        if isinstance(cell, str | os.PathLike):
            return self.finders[column.name].find(os.fspath(cell))[1]
        if isinstance(cell, bool | int | float | dict):
            return self._refuse(column, "the path of a file", cell)
        # A blob, bytes, a picture or an array, which its modality knows.
        return cell

    def _refuse(self, column: RecordColumn, expected: str, cell: Any) -> Blob:
        shown = to_text(repr(cell))
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
        number = isinstance(cell, int | float) and not isinstance(cell, bool)
        hint = f"; numbers are {column.name}:number" if number else ""
        return refused(column.name, f"expected {expected}, found {shown}{hint}")


def find_files(samples: Iterable[Sample], columns: Sequence[RecordColumn]) -> list[Sample]:
    """Return samples of records with the files that texts and paths name, several where a text has semicolons.

    What is no name, such as an array or a picture, stays as it is.

    Parameters
    ----------
    samples : iterable of Sample
        Of a program; their files lie below the working directory.
    columns : sequence of RecordColumn
    """
    files = [column for column in columns if column.reads == "file"]
    reader = RecordReader.of(files, None, Path())
    found = []
    for sample in samples:
        record = sample.data
        if isinstance(record, Record):
            named = {
                c.name: reader.datum(c, record[c.name]) for c in files if _names(record, c.name)
            }
            sample = replace(sample, data=Record({**record, **named})) if named else sample
        found.append(sample)
    return found


def _names(record: Record, column: str) -> bool:
    """Return whether a value is the name of a file, or a list of names."""
    value = record.get(column)
    several = value if isinstance(value, list | tuple) and value else [value]
    return all(isinstance(one, str | os.PathLike) for one in several)


def _is_list_of_names(cell: Any) -> bool:
    """Return whether a cell is an array of texts or objects, as frames have lists; sounds are numbers."""
    return isinstance(cell, np.ndarray) and cell.ndim == 1 and cell.dtype.kind in "OUT"


def _is_empty_content(cell: Any) -> bool:
    """Return whether a cell of Parquet could hold the content of a file, and is empty."""
    location = cell.location if isinstance(cell, Blob) else None
    return isinstance(location, ParquetCell) and location.is_empty()
