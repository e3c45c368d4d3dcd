"""A sample, and the texts that identify and label it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Number
from typing import Any, TypeVar

import numpy as np

from featx.errors import BadLabels
from featx.sources.segment import Segment
from featx.storage.blob import Blob, to_text

__all__ = [
    "IdNumbering",
    "Sample",
    "is_blank",
    "is_missing",
    "merge_label_case",
    "number_repeats",
    "shorten",
    "subsample",
    "to_id",
    "to_label",
    "unique_ids",
]

T = TypeVar("T")

# The most characters of an id that is a text.
_LONG = 200
# A number as programs write it that know only floats: "1.0", "1.000e+00". "01" and "1e3" may be names.
_FLOAT = re.compile(r"[+]?(-?)(0|[1-9][0-9]{0,30})\.([0-9]{0,30})(?:[eE]([+-]?[0-9]{1,2}))?")
_TRUTHS = ("True", "False")
# What has no width and no meaning at the ends of a text: a byte order mark, a zero width space.
_INVISIBLE = "\ufeff\u200b\u2060"


@dataclass(frozen=True, slots=True)
class Sample:
    """One input with its id, and its label or none.

    ``data`` is a ``Blob`` or a path where the content is still to be read, else the thing itself: bytes, an
    image, an array, a text; what it may be is for the modality to say. ``id`` and ``label`` are always text
    that UTF-8 can hold; a label is the text of any target, see ``featx.sources.targets``. ``columns`` are the
    cells of the table that were asked for: a text, a number, a truth value or None by the name of its column;
    None where nobody asked. ``group`` is what the sample must not be parted from, ``weight`` how often it
    counts, ``part`` the part of the data set ("train", "val", "test"), ``time`` when it was: each None where
    nobody asked.

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
    columns: Mapping[str, Any] | None = field(default=None, hash=False, repr=False)
    group: str | None = field(default=None, repr=False)
    weight: float | None = field(default=None, repr=False)
    part: str | None = field(default=None, repr=False)
    time: float | None = field(default=None, repr=False)

    @property
    def is_remote(self) -> bool:
        """True where the content lies on another machine."""
        return _is_remote(self.data)


def _is_remote(data: Any) -> bool:
    """Return whether a content, a part of one, or one of several of a sample lies on another machine."""
    if isinstance(data, Blob):
        return data.is_remote
    if isinstance(data, Segment):
        return _is_remote(data.data)
    if isinstance(data, Mapping):
        return any(map(_is_remote, data.values()))
    return isinstance(data, list | tuple) and any(map(_is_remote, data))


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
    """Return a label as text, the same for all spellings of it; None for what is missing or blank.

    Here alone labels and names of classes become text, so that those of two files match that look alike to a
    person: accents are composed (NFC), spaces at the ends go and others become one, a whole number is written
    without a point, and a truth value as ``True`` or ``False``. Upper and lower case differ.

    >>> [to_label(value) for value in (3, 3.0, "3.0", " cat ", True, "TRUE", "", None, float("nan"))]
    ['3', '3', '3', 'cat', 'True', 'True', None, None, None]

    Raises
    ------
    BadLabels
        The value is neither a text nor a number.
    """
    text = to_id(value)
    return None if text is None else _one_spelling(text)


def to_id(value: object) -> str | None:
    """Return a value of a table as text, spelled as it is but for spaces at the ends; None for none.

    >>> [to_id(value) for value in (3, 3.0, "3.0", " cat ", "")]
    ['3', '3', '3.0', 'cat', None]

    Raises
    ------
    BadLabels
        The value is neither a text nor a number.
    """
    if isinstance(value, np.generic):
        # The shortest text of a float is that of its own width: 0.1 is 0.1 in float32, too.
        floats = isinstance(value, np.floating) and not is_missing(value)
        value = float(str(value)) if floats else value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return to_text(value.strip()) or None
    if value is None or is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Number):
        return str(value)
    raise BadLabels(
        f"label {value!r:.60}: expected a text or a number, found {type(value).__name__}"
    )


def _one_spelling(text: str) -> str | None:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).strip(_INVISIBLE)
    text = " ".join(text.split())
    if text.capitalize() in _TRUTHS:
        return text.capitalize()
    return _whole(text) or text or None


def _whole(text: str) -> str | None:
    """Return a whole number that is written as a float, without its point; None for any other text."""
    number = _FLOAT.fullmatch(text)
    if number is None:
        return None
    sign, digits, decimals, exponent = number.groups()
    places = int(exponent or 0) - len(decimals)
    value = int(digits + decimals) * 10 ** max(places, 0)
    rest = value % 10 ** max(-places, 0)
    return None if rest else str(int(f"{sign}{value // 10 ** max(-places, 0)}"))


def is_missing(value: object) -> bool:
    """Return whether a value is NaN, NaT or NA of pandas.

    >>> is_missing(float("nan")), is_missing("nan"), is_missing(0)
    (True, False, False)
    """
    try:
        # NaN and NaT are the only values unlike themselves.
        return bool(value != value)
    except (TypeError, ValueError, ArithmeticError):
        # NA of pandas has no truth, nor has an array, nor a signalling NaN of decimals.
        return type(value).__name__ == "NAType"


def is_blank(cell: Any) -> bool:
    """Return whether nothing stands in a cell: None, NaN, NA or a blank text.

    >>> [is_blank(cell) for cell in (None, float("nan"), " ", 0, False, "n/a", [])]
    [True, True, True, False, False, False, False]
    """
    if isinstance(cell, str):
        return not cell.strip()
    if isinstance(cell, bytes | Blob | list | tuple | dict) or hasattr(cell, "shape"):
        return False
    return cell is None or is_missing(cell)


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


def merge_label_case(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples, labels that differ in letter case only spelled as most of them are.

    >>> given = [Sample(name, b"", label) for name, label in zip("abc", ("Cat", "cat", "cat"))]
    >>> [sample.label for sample in merge_label_case(given)]
    ['cat', 'cat', 'cat']
    """
    spellings: dict[str, str] = {}
    counts = Counter(sample.label for sample in samples if sample.label is not None)
    for label, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        spellings.setdefault(label.casefold(), label)
    return [
        sample
        if sample.label is None
        else replace(sample, label=spellings[sample.label.casefold()])
        for sample in samples
    ]
