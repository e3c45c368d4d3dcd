"""Rows from the lines of a text: what CSV and JSON lines have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.embedding.rows import Rows
from featx.errors import BadTable

__all__ = ["Line", "collect_rows"]

_OWN = frozenset({"id", "label", "fingerprint", "embedding"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line that has been taken apart: its number, its id, label and fingerprint, and its numbers."""

    number: int
    record: Mapping[str, Any]
    numbers: Sequence[Any]


def collect_rows(path: Path, lines: Iterable[Line], dim: int | None) -> Rows:
    """Return the rows of the lines of ``path``; ``dim`` is their width, None where the first line says it.

    Whatever else a line has, but lists and objects, becomes a cell of a column.

    Raises
    ------
    BadTable
        A cell is not a number, a line has another width, or the lines are of several backbones.
    """
    ids: list[str] = []
    labels: list[str | None] = []
    fingerprints: set[str] = set()
    rows: list[FloatArray] = []
    columns: dict[str, list[Any]] = {}
    for line in lines:
        where = f"{path}: line {line.number}"
        try:
            with np.errstate(over="ignore"):
                rows.append(np.array(line.numbers, np.float64).astype(np.float32))
        except (ValueError, TypeError, OverflowError) as error:
            raise BadTable(f"{where}: not numbers: {error}") from error
        dim = rows[-1].size if dim is None else dim
        if rows[-1].shape != (dim,):
            raise BadTable(f"{where}: expected {dim} numbers, found {len(line.numbers)}")
        label = line.record.get("label")
        ids.append(line.record["id"])
        labels.append(None if label in (None, "") else str(label))
        _add_cells(columns, line.record, len(ids) - 1)
        fingerprints.add(str(line.record.get("fingerprint") or ""))
    if len(fingerprints) > 1:
        raise BadTable(f"{path}: its rows are of {len(fingerprints)} backbones; expected one")
    embeddings = np.stack(rows) if rows else np.empty((0, dim or 0), np.float32)
    return Rows(
        tuple(ids),
        tuple(labels),
        embeddings,
        fingerprints.pop() if fingerprints else "",
        columns={name: tuple(cells) for name, cells in columns.items()},
    )


def _add_cells(columns: dict[str, list[Any]], record: Mapping[str, Any], row: int) -> None:
    """Add the cells of the row of that number to the columns; None where it has none."""
    for name, cell in record.items():
        if name not in _OWN and not isinstance(cell, list | dict):
            columns.setdefault(name, [None] * row).append(cell)
    for cells in columns.values():
        if len(cells) == row:
            cells.append(None)
