"""Columns of a source that go along with its samples into what is made of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from featx.errors import BadSource, FeatxWarning
from featx.sources.sample import Sample
from featx.storage.blob import Blob, to_text

__all__ = ["ALL", "asked_columns", "column_types", "keep_known", "kept_cells", "renamed_columns"]

# What stands for every column.
ALL = "all"

# The types of what no cell of a table of texts and numbers can hold.
_NESTED = (list, tuple, dict, bytes, Blob)
_LARGEST = 1 << 63


def asked_columns(keep: Sequence[str], columns: Sequence[str], where: str) -> list[str]:
    """Return the columns that ``keep`` names, in its order: names, several with commas between them, or "all".

    >>> asked_columns(["text,label"], ["id", "text", "label"], "a.csv")
    ['text', 'label']

    Raises
    ------
    BadSource
        There is no such column, or it is there more than once.
    """
    names: dict[str, None] = {}
    for word in keep:
        if word == ALL:
            names |= dict.fromkeys(columns)
        elif word in columns:
            names[word] = None
        else:
            names |= dict.fromkeys(part.strip() for part in word.split(",") if part.strip())
    for name in names:
        if name not in columns:
            listed = to_text(", ".join(map(repr, columns))) or "none"
            raise BadSource(f"{where}: expected a column {name!r} to keep; found columns {listed}")
        if columns.count(name) > 1:
            raise BadSource(f"{where}: the column {name!r} is there {columns.count(name)} times")
    return list(names)


def kept_cells(
    names: Sequence[str], rows: Sequence[Sequence[Any]], keep: Sequence[str], where: str
) -> list[dict[str, Any]]:
    """Return the cells of each row by the names of their columns; each column has values of one type.

    Whole numbers beside others become floats, and whatever else is mixed becomes text. A column of lists,
    objects or bytes, which no table of text can hold, is left out with a warning where it was not named.

    Raises
    ------
    BadSource
        A column that was named holds lists, objects or bytes.
    """
    columns: dict[str, list[Any]] = {}
    for index, name in enumerate(names):
        cells = [_scalar(row[index]) for row in rows]
        nested = next((cell for cell in cells if isinstance(cell, _NESTED)), None)
        if nested is None:
            columns[to_text(name)] = _of_one_type(cells)
            continue
        text = f"{where}: the column {name!r} holds values of type {type(nested).__name__}"
        if any(name in (word, *word.split(",")) for word in keep):
            raise BadSource(f"{text}; expected texts or numbers to keep")
        warnings.warn(f"{text} and is not kept", FeatxWarning, stacklevel=2)
    return [{name: cells[number] for name, cells in columns.items()} for number in range(len(rows))]


def keep_known(samples: Iterable[Sample], keep: Sequence[str], where: str) -> list[Sample]:
    """Return the samples of a source without columns with what is known of them: text and label."""
    samples = list(samples)
    known = {
        "text": [sample.data if isinstance(sample.data, str) else None for sample in samples],
        "label": [sample.label for sample in samples],
    }
    columns = [name for name, cells in known.items() if any(cell is not None for cell in cells)]
    names = asked_columns(keep, columns, where)
    return [
        replace(sample, columns={name: known[name][number] for name in names})
        for number, sample in enumerate(samples)
    ]


def column_types(samples: Iterable[Sample]) -> dict[str, type]:
    """Return the columns that samples carry, each with the type of its values; str where all are missing."""
    types: dict[str, type] = {}
    missing: dict[str, type] = {}
    for sample in samples:
        for name, cell in (sample.columns or {}).items():
            missing.setdefault(name, str)
            if cell is not None:
                types.setdefault(name, type(cell))
    return missing | types


def _scalar(cell: Any) -> Any:
    """Return a cell as text, number, truth value or None; what is nested comes back as it is."""
    if hasattr(cell, "item"):
        cell = cell.item()
    if isinstance(cell, str):
        return to_text(cell)
    if isinstance(cell, float) and not math.isfinite(cell):
        # JSON has no numbers for these.
        return None if math.isnan(cell) else str(cell)
    if isinstance(cell, int) and not isinstance(cell, bool) and not -_LARGEST <= cell < _LARGEST:
        return str(cell)
    if cell is None or isinstance(cell, (bool, int, float, *_NESTED)):
        return cell
    # A date, a time or a decimal number of Parquet.
    return cell.isoformat() if hasattr(cell, "isoformat") else to_text(str(cell))


def _of_one_type(cells: list[Any]) -> list[Any]:
    types = {type(cell) for cell in cells if cell is not None}
    if len(types) < 2:
        return cells
    kind = float if types == {int, float} else str
    return [None if cell is None else kind(cell) for cell in cells]


def renamed_columns(names: Iterable[str], taken: Iterable[str]) -> Mapping[str, str]:
    """Return a name for each kept column that the output does not use for itself.

    >>> renamed_columns(["text", "label"], ["id", "label"])
    {'text': 'text', 'label': 'source_label'}
    """
    names = list(names)
    used = {*taken}
    renamed = {}
    for name in names:
        free = name
        while free in used or (free != name and free in names):
            free = f"source_{free}"
        used.add(free)
        renamed[name] = free
    return renamed
