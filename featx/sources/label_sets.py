"""Several labels a sample, read from the texts of targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from featx._typing import Labels, Mask
from featx.errors import BadLabels
from featx.sources.labels import list_names, missing_labels
from featx.sources.sample import to_label
from featx.sources.targets import read_target, to_target

__all__ = [
    "NO_LABELS_REMEDY",
    "SEPARATOR",
    "count_labels",
    "indicator_matrix",
    "read_label_sets",
    "unknown_among",
]

# What stands between labels in a text where nothing else was said.
SEPARATOR = ";"
# What to do about samples of which nobody said their labels.
NO_LABELS_REMEDY = "write [] where a sample has none of the labels, and label or drop the others"
# How the cell of a label's own column says that a sample has it, or has it not.
_YES = frozenset({"1", "True", "yes", "y"})
_NO = frozenset({"0", "False", "no", "n"})
_SHOWN = 60


def read_label_sets(
    targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None
) -> list[frozenset[str]]:
    """Return the labels of each sample.

    Parameters
    ----------
    targets : sequence of n texts
        "a;b", a list of labels, or an object with 1 or 0 for each label; ``[]`` is none of them.
    ids : sequence of n str, default=None
        For messages.

    Raises
    ------
    BadLabels
        A target is missing, or the column of a label holds something else than 1, 0, true, false, yes, no.

    Examples
    --------
    >>> [sorted(names) for names in read_label_sets(["a;b", '["b"]', '{"a": "1", "b": "0"}', "[]"])]
    [['a', 'b'], ['b'], ['a'], []]
    """
    names = ids if ids is not None else [f"row {i}" for i in range(len(targets))]
    texts = [to_label(target) for target in targets]
    missing = [name for name, text in zip(names, texts, strict=True) if text is None]
    if missing or not texts:
        raise BadLabels(missing_labels(missing, len(texts), NO_LABELS_REMEDY))
    return [_labels(name, text or "") for name, text in zip(names, texts, strict=True)]


def _labels(name: str, text: str) -> frozenset[str]:
    value = read_target(text)
    if isinstance(value, str):
        several = read_target(to_target(value, SEPARATOR) or "[]")
        return frozenset(several)
    if isinstance(value, list):
        return frozenset(value)
    for label, cell in value.items():
        if cell is not None and cell not in _YES and cell.lower() not in _YES | _NO:
            raise BadLabels(
                f"{name}: the column {label!r:.{_SHOWN}} holds {cell!r:.{_SHOWN}}; expected 1 or 0 for each "
                "label"
            )
    return frozenset(
        label for label, cell in value.items() if cell and (cell in _YES or cell.lower() in _YES)
    )


def indicator_matrix(sets: Sequence[frozenset[str]], labels: Sequence[str]) -> Mask:
    """Return which of the labels each sample has; shape (n, L).

    >>> indicator_matrix([frozenset("ab"), frozenset("b")], ["a", "b"]).tolist()
    [[True, True], [False, True]]
    """
    column = {label: index for index, label in enumerate(labels)}
    members = np.zeros((len(sets), len(labels)), bool)
    for row, names in enumerate(sets):
        for name in names:
            if name in column:
                members[row, column[name]] = True
    return members


def count_labels(sets: Sequence[frozenset[str]]) -> Counter[str]:
    """Return the number of samples of each label.

    >>> count_labels([frozenset("ab"), frozenset("b")])["b"]
    2
    """
    return Counter(name for names in sets for name in names)


def unknown_among(sets: Sequence[frozenset[str]], labels: Sequence[str]) -> str:
    """Return what to say of labels that a predictor does not know; '' where it knows all.

    Raises
    ------
    BadLabels
        It knows none of them.
    """
    counts, known = count_labels(sets), set(labels)
    unknown = {name: n for name, n in counts.items() if name not in known}
    if not unknown:
        return ""
    if len(unknown) == len(counts):
        raise BadLabels(
            f"labels: the predictor knows none of them: found {list_names(sorted(unknown))}; it knows "
            f"{list_names(labels)}"
        )
    return (
        f"{sum(unknown.values())} labels of {len(unknown)} kinds that the predictor was never shown "
        f"({list_names(sorted(unknown))}) are not measured"
    )
