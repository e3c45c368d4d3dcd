"""Labels as they were given: inside they are texts, and whole numbers, numbers and truth values come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.errors import BadArtifact

__all__ = ["LABEL_TYPES", "TEXT", "label_type_of", "typed_labels"]

TEXT = "str"


def _truth(text: str) -> bool:
    return {"True": True, "False": False}[text]


# From the text of a label to its value, by the name of its type.
_READ: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {TEXT: str, "int": int, "bool": _truth, "float": float}
)
LABEL_TYPES = tuple(_READ)


def label_type_of(labels: Any) -> str:
    """Return the type that all of some labels have: "str", "int", "bool" or "float"; "str" where they differ.

    Missing ones do not count. Whole numbers among other numbers are numbers.

    >>> [label_type_of(labels) for labels in (["a"], [1, 2], [True, False], [1, 0.5], [1, True], None)]
    ['str', 'int', 'bool', 'float', 'str', 'str']
    """
    if labels is None or isinstance(labels, str):
        return TEXT
    kinds = {_kind(label) for label in labels} - {None}
    if kinds == {"int", "float"}:
        return "float"
    return kinds.pop() or TEXT if len(kinds) == 1 else TEXT


def _kind(label: Any) -> str | None:
    if label is None or (isinstance(label, float | np.floating) and np.isnan(label)):
        return None
    if isinstance(label, bool | np.bool_):
        return "bool"
    if isinstance(label, int | np.integer):
        return "int"
    return "float" if isinstance(label, float | np.floating) else TEXT


def typed_labels(labels: Sequence[str], label_type: str) -> npt.NDArray[Any]:
    """Return the texts of labels as an array of the type that they had.

    Raises
    ------
    BadArtifact
        There is no such type, or a text is none of its values.

    Examples
    --------
    >>> typed_labels(["10", "9"], "int").tolist(), typed_labels(["False", "True"], "bool").tolist()
    ([10, 9], [False, True])
    """
    if label_type not in _READ:
        raise BadArtifact(
            f"labels of type {label_type!r:.40}: expected one of {', '.join(LABEL_TYPES)}; upgrade featx"
        )
    try:
        values = [_READ[label_type](text) for text in labels]
        array = np.asarray(values, dtype=np.str_ if label_type == TEXT else label_type)
    except (ValueError, KeyError, OverflowError) as error:
        raise BadArtifact(
            f"labels: expected texts of the type {label_type}, found {list(labels)!r:.60}; train it again"
        ) from error
    if len(set(values)) != len(values) or (label_type == "float" and not np.isfinite(array).all()):
        raise BadArtifact(f"labels: expected numbers that differ, found {list(labels)!r:.60}")
    return array
