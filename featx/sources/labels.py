"""Labels from which a classifier can be trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.errors import BadLabels

__all__ = ["check_labels", "missing_labels"]


def check_labels(
    labels: Sequence[Any] | npt.NDArray[np.str_], ids: Sequence[str] | None = None
) -> npt.NDArray[np.str_]:
    """Return the labels as an array of text from which a classifier can be trained.

    Raises
    ------
    BadLabels
        There is none, some are missing, there is a single class, or a class has a single sample.
    """
    given = [_text(label) for label in labels]
    names = ids if ids is not None else [f"row {i}" for i in range(len(given))]
    without = [name for name, label in zip(names, given, strict=True) if not label]
    if without or not given:
        raise BadLabels(missing_labels(without, len(given)))
    y = np.asarray(given, dtype=str)
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) == 1:
        raise BadLabels(
            f"labels: all {len(y)} samples are {str(classes[0])!r}; expected at least 2 classes"
        )
    single = classes[counts == 1].tolist()
    if single:
        listed = ", ".join(map(repr, single[:5])) + (", …" if len(single) > 5 else "")
        raise BadLabels(
            f"labels: a single sample of {listed}; expected at least 2 of each class: "
            "add samples, or leave the class out"
        )
    return y


def _text(label: Any) -> str:
    # NaN is the one thing that differs from itself.
    missing = label is None or label != label
    return "" if missing else str(label)


def missing_labels(without: Sequence[str], n: int) -> str:
    """Return the message for samples without a label."""
    if not n:
        return "labels: expected labelled samples, found none"
    first = ", ".join(without[:3]) + (", …" if len(without) > 3 else "")
    return f"labels: {len(without)} of {n} samples have none ({first}); label or drop them"
