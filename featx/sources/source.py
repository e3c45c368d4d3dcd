"""The protocol of sources: whatever gives samples, such as a folder or a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Protocol

from featx.errors import BadOption
from featx.sources.record import RecordColumn
from featx.sources.sample import Sample
from featx.storage.blob import Blob, suffix_of, to_text

__all__ = [
    "ENOUGH",
    "TABLE_ENDINGS",
    "TABLE_SUFFIXES",
    "TAR_ENDINGS",
    "Columns",
    "Peek",
    "Readable",
    "Source",
    "count_suffixes",
    "is_hidden",
    "refuse_columns",
    "table_suffix",
]

# The endings of the names of tables, of tables of text that may be compressed, and of tars.
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_PACKED = (".gz", ".bz2", ".xz")
TABLE_ENDINGS = (
    *TABLE_SUFFIXES,
    *(f"{suffix}{packed}" for suffix in TABLE_SUFFIXES[:4] for packed in _PACKED),
)
TAR_ENDINGS = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")

# Columns that a refusal names.
_SHOWN = 8
# How many files, members or rows peek() looks at.
ENOUGH = 1000

# What systems put into folders and archives, and no person made.
_SYSTEM = frozenset(
    {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", "Thumbs.db", "desktop.ini"}
)


@dataclass(frozen=True, slots=True)
class Columns:
    """What a user said of a table: the names of its columns, and how it is read.

    Attributes
    ----------
    path, id, text, start, end, duration : str or None
        Names of columns; None is for the usual names. The last three are seconds of a recording.
    target : tuple of str
        The columns of what is to be predicted; () is for the usual names of a label.
    separator : str or None
        What stands between the labels of a cell that holds several; None: a cell is one label.
    group, weight, time : str or None
        Columns of what must not be parted, of how often a sample counts, and of when it was; None: not read.
    split : str or None
        The column that says the part of each sample; None is for the usual name.
    parts : bool
        Whether a column of parts is read where no part is asked for.
    encoding : str or None
        How the bytes of a table, or of the lines of standard input, are characters, where they are neither
        UTF-8 nor begin with a byte order mark.
    root : str or None
        The folder below which the paths of a table lie; None is for the table's own.
    keep : tuple of str
        Columns that samples carry along: names, or "all".
    record : tuple of RecordColumn
        The columns of which each row is a record; () where a row has one datum.
    skip : bool
        Whether a row that makes no sense is a sample that cannot be read, and the table is not refused.
    """

    path: str | None = None
    target: tuple[str, ...] = ()
    id: str | None = None
    text: str | None = None
    start: str | None = None
    end: str | None = None
    encoding: str | None = None
    root: str | None = None
    keep: tuple[str, ...] = ()
    separator: str | None = None
    group: str | None = None
    weight: str | None = None
    time: str | None = None
    split: str | None = None
    duration: str | None = None
    skip: bool = False
    parts: bool = False
    record: tuple[RecordColumn, ...] = ()


def _nothing(head: bytes) -> bool:
    return False


def _no_obstacle(suffix: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Readable:
    """The files and texts that a modality takes for a sample.

    ``suffixes`` are those of its files, lower case and with their dot. ``string_is_sample`` says whether a
    text may be a sample by itself: a cell of a table, or a line of standard input. ``segments`` says whether
    a part of a file, from one second to another, may be one. ``recognizes`` says of the first bytes of a file
    with another suffix, or with none, whether it is one of the modality's. ``obstacle`` says of one of the
    suffixes why such files cannot be read here, and what to do; '' where they can.
    """

    suffixes: frozenset[str]
    string_is_sample: bool = False
    segments: bool = False
    recognizes: Callable[[bytes], bool] = _nothing
    obstacle: Callable[[str], str] = _no_obstacle


@dataclass(frozen=True, slots=True)
class Peek:
    """The apparent content of a source: its first thousand files by suffix, and whether it has texts.

    ``files`` are those of them that can be looked into where their suffixes tell nothing.
    """

    suffixes: Counter[str] = field(default_factory=Counter)
    texts: bool = False
    files: tuple[Blob, ...] = field(default=(), compare=False)


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


def table_suffix(name: str) -> str:
    """Return the suffix that says what kind of table a name has, compressed or not; '' for no table.

    >>> table_suffix("a.CSV"), table_suffix("train.jsonl.gz"), table_suffix("a.gz")
    ('.csv', '.jsonl', '')
    """
    name = name.rpartition("/")[2]
    suffix = suffix_of(name)
    if suffix in _PACKED:
        inner = suffix_of(name[: -len(suffix)])
        return inner if f"{inner}{suffix}" in TABLE_ENDINGS else ""
    return suffix if suffix in TABLE_SUFFIXES else ""


def count_suffixes(names: Iterable[str]) -> Counter[str]:
    """Return how many of the first names have which suffix."""
    return Counter(suffix_of(name.rpartition("/")[2]) for name in islice(names, ENOUGH))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name belongs to a system, not to a person."""
    return name.startswith(".") or name in _SYSTEM


def refuse_columns(columns: Columns, subject: str, *, also: Collection[str] = ()) -> None:
    """Raise BadOption where something was said of a table, and the source is none.

    Parameters
    ----------
    subject : str
        The source in words, such as "the folder photos".
    also : collection of str, default=()
        Those of "encoding" and "root" that the source takes.
    """
    for column in fields(columns):
        # What goes along is there in sources of any kind.
        if not getattr(columns, column.name) or column.name in (*also, "keep", "parts", "skip"):
            continue
        if column.name in ("encoding", "root", "separator"):
            raise BadOption(f"{column.name}: {subject} takes none; leave the option out")
        if column.name == "record":
            listed = ", ".join(one.name for one in columns.record[:_SHOWN])
            more = ", …" if len(columns.record) > _SHOWN else ""
            raise BadOption(
                to_text(f"inputs: {subject} has no columns; expected a table with {listed}{more}")
            )
        name = "label" if column.name == "target" else column.name
        raise BadOption(f"{name}_column: {subject} has no columns; leave the option out")
