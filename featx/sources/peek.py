"""What a source seems to hold, from a look at its beginning."""

from __future__ import annotations

import lzma
import os
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from featx.errors import BadSource
from featx.sources.folder import is_hidden, suffix_of
from featx.sources.table import TABLE_SUFFIXES, Columns, peek
from featx.sources.table_folder import find_split_tables
from featx.sources.tar import is_tar

__all__ = ["Survey", "survey"]

_ENOUGH = 1000  # files, members or rows that are looked at
_UNREADABLE = (
    *(BadSource, OSError, ValueError, EOFError),
    *(tarfile.TarError, zlib.error, lzma.LZMAError),
)


@dataclass(frozen=True, slots=True)
class Survey:
    """The files that a source names, by suffix, and whether it holds texts of its own."""

    suffixes: Counter[str] = field(default_factory=Counter)
    texts: bool = False


def survey(
    source: str | os.PathLike[str],
    *,
    path_column: str | None = None,
    text_column: str | None = None,
) -> Survey:
    """What ``read_samples`` would find; nothing where the source cannot be read, or is ``-``."""
    name = os.fsdecode(source)
    columns = Columns(path=path_column, text=text_column)
    try:
        return Survey() if name == "-" else _look(Path(name), columns)
    except _UNREADABLE:
        return Survey()


def _look(path: Path, columns: Columns) -> Survey:
    if path.is_dir():
        files = _count(_files(path))
        parts = find_split_tables(path)
        inside = _look(next(iter(parts.values())), columns) if parts else Survey()
        return Survey(files + inside.suffixes, inside.texts)
    if path.suffix.lower() in TABLE_SUFFIXES:
        names, texts = peek(path, columns, _ENOUGH)
        return Survey(_count(iter(names)), texts)
    if is_tar(path):
        with tarfile.open(path) as archive:
            return Survey(_count(member.name for member in archive if member.isfile()))
    return Survey(_count(iter([path.name])))


def _count(names: Iterator[str]) -> Counter[str]:
    return Counter(suffix_of(name) for name in islice(names, _ENOUGH))


def _files(root: Path) -> Iterator[str]:
    for _, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        yield from (name for name in files if not is_hidden(name))
