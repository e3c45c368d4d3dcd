"""The text of a target: a label or number as it is, several labels as a JSON list, columns as an object.

So every source gives one text a sample, every table of rows can keep it, and each task reads it in its own way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from featx.errors import BadLabels
from featx.sources.sample import to_label

__all__ = ["iterate_targets", "read_target", "to_target"]

# The most values of one target, and the most characters of its text.
_MOST_VALUES = 100_000
_LONGEST = 1 << 22


def to_target(value: object, separator: str | None = None) -> str | None:
    """Return a target as text; None for what is missing or blank.

    Parameters
    ----------
    value : text, number, list of these, or mapping of names to these
    separator : str, default=None
        What stands between the labels of a text that holds several; None: a text is one label.

    Raises
    ------
    BadLabels
        The value is none of these.

    Examples
    --------
    >>> to_target("cat"), to_target(3.0), to_target(["b", "a"]), to_target("a|b", "|")
    ('cat', '3', '["b", "a"]', '["a", "b"]')
    >>> to_target({"price": 3.5, "sold": True}), to_target([]), to_target("")
    ('{"price": "3.5", "sold": "True"}', '[]', None)
    """
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if isinstance(value, str) and separator:
        parts = [to_label(part) for part in value.split(separator)]
        names = [part for part in parts if part is not None]
        return _dump(names) if names else None
    if isinstance(value, Mapping):
        if not value:
            raise BadLabels(
                "label {}: expected a text, a number or a list of labels, found an object"
            )
        _check_number(len(value))
        cells = {str(key): to_label(cell) for key, cell in value.items()}
        return _dump(cells) if any(cell is not None for cell in cells.values()) else None
    if isinstance(value, list | tuple | set | frozenset):
        _check_number(len(value))
        some = sorted(value) if isinstance(value, set | frozenset) else value
        labels = [to_label(one) for one in some]
        return _dump([label for label in labels if label is not None])
    return to_label(value)


def read_target(text: str) -> str | list[str] | dict[str, str | None]:
    """Return what ``to_target`` was given, its values as texts.

    >>> read_target('["a", "b"]'), read_target('{"price": "3.5"}'), read_target("[draft]")
    (['a', 'b'], {'price': '3.5'}, '[draft]')
    """
    if text[:1] not in ("[", "{") or len(text) > _LONGEST:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    if isinstance(value, dict) and all(isinstance(one, str | None) for one in value.values()):
        return value
    return text


def iterate_targets(y: Any) -> Iterable[Any]:
    """Return targets one a sample: a table's rows become mappings of columns to values.

    Parameters
    ----------
    y : iterable, DataFrame or ndarray of shape (n,) or (n, k)
        The columns of an array of two axes are named "0", "1", ….

    >>> list(iterate_targets(np.array([[1, 0], [0, 1]])))
    [{'0': 1, '1': 0}, {'0': 0, '1': 1}]
    """
    columns = getattr(y, "columns", None)
    if columns is not None and hasattr(y, "to_numpy"):
        # A DataFrame of pandas, which need not be installed.
        names = [str(name) for name in columns]
        return [dict(zip(names, row, strict=True)) for row in y.to_numpy().tolist()]
    if isinstance(y, np.ndarray) and y.ndim == 2:
        names = list(map(str, range(y.shape[1])))
        return [dict(zip(names, row, strict=True)) for row in y.tolist()]
    if isinstance(y, np.ndarray) and y.ndim > 2:
        raise BadLabels(f"y: expected one or two axes, found shape {y.shape}")
    result: Iterable[Any] = y
    return result


def _check_number(n: int) -> None:
    if n > _MOST_VALUES:
        raise BadLabels(f"a target of {n:,} values: expected at most {_MOST_VALUES:,}")


def _dump(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > _LONGEST:
        raise BadLabels(f"a target of {len(text):,} characters: expected at most {_LONGEST:,}")
    return text
