"""Tables of text with separators: which separator, and whether quotes are marks or characters.

The separator is found in the first line: of comma, semicolon, tab and ``|`` the one that gives the most columns
with usual names, then the most columns. A first line ``sep=;``, as Excel writes it, names it.

Quotes are read in one of two ways, for the whole table. *As marks*, as RFC 4180 and spreadsheets do: a cell
that begins with a quote ends with one, may hold separators and line ends, and a quote within it is doubled. *As
characters*, as corpora have them: a line is a row. Where only one way is possible it is taken. Where both are,
the lines decide:

- Where all names of columns are quoted, a program quoted everything, and they are marks.
- A quoted cell that goes over several lines is looked at line by line. Where most of these are rows by
  themselves, with as many cells as there are columns, it speaks for characters, else for marks; so does a
  quoted cell that holds separators.
- Where no cell speaks for either, quotes are marks if each quoted cell needs them (it holds a quote or a comma)
  or stands in a column whose cells all have them.

With tabs or ``|`` the greater number wins, and characters where it is equal. With comma or semicolon quotes are
marks unless everything speaks clearly against it. Whatever was doubtful is said once.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from featx.errors import BadSource
from featx.sources.open_table import Notes, OpenTable
from featx.storage.blob import LIMIT

__all__ = ["open_delimited"]

_SEPARATORS = ",;\t|"
# Separators of corpora, which seldom know quotes as marks.
_OF_CORPORA = "\t|"
# Lines that would be whole rows, in cells that go over several lines, from which on they speak clearly.
_CLEAR = 6
_EXCEL = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)


def open_delimited(
    text: str, where: str, usual: Collection[str], notes: Notes, *, tabs: bool = False
) -> OpenTable:
    """Return the table of a text with separators; empty lines are left out.

    Parameters
    ----------
    usual : collection of str
        Names of columns, in lower case, that speak for a separator.
    notes : Notes
        What is doubtful is added to them.
    tabs : bool, default=False
        Whether a tab is the likeliest separator, as a name ending in .tsv says.

    Raises
    ------
    BadSource
        The first line makes no sense; ``rows`` raises it where quotes do not end.
    """
    # A cell may be a whole document.
    csv.field_size_limit(max(csv.field_size_limit(), LIMIT))
    layout = _layout(text, usual, tabs)
    if '"' in text:
        layout = _decide(text, layout, where, notes)
    try:
        columns = tuple(name.strip() for name in next(layout.reader(text), []))
    except csv.Error as error:
        raise BadSource(f"{where}: line {layout.first}: {error}") from error

    def rows(
        wanted: Sequence[str], contents: Sequence[str] = ()
    ) -> Iterator[tuple[str, Sequence[Any] | BadSource]]:
        at = [columns.index(name) for name in wanted]
        for line, cells in _rows(layout, text, where):
            yield f"line {line}", _cells(cells, at, columns, f"{where}: line {line}", notes)

    return OpenTable(columns, rows)


@dataclass(frozen=True, slots=True)
class _Layout:
    """The way in which the characters of a table are cells."""

    separator: str
    # The line of the names of columns.
    first: int = 1
    marks: bool = True
    # Whether spaces before a quote that begins a cell are left out.
    spaces: bool = False

    def lines(self, text: str) -> Iterator[str]:
        """Give the lines from the names of columns on, with their ends."""
        stream = io.StringIO(text, newline="")
        for _ in range(self.first - 1):
            stream.readline()
        return stream

    def reader(self, text: str, lines: Iterator[str] | None = None) -> Any:
        """Return a reader of rows, its ``line_num`` counted from the names of columns."""
        lines = self.lines(text) if lines is None else lines
        if self.marks:
            return csv.reader(
                lines, delimiter=self.separator, strict=True, skipinitialspace=self.spaces
            )
        return csv.reader(lines, delimiter=self.separator, quoting=csv.QUOTE_NONE)


def _layout(text: str, usual: Collection[str], tabs: bool) -> _Layout:
    first = io.StringIO(text, newline="").readline()
    excel = _EXCEL.fullmatch(first)
    if excel:
        return _Layout(excel[1], first=2)

    def columns(separator: str) -> tuple[int, int]:
        names = next(csv.reader([first], delimiter=separator), [])
        return sum(name.strip().lower() in usual for name in names), len(names)

    separator = max("\t,;|" if tabs else _SEPARATORS, key=columns)
    spaces = f"{separator} " in first and f'{separator} "' in text
    return _Layout(separator, spaces=spaces)


def _rows(layout: _Layout, text: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Give the rows below the names of columns, and the line in which each begins."""
    reader = layout.reader(text)
    line = layout.first
    try:
        next(reader, None)
        line = reader.line_num + layout.first
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + layout.first
    except csv.Error as error:
        hint = (
            "; a quote that begins a cell must end it, and be doubled within"
            if layout.marks
            else ""
        )
        raise BadSource(f"{where}: line {line}: {error}{hint}") from error


