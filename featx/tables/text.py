"""Rows as text: ``.csv`` with columns id, label, fingerprint, e0, e1, … and ``.jsonl`` with an
object a row.

Numbers are the shortest text that reads back to the same float32. In JSON, which has no other way,
what is not finite is the text "NaN", "Infinity" or "-Infinity".
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.embedding.rows import Reject, Rows
from featx.errors import BadTable

__all__ = ["json_lines", "read_csv", "read_jsonl", "write_csv", "write_jsonl", "write_rejects_csv"]

_FIRST = ("id", "label", "fingerprint")
_NOT_FINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


def write_csv(path: Path, blocks: Iterable[Rows], *, fingerprint: str, dim: int) -> None:
    """Write the blocks as they come: UTF-8, a line a row unless an id or label has line breaks."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join((*_FIRST, *(f"e{i}" for i in range(dim)))) + "\n")
        for block in blocks:
            for name, label, row in zip(block.ids, block.labels, block.embeddings, strict=True):
                first = ",".join(map(_quoted, (name, label or "", fingerprint)))
                file.write(f"{first},{','.join(map(str, row))}\n")


def write_jsonl(path: Path, blocks: Iterable[Rows], *, fingerprint: str, dim: int) -> None:
    """Write the blocks as they come; every line has the fingerprint, so files may be joined."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for block in blocks:
            file.writelines(f"{line}\n" for line in json_lines(block))


def json_lines(rows: Rows) -> Iterator[str]:
    """A JSON object a row: id, label, fingerprint, embedding; as in a ``.jsonl`` file."""
    made_by = _json(rows.fingerprint)
    for name, label, row in zip(rows.ids, rows.labels, rows.embeddings, strict=True):
        first = f'"id": {_json(name)}, "label": {_json(label)}, "fingerprint": {made_by}'
        numbers = list(map(str, row))
        if not np.isfinite(row).all():
            numbers = [_NOT_FINITE.get(number, number) for number in numbers]
        yield f'{{{first}, "embedding": [{", ".join(numbers)}]}}'


def write_rejects_csv(path: Path, rejects: Iterable[Reject]) -> None:
    """Write id and reason, a line a reject."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,reason\n")
        for reject in rejects:
            file.write(f"{_quoted(reject.id)},{_quoted(reject.reason)}\n")


def read_csv(path: Path) -> Rows:
    """The rows of a file that featx wrote, or of any with columns id, e0, e1, …"""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            dim = sum(1 for name in header if name[:1] == "e" and name[1:].isdecimal())
            first = [name for name in _FIRST if name in header]
            if "id" not in first or header != [*first, *(f"e{i}" for i in range(dim))]:
                raise BadTable(f"{path}: expected columns id, label, fingerprint, e0, e1, …")
            lines = _csv_lines(path, reader, first, len(header))
            return _collect(path, lines, dim)
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadTable(f"{path}: line {reader.line_num}: {error}") from error


def read_jsonl(path: Path) -> Rows:
    """The rows of a file that featx wrote; a file without lines has width 0."""
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            return _collect(path, _jsonl_lines(path, file), None)
    except UnicodeDecodeError as error:
        raise BadTable(f"{path}: not UTF-8: {error}") from error


Line = tuple[int, dict[str, Any], Sequence[Any]]  # number, id and label and fingerprint, numbers


def _csv_lines(path: Path, reader: Any, first: list[str], width: int) -> Iterator[Line]:
    for cells in reader:
        if len(cells) != width:
            raise BadTable(
                f"{path}: line {reader.line_num}: expected {width} cells, found {len(cells)}; "
                "the file is damaged"
            )
        yield reader.line_num, dict(zip(first, cells, strict=False)), cells[len(first) :]


def _jsonl_lines(path: Path, lines: Iterable[str]) -> Iterator[Line]:
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
        yield number, record, numbers


def _collect(path: Path, lines: Iterable[Line], dim: int | None) -> Rows:
    ids: list[str] = []
    labels: list[str | None] = []
    made_by: set[str] = set()
    rows: list[FloatArray] = []
    for number, record, numbers in lines:
        try:
            with np.errstate(over="ignore"):
                rows.append(np.array(numbers, np.float64).astype(np.float32))
        except (ValueError, TypeError, OverflowError) as error:
            raise BadTable(f"{path}: line {number}: not numbers: {error}") from error
        dim = rows[-1].size if dim is None else dim
        if rows[-1].shape != (dim,):
            raise BadTable(f"{path}: line {number}: expected {dim} numbers, found {len(numbers)}")
        label = record.get("label")
        ids.append(record["id"])
        labels.append(None if label in (None, "") else str(label))
        made_by.add(str(record.get("fingerprint") or ""))
    if len(made_by) > 1:
        raise BadTable(f"{path}: its rows are of {len(made_by)} backbones; expected one")
    embeddings = np.stack(rows) if rows else np.empty((0, dim or 0), np.float32)
    return Rows(tuple(ids), tuple(labels), embeddings, made_by.pop() if made_by else "")


def _quoted(text: str) -> str:
    """A cell, in quotes where a reader of CSV needs them."""
    if any(mark in text for mark in ',"\r\n') or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def _json(value: str | None) -> str:
    return json.dumps(value, ensure_ascii=False)
