"""Samples from a folder of files."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from featx.errors import BadSource
from featx.sources.sample import Sample, number_repeats, to_label
from featx.sources.source import (
    Columns,
    Peek,
    Readable,
    count_suffixes,
    is_hidden,
    refuse_columns,
)
from featx.sources.splits import choose, label_within, splits_among
from featx.storage.blob import Blob, describe_os_error, suffix_of, to_text

__all__ = ["Folder", "is_folder", "no_matching_files"]

# The way from a folder to a file, name by name.
Parts = tuple[str, ...]


class Folder:
    """A folder of files; class folders in it are labels."""

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        self._root = Path(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is a folder."""
        return is_folder(uri)

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the files that have one of the suffixes, sorted by their path, name by name.

        The label is the first folder below this one or below its split. A folder reached by symbolic links
        is read once, under its own name if that lies below this one. What only looks like a file (a broken
        link, a pipe) is a sample too, and a reject when it is read.
        """
        where = to_text(str(self._root))
        refuse_columns(self._columns, f"{where} is a folder and")
        splits = splits_among(_subfolders(self._root))
        chosen = choose(split, splits, where) if split and splits else None
        walk = _Walk(self._root, readable.suffixes)
        walk.run([()] if chosen is None else [(name,) for name in sorted(chosen)])
        if not walk.files:
            example = to_text("/".join(min(walk.others))) if walk.others else ""
            raise no_matching_files(where, readable.suffixes, len(walk.others), example)
        files = sorted(walk.files, key=lambda parts: tuple(map(os.fsencode, parts)))
        ids = number_repeats("/".join(map(to_text, parts)) for parts in files)
        labels = (label_within(parts, splits) for parts in files)
        # A million Path objects would take longer than the walk.
        paths = (os.path.join(self._root, *parts) for parts in files)  # noqa: PTH118
        return [
            Sample(name, Blob.of_path(path), to_label(label))
            for name, path, label in zip(ids, paths, labels, strict=True)
        ]

    def peek(self) -> Peek:
        """Return the suffixes of the first files; what cannot be read is left out."""
        return Peek(count_suffixes(self._names()))

    def _names(self) -> Iterator[str]:
        for _, folders, files in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            yield from (name for name in files if not is_hidden(name))


def is_folder(uri: str) -> bool:
    """Return whether ``uri`` is a folder; False where the system does not tell."""
    try:
        return Path(uri).is_dir()
    except (OSError, ValueError):
        return False


def no_matching_files(where: str, suffixes: Iterable[str], n_files: int, example: str) -> BadSource:
    """Return the refusal of a source in which no file has one of the suffixes."""
    expected = ", ".join(sorted(suffixes))
    files = "1 other file," if n_files == 1 else f"{n_files:,} other files, such as"
    seen = f"found {files} {example}" if n_files else "found no files at all"
    return BadSource(f"{where}: expected files ending in {expected}; {seen}")


@dataclass(slots=True)
class _Walk:
    """A walk over all files below a folder; every folder is read once, whatever links lead to it."""

    root: Path
    suffixes: frozenset[str]
    files: list[Parts] = field(default_factory=list)
    others: list[Parts] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)

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
                fits = suffix_of(entry.name) in self.suffixes
                (self.files if fits else self.others).append(inner)
            elif entry.is_symlink():
                heapq.heappush(links, inner)
            else:
                folders.append(inner)


def _subfolders(root: Path) -> list[str]:
    return [entry.name for entry in _entries(root) if _leads_to_folder(entry)]


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
