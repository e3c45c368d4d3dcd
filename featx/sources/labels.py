"""Labels from which a classifier can be trained, and with which one can be measured."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.errors import BadLabels
from featx.sources.sample import to_label
from featx.sources.targets import read_target

__all__ = [
    "MISSING_REMEDY",
    "check_labels",
    "list_names",
    "match_labels",
    "missing_labels",
    "refuse_numbers",
    "refuse_several",
    "unknown_labels",
]

# What to do about samples without a label.
MISSING_REMEDY = "label or drop them"

# Distinct numbers up to which they are taken for classes, and occurrences below which one is rare.
_MANY_NUMBERS, _SELDOM = 20, 5


def check_labels(
    labels: Sequence[Any] | npt.NDArray[np.str_], ids: Sequence[str] | None = None
) -> npt.NDArray[np.str_]:
    """Return the labels as an array of text from which a classifier can be trained.

    Raises
    ------
    BadLabels
        There is none, some are missing, there is a single class, or a class has a single sample.
    """
    given = [to_label(label) for label in labels]
    names = ids if ids is not None else [f"row {i}" for i in range(len(given))]
    without = [name for name, label in zip(names, given, strict=True) if not label]
    if without or not given:
        raise BadLabels(missing_labels(without, len(given)))
    y = np.asarray(given, dtype=str)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) == 1:
        raise BadLabels(
            f"labels: all {len(y)} samples are {str(classes[0])!r}; expected at least 2 classes"
            f"{_one_folder_deeper(names)}"
        )
    single = classes[counts == 1].tolist()
    if single:
        raise BadLabels(
            f"labels: a single sample of {list_names(single)}; expected at least 2 of each class: "
            "add samples, or leave the class out"
        )
    return y


def refuse_several(labels: Iterable[Any]) -> None:
    """Raise BadLabels where a target is several labels or several values, and one label is expected."""
    for label in labels:
        if isinstance(label, str) and not isinstance(read_target(label), str):
            raise BadLabels(
                f"labels: {label[:60]!r} is several; expected one label a sample: several labels are "
                "task='multilabel', several numbers task='regression'"
            )


def refuse_numbers(labels: Iterable[str | None]) -> None:
    """Raise BadLabels where labels look like measured numbers: many of them, of which most are rare.

    Raises
    ------
    BadLabels
        There are more than 20 distinct labels, all are numbers, and most occur fewer than five times.
    """
    counts = Counter(label for label in labels if label is not None)
    rare = sum(n < _SELDOM for n in counts.values())
    if len(counts) <= _MANY_NUMBERS or 2 * rare <= len(counts):
        return
    if all(_is_number(label) for label in counts):
        raise BadLabels(
            f"labels: {len(counts)} distinct numbers ({list_names(sorted(counts), 3)}), of which {rare} occur "
            f"fewer than {_SELDOM} times; to predict the number use task='regression', and to take each for a "
            "class task='classification'"
        )


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def missing_labels(without: Sequence[str], n: int, remedy: str = MISSING_REMEDY) -> str:
    """Return the message for samples without a label, of ``n`` in all; ``remedy`` says what to do."""
    if not n:
        return "labels: expected labelled samples, found none"
    first = ", ".join(without[:3]) + (", …" if len(without) > 3 else "")
    if len(without) < n:
        return f"labels: {len(without)} of {n} samples have none ({first}); {remedy}"
    return (
        f"labels: none of the {n} samples has one ({first}); expected one folder a class (cat/1.jpg, "
        "dog/2.jpg), a table with a column of labels (label_column names it), or a metadata.csv "
        "(file_name,label) beside the files"
    )


def match_labels(
    labels: Iterable[str | None], classes: Sequence[str], *, ignore_case: bool = False
) -> list[str | None]:
    """Return labels as a classifier spells its classes; one that it does not know stays as it is.

    >>> match_labels(["1.0", "CAT", "dog "], ["1", "cat", "dog"])
    ['1', 'CAT', 'dog']
    >>> match_labels(["1.0", "CAT", "dog "], ["1", "cat", "dog"], ignore_case=True)
    ['1', 'cat', 'dog']
    """

    def spelling(label: str | None) -> str | None:
        text = to_label(label)
        return text.casefold() if text and ignore_case else text

    # A classifier that an earlier version saved may have other spellings.
    names = {spelling(name): name for name in classes} | {name: name for name in classes}
    return [names.get(label, names.get(spelling(label), to_label(label))) for label in labels]


def unknown_labels(
    labels: Sequence[str | None], classes: Sequence[str], ids: Sequence[str] | None = None
) -> str:
    """Return what to say of labels that a classifier does not know; '' where it knows all.

    Raises
    ------
    BadLabels
        It knows none of them.
    """
    known = set(classes)
    unknown = Counter(str(label) for label in labels if label not in known)
    if not unknown:
        return ""
    names, count = list(unknown), unknown.total()
    folded = {name.casefold(): name for name in classes}
    hint = ""
    if other := next((name for name in names if name.casefold() in folded), None):
        hint = f"; {other!r} and {folded[other.casefold()]!r} differ in upper and lower case"
    if count == len(labels):
        deeper = _one_folder_deeper(ids or []) if len(names) == 1 else ""
        raise BadLabels(
            f"labels: the classifier knows none of them: found {list_names(names)}; "
            f"it knows {list_names(classes)}{hint}{deeper}"
        )
    return (
        f"{count} of {len(labels)} samples have a label that the classifier was never shown "
        f"({list_names(names)}) and count as errors{hint}"
    )


def list_names(names: Sequence[str], most: int = 5) -> str:
    """Return the first names in quotes, for a message.

    >>> list_names(["a", "b", "c"], most=2)
    "'a', 'b', …"
    """
    return ", ".join(map(repr, names[:most])) + (", …" if len(names) > most else "")


def _one_folder_deeper(ids: Sequence[str]) -> str:
    """Return advice where all samples lie in one folder that has folders itself; '' where they do not."""
    folders = sorted({tuple(name.split("/")[:-1]) for name in ids})
    if not folders:
        return ""
    # What the first and the last in order share, all share.
    pairs = zip(folders[0], folders[-1], strict=False)
    shared = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    below = sorted({folder[len(shared)] for folder in folders if len(folder) > len(shared)})
    if not shared or len(below) < 2:
        return ""
    return (
        f"; are the classes one folder deeper? {'/'.join(shared)} holds the folders {list_names(below)}: "
        "name that folder"
    )
