"""JSON lines as a table: an object a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from featx.errors import BadSource
from featx.sources.open_table import OpenTable

__all__ = ["open_json_lines"]

# The most characters of a line: nested brackets take twenty times their room when they are parsed.
_LONGEST = 1 << 22


class _Repeated(dict[str, Any]):
    """An object in which a key stands more than once."""

    __slots__ = ("keys_again",)

    def __init__(self, record: list[tuple[str, Any]], pairs: list[tuple[str, Any]]) -> None:
        super().__init__(record)
        counts = Counter(key for key, _ in pairs)
        self.keys_again = {key for key, count in counts.items() if count > 1}


# The most values of a list that is the cell of a table.
_MOST = 100_000
# No cell of a table is an object, so the content of one need not be kept.
_EMPTY: Mapping[type, Any] = MappingProxyType({dict: {}, _Repeated: {}})


def open_json_lines(text: str, where: str, *, skip: bool = False) -> OpenTable:
    """Return the table of a text with an object a line; empty lines are left out.

    Raises
    ------
    BadSource
        A line is no JSON, or no object, and ``skip`` is false; or there is no line with an object.
    """
    records: list[tuple[int, dict[str, Any] | BadSource]] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            record = _record(line, f"{where}: line {number}")
            if isinstance(record, BadSource) and not skip:
                raise record
            records.append((number, record))
            columns.update({} if isinstance(record, BadSource) else dict.fromkeys(record))
    faults = [record for _, record in records if isinstance(record, BadSource)]
    if faults and len(faults) == len(records):
        raise faults[0]

    def rows(
        wanted: Sequence[str], contents: Sequence[str] = ()
    ) -> Iterator[tuple[str, Sequence[Any] | BadSource]]:
        for number, record in records:
            yield f"line {number}", _cells(record, wanted, f"{where}: line {number}")

    return OpenTable(tuple(columns), rows)


def _cells(
    record: dict[str, Any] | BadSource, wanted: Sequence[str], where: str
) -> list[Any] | BadSource:
    """Return the values that are wanted of an object, or why it has none."""
    if isinstance(record, BadSource):
        return record
    if isinstance(record, _Repeated) and record.keys_again.intersection(wanted):
        [key, *_] = sorted(record.keys_again.intersection(wanted))
        return BadSource(f"{where}: the key {key!r} is there more than once")
    return [record.get(name) for name in wanted]


def _record(line: str, where: str) -> dict[str, Any] | BadSource:
    """Return the object of a line, or why it is none."""
    if len(line) > _LONGEST:
        return BadSource(f"{where}: {len(line):,} characters, expected at most {_LONGEST:,}")
    try:
        record = json.loads(line, object_pairs_hook=_object)
    except RecursionError:
        return BadSource(f"{where}: not JSON: nested too deeply")
    except ValueError as error:
        hint = "; expected one object a line" if line.strip() in ("[", "{") else ""
        return BadSource(f"{where}: not JSON: {error}{hint}")
    if isinstance(record, dict):
        return record
    hint = "; a JSON array is no JSON lines" if isinstance(record, list) else ""
    return BadSource(f"{where}: expected an object such as {{…}}{hint}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if not pairs:
        return {}
    record = {key: _cell(value) for key, value in pairs}
    return record if len(record) == len(pairs) else _Repeated(list(record.items()), pairs)


def _cell(value: Any) -> Any:
    """Return a value as a cell: an object as an empty one, and a list of more than plain values, too."""
    if type(value) is not list:
        return _EMPTY.get(type(value), value)
    plain = len(value) <= _MOST and not any(isinstance(one, list | dict) for one in value)
    return value if plain else {}
