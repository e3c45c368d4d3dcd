"""The record of one sample of several columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["RECORD", "Record", "RecordColumn"]

RECORD = "input: "
"""The text that stands before the name of each column of a record, among what a table's columns are."""

# The characters of a value in the repr of a record.
_SHOWN = 40


class Record(Mapping[str, Any]):
    """The content of a sample of several inputs: a value by the name of each column, which nothing can change.

    A value is what ``Sample.data`` is where there is one input: a ``Blob`` or a path where the content is still
    to be read, else the thing itself: bytes, an image, an array, a text, a number. A list of these is several
    of them in one sample, and None one that is missing. Inputs that read one column share its value.

    Parameters
    ----------
    values : mapping of str to value

    Examples
    --------
    >>> record = Record({"photo": "a.jpg", "price": 12.5, "caption": None})
    >>> record["price"], list(record), record.missing
    (12.5, ['photo', 'price', 'caption'], ('caption',))
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        """Return the value of a column."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Give the names of the columns, in their order."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self._values)

    def __repr__(self) -> str:
        cells = ", ".join(f"{name}={value!r:.{_SHOWN}}" for name, value in self._values.items())
        return f"Record({cells})"

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the columns that have no value."""
        return tuple(name for name, value in self._values.items() if value is None)


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """A column of a table that is a part of each row's record.

    Attributes
    ----------
    name : str
        The name of the column.
    reads : {"file", "text", "value"}
        Whether its cells name or hold files, are texts, or are values as they are.
    suffixes : frozenset of str
        Of files: those of the modality, lower case and with their dot.
    is_input : bool
        Whether anything is predicted from it; else it only says what belongs together.
    """

    name: str
    reads: Literal["file", "text", "value"] = "value"
    suffixes: frozenset[str] = frozenset()
    is_input: bool = True

    @property
    def is_sound(self) -> bool:
        """Tell whether its cells name or hold sounds, which may have segments."""
        return ".wav" in self.suffixes
