"""The part of a data set that each sample is of, by what it says of itself or by its id."""

from __future__ import annotations

import re
from collections.abc import Sequence

from featx.sources.sample import Sample
from featx.sources.source import table_suffix
from featx.sources.splits import split_of, splits_among

__all__ = ["parts_of"]

# What ends the first part of an id: a folder above a file, or a table before one of its rows.
_FIRST = re.compile(r"/|: ")
# The number of a piece of a table.
_PIECE = re.compile(r"-\d+-of-\d+$")


def parts_of(samples: Sequence[Sample]) -> list[str | None]:
    """Return 'train', 'val' or 'test' for each sample, or None where nothing says it.

    Examples
    --------
    >>> parts_of([Sample("train/cat/1.jpg", b""), Sample("test/2.jpg", b"")])
    ['train', 'test']
    >>> parts_of([Sample("dev.csv: row 1", ""), Sample("train-0-of-2.parquet: row 1", "")])
    ['val', 'train']
    >>> parts_of([Sample("train/1.jpg", b""), Sample("bus/2.jpg", b"")])
    [None, None]
    """
    firsts = [_first(sample.id) for sample in samples]
    splits = splits_among(name for name in firsts if name)
    return [
        sample.part or (split_of(first) if first in splits else None)
        for sample, first in zip(samples, firsts, strict=True)
    ]


def _first(name: str) -> str:
    parts = _FIRST.split(name, maxsplit=1)
    if len(parts) < 2:
        return ""
    suffix = table_suffix(parts[0])
    return _PIECE.sub("", parts[0][: parts[0].lower().rindex(suffix)] if suffix else parts[0])
