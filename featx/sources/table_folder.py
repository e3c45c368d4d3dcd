"""Samples from a folder that holds a manifest for each part of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from featx.errors import BadSource
from featx.sources.sample import Sample
from featx.sources.splits import choose, split_of
from featx.sources.table import TABLE_SUFFIXES, Columns, read_table
from featx.storage.blob import in_words, to_text

__all__ = ["find_split_tables", "read_split_tables"]


def find_split_tables(root: Path) -> Mapping[str, Path]:
    """The manifests directly in a folder that are named for a split, such as ``train.csv``, by name.

    Raises
    ------
    BadSource
        Two of them are of the same name, or the folder cannot be read.
    """
    try:
        files = sorted(path for path in root.iterdir() if path.suffix.lower() in TABLE_SUFFIXES)
    except OSError as error:
        raise BadSource(f"{to_text(str(root))}: cannot be read: {in_words(error)}") from error
    found: dict[str, Path] = {}
    for path in files:
        if split_of(path.stem) is None or not path.is_file():
            continue
        if path.stem in found:
            both = f"{found[path.stem].name} and {path.name}"
            raise BadSource(f"{to_text(str(root))}: has both {both}; name the one to read")
        found[path.stem] = path
    return found


def read_split_tables(
    parts: Mapping[str, Path], columns: Columns, split: str | None, where: str
) -> list[Sample]:
    """The samples of the part that is meant, or of all; the manifest's name stands before each id."""
    chosen = choose(split, parts, where) if split else parts
    return [
        replace(sample, id=f"{to_text(path.name)}: {sample.id}")
        for name, path in parts.items()
        if name in chosen
        for sample in read_table(path, columns, None, string_is_sample=True)
    ]
