"""The estimators that can sit on a backbone, by name, with their search spaces.

A head is a plain scikit-learn pipeline; what featx adds once it is fitted is one number, a temperature, which
makes its scores calibrated probabilities and never changes which class is first. Each name is loaded from its
room when first used: a saved linear head answers without scikit-learn, whose import takes most of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes

if TYPE_CHECKING:
    from featx.heads.arrays import LinearArrays as LinearArrays
    from featx.heads.arrays import StoredHead as StoredHead
    from featx.heads.arrays import to_arrays as to_arrays
    from featx.heads.registry import AUTO as AUTO
    from featx.heads.registry import HEADS as HEADS
    from featx.heads.registry import HeadSpec as HeadSpec
    from featx.heads.registry import choose_heads as choose_heads
    from featx.heads.registry import make_head as make_head
    from featx.heads.support_vectors import LARGEST_GRAM as LARGEST_GRAM
    from featx.heads.support_vectors import fit_vectors as fit_vectors
    from featx.heads.support_vectors import kernel_of as kernel_of
    from featx.heads.support_vectors import scale_of as scale_of
    from featx.heads.trained import FittedHead as FittedHead
    from featx.heads.trained import argmax_labels as argmax_labels
    from featx.heads.trained import find_temperature as find_temperature
    from featx.heads.trained import floored_log as floored_log
    from featx.heads.trained import robust_log_loss as robust_log_loss
    from featx.heads.trained import scores as scores
    from featx.heads.trained import softmax as softmax

_MODULE_OF = {
    "AUTO": "featx.heads.registry",
    "HEADS": "featx.heads.registry",
    "FittedHead": "featx.heads.trained",
    "HeadSpec": "featx.heads.registry",
    "LinearArrays": "featx.heads.arrays",
    "StoredHead": "featx.heads.arrays",
    "choose_heads": "featx.heads.registry",
    "find_temperature": "featx.heads.trained",
    "LARGEST_GRAM": "featx.heads.support_vectors",
    "fit_vectors": "featx.heads.support_vectors",
    "floored_log": "featx.heads.trained",
    "kernel_of": "featx.heads.support_vectors",
    "argmax_labels": "featx.heads.trained",
    "make_head": "featx.heads.registry",
    "scale_of": "featx.heads.support_vectors",
    "scores": "featx.heads.trained",
    "softmax": "featx.heads.trained",
    "robust_log_loss": "featx.heads.trained",
    "to_arrays": "featx.heads.arrays",
}

__all__ = sorted(_MODULE_OF)

__getattr__ = lazy_attributes("featx.heads", _MODULE_OF)
