"""Which modality a sample or a source has, when nobody says it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from featx.errors import BadOption, BadSource
from featx.modalities import MODALITIES, kind_of
from featx.sources import Columns, Segment, Source, open_source
from featx.storage.blob import Blob

__all__ = ["check_modality", "guess_modality", "modality_of", "modality_of_source"]


def check_modality(name: str) -> None:
    """Raise BadOption where there is no modality of that name."""
    if name not in MODALITIES:
        raise BadOption(f"modality {name!r}: expected one of {', '.join(MODALITIES)}")


def modality_of(data: Any) -> str:
    """Return the modality of one sample in memory or of the file that it names; 'image' where nothing tells.

    A name tells by its suffix; another ``str`` is a text; a one-dimensional array of floats, or an array
    with its rate, is a sound.

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
        return "text" if isinstance(data, str) else next(iter(MODALITIES))
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
    """Return the modality whose suffixes most files have; where none has any, that of a column of texts.

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
    if text_column is not None or (seen.texts and not any(counts.values())):
        counts = {modality: int(kind.string_is_sample) for modality, kind in kinds.items()}
    return max(counts, key=counts.__getitem__)