def _cells(
    cells: list[str], at: Sequence[int], columns: Sequence[str], where: str, notes: Notes
) -> list[str] | BadSource:
    """Return the cells that are wanted of a row, or why it has none: it lacks them, or has too many."""
    n = len(columns)
    if len(cells) > n and any(cell.strip() for cell in cells[n:]):
        return BadSource(
            f"{where}: expected {n} cells, found {len(cells)}; a cell that holds the separator needs quotes"
        )
    if len(cells) < n:
        if len(cells) <= max(at, default=-1):
            return BadSource(f"{where}: expected {n} cells, found {len(cells)}")
        lacking = f"{where}: {len(cells)} cells where there are {n} columns"
        notes.add("short", f"{lacking}; those that it lacks are not read")
    return [cells[index] for index in at]


@dataclass(slots=True)
class _Evidence:
    """The findings of a look at the lines of a table: what they say of its quotes.

    ``marks`` counts the rows that only quotes as marks explain, ``characters`` those whose quoted cell holds
    whole rows, and ``lines`` the lines of these. ``needless`` has, for each column, how many quoted cells need
    no quotes; ``bare`` how many cells are not quoted.
    """

    marks: int = 0
    characters: int = 0
    lines: int = 0
    # The line that is shown where the quotes are doubtful.
    example: int = 0
    impossible: bool = False
    # Whether all names of columns are quoted, and whether a row has no quote.
    names: bool = False
    plain: bool = False
    needless: Counter[int] = field(default_factory=Counter)
    bare: Counter[int] = field(default_factory=Counter)

    def look(self, separator: str, lines: list[str], width: int, number: int) -> None:
        """Take in the lines of one row, the first of which has a number."""
        parts = [line.rstrip("\r\n").split(separator) for line in lines]
        if len(lines) > 1:
            whole = sum(len(cells) == width for cells in parts)
            if 2 * whole > len(lines) and (width > 1 or separator in _OF_CORPORA):
                self.characters += 1
                self.lines += len(lines)
                self.example = self.example or number
            else:
                self.marks += 1
        elif len(parts[0]) != width:
            # A quoted cell that holds separators, or too many cells.
            self.marks += any(cell.startswith('"') and not _closed(cell) for cell in parts[0])
        else:
            for index, cell in enumerate(parts[0]):
                if not cell.startswith('"'):
                    self.bare[index] += bool(cell)
                elif not _needs_quotes(cell):
                    self.needless[index] += 1
                    self.example = self.example or number


def _closed(cell: str) -> bool:
    """Return whether a quoted cell ends where the separator is."""
    edges = cell[:1] == cell[-1:] == '"'
    return edges and len(cell) > 1 and cell[1:-1].count('"') % 2 == 0


def _needs_quotes(cell: str) -> bool:
    return '"' in cell[1:-1] or "," in cell


def _gather(text: str, layout: _Layout) -> _Evidence:
    """Return what the lines say, from a reading with quotes as marks."""
    evidence = _Evidence()
    consumed: list[str] = []

    def lines() -> Iterator[str]:
        for line in layout.lines(text):
            consumed.append(line)
            yield line

    reader = layout.reader(text, lines())
    width, number = 0, layout.first
    try:
        for _ in reader:
            if not width:
                names = consumed[0].rstrip("\r\n").split(layout.separator)
                width, evidence.names = len(names), all(map(_closed, names))
            elif len(consumed) > 1 or '"' in consumed[0]:
                evidence.look(layout.separator, consumed, width, number)
            else:
                evidence.plain = True
            number += len(consumed)
            consumed.clear()
    except csv.Error:
        evidence.impossible = True
    return evidence


def _decide(text: str, layout: _Layout, where: str, notes: Notes) -> _Layout:
    """Return the layout with the way in which quotes are read; note what is doubtful."""
    found = _gather(text, layout)
    bare = found.bare
    needless = any(count and (found.plain or bare[i]) for i, count in found.needless.items())
    if found.names and not found.impossible:
        marks, doubtful = True, False
    elif layout.separator not in _OF_CORPORA:
        clear = not found.marks and not found.impossible and found.lines >= _CLEAR
        marks = not clear
        doubtful = found.characters > found.marks and not found.impossible
    elif found.impossible:
        marks, doubtful = False, found.marks > 0
    elif found.marks or found.characters:
        marks = found.marks > found.characters
        doubtful = found.characters > 0
    else:
        marks = not needless
        doubtful = needless
    if doubtful:
        line = f": line {found.example}" if found.example else ""
        read = "as marks around a cell" if marks else "as characters of the text, a line a row"
        notes.add(
            "quotes",
            f"{where}{line}: quotes may be marks or characters; they are read {read}; a table in .jsonl "
            "or .parquet leaves no doubt",
        )
    return replace(layout, marks=marks)
