"""The estimators that can sit on a backbone, by name, with their search spaces.

A head is a plain scikit-learn pipeline; what featx adds once it is fitted is one number, a temperature, which
makes its scores calibrated probabilities and never changes which class is first.
"""

from featx.heads.fitted import (
    FittedHead,
    find_temperature,
    floored_log,
    label_first,
    scores,
    softmax,
    stray_log_loss,
)
from featx.heads.table import AUTO, HEADS, Head, choose_heads, make_head
from featx.heads.vectors import fit_vectors, kernel_of, scale_of

__all__ = [
    "AUTO",
    "HEADS",
    "FittedHead",
    "Head",
    "choose_heads",
    "find_temperature",
    "fit_vectors",
    "floored_log",
    "kernel_of",
    "label_first",
    "make_head",
    "scale_of",
    "scores",
    "softmax",
    "stray_log_loss",
]
