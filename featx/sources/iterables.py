"""Samples from what a program already holds, and from lines of standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from featx.errors import BadLabels, BadSource
from featx.sources.sample import Sample, number_repeats, shorten, to_label
from featx.storage.blob import to_text

__all__ = ["make_samples", "read_lines", "read_texts"]


def make_samples(
    X: Any, y: Iterable[Any] | None = None, ids: Iterable[str] | None = None
) -> list[Sample]:
    """Samples of a list, an array, or one column of a table, in its order.

    Parameters
    ----------
    X : iterable of paths, texts, bytes, file objects, images, arrays or Sample
        What each item may be is for the modality's reader to say. A table or a two-dimensional
        array of objects must have one column. A Sample keeps its label when ``y`` is None, and its
        id.
    y : iterable of labels, optional
        One for each item: texts or numbers; None and NaN are no label.
    ids : iterable of str, optional
        One for each item, all different. By default a path is its own id, as a text is, up to 200
        characters of it, and anything else has its index; an id that was there before gets '#2'.

    Raises
    ------
    BadSource
        ``X`` is not a list of things, or ``ids`` do not fit it.
    BadLabels
        ``y`` does not fit ``X``, or a label is neither text nor number.

    Examples
    --------
    >>> make_samples(["a.jpg", b"..."], ["cat", 7])
    [Sample(id='a.jpg', data='a.jpg', label='cat'), Sample(id='1', data=b'...', label='7')]
    """
    items = _items(X)
    names = number_repeats(map(_id, items, range(len(items)))) if ids is None else _ids(ids, items)
    given = [item.data if isinstance(item, Sample) else item for item in items]
    if y is None:
        labels = [item.label if isinstance(item, Sample) else None for item in items]
    else:
        labels = [to_label(label) for label in y]
        if len(labels) != len(items):
            raise BadLabels(f"y: expected {len(items)} labels, one a sample; found {len(labels)}")
    return list(map(Sample, names, given, labels))


def read_lines(lines: Iterable[bytes | str] | None) -> list[Sample]:
    """Samples without labels from paths: one a line, or separated by NUL (``find -print0``)."""
    raw = _raw(lines, "paths")
    if any(b"\0" in line for line in raw):
        raw = b"".join(raw).split(b"\0")
    paths = [os.fsdecode(line) for line in (line.strip(b"\r\n") for line in raw) if line.strip()]
    if not paths:
        raise BadSource("standard input: expected paths, one a line; found none")
    ids = number_repeats(map(to_text, paths))
    return [Sample(name, Path(path)) for name, path in zip(ids, paths, strict=True)]


def read_texts(lines: Iterable[bytes | str] | None) -> list[Sample]:
    """Samples without labels from texts, one a line, an empty one too; a line's number is its id."""
    raw = _raw(lines, "texts")
    if not raw:
        raise BadSource("standard input: expected texts, one a line; found none")
    return [Sample(f"line {n}", _decoded(line.rstrip(b"\r\n"))) for n, line in enumerate(raw, 1)]


def _raw(lines: Iterable[bytes | str] | None, nouns: str) -> list[bytes]:
    """The lines as bytes, without a byte order mark; by default those of standard input."""
    if lines is None:
        if sys.stdin is None:
            raise BadSource(f"standard input: is closed; expected {nouns}, one a line")
        lines = sys.stdin.buffer
    raw = [
        line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line for line in lines
    ]
    return [line.removeprefix(b"\xef\xbb\xbf") for line in raw[:1]] + raw[1:]


def _decoded(line: bytes) -> str | bytes:
    """A line as text; bytes that are none are left for the reader to refuse."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line


def _items(X: Any) -> list[Any]:
    if isinstance(X, str | bytes | bytearray | os.PathLike | dict) or not hasattr(X, "__iter__"):
        raise BadSource(
            f"X: expected a list of inputs, found one {type(X).__name__}: put it in a list"
        )
    if hasattr(X, "iloc"):  # a table or a column of pandas
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and (X.dtype.kind in "OUST" or X.size == 0):
        if X.ndim > 2 or (X.ndim == 2 and X.shape[1] != 1 and X.size):
            raise BadSource(f"X: expected one column of inputs, found shape {X.shape}")
        items: list[Any] = X.ravel().tolist()
        return items
    if isinstance(X, np.ndarray) and X.ndim < 2:
        raise BadSource(f"X: expected a list of inputs, found numbers of shape {X.shape}")
    return list(X)


def _id(item: Any, index: int) -> str:
    if isinstance(item, Sample):
        return item.id
    if isinstance(item, str):
        return to_text(shorten(item))
    if isinstance(item, os.PathLike):
        return to_text(os.fsdecode(item))
    return str(index)


def _ids(ids: Iterable[str], items: Sequence[Any]) -> list[str]:
    names = [to_text(str(name)) for name in ids]
    if len(names) != len(items):
        raise BadSource(f"ids: expected {len(items)}, one a sample; found {len(names)}")
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            raise BadSource(f"ids: {name!r} at {index} is already taken at {seen[name]}")
        seen[name] = index
    return names
