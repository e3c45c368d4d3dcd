"""Samples from a folder of files."""

from __future__ import annotations

import heapq
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from featx.errors import BadSource
from featx.sources.left_out import OtherFiles, first_bytes, warn_of_obstacles
from featx.sources.sample import Sample, number_repeats, to_label
from featx.sources.source import (
    ENOUGH,
    Columns,
    Peek,
    Readable,
    count_suffixes,
    is_hidden,
    refuse_columns,
)
from featx.sources.splits import choose, label_within, splits_among
from featx.storage.address import blob_at, to_path
from featx.storage.blob import Blob, describe_os_error, suffix_of, to_text

if TYPE_CHECKING:
    from featx.sources.metadata import FileLabels
    from featx.storage.remote import RemotePath

__all__ = ["Folder", "Parts", "Tree", "is_folder", "is_metadata", "no_matching_files"]

# Tables that describe the files beside them, as in an image folder of Hugging Face.
_METADATA = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})

# The way from a folder to a file, name by name.
Parts = tuple[str, ...]


class Folder:
    """A folder of files; class folders in it are labels."""

    def __init__(
        self, uri: str | RemotePath, columns: Columns, stdin: Iterable[bytes | str] | None
    ) -> None:
        self._root = to_path(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is a folder."""
        return is_folder(uri)

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the files that the modality reads, sorted by their path, name by name.

        They are those with one of the suffixes, and those with another or none whose first bytes tell; a
        warning counts all others by kind, but for hidden files and those that systems make. What has the
        right suffix and only looks like a file (a broken link, a pipe) is a sample, and a reject when read.
        A folder reached by symbolic links is read once, under its own name if that lies below this one.

        The label is what a ``metadata.csv``, ``.jsonl`` or ``.parquet`` beside or above the file says of it
        (columns file_name and label); where there is no such table, the first folder below this one or below
        its split. Files without a row in the table, and rows without a file, are left out with a warning.
        """
        where = to_text(str(self._root))
        walk = self._tree(readable)
        splits = splits_among(walk.subfolders())
        chosen = choose(split, splits, where) if split and splits else None
        walk.run([()] if chosen is None else [(name,) for name in sorted(chosen)])
        if chosen is not None:
            walk.find_tables()
            where = "/".join([where, *chosen]) if len(chosen) == 1 else where
        if not walk.tables:
            refuse_columns(self._columns, f"{where} is a folder and")
        if not walk.files:
            raise no_matching_files(where, readable.suffixes, walk.left_out)
        files = sorted(walk.files, key=lambda parts: tuple(map(os.fsencode, parts)))
        about = self._metadata(walk, files, None if splits else split)
        if about.governed:
            files = [parts for parts in files if parts in about.rows or parts not in about.governed]
        for table in walk.tables - set(about.tables):
            walk.left_out.add("/".join(table))
        walk.left_out.warn(where, len(files))
        samples = self._samples(files, splits, about, walk)
        warn_of_obstacles(where, samples, readable)
        return samples

    def peek(self) -> Peek:
        """Return the suffixes of the first files; what cannot be read is left out."""
        if not isinstance(self._root, Path):
            return _peek_below(self._root)
        paths = list(islice(_paths(self._root), ENOUGH))
        return Peek(count_suffixes(paths), files=tuple(map(Blob.of_path, paths)))

    def _tree(self, readable: Readable) -> Tree:
        """Return what finds the files; what lists addresses is loaded where there is one."""
        if isinstance(self._root, Path):
            return _Walk(self._root, readable)
        from featx.sources.remote import RemoteTree

        return RemoteTree(self._root, readable)

    def _metadata(self, walk: Tree, files: list[Parts], split: str | None) -> FileLabels:
        """Return what the tables beside the files say of them; that loads nothing where there is none."""
        from featx.sources.metadata import FileLabels, read_file_labels

        if not walk.tables:
            return FileLabels()
        return read_file_labels(self._root, walk.tables, files, self._columns, split)

    def _samples(
        self, files: list[Parts], splits: Collection[str], about: FileLabels, walk: Tree
    ) -> list[Sample]:
        names = ["/".join(map(to_text, parts)) for parts in files]
        if self._columns.id is not None:
            names = [
                about.rows[parts].id if parts in about.rows else name
                for parts, name in zip(files, names, strict=True)
            ]
        return [
            replace(about.rows[parts], id=name, data=walk.blob(parts), columns=None)
            if parts in about.rows
            else Sample(name, walk.blob(parts), to_label(label_within(parts, splits)))
            for name, parts in zip(number_repeats(names), files, strict=True)
        ]


def is_folder(uri: str) -> bool:
    """Return whether ``uri`` is a folder; False where the system does not tell."""
    try:
        return Path(uri).is_dir()
    except (OSError, ValueError):
        return False


def no_matching_files(where: str, suffixes: Iterable[str], left_out: OtherFiles) -> BadSource:
    """Return the refusal of a source in which no file is of the modality."""
    expected = ", ".join(sorted(suffixes))
    n_files = left_out.counts.total()
    files = "1 other file," if n_files == 1 else f"{n_files:,} other files, such as"
    seen = f"found {files} {to_text(left_out.example)}" if n_files else "found no files at all"
    return BadSource(f"{where}: expected files ending in {expected}; {seen}")


class Tree(Protocol):
    """The files below a folder, wherever it lies."""

    files: list[Parts]
    tables: set[Parts]
    left_out: OtherFiles

    def subfolders(self) -> Collection[str]:
        """Return the names of the folders right below it."""

    def find_tables(self) -> None:
        """Add the tables right below it."""

    def run(self, starts: list[Parts]) -> None:
        """Find the files below some folders, () for all: samples, tables, and what is neither."""

    def blob(self, parts: Parts) -> Blob:
        """Return the content of a file."""


def _paths(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        # A million Path objects would take longer than the walk.
        yield from (os.path.join(folder, name) for name in files if not is_hidden(name))  # noqa: PTH118


def _peek_below(root: RemotePath) -> Peek:
    try:
        found = list(islice(root.walk(), ENOUGH))
    except OSError as error:
        raise BadSource(f"{root}: cannot be read: {describe_os_error(error)}") from error
    return Peek(count_suffixes(path.name for path in found), files=tuple(map(blob_at, found)))


@dataclass(slots=True)
class _Walk:
    """A walk over all files below a folder; every folder is read once, whatever links lead to it."""

    root: Path
    readable: Readable
    files: list[Parts] = field(default_factory=list)
    tables: set[Parts] = field(default_factory=set)
    left_out: OtherFiles = field(default_factory=OtherFiles)
    seen: set[tuple[int, int]] = field(default_factory=set)

    def subfolders(self) -> list[str]:
        return [entry.name for entry in _entries(self.root) if _leads_to_folder(entry)]

    def blob(self, parts: Parts) -> Blob:
        return Blob.of_path(os.path.join(self.root, *parts))  # noqa: PTH118

    def find_tables(self) -> None:
        """Add the tables that stand beside the splits."""
        entries = _entries(self.root)
        self.tables |= {(entry.name,) for entry in entries if self._is_table(entry)}

    def run(self, starts: list[Parts]) -> None:
        real = Path(os.path.realpath(self.root))
        above = [real, *real.parents] if starts != [()] else real.parents
        self.seen = {_identity(folder) for folder in above}
        folders = list(starts)
        # Links are followed when nothing else is left, so that real folders come first.
        links: list[Parts] = []
        while folders or links:
            parts = folders.pop() if folders else heapq.heappop(links)
            identity = _identity(self.root.joinpath(*parts))
            if identity not in self.seen:
                self.seen.add(identity)
                self._look(parts, folders, links)

    def _look(self, parts: Parts, folders: list[Parts], links: list[Parts]) -> None:
        for entry in _entries(self.root.joinpath(*parts)):
            inner = (*parts, entry.name)
            if not _leads_to_folder(entry):
                self._take(entry, inner)
            elif entry.is_symlink():
                heapq.heappush(links, inner)
            else:
                folders.append(inner)

    def _take(self, entry: os.DirEntry[str], parts: Parts) -> None:
        """Take what is no folder for a sample or a table, or count it as left out."""
        if suffix_of(entry.name) in self.readable.suffixes:
            self.files.append(parts)
        elif self._is_table(entry):
            self.tables.add(parts)
        elif kind := _not_a_file(entry):
            self.left_out.add("/".join(parts), kind)
        elif self.readable.recognizes(first_bytes(Blob.of_path(entry.path))):
            self.files.append(parts)
        else:
            self.left_out.add("/".join(parts))

    def _is_table(self, entry: os.DirEntry[str]) -> bool:
        return is_metadata(entry.name) and not _not_a_file(entry)


def is_metadata(name: str) -> bool:
    """Return whether a file of this name may describe the files beside it and below.

    >>> is_metadata("metadata.csv"), is_metadata("labels.csv")
    (True, False)
    """
    return name.lower() in _METADATA


def _not_a_file(entry: os.DirEntry[str]) -> str | None:
    """Return what an entry is that leads to no regular file; None where it does."""
    try:
        if entry.is_file():
            return None
        entry.stat()
    except OSError:
        return "broken link" if entry.is_symlink() else "unreadable file"
    return "pipe, socket or device file"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise _unreadable(folder, error) from error


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads in a circle.
        return False


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as error:
        raise _unreadable(folder, error) from error
    return status.st_dev, status.st_ino


def _unreadable(folder: Path, error: OSError) -> BadSource:
    return BadSource(f"{to_text(str(folder))}: cannot be read: {describe_os_error(error)}")
