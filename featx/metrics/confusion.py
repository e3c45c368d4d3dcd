"""Which classes are taken for which, as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._display import TextTable, display_width

__all__ = ["MOST_CLASSES", "confusion_table", "worst_pairs"]

# The most classes of a table of all pairs.
MOST_CLASSES = 20
# Pairs that are shown where there are more classes.
_PAIRS = 10
# Cells of a terminal; wider tables have numbers for names in their header.
_WIDE = 100

Counts = npt.NDArray[np.integer[Any]]


def confusion_table(labels: Sequence[str], counts: Counts) -> TextTable | None:
    """Return a row a true and a column a predicted class; None where there are more than 20 of them.

    Nothing stands where there is no sample. In a table that would be too wide columns have numbers, which
    stand before the names of the rows too.

    >>> print(confusion_table(["cat", "dog"], np.array([[3, 1], [0, 2]])).to_text())
    true, predicted  cat  dog
    cat                3    1
    dog                     2
    """
    if len(labels) > MOST_CLASSES:
        return None
    names, head = list(labels), list(labels)
    first = max(display_width(name) for name in ("true, predicted", *labels))
    if first + sum(max(5, display_width(name) + 2) for name in labels) > _WIDE:
        head = [str(number) for number in range(1, len(labels) + 1)]
        names = [f"{number:>2} {label}" for number, label in zip(head, labels, strict=True)]
    rows = [
        (name, *(str(count) if count else "" for count in row))
        for name, row in zip(names, counts.tolist(), strict=True)
    ]
    return TextTable(("true, predicted", *head), rows)


def worst_pairs(labels: Sequence[str], counts: Counts) -> TextTable:
    """Return the pairs of classes with the most samples of the first that were taken for the second.

    >>> print(worst_pairs(["cat", "dog"], np.array([[3, 1], [0, 2]])).to_text())
    true  taken for  samples  of
    cat         dog        1   4
    """
    wrong = counts - np.diag(counts.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    rows = [
        (labels[true], labels[predicted], str(wrong[true, predicted]), str(counts[true].sum()))
        for true, predicted in pairs
        if wrong[true, predicted]
    ]
    return TextTable(("true", "taken for", "samples", "of"), rows)
