"""The estimators that can sit on a backbone, by name, with their search spaces.

A head is a plain scikit-learn pipeline; what featx adds once it is fitted is one number, a temperature, which
makes its scores calibrated probabilities and never changes which class is first. Each name is loaded from its
room when first used: a saved linear head answers without scikit-learn, whose import takes most of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx.rooms import from_rooms

if TYPE_CHECKING:
    from featx.heads.arrays import LinearArrays as LinearArrays
    from featx.heads.arrays import StoredHead as StoredHead
    from featx.heads.arrays import to_arrays as to_arrays
    from featx.heads.fitted import FittedHead as FittedHead
    from featx.heads.fitted import find_temperature as find_temperature
    from featx.heads.fitted import floored_log as floored_log
    from featx.heads.fitted import label_first as label_first
    from featx.heads.fitted import scores as scores
    from featx.heads.fitted import softmax as softmax
    from featx.heads.fitted import stray_log_loss as stray_log_loss
    from featx.heads.table import AUTO as AUTO
    from featx.heads.table import HEADS as HEADS
    from featx.heads.table import Head as Head
    from featx.heads.table import choose_heads as choose_heads
    from featx.heads.table import make_head as make_head
    from featx.heads.vectors import LARGEST_GRAM as LARGEST_GRAM
    from featx.heads.vectors import fit_vectors as fit_vectors
    from featx.heads.vectors import kernel_of as kernel_of
    from featx.heads.vectors import scale_of as scale_of

_HOMES = {
    "AUTO": "featx.heads.table",
    "HEADS": "featx.heads.table",
    "FittedHead": "featx.heads.fitted",
    "Head": "featx.heads.table",
    "LinearArrays": "featx.heads.arrays",
    "StoredHead": "featx.heads.arrays",
    "choose_heads": "featx.heads.table",
    "find_temperature": "featx.heads.fitted",
    "LARGEST_GRAM": "featx.heads.vectors",
    "fit_vectors": "featx.heads.vectors",
    "floored_log": "featx.heads.fitted",
    "kernel_of": "featx.heads.vectors",
    "label_first": "featx.heads.fitted",
    "make_head": "featx.heads.table",
    "scale_of": "featx.heads.vectors",
    "scores": "featx.heads.fitted",
    "softmax": "featx.heads.fitted",
    "stray_log_loss": "featx.heads.fitted",
    "to_arrays": "featx.heads.arrays",
}

__all__ = sorted(_HOMES)

__getattr__ = from_rooms("featx.heads", _HOMES)
