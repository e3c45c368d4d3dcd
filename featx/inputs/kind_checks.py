"""Columns that seem to be something else than what was said of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from featx.errors import BadOption, FeatxNotice, FeatxWarning
from featx.inputs.cells import modality_of_cell, show_text
from featx.inputs.spec import InputSpec
from featx.sources.record import Record
from featx.sources.sample import Sample
from featx.storage.blob import Blob

__all__ = ["check_kinds"]

# How many samples are looked at.
_LOOKED_AT = 200


def check_kinds(samples: Sequence[Sample], specs: Sequence[InputSpec]) -> None:
    """Refuse numbers that are to be files, and say what texts seem to be if they seem to be none.

    Looked at are the first 200 samples.

    Raises
    ------
    BadOption
        All cells of a column of photos or sounds are numbers.

    Warns
    -----
    FeatxWarning
        Cells that are read as texts name files.
    FeatxNotice
        They are numbers.
    """
    records = [one.data for one in samples[:_LOOKED_AT] if isinstance(one.data, Record)]
    for spec in specs:
        for column in spec.columns if spec.has_backbone else ():
            names = [_name_of(record.get(column)) for record in records]
            known = [name for name in names if name]
            if known:
                _check_kind(spec, column, known)


def _check_kind(spec: InputSpec, column: str, names: Sequence[str]) -> None:
    where, shown = f"input {show_text(spec.to_text())}", show_text(names[0])
    if all(map(_is_number, names)):
        numbers = f"{where}: the cells of {show_text(column)} are numbers such as {shown}"
        if spec.kind != "text":
            raise BadOption(f"{numbers}, no files; say {show_text(column + ':number')}")
        text = f"{numbers}; as numbers they are {show_text(column + ':number')}"
        warnings.warn(text, FeatxNotice, stacklevel=4)
    modalities = {modality_of_cell(name) for name in names}
    if spec.kind == "text" and None not in modalities and len(modalities) == 1:
        meant = show_text(f"{column}:{modalities.pop()}")
        text = f"{where}: cells such as {shown} are read as texts and look like files; these are {meant}"
        warnings.warn(text, FeatxWarning, stacklevel=4)


def _name_of(datum: Any) -> str | None:
    """Return the text of a datum, or the name of its file; of several that of the first."""
    first = datum[0] if isinstance(datum, tuple) and datum else datum
    if isinstance(first, Blob) and first.path is not None:
        return first.name.replace("\\", "/").rpartition("/")[2]
    return first if isinstance(first, str) else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
