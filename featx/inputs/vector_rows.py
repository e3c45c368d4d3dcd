"""Vectors of a table that lie elsewhere: rows in a file or a folder of shards, joined by their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from featx._typing import FloatArray
from featx.errors import BadOption
from featx.inputs.cells import show_text
from featx.inputs.spec import InputSpec
from featx.sources.file_names import refused
from featx.sources.record import Record
from featx.sources.sample import Sample, to_id
from featx.storage.blob import to_text

__all__ = ["join_rows"]


def join_rows(samples: Sequence[Sample], specs: Sequence[InputSpec]) -> list[Sample]:
    """Return the samples with the rows that the cells of vectors name, where these lie in files.

    A cell that names no row is data that cannot be read, so that its sample is a reject.

    Raises
    ------
    BadOption
        Not one cell names a row.
    BadTable
        The rows cannot be read.
    """
    result = list(samples)
    for spec in specs:
        if spec.rows is not None:
            result = _joined(result, spec, spec.rows)
    return result


def _joined(samples: Sequence[Sample], spec: InputSpec, path: str) -> list[Sample]:
    from featx.tables import read_rows

    rows = read_rows(path)
    places = {name: place for place, name in enumerate(rows.ids)}
    column, found = spec.columns[0], 0
    joined = []
    for sample in samples:
        record = sample.data
        if not isinstance(record, Record) or record[column] is None:
            joined.append(sample)
            continue
        row = _row(record[column], places, rows.embeddings)
        found += row is not None
        datum = refused(column, _missing(record[column], path)) if row is None else row
        joined.append(replace(sample, data=Record({**record, column: datum})))
    if not found:
        raise BadOption(
            f"input {show_text(spec.to_text())}: no cell of the column {show_text(column)} is the id of a row; "
            f"{to_text(path)} has rows such as {', '.join(map(show_text, rows.ids[:2])) or 'none'}"
        )
    return joined


def _row(cell: Any, places: Mapping[str, int], rows: FloatArray) -> FloatArray | None:
    """Return the row that a cell names; None where there is none."""
    if isinstance(cell, list | tuple | dict):
        return None
    name = to_id(cell)
    place = places.get(cell if isinstance(cell, str) else "", places.get(name or ""))
    return None if place is None else rows[place]


def _missing(cell: Any, path: str) -> str:
    return f"{to_text(path)} has no row {show_text(cell)}"
