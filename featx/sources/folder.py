"""Samples from a folder of files."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from featx.errors import BadSource
from featx.sources.sample import Sample, number_repeats
from featx.sources.splits import choose, label_within, splits_among
from featx.storage.blob import in_words, to_text

__all__ = ["is_hidden", "no_matching_files", "read_folder", "suffix_of"]

_SYSTEM = frozenset(
    {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", "Thumbs.db", "desktop.ini"}
)

Parts = tuple[str, ...]  # the way from a folder to a file, name by name


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name belongs to a system, not to a person."""
    return name.startswith(".") or name in _SYSTEM


def suffix_of(name: str) -> str:
    """The suffix with its dot, in lower case: '.jpg' of 'A.B.JPG', '' of 'jpg' and '.jpg'."""
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if stem and dot else ""


def no_matching_files(where: str, suffixes: Iterable[str], found: int, example: str) -> BadSource:
    """The refusal of a source in which no file has one of the suffixes."""
    looked = ", ".join(sorted(suffixes))
    files = "1 other file," if found == 1 else f"{found:,} other files, such as"
    seen = f"found {files} {example}" if found else "found no files at all"
    return BadSource(f"{where}: expected files ending in {looked}; {seen}")


def read_folder(root: Path, suffixes: frozenset[str], split: str | None) -> list[Sample]:
    """The files below ``root`` that have one of the suffixes, sorted by their path, name by name.

    The label is the first folder below ``root`` or below its split. A folder reached by symbolic
    links is read once, under its own name if that lies below ``root``. What only looks like a file
    (a broken link, a pipe) is a sample too, and a reject when it is read.
    """
    where = to_text(str(root))
    splits = splits_among(_subfolders(root, where))
    chosen = choose(split, splits, where) if split and splits else None
    walk = _Walk(root, suffixes)
    walk.run([()] if chosen is None else [(name,) for name in sorted(chosen)])
    if not walk.files:
        raise no_matching_files(where, suffixes, len(walk.others), _first(walk.others))
    files = sorted(walk.files, key=lambda parts: tuple(map(os.fsencode, parts)))
    ids = number_repeats("/".join(map(to_text, parts)) for parts in files)
    labels = (label_within(parts, splits) for parts in files)
    return [
        Sample(name, root.joinpath(*parts), to_text(label) if label else None)
        for name, parts, label in zip(ids, files, labels, strict=True)
    ]


@dataclass(slots=True)
class _Walk:
    """All files below a folder; every folder once, whatever links lead to it."""

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
        links: list[
            Parts
        ] = []  # followed when nothing else is left, so that real folders come first
        while folders or links:
            parts = folders.pop() if folders else heapq.heappop(links)
            identity = _identity(self.root.joinpath(*parts))
            if identity not in self.seen:
                self.seen.add(identity)
                self._look(parts, folders, links)

    def _look(self, parts: Parts, folders: list[Parts], links: list[Parts]) -> None:
        for entry in _entries(self.root.joinpath(*parts)):
            way = (*parts, entry.name)
            if not _is_folder(entry):
                fits = suffix_of(entry.name) in self.suffixes
                (self.files if fits else self.others).append(way)
            elif entry.is_symlink():
                heapq.heappush(links, way)
            else:
                folders.append(way)


def _subfolders(root: Path, where: str) -> list[str]:
    return [entry.name for entry in _entries(root) if _is_folder(entry)]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise BadSource(f"{to_text(str(folder))}: cannot be read: {in_words(error)}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as error:
        raise BadSource(f"{to_text(str(folder))}: cannot be read: {in_words(error)}") from error
    return status.st_dev, status.st_ino


def _first(files: list[Parts]) -> str:
    return to_text("/".join(min(files))) if files else ""
