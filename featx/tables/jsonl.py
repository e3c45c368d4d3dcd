"""Rows as ``.jsonl``: a JSON object a row, with id, label, fingerprint, further columns and embedding.

Numbers are the shortest text that reads back to the same float32. JSON has no way to say what is not finite;
it is the text "NaN", "Infinity" or "-Infinity".
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from featx.embedding.rows import Rows
from featx.errors import BadTable
from featx.tables.lines import Line, collect_rows

__all__ = ["JsonLinesWriter", "json_lines", "read_jsonl"]

_NOT_FINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


class JsonLinesWriter:
    """Writes the blocks as they come; every line has the fingerprint, so that files may be joined."""

    dtypes: ClassVar[frozenset[str]] = frozenset({"float32"})

    def __init__(
        self, path: Path, *, fingerprint: str, dim: int, dtype: str, columns: Mapping[str, type]
    ) -> None:
        self._path = path

    def __enter__(self) -> Self:
        """Open the file."""
        self._file = self._path.open("w", encoding="utf-8", newline="")
        return self

    def write(self, block: Rows) -> None:
        """Write a line a row."""
        self._file.writelines(f"{line}\n" for line in json_lines(block))

    def __exit__(self, *failure: object) -> None:
        """Close the file."""
        self._file.close()


def json_lines(rows: Rows) -> Iterator[str]:
    """Give the line of each row, without its end: an object of id, label, fingerprint and embedding."""
    fingerprint = _json(rows.fingerprint)
    names = [f"{_json(name)}: " for name in rows.columns]
    for name, label, row, *cells in zip(
        rows.ids, rows.labels, rows.embeddings, *rows.columns.values(), strict=True
    ):
        first = f'"id": {_json(name)}, "label": {_json(label)}, "fingerprint": {fingerprint}'
        first += "".join(f", {n}{_json(cell)}" for n, cell in zip(names, cells, strict=True))
        numbers = list(map(str, row))
        if not np.isfinite(row).all():
            numbers = [_NOT_FINITE.get(number, number) for number in numbers]
        yield f'{{{first}, "embedding": [{", ".join(numbers)}]}}'


def read_jsonl(path: Path) -> Rows:
    """Return the rows of a file that featx wrote; a file without lines has width 0."""
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            return collect_rows(path, _parsed(path, file), None)
    except UnicodeDecodeError as error:
        raise BadTable(f"{path}: not UTF-8: {error}") from error


def _parsed(path: Path, lines: Iterable[str]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            numbers = record["embedding"]
            if not isinstance(record["id"], str) or not isinstance(numbers, list):
                raise TypeError("id or embedding")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadTable(
                f"{path}: line {number}: expected an object with id and embedding; damaged"
            ) from error
        yield Line(number, record, numbers)


def _json(value: Any) -> str:
    finite = not isinstance(value, float) or math.isfinite(value)
    return json.dumps(value, ensure_ascii=False) if finite else _NOT_FINITE[str(value)]
