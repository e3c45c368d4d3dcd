"""Which modality a sample or a source has, when nobody says it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from featx.errors import BadOption, BadSource
from featx.modalities import MODALITIES, Settings, kind_of
from featx.modalities.formats import modality_of_head
from featx.sources import Columns, Segment, Source, open_source
from featx.sources.left_out import HEAD, first_bytes
from featx.storage.blob import Blob, to_blob

__all__ = ["check_modality", "guess_modality", "modality_of", "modality_of_source"]

# How many files whose names tell nothing are looked into.
_LOOKED_INTO = 200


def check_modality(name: str) -> None:
    """Raise BadOption where there is no modality of that name."""
    if not isinstance(name, str) or name not in MODALITIES:
        raise BadOption(f"modality {name!r:.60}: expected one of {', '.join(MODALITIES)}")


def modality_of(data: Any) -> str:
    """Return the modality of one sample in memory or of the file that it names; 'image' where nothing tells.

    A name tells by its suffix; another ``str`` is a text; bytes, and a file whose name does not tell, tell
    by how they begin; a one-dimensional array of floats, or an array with its rate, is a sound.

    >>> modality_of("photo.JPG"), modality_of("It rained all day."), modality_of(np.zeros(800))
    ('image', 'text', 'audio')
    """
    if isinstance(data, Segment):
        return "audio"
    name = data.name if isinstance(data, Blob) else data
    if isinstance(name, str | os.PathLike):
        suffix = os.path.splitext(os.fspath(name))[1].lower()  # noqa: PTH122  # a text is no path
        named = [modality for modality in MODALITIES if suffix in kind_of(modality).suffixes]
        if named:
            return named[0]
        if isinstance(data, str):
            return "text"
    if isinstance(data, Blob | os.PathLike | bytes):
        head = data[:HEAD] if isinstance(data, bytes) else first_bytes(to_blob(data))
        return modality_of_head(head) or next(iter(MODALITIES))
    sound = isinstance(data, tuple) or (
        isinstance(data, np.ndarray) and data.ndim == 1 and data.dtype.kind == "f"
    )
    return "audio" if sound else next(iter(MODALITIES))


def guess_modality(
    source: str | os.PathLike[str],
    *,
    path_column: str | None = None,
    text_column: str | None = None,
    encoding: str | None = None,
    root: str | None = None,
) -> str:
    """Return the modality of a source; images where there is none, or none that can be read."""
    columns = Columns(path=path_column, text=text_column, encoding=encoding, root=root)
    try:
        return modality_of_source(open_source(source, columns), text_column=text_column)
    except BadSource:
        return next(iter(MODALITIES))


def modality_of_source(source: Source, *, text_column: str | None = None) -> str:
    """Return the modality that most files have by suffix or by content; where none has any, a column of texts'.

    A source that tells nothing, such as standard input, is taken for images.

    Raises
    ------
    BadSource
        The source cannot be read.
    """
    seen = source.peek()
    kinds = {modality: kind_of(modality) for modality in MODALITIES}
    counts = {
        modality: sum(seen.suffixes[suffix] for suffix in kind.suffixes)
        for modality, kind in kinds.items()
    }
    for file in _unnamed(seen.files, kinds):
        if found := modality_of_head(first_bytes(file)):
            counts[found] += 1
    if text_column is not None or (seen.texts and not any(counts.values())):
        counts = {modality: int(kind.string_is_sample) for modality, kind in kinds.items()}
    return max(counts, key=counts.__getitem__)


def _unnamed(files: Iterable[Blob], kinds: Mapping[str, type[Settings]]) -> Iterator[Blob]:
    """Give some of the files whose suffixes are those of no modality."""
    known = frozenset().union(*(kind.suffixes for kind in kinds.values()))
    return islice((file for file in files if file.suffix not in known), _LOOKED_INTO)
