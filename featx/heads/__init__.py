"""The estimators that can sit on a backbone, by name, with their search spaces.

A head is a plain scikit-learn pipeline; what featx adds once it is fitted is one number, a temperature, which
makes its scores calibrated probabilities and never changes which class is first. Each name is loaded from its
room when first used: a saved linear head answers without scikit-learn, whose import takes most of a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "AUTO": "table",
    "HEADS": "table",
    "FittedHead": "fitted",
    "Head": "table",
    "LinearArrays": "arrays",
    "StoredHead": "arrays",
    "choose_heads": "table",
    "find_temperature": "fitted",
    "floored_log": "fitted",
    "label_first": "fitted",
    "make_head": "table",
    "scores": "fitted",
    "softmax": "fitted",
    "stray_log_loss": "fitted",
    "to_arrays": "arrays",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'featx.heads' has no attribute {name!r}")
    value = getattr(import_module(f"featx.heads.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
