"""Which modality a source holds, when nobody says it."""

from __future__ import annotations

import os

from featx.errors import BadOption
from featx.inputs import MODALITIES, kind_of
from featx.samples import survey

__all__ = ["check_modality", "guess_modality"]


def check_modality(name: str) -> None:
    """Refuse, as BadOption, a modality that there is not."""
    if name not in MODALITIES:
        raise BadOption(f"modality {name!r}: expected one of {', '.join(MODALITIES)}")


def guess_modality(
    source: str | os.PathLike[str],
    *,
    path_column: str | None = None,
    text_column: str | None = None,
) -> str:
    """The modality whose suffixes most files have; where none has any, that of a column of texts.

    A source that tells nothing, such as standard input, is taken for the first there is: images.
    """
    seen = survey(source, path_column=path_column, text_column=text_column)
    kinds = {modality: kind_of(modality) for modality in MODALITIES}
    counts = {
        modality: sum(seen.suffixes[suffix] for suffix in kind.suffixes)
        for modality, kind in kinds.items()
    }
    if text_column is not None or (seen.texts and not any(counts.values())):
        counts = {modality: int(kind.inline) for modality, kind in kinds.items()}
    return max(counts, key=counts.__getitem__)
