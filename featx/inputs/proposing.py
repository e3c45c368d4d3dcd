"""A guess, from their first cells, at what the columns of a table may be to a predictor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from featx.errors import BadSample
from featx.inputs.categories import CategoryEncoder
from featx.inputs.cells import is_empty, modality_of_cell, plain_value
from featx.inputs.dates import DateEncoder
from featx.inputs.numbers import NumberEncoder
from featx.inputs.spec import InputSpec
from featx.inputs.vectors import VectorEncoder
from featx.modalities.guess import modality_of
from featx.sources.columns import plain_name
from featx.storage.blob import Blob

__all__ = ["guess_kind", "propose_inputs"]

# Words of a text, on average, from which on it is no name, and the share of cells that need to agree.
_WORDS, _MOST_CELLS = 4.0, 0.9
# Words of texts that hardly repeat.
_FEW_WORDS = 2.0
_ID = ("_id", "_ids")


def propose_inputs(cells: Mapping[str, Sequence[Any]]) -> tuple[InputSpec, ...]:
    """Return an input for each column that can be one; none for names, constants and numbers of rows.

    Parameters
    ----------
    cells : mapping of str to sequence
        The first cells of each column.

    Examples
    --------
    >>> table = {"photo": ["a.jpg", "b.jpg"], "price": ["3.5", "4"], "id": ["x1", "x2"]}
    >>> [spec.to_text() for spec in propose_inputs(table)]
    ['photo:image', 'price:number']
    """
    kinds = {name: guess_kind(column) for name, column in cells.items() if name.strip()}
    return tuple(
        InputSpec(name, kind, (name,))
        for name, kind in kinds.items()
        # The number of a customer or a house says nothing as a number.
        if kind and not (kind == "number" and plain_name(name).endswith(_ID))
    )


def guess_kind(cells: Sequence[Any]) -> str | None:
    """Return what a column is as an input, one of ``INPUT_KINDS``; None where it is none, or nothing tells.

    >>> guess_kind(["2024-05-31", "2024-06-01"]), guess_kind(["red", "blue", "red"]), guess_kind(["x"] * 3)
    ('date', 'category', None)
    """
    full = [plain_value(cell) for cell in cells if not is_empty(cell)]
    if not full:
        return None
    several = [
        one for cell in full for one in (cell if isinstance(cell, list | tuple) else (cell,))
    ]
    files = [_modality(one) for one in several]
    best = max(set(files), key=files.count)
    if best is not None and files.count(best) >= _MOST_CELLS * len(files):
        return best
    if any(isinstance(cell, list | tuple | np.ndarray) for cell in full) or _is_list(full[0]):
        return "vector" if _fits(VectorEncoder, full) else None
    if _constant(full):
        return None
    if _fits(DateEncoder, full):
        return "date"
    if all(isinstance(cell, bool) for cell in full):
        return "category"
    if _fits(NumberEncoder, full):
        return None if _counts_rows(full) else "number"
    texts = [cell for cell in full if isinstance(cell, str)]
    if len(texts) < len(full):
        return None
    words = sum(len(text.split()) for text in texts) / len(texts)
    if words >= _WORDS:
        return "text"
    if _is_category(texts):
        return "category"
    return "text" if words >= _FEW_WORDS else None


def _modality(one: Any) -> str | None:
    """Return the modality of a file that a cell names, or holds; of several names that of the first."""
    if isinstance(one, Blob):
        return modality_of_cell(one) or modality_of(one)
    return modality_of_cell(one.split(";")[0] if isinstance(one, str) else one)


def _is_list(cell: Any) -> bool:
    return isinstance(cell, str) and cell.lstrip()[:1] == "["


def _constant(cells: Sequence[Any]) -> bool:
    return len({str(cell) for cell in cells}) == 1


def _fits(kind: Any, cells: Sequence[Any]) -> bool:
    """Return whether an encoder reads nearly all cells."""
    try:
        encoder, _ = kind.fit(cells, "column")
    except BadSample:
        return False
    read = 0
    for cell in cells:
        try:
            encoder.read(cell)
            read += 1
        except BadSample:
            continue
    return read >= _MOST_CELLS * len(cells)


def _counts_rows(cells: Sequence[Any]) -> bool:
    """Return whether numbers only count the rows."""
    try:
        numbers = np.array([float(cell) for cell in cells])
    except (TypeError, ValueError):
        return False
    return len(numbers) > 2 and bool((np.diff(numbers) == 1).all())


def _is_category(texts: Sequence[str]) -> bool:
    """Return whether most cells have a category of their own column."""
    try:
        encoder, _ = CategoryEncoder.fit(texts, "column")
    except BadSample:
        return False
    return 2 * encoder.folded_rows <= len(texts)
