"""Records of JSON as a table: one object, a list of objects, or objects as they come on standard input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from featx.errors import BadArtifact, BadSource
from featx.sources.open_table import OpenTable
from featx.storage.address import blob_at
from featx.storage.blob import describe_os_error, to_text
from featx.storage.json_text import parse_json_text
from featx.storage.remote import AnyPath

__all__ = ["open_json_file", "open_records", "parse_records"]

# The most bytes of a file of JSON, and the most values of a list that is a cell.
_LARGEST = 1 << 28
_MOST = 100_000
# Keys of a record that a message names.
_SHOWN = 8


def open_json_file(path: AnyPath, required: Sequence[str] = ()) -> OpenTable:
    """Return the table of a file with one object, or with a list of objects; see ``open_records``.

    Raises
    ------
    BadSource
        It cannot be read, or holds something else.
    """
    where = to_text(str(path))
    try:
        data = blob_at(path).read(_LARGEST)
    except (OSError, BadArtifact) as error:
        reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise BadSource(f"{where}: cannot be read: {reason}") from error
    return open_records(parse_records(data, where), where, required)


def parse_records(data: bytes, where: str) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON text: one object, or a list of them.

    Raises
    ------
    BadSource
        It is something else, or too large or deep.

    >>> parse_records(b'{"price": 3}', "row.json")
    [{'price': 3}]
    """
    try:
        value = parse_json_text(data.removeprefix(b"\xef\xbb\xbf"), where, limit=_LARGEST)
    except BadArtifact as error:
        raise BadSource(str(error)) from error
    records = value if isinstance(value, list) else [value]
    odd = next((one for one in records if not isinstance(one, dict)), None)
    if odd is not None or (isinstance(value, list) and not value):
        found = "an empty list" if value == [] else f"{to_text(repr(odd)[:40])}"
        raise BadSource(
            f"{where}: expected an object such as {{…}}, or a list of them, found {found}"
        )
    return records


def open_records(
    records: Sequence[Mapping[str, Any] | BadSource],
    where: str,
    required: Sequence[str] = (),
    places: Sequence[str] | None = None,
) -> OpenTable:
    """Return the table of records, whose columns are the keys of all of them, and those that are required.

    A record that lacks a key that is required has no row: nothing tells whether it was left out or misspelled.
    Of other keys that it lacks the cell is None.

    Parameters
    ----------
    records : sequence of n mappings, or of the BadSource that says why there is none
    where : str
        The name of the source, for messages.
    required : sequence of str
    places : sequence of n str, default=None
        Where each record is; None: "record 1" and so on.
    """
    here = places or [f"record {number}" for number in range(1, len(records) + 1)]
    known = [record for record in records if not isinstance(record, BadSource)]
    columns = dict.fromkeys(str(key) for record in known for key in record)
    columns |= dict.fromkeys(required)

    def rows(
        wanted: Sequence[str], contents: Sequence[str] = ()
    ) -> Iterator[tuple[str, Sequence[Any] | BadSource]]:
        for place, record in zip(here, records, strict=True):
            if not isinstance(record, BadSource):
                missing = [name for name in required if name not in record]
                if not missing:
                    yield place, [_cell(record.get(name)) for name in wanted]
                    continue
                record = _lacking(record, missing, f"{where}: {place}")
            yield place, record

    return OpenTable(tuple(columns), rows)


def _lacking(record: Mapping[str, Any], missing: Sequence[str], where: str) -> BadSource:
    has = ", ".join(map(repr, list(record)[:_SHOWN])) or "nothing"
    return BadSource(to_text(f"{where}: lacks {', '.join(map(repr, missing[:_SHOWN]))}; has {has}"))


def _cell(value: Any) -> Any:
    """Return a value as a cell: an object, or a list of more than plain values, as an empty object."""
    if type(value) is dict:
        return {}
    if type(value) is not list:
        return value
    plain = len(value) <= _MOST and not any(isinstance(one, list | dict) for one in value)
    return value if plain else {}
