"""The protocol of sources: whatever gives samples, such as a folder or a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from featx.errors import BadOption
from featx.sources.sample import Sample
from featx.storage.blob import suffix_of

__all__ = [
    "TABLE_SUFFIXES",
    "TAR_ENDINGS",
    "Columns",
    "Peek",
    "Readable",
    "Source",
    "count_suffixes",
    "is_hidden",
    "refuse_columns",
]

# The endings of the names of tables, and of tars.
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
TAR_ENDINGS = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")

# How many files, members or rows peek() looks at.
_ENOUGH = 1000

# What systems put into folders and archives, and no person made.
_SYSTEM = frozenset(
    {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", "Thumbs.db", "desktop.ini"}
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns that a user asked for; None is for the usual names.

    ``keep`` are columns that samples carry along: names, or "all".
    """

    path: str | None = None
    label: str | None = None
    id: str | None = None
    text: str | None = None
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Readable:
    """The files and texts that a modality takes for a sample.

    ``suffixes`` are those of its files, lower case and with their dot. ``string_is_sample`` says whether a
    text may be a sample by itself: a cell of a table, or a line of standard input.
    """

    suffixes: frozenset[str]
    string_is_sample: bool = False


@dataclass(frozen=True, slots=True)
class Peek:
    """The apparent content of a source: its first thousand files by suffix, and whether it has texts."""

    suffixes: Counter[str] = field(default_factory=Counter)
    texts: bool = False


class Source(Protocol):
    """Something that gives samples.

    Another kind of source is a class with these three methods in a module of its own, and a row in
    ``featx.sources.SOURCES``.
    """

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        """Remember what to read, and read nothing.

        Parameters
        ----------
        columns : Columns
            A source without columns refuses them in ``samples``.
        stdin : iterable of lines, or None
            What stands in for standard input.
        """

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` names a source of this kind; never raises."""

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the samples; all ids differ, and the order is the same everywhere.

        Parameters
        ----------
        split : 'train', 'val', 'test' or None
            The part that is given where the source has parts.

        Raises
        ------
        BadSource
            The source cannot be read, makes no sense, or has not one sample.
        BadOption
            A column is named, and the source has no columns.
        """

    def peek(self) -> Peek:
        """Return what the source seems to hold, from a look at its beginning; raise BadSource."""


def count_suffixes(names: Iterable[str]) -> Counter[str]:
    """Return how many of the first names have which suffix."""
    return Counter(suffix_of(name.rpartition("/")[2]) for name in islice(names, _ENOUGH))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name belongs to a system, not to a person."""
    return name.startswith(".") or name in _SYSTEM


def refuse_columns(columns: Columns, subject: str) -> None:
    """Raise BadOption where a column is named for a source that has none."""
    named = {
        "path_column": columns.path,
        "text_column": columns.text,
        "label_column": columns.label,
        "id_column": columns.id,
    }
    for option, value in named.items():
        if value is not None:
            raise BadOption(f"{option}: {subject} has no columns; leave the option out")
