"""Records of objects that a file describes, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["StoredName", "StoredObject"]


@dataclass(frozen=True, slots=True, eq=False)
class StoredObject:
    """The description of an object; its type is a name, and nothing of it has been imported.

    Attributes
    ----------
    type : str
        The full name of its type, such as "sklearn.svm._classes.SVC".
    state : mapping of str to value
        Its attributes: numbers, texts, arrays, lists, tables, other records.
    arguments : value
        What its type is called with, of objects that are rebuilt by a call.
    """

    type: str
    state: Mapping[str, Any] = field(default_factory=dict)
    arguments: Any = ()


@dataclass(frozen=True, slots=True)
class StoredName:
    """The full name of a type or function where an object holds the type or function itself."""

    name: str
