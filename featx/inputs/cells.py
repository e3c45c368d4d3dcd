"""Cells of a table that are values by themselves: which are empty, and how they are called in messages."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from typing import Any

import numpy as np

from featx.errors import BadArtifact, BadSample
from featx.modalities import MODALITIES, kind_of
from featx.sources.file_names import refusal_of
from featx.sources.sample import is_blank
from featx.storage.blob import Blob, suffix_of, to_text

__all__ = [
    "LONGEST_TEXT",
    "describe_cell",
    "digest_of",
    "is_count",
    "is_empty",
    "is_nothing",
    "modality_of_cell",
    "notes_of_nothing",
    "plain_value",
    "read_entries",
    "refuse_unread",
    "show_text",
]

LONGEST_TEXT = 200
"""The most characters of a cell that is a number or a date."""
# What people write into a cell of numbers or dates that has none, as pandas knows it.
_NOTHING = frozenset(
    ("na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "none", "nil", "<na>", "nat", "missing")
)
_SHOWN = 40


def plain_value(cell: Any) -> Any:
    """Return a cell without the type of NumPy, Arrow or pandas that holds one value.

    >>> plain_value(np.float32(0.5)), plain_value("a")
    (0.5, 'a')
    """
    if isinstance(cell, np.generic) or (isinstance(cell, np.ndarray) and cell.ndim == 0):
        if cell.dtype.kind == "m":
            return cell.astype("timedelta64[us]").item()
        if cell.dtype.kind == "M":
            # Nanoseconds become a whole number, microseconds a date.
            return None if np.isnat(cell) else cell.astype("datetime64[us]").item()
        return cell.item()
    return cell.to_pydatetime() if hasattr(cell, "to_pydatetime") and cell == cell else cell


def is_empty(cell: Any) -> bool:
    """Return whether nothing stands in a cell: None, NaN, NA, a blank text or a list of nothing.

    >>> [is_empty(cell) for cell in (None, float("nan"), " ", [], 0, False, "n/a")]
    [True, True, True, True, False, False, False]
    """
    return not cell if isinstance(cell, list | tuple) else is_blank(cell)


def is_nothing(cell: Any) -> bool:
    """Return whether a cell is empty, or has a text that says that there is no number, or no date.

    >>> is_nothing(" N/A "), is_nothing(""), is_nothing("0")
    (True, True, False)
    """
    return is_empty(cell) or _is_word_of_nothing(cell)


def _is_word_of_nothing(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip().casefold() in _NOTHING


def notes_of_nothing(cells: Sequence[Any], name: str) -> tuple[str, ...]:
    """Return what there is to say of the cells of training whose text says that there is nothing."""
    words = [cell for cell in cells if _is_word_of_nothing(cell)]
    if not words:
        return ()
    count = "1 cell is" if len(words) == 1 else f"{len(words)} cells are"
    return (f"{name}: {count} taken for empty, such as {show_text(words[0])}",)


def show_text(text: object) -> str:
    """Return a value as a message has it: short, in one line, in characters that UTF-8 can hold."""
    try:
        shown = to_text(repr(text))
    except ValueError:
        # Python writes no whole number of more than 4300 digits.
        return "a number of thousands of digits"
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def refuse_unread(cell: Any) -> None:
    """Raise BadSample for a cell that was refused when its table was read, with the reason."""
    reason = refusal_of(cell)
    if reason is not None:
        raise BadSample(reason)


def describe_cell(cell: Any) -> str:
    """Return what stands in a cell, for messages.

    >>> describe_cell("abc"), describe_cell(3), describe_cell([1, 2]), describe_cell(b"abc")
    ("'abc'", 'the number 3', 'a list of 2 values', '3 bytes')
    """
    cell = plain_value(cell)
    if isinstance(cell, str):
        return show_text(cell)
    if isinstance(cell, bool):
        return f"the truth value {cell}"
    if isinstance(cell, int | float):
        shown = show_text(cell)
        return shown if shown.startswith("a ") else f"the number {shown}"
    if isinstance(cell, list | tuple):
        return f"a list of {len(cell)} values"
    if isinstance(cell, np.ndarray):
        return f"an array of shape {cell.shape}"
    if isinstance(cell, bytes | bytearray | memoryview):
        return f"{len(cell)} bytes"
    if isinstance(cell, Blob | os.PathLike):
        return f"the file {show_text(cell.name if isinstance(cell, Blob) else os.fsdecode(cell))}"
    if isinstance(cell, date | time):
        return f"the date {cell.isoformat()}"
    if isinstance(cell, Mapping):
        return "an object"
    return "nothing" if cell is None else f"a value of type {type(cell).__name__}"


def modality_of_cell(cell: Any) -> str | None:
    """Return the modality of the file that a cell names, by its suffix; None where it names none.

    >>> modality_of_cell("photos/1.JPG"), modality_of_cell("a red bag")
    ('image', None)
    """
    name = cell.name if isinstance(cell, Blob) else cell
    if not isinstance(name, str | os.PathLike):
        return None
    suffix = suffix_of(os.fsdecode(name).strip().replace("\\", "/").rpartition("/")[2])
    return next((kind for kind in MODALITIES if suffix in kind_of(kind).suffixes), None)


def digest_of(table: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what an encoder is, as JSON has it."""
    text = json.dumps(table, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def is_count(value: Any) -> bool:
    """Return whether a value of JSON counts something: a whole number that a float holds, too.

    >>> is_count(3), is_count(True), is_count(-1)
    (True, False, False)
    """
    return type(value) is int and 0 <= value < 1 << 53


def read_entries(
    table: Mapping[str, Any], name: str, checks: Mapping[str, Callable[[Any], bool]]
) -> dict[str, Any]:
    """Return the entries of an encoder in JSON, each of which passes its check.

    Raises
    ------
    BadArtifact
        One is missing or fails, or there is another.
    """
    entries = {key: value for key, value in table.items() if key != "kind"}
    if entries.keys() != checks.keys():
        odd = sorted(map(str, entries.keys() ^ checks.keys()))
        raise BadArtifact(
            f"input {name!r:.60}: its encoder lacks, or has beside what it needs: {', '.join(odd)[:_SHOWN]}"
        )
    for key, check in checks.items():
        if not check(entries[key]):
            raise BadArtifact(
                f"input {name!r:.60}: {key} = {entries[key]!r:.60}: no entry of an encoder"
            )
    return entries
