"""Samples of what a program already holds: a list, an array, a column of a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from featx.errors import BadLabels, BadSource, check_iterable
from featx.sources.sample import Sample, number_repeats, shorten, to_label
from featx.sources.segment import Segment
from featx.sources.targets import iterate_targets, to_target
from featx.storage.blob import Blob, to_blob, to_text

__all__ = ["is_one_picture", "make_samples"]


def make_samples(
    X: Any, y: Iterable[Any] | None = None, ids: Iterable[str] | None = None
) -> list[Sample]:
    """Return a sample of each item of a list, an array, or one column of a table, in its order.

    Parameters
    ----------
    X : iterable of paths, texts, bytes, file objects, images, arrays, Segment or Sample
        What each item may be is for the modality to say. A table or a two-dimensional
        array of objects must have one column. A Sample keeps its label when ``y`` is None, and its
        id.
    y : iterable of labels, optional
        One for each item: texts or numbers; None and NaN are no label. Several labels an item are a list, and
        several targets the columns of a DataFrame or array.
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
        labels = [to_label(item.label) if isinstance(item, Sample) else None for item in items]
    elif not hasattr(y, "__iter__") and not hasattr(y, "__array__"):
        raise BadLabels(f"y: expected labels, one a sample, found {type(y).__name__}")
    else:
        labels = [to_target(target) for target in iterate_targets(y)]
        if len(labels) != len(items):
            raise BadLabels(f"y: expected {len(items)} labels, one a sample; found {len(labels)}")
    return [
        replace(item, id=name, label=label)
        if isinstance(item, Sample)
        else Sample(name, data, label)
        for item, name, data, label in zip(items, names, given, labels, strict=True)
    ]


def is_one_picture(X: object) -> bool:
    """Return whether an array is a picture in colours, whose rows are no pictures themselves.

    >>> is_one_picture(np.zeros((32, 32, 3))), is_one_picture(np.zeros((5, 8, 8)))
    (True, False)
    """
    return isinstance(X, np.ndarray) and X.ndim == 3 and X.shape[2] in (3, 4)


def _items(X: Any) -> list[Any]:
    if isinstance(X, str | bytes | bytearray | os.PathLike | dict) or not hasattr(X, "__iter__"):
        raise BadSource(
            f"X: expected a list of inputs, found one {type(X).__name__}; put it in a list, or read "
            "a folder or table with featx.read_samples"
        )
    # A table or a column of pandas, which need not be installed.
    if hasattr(X, "iloc"):
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and (X.dtype.kind in "OUST" or X.size == 0):
        if X.ndim > 2 or (X.ndim == 2 and X.shape[1] != 1 and X.size):
            raise BadSource(f"X: expected one column of inputs, found shape {X.shape}")
        items: list[Any] = X.ravel().tolist()
        return items
    if isinstance(X, np.ndarray) and (X.ndim < 2 or is_one_picture(X)):
        one = ", which is one picture; put it in a list" if X.ndim > 1 else ""
        raise BadSource(f"X: expected a list of inputs, found numbers of shape {X.shape}{one}")
    return [
        item if isinstance(item, Sample) or not _is_address(item) else to_blob(item) for item in X
    ]


def _is_address(item: Any) -> bool:
    return bool(getattr(item, "is_remote", False))


def _id(item: Any, index: int) -> str:
    if isinstance(item, Sample):
        return item.id
    if isinstance(item, Segment):
        return item.name_of(_id(item.data, index))
    if isinstance(item, str):
        return to_text(shorten(item))
    if isinstance(item, os.PathLike | Blob):
        return to_text(item.name if isinstance(item, Blob) else os.fsdecode(item))
    return str(index)


def _ids(ids: Iterable[str], items: Sequence[Any]) -> list[str]:
    check_iterable("ids", ids, "an id a sample")
    names = [to_text(str(name)) for name in ids]
    if len(names) != len(items):
        raise BadSource(f"ids: expected {len(items)}, one a sample; found {len(names)}")
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            raise BadSource(f"ids: {name!r} at {index} is already taken at {seen[name]}")
        seen[name] = index
    return names
