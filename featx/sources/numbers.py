"""Numbers that a regression is trained on, read from the texts of targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from featx._typing import Doubles, Labels
from featx.errors import BadLabels
from featx.sources.labels import missing_labels
from featx.sources.sample import to_label
from featx.sources.targets import read_target

__all__ = ["ONLY", "read_numbers"]

# The name of a number that stands alone.
ONLY = "value"
_SHOWN = 60


def read_numbers(
    targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None, names: Sequence[str] = ()
) -> tuple[tuple[str, ...], Doubles]:
    """Return the names of the numbers, and the numbers themselves.

    Parameters
    ----------
    targets : sequence of n texts
        A number each, or an object of several.
    ids : sequence of n str, default=None
        For messages.
    names : sequence of str, default=()
        The numbers that are wanted; () is those of the first target.

    Returns
    -------
    names : tuple of k str
        ("value",) where a target is one number without a name.
    numbers : ndarray of shape (n, k), float64

    Raises
    ------
    BadLabels
        A target is missing, or is no finite number, or other numbers than those of the first.

    Examples
    --------
    >>> read_numbers(["1", '{"price": "2.5"}'][:1])
    (('value',), array([[1.]]))
    >>> read_numbers(['{"price": "2.5", "area": "40"}'])
    (('price', 'area'), array([[ 2.5, 40. ]]))
    """
    labels = ids if ids is not None else [f"row {i}" for i in range(len(targets))]
    texts = [to_label(target) for target in targets]
    missing = [name for name, text in zip(labels, texts, strict=True) if text is None]
    if missing or not texts:
        raise BadLabels(missing_labels(missing, len(texts)))
    wanted = tuple(names)
    rows = []
    for name, text in zip(labels, texts, strict=True):
        cells = _cells(name, text or "")
        wanted = wanted or tuple(cells)
        if len(wanted) == 1 and len(cells) == 1:
            # A number alone has no name; that of a column may be another than in training.
            cells = {wanted[0]: next(iter(cells.values()))}
        if set(cells) != set(wanted):
            raise BadLabels(
                f"{name}: has the numbers {', '.join(cells)[:_SHOWN]}, expected {', '.join(wanted)[:_SHOWN]}"
            )
        rows.append([_number(name, cells[key]) for key in wanted])
    return wanted, np.array(rows, np.float64)


def _cells(name: str, text: str) -> dict[str, str | None]:
    value = read_target(text)
    if isinstance(value, list):
        raise BadLabels(
            f"{name}: the target is a list of labels; expected a number, or several columns of numbers"
        )
    return {ONLY: value} if isinstance(value, str) else value


def _number(name: str, text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        hint = "; a decimal comma is not read, write a point" if "," in (text or "") else ""
        raise BadLabels(f"{name}: expected a number, found {text or 'nothing'!r:.60}{hint}")
    return number
