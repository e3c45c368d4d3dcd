"""A sample, and the texts that identify and label it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from featx.errors import BadLabels
from featx.storage.blob import to_text

__all__ = [
    "IdNumbering",
    "Sample",
    "number_repeats",
    "shorten",
    "subsample",
    "to_label",
    "unique_ids",
]

T = TypeVar("T")

# The most characters of an id that is a text.
_LONG = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """One input with its id, and its label or none.

    ``data`` is a ``Blob`` or a path where the content is still to be read, else the thing itself: bytes, an
    image, an array, a text; what it may be is for the modality to say. ``id`` and ``label`` are always text
    that UTF-8 can hold. ``columns`` are the cells of the table that were asked for: a text, a number, a truth
    value or None by the name of its column; None where nobody asked.

    Examples
    --------
    >>> Sample("a", b"any bytes").label is None
    True
    >>> Sample("row 1", "a text", "up").label
    'up'
    """

    id: str
    data: Any
    label: str | None = None
    columns: Mapping[str, Any] | None = field(default=None, hash=False)


def subsample(things: Sequence[T], most: int) -> list[T]:
    """Return at most so many of them, at equal distances from the first to the last.

    >>> subsample("abcdefg", 3)
    ['a', 'd', 'g']
    """
    indices = np.linspace(0, len(things) - 1, min(most, len(things))).round().astype(int)
    return [things[index] for index in np.unique(indices).tolist()]


def shorten(text: str) -> str:
    """Return a text as an id: all of it, or how it begins."""
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def to_label(value: object) -> str | None:
    """Return a label as text: the same for 3, 3.0 and '3'; None for what is missing or blank.

    >>> [to_label(value) for value in (3, 3.0, " cat ", True, "", None, float("nan"))]
    ['3', '3', 'cat', 'True', None, None, None]

    Raises
    ------
    BadLabels
        The value is neither a text nor a number.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return to_text(value.strip()) or None
    if value is None or _is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bool | int | float):
        return str(value)
    raise BadLabels(f"label {value!r}: expected a text or a number, found {type(value).__name__}")


def _is_missing(value: object) -> bool:
    try:
        # NaN and NaT are the only values unlike themselves.
        return bool(value != value)
    except (TypeError, ValueError):
        # NA of pandas has no truth, nor has an array.
        return type(value).__name__ == "NAType"


def number_repeats(ids: Iterable[str]) -> list[str]:
    """Return the ids, with '#2', '#3', … added to each one that was there before.

    >>> number_repeats(["a", "b", "a", "a#2"])
    ['a', 'b', 'a#2', 'a#2#2']
    """
    return list(map(IdNumbering(), ids))


class IdNumbering:
    """A function that numbers ids as ``number_repeats`` does, one by one as they come."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        """Return an id that was not there before."""
        unique = name
        while unique in self._seen:
            self._seen[name] += 1
            unique = f"{name}#{self._seen[name]}"
        self._seen[unique] = 1
        return unique

    def rename(self, sample: Sample) -> Sample:
        """Return the sample with an id that was not there before."""
        name = self(sample.id)
        return sample if sample.id == name else replace(sample, id=name)


def unique_ids(samples: Iterable[Sample]) -> list[Sample]:
    """Return the samples in their order, with repeated ids numbered; for joining several sources."""
    return list(map(IdNumbering().rename, samples))
