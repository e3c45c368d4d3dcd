"""Tables read as records: the samples of a predictor of several inputs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from featx.errors import BadOption, BadSource
from featx.inputs.cells import show_text
from featx.inputs.kind_checks import check_kinds
from featx.inputs.pooling import pool_samples
from featx.inputs.spec import InputSpec
from featx.inputs.vector_rows import join_rows
from featx.modalities import kind_of
from featx.sources import Columns, Readable, Sample, read_source
from featx.sources.delimited import open_delimited
from featx.sources.file_names import refusal_of, refused
from featx.sources.json_records import open_json_file, open_records, parse_records
from featx.sources.kept import asked_columns
from featx.sources.line_batches import read_batches
from featx.sources.open_table import Notes
from featx.sources.record import RecordColumn
from featx.sources.sample import IdNumbering, merge_label_case
from featx.sources.table_rows import TableRows
from featx.sources.table_text import decode_text
from featx.storage.address import to_path
from featx.storage.blob import suffix_of, to_text
from featx.storage.remote import AnyPath

__all__ = ["RecordStream", "finish_records", "read_records", "readable_of", "record_columns"]

_JSON = ".json"
_NEWLINE = "\n"
# Columns that a message names.
_SHOWN = 12


def read_records(
    source: str | os.PathLike[str],
    specs: Sequence[InputSpec],
    columns: Columns | None = None,
    *,
    split: str | None = None,
    pool_by: str | None = None,
    ignore_label_case: bool = False,
) -> list[Sample]:
    """Return the samples of a table, each of which is a record of the columns that inputs read.

    A photo or sound is a path, several with semicolons between them, or a list of paths; in Parquet also its
    content. Values are as they are in the table. A row in which all inputs are empty makes no sense.

    Parameters
    ----------
    source : path
        A table, a folder of tables, or a ``.json`` file with one object, or a list of them.
    specs : sequence of InputSpec
    columns : Columns, default=None
        What else is said of the table: targets, ids, groups, parts.
    split : {"train", "val", "test"}, default=None
        As ``read_source`` takes it.
    pool_by : str, default=None
        The column whose equal values make one sample of several rows; see ``pool_samples``.
    ignore_label_case : bool, default=False

    Raises
    ------
    BadSource
        There is no such table, it lacks a column, or rows make no sense and are not to be skipped.
    BadOption
        The source has no columns, or a column is both an input and the target.
    """
    asked = replace(columns or Columns(), record=record_columns(specs, pool_by))
    readable = readable_of(specs)
    if suffix_of(os.fsdecode(source).rpartition("/")[2]) == _JSON:
        samples = _read_json(to_path(source), asked, readable, split)
        samples = merge_label_case(samples) if ignore_label_case else samples
    else:
        samples = read_source(
            source, readable, split=split, columns=asked, ignore_label_case=ignore_label_case
        )
    if not asked.skip:
        check_kinds(samples, specs)
    return finish_records(samples, specs, pool_by)


def record_columns(
    specs: Sequence[InputSpec], pool_by: str | None = None
) -> tuple[RecordColumn, ...]:
    """Return the columns of a table that inputs read, each once, and how.

    Raises
    ------
    BadOption
        Two inputs read one column in two ways.

    Examples
    --------
    >>> record_columns([InputSpec.parse("caption:text")])
    (RecordColumn(name='caption', reads='text', suffixes=frozenset(), is_input=True),)
    """
    found: dict[str, RecordColumn] = {}
    for spec in specs:
        for name in spec.columns:
            column = _column(name, spec.kind)
            if found.setdefault(name, column) != column:
                raise BadOption(
                    f"input {to_text(spec.to_text())!r:.60}: the column is read as something else, too; a "
                    "column has one kind"
                )
    if pool_by is not None:
        found.setdefault(pool_by, RecordColumn(pool_by, is_input=False))
    return tuple(found.values())


def readable_of(specs: Sequence[InputSpec]) -> Readable:
    """Return which files inputs read."""
    kinds = [kind_of(spec.kind).suffixes for spec in specs if spec.has_backbone]
    return Readable(reduce(frozenset.union, kinds, frozenset()), string_is_sample=True)


def _column(name: str, kind: str) -> RecordColumn:
    if kind == "text":
        return RecordColumn(name, "text")
    if kind in ("image", "audio"):
        return RecordColumn(name, "file", kind_of(kind).suffixes)
    return RecordColumn(name)


def _read_json(
    path: AnyPath, asked: Columns, readable: Readable, split: str | None
) -> list[Sample]:
    notes = Notes()
    table = open_json_file(path, _required(asked))
    rows = TableRows(table, asked, to_text(str(path)), path.parent)
    samples = rows.read(readable, split, notes)
    notes.warn()
    return samples


def _required(asked: Columns) -> list[str]:
    """Return the keys that each record has: the columns of inputs, and the seconds of segments."""
    seconds = (asked.start, asked.end, asked.duration)
    return [
        *(column.name for column in asked.record),
        *(name for name in seconds if name is not None),
    ]


def finish_records(
    samples: list[Sample], specs: Sequence[InputSpec], pool_by: str | None
) -> list[Sample]:
    """Return samples with the rows that they name, pooled where that was asked for."""
    samples = join_rows(samples, specs)
    return samples if pool_by is None else pool_samples(samples, pool_by, specs)


@dataclass(frozen=True, slots=True)
class RecordStream:
    """Standard input as records: a JSON object a line, one JSON text of an object or a list, or a table.

    A table is text with separators, whose first line names its columns; it is read as a whole.

    Attributes
    ----------
    specs : tuple of InputSpec
    columns : Columns
        What is said of ids, and below which folder files lie.
    stream : binary file, default=None
        What stands in for standard input.
    pool_by : str or None
        The column whose equal values make one sample of several records: all are then read first.
    """

    specs: tuple[InputSpec, ...]
    columns: Columns
    stream: BinaryIO | None = None
    pool_by: str | None = None

    def batches(
        self, readable: Readable, *, most: int = 1024, wait: float = 0.05
    ) -> Iterator[list[Sample]]:
        """Give the samples as they come: up to ``most`` at a time, or what came within ``wait`` seconds.

        Raises
        ------
        BadSource
            There is no record, or a line is none and is not to be skipped.
        """
        stream = self.stream or getattr(sys.stdin, "buffer", None)
        if stream is None:
            raise BadSource("standard input: is closed; expected a JSON object a line")
        number, rename, empty = 0, IdNumbering(), True
        batches = read_batches(stream, most, wait, nul=False, encoding=self.columns.encoding)
        required = [column.name for column in record_columns(self.specs, self.pool_by)]
        batches, is_table = _peek(batches, required)
        if is_table:
            yield self._table(list(chain.from_iterable(batches)), readable)
            return
        if self.pool_by is not None:
            # Rows of one sample may stand anywhere.
            batches = iter([list(chain.from_iterable(batches))])
        for batch in batches:
            lines = [(number + k, line) for k, line in enumerate(batch, start=1) if line.strip()]
            number += len(batch)
            if not lines:
                continue
            if empty and _goes_on(lines[0][1]):
                whole = b"\n".join([*batch, *chain.from_iterable(batches)])
                records: list[Mapping[str, Any] | BadSource] = [
                    *parse_records(whole, "standard input")
                ]
                places = [f"record {k}" for k in range(1, len(records) + 1)]
            else:
                records, places = self._records(lines), [f"line {k}" for k, _ in lines]
            empty = False
            yield [rename.rename(one) for one in self._samples(records, places, readable)]
        if empty:
            raise BadSource("standard input: expected records, a JSON object a line; found none")

    def _table(self, lines: Sequence[bytes], readable: Readable) -> list[Sample]:
        """Return the samples of lines that are a table with separators."""
        where = "standard input"
        asked = replace(self.columns, record=record_columns(self.specs, self.pool_by))
        required = [column.name for column in asked.record]
        notes = Notes()
        text = decode_text(b"\n".join(lines), self.columns.encoding, where)
        table = open_delimited(text, where, {name.lower() for name in required}, notes)
        if not set(required) & set(table.columns):
            listed = ", ".join(map(repr, required[:_SHOWN]))
            raise BadSource(
                to_text(
                    f"{where}: expected a JSON object a line, or a table whose first line names its columns, "
                    f"among them {listed}; found {show_text(text.lstrip().partition(_NEWLINE)[0])}"
                )
            )
        samples = TableRows(table, asked, where, Path()).read(readable, None, notes)
        notes.warn()
        if not asked.skip:
            check_kinds(samples, self.specs)
        return finish_records(samples, self.specs, self.pool_by)

    def kept(self, readable: Readable) -> list[str]:
        """Return the columns that the samples carry along: of those that inputs read.

        Raises
        ------
        BadSource
            Another column was asked for.
        """
        names = [column.name for column in record_columns(self.specs)]
        return asked_columns(self.columns.keep, names, "standard input")

    def _records(self, lines: Sequence[tuple[int, bytes]]) -> list[Mapping[str, Any] | BadSource]:
        records: list[Mapping[str, Any] | BadSource] = []
        for number, line in lines:
            try:
                [record] = _one_record(line, f"standard input: line {number}")
                records.append(record)
            except BadSource as error:
                records.append(error)
        return records

    def _samples(
        self,
        records: Sequence[Mapping[str, Any] | BadSource],
        places: Sequence[str],
        readable: Readable,
    ) -> list[Sample]:
        asked = replace(self.columns, record=record_columns(self.specs, self.pool_by))
        required = _required(asked)
        table = open_records(records, "standard input", required, places)
        rows = TableRows(table, asked, "standard input", Path())
        notes = Notes()
        samples = rows.read(readable, None, notes)
        notes.warn()
        named = [
            _placed(sample, place) if sample.id == f"row {number}" else sample
            for number, (sample, place) in enumerate(zip(samples, places, strict=True), start=1)
        ]
        return finish_records(named, self.specs, self.pool_by)


def _peek(
    batches: Iterator[list[bytes]], names: Sequence[str]
) -> tuple[Iterator[list[bytes]], bool]:
    """Return the batches of lines, and whether they are a table's: the first two are no JSON.

    One alone may be anything that a program wrote before its records; without any behind it, it is the first
    line of a table where it has a name of a column.
    """
    taken: list[list[bytes]] = []
    odd = 0
    for batch in batches:
        taken.append(batch)
        for line in filter(None, map(bytes.strip, batch)):
            if line[:1] in (b"{", b"["):
                return chain(taken, batches), False
            odd += 1
            if odd > 1:
                return chain(taken, batches), True
    text = b"".join(chain.from_iterable(taken)).decode(errors="replace")
    return iter(taken), odd > 0 and any(name in text for name in names)


def _one_record(line: bytes, where: str) -> list[Mapping[str, Any]]:
    records = parse_records(line, where)
    if len(records) != 1:
        raise BadSource(f"{where}: expected one object, found a list of {len(records)}")
    return records


def _placed(sample: Sample, place: str) -> Sample:
    """Return a sample whose id is its place, which the reason of one that makes no sense then need not tell."""
    reason = refusal_of(sample.data)
    if reason is None:
        return replace(sample, id=place)
    return replace(sample, id=place, data=refused(place, reason.removeprefix(f"{place}: ")))


def _goes_on(line: bytes) -> bool:
    """Return whether a line begins a JSON text that it does not end."""
    text = line.strip()
    if text[:1] == b"[":
        return True
    if text[:1] != b"{":
        return False
    try:
        parse_records(text, "line")
    except BadSource:
        return text[-1:] != b"}"
    return False
