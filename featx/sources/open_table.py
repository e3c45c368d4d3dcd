"""A table that has been opened: its columns and the cells of some of them, whatever its format."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from featx.errors import BadSource, FeatxWarning

__all__ = ["Notes", "OpenTable"]


@dataclass(slots=True)
class Notes:
    """The notices of a source, of which each kind is given once, whatever number of tables it has."""

    messages: dict[str, tuple[str, type[FeatxWarning]]] = field(default_factory=dict)

    def add(self, kind: str, message: str, category: type[FeatxWarning] = FeatxWarning) -> None:
        """Keep a message, unless there is one of its kind."""
        self.messages.setdefault(kind, (message, category))

    def warn(self) -> None:
        """Give every message as a warning."""
        for message, category in self.messages.values():
            warnings.warn(message, category, stacklevel=4)


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table that has been opened.

    Attributes
    ----------
    columns : tuple of str
        All of them, in their order.
    rows : callable
        Takes names of columns, and those of them whose cells are wanted as blobs; gives, for each row, where it
        is ("line 3") and its cells, or the BadSource that says why it has none. Raises BadSource where
        nothing below can be read.
    contents : mapping of str to str
        Columns whose cells can be the contents of files, and what is known of these: 'Image', 'Audio', or
        'binary' where it is a plain column of bytes.
    classes : tuple of str
        Columns of whose cells the schema names the classes.
    """

    columns: tuple[str, ...]
    rows: Callable[[Sequence[str], Sequence[str]], Iterator[tuple[str, Sequence[Any] | BadSource]]]
    contents: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    classes: tuple[str, ...] = ()
