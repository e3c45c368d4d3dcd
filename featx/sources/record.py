"""A record: what a sample of several columns holds, by the names of the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Record"]


class Record(Mapping[str, Any]):
    """The data of a sample that has several columns: a datum by the name of its column.

    A datum is what a modality reads (a Blob, a path, a text, bytes, an array), a value of a table (a text, a
    number, a truth value, a date, a vector), a tuple of several of these, or None where the cell is empty. A
    column that the record lacks is no empty cell: whoever needs it refuses the record.

    Two records are equal where their data are the same objects or equal ones; a record can be a key.

    Parameters
    ----------
    cells : mapping of str to object

    Examples
    --------
    >>> record = Record({"caption": "a red bag", "price": "12.5", "photo": None})
    >>> record["price"], sorted(record), record.get("photo") is None
    ('12.5', ['caption', 'photo', 'price'], True)
    """

    __slots__ = ("_cells",)

    def __init__(self, cells: Mapping[str, Any]) -> None:
        self._cells = dict(cells)

    def __getitem__(self, column: str) -> Any:
        return self._cells[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    # Arrays, which are equal element by element, have no hash.
    def __hash__(self) -> int:
        return hash(tuple(self._cells))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or self._cells.keys() != other._cells.keys():
            return False
        return all(_same(datum, other[column]) for column, datum in self._cells.items())

    def __repr__(self) -> str:
        return (
            f"Record({', '.join(f'{name!s}={datum!r:.40}' for name, datum in self._cells.items())})"
        )


def _same(first: Any, second: Any) -> bool:
    if first is second:
        return True
    try:
        return bool(first == second)
    # The truth of an array of several elements.
    except (TypeError, ValueError):
        return False
