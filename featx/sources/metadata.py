"""A table beside the files of a folder that says their labels, such as ``metadata.csv`` of image folders."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from featx.errors import BadSource, FeatxWarning
from featx.sources.labels import list_names
from featx.sources.sample import Sample
from featx.sources.source import Columns, Readable
from featx.sources.table import LABEL_COLUMNS, Table
from featx.storage.blob import to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["FileLabels", "read_file_labels"]

# The way from a folder to a file, name by name.
Parts = tuple[str, ...]


@dataclass(slots=True)
class FileLabels:
    """The rows that tables have of the files beside them.

    Attributes
    ----------
    rows : dict of tuple of str to Sample
        The row of each file that a table has, by the way to the file.
    governed : set of tuple of str
        All files beside or below a table that has labels; those without a row are left out.
    tables : list of tuple of str
        The ways to the tables that were used.
    """

    rows: dict[Parts, Sample] = field(default_factory=dict)
    governed: set[Parts] = field(default_factory=set)
    tables: list[Parts] = field(default_factory=list)


def read_file_labels(
    root: AnyPath,
    tables: Iterable[Parts],
    files: Sequence[Parts],
    columns: Columns,
    split: str | None = None,
) -> FileLabels:
    """Return what tables say of the files beside them and below; warn of what does not fit together.

    Parameters
    ----------
    root : Path or RemotePath
        The folder.
    tables, files : sequences of tuple of str
        The ways from the folder to each.
    columns : Columns
        The columns of the tables that were asked for.
    split : str, optional
        Only the rows of this part, where a table has a column ``split``.

    Raises
    ------
    BadSource
        A column was asked for, and a table does not have it.
    """
    found, listed = FileLabels(), set[Parts]()
    for table in sorted(tables):
        try:
            listed |= _add_table(found, root, table, files, columns, split)
        except BadSource as error:
            # How rows are read names no column.
            if replace(columns, skip=False, parts=False) != Columns():
                raise
            _warn(f"{error}; it is not used for labels")
    if strangers := sorted(found.governed - listed):
        _warn(
            f"{to_text(str(root))}: {_count(len(strangers), 'file')} left out, in no row of "
            f"{', '.join(map(_name, found.tables))} ({list_names(list(map(_name, strangers)), 3)})"
        )
    return found


def _add_table(
    found: FileLabels,
    root: AnyPath,
    table: Parts,
    files: Sequence[Parts],
    columns: Columns,
    split: str | None,
) -> set[Parts]:
    """Add what one table says, and return the files that have a row in it."""
    path = root.joinpath(*table)
    source, where = Table(path, columns, None), to_text(str(path))
    rows = source.samples(Readable(frozenset()))
    within = [parts for parts in files if parts[: len(table) - 1] == table[:-1]]
    matched = _match(rows, root, within, where)
    if within and not matched:
        _warn(f"{where}: names none of the {_count(len(within), 'file')} beside it; it is not used")
    if not matched or table in found.tables:
        return set()
    found.tables.append(table)
    if not any(row.label for row in matched.values()):
        if all(len(parts) == len(table) for parts in within):
            usual = ", ".join(LABEL_COLUMNS)
            _warn(f"{where}: no column of labels, such as {usual}; name one with label_column")
        return set()
    chosen = rows if split is None else source.samples(Readable(frozenset()), split)
    names = {row.data.name for row in chosen}
    found.rows |= {parts: row for parts, row in matched.items() if row.data.name in names}
    found.governed.update(within)
    return set(matched)


def _match(
    rows: Sequence[Sample], root: AnyPath, within: Sequence[Parts], where: str
) -> dict[Parts, Sample]:
    """Return the row of each file that has one; warn of rows without a file, and of further rows of a file."""
    places = {os.path.normpath(str(root.joinpath(*parts))): parts for parts in within}
    # Systems write accents in two ways.
    alike = {unicodedata.normalize("NFC", name): parts for name, parts in places.items()}
    matched: dict[Parts, Sample] = {}
    missing, repeated = [], 0
    for row in rows:
        name = os.path.normpath(row.data.name)
        parts = places.get(name) or alike.get(unicodedata.normalize("NFC", name))
        if parts is None:
            missing += [] if os.path.lexists(name) else [row.id]
        elif parts in matched:
            repeated += 1
        else:
            matched[parts] = row
    if missing and matched:
        rows_text = _count(len(missing), "row")
        _warn(f"{where}: {rows_text} without a file left out ({list_names(missing, 3)})")
    if repeated:
        _warn(f"{where}: {_count(repeated, 'row')} left out, of files that had one before")
    return matched


def _name(parts: Parts) -> str:
    return to_text("/".join(parts))


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _warn(text: str) -> None:
    warnings.warn(text, FeatxWarning, stacklevel=5)
