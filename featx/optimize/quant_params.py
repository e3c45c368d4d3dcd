"""Choose how dense layers' input becomes integers: over which range, and with which columns scaled first.

A few columns of a transformer's activations are a hundred times as large as the others, so that one scale for
all leaves the others two or three bits. Dividing each column by a factor and multiplying the
weights' rows by it changes nothing in exact arithmetic, and makes both easy to round (SmoothQuant, Xiao et al.,
2022). Which strength and which clipping are best is tried on rows that the layer saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from featx._typing import FloatArray
from featx.optimize.ranges import ColumnRanges

__all__ = ["WEIGHT_LIMITS", "QuantParams", "choose_quant_params"]


# The largest integer that stands for a weight, by bits. Processors without VNNI add two products of an unsigned
# activation and a signed weight in sixteen bits: 2 × 255 × 64 = 32 640 fits, 2 × 255 × 127 does not.
WEIGHT_LIMITS: Mapping[int, int] = MappingProxyType({7: 64, 8: 127})

# Exponents of the scaling: the authors' value, and one for layers with larger outliers.
_STRENGTHS = (0.5, 0.7)
# Parts of the largest value at which the range may end.
_CLIPS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
# Scaling costs a pass over the input: it must take off a fifth of the error.
_WORTH = 0.8


@dataclass(frozen=True, slots=True)
class QuantParams:
    """The range of one tensor and, where it helps, what its columns are divided by first.

    Parameters
    ----------
    low, high : float
        The range; it includes 0.
    divisor : ndarray of shape (columns,), default=None
        What the columns are divided by.
    error : float, default=0.0
        Squared error of what the layers give, in terms of the square of what they should give.
    """

    low: float
    high: float
    divisor: FloatArray | None = None
    error: float = 0.0


def choose_quant_params(
    seen: ColumnRanges, weights: Sequence[FloatArray], weight_bits: int = 7
) -> QuantParams:
    """Return the range and scaling with the smallest error of what the layers that read a tensor give.

    Parameters
    ----------
    seen : ColumnRanges
        What the layers read.
    weights : sequence of ndarray of shape (columns, outputs)
        The weights of all layers that read the tensor.
    weight_bits : {7, 8}, default=7
        Bits of an integer weight.
    """
    rows = np.concatenate(seen.rows)
    matrix = np.concatenate(weights, axis=1)
    exact = rows @ matrix
    largest = np.maximum(np.maximum(-seen.low, seen.high), 1e-6)
    heaviest = np.maximum(np.abs(matrix).max(axis=1), 1e-6)
    limit = WEIGHT_LIMITS[weight_bits]
    plain = _best_clip(seen, rows, matrix, exact, limit)
    scaled = []
    for strength in _STRENGTHS:
        divisor = largest**strength / heaviest ** (1 - strength)
        divisor = np.clip(divisor / np.median(divisor), 1e-4, 1e4).astype(np.float32)
        scaled.append(_best_clip(seen, rows, matrix, exact, limit, divisor))
    best = min(scaled, key=lambda params: params.error)
    return best if best.error < _WORTH * plain.error else plain


def _best_clip(
    seen: ColumnRanges,
    rows: FloatArray,
    matrix: FloatArray,
    exact: FloatArray,
    limit: int,
    divisor: FloatArray | None = None,
) -> QuantParams:
    """Return the range with the smallest error for columns that are divided by a factor each."""
    factor = np.ones(1, np.float32) if divisor is None else divisor
    rows, matrix = rows / factor, matrix * factor[:, None]
    step = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / limit
    matrix = np.round(matrix / step) * step
    bottom = min(float((seen.low / factor).min()), 0.0)
    top = max(float((seen.high / factor).max()), 0.0)
    power, candidates = float((exact**2).sum()) or 1.0, []
    for clip in _CLIPS:
        end = clip * max(-bottom, top)
        low, high = max(bottom, -end), min(top, end)
        error = float(((_round(rows, low, high) @ matrix - exact) ** 2).sum()) / power
        candidates.append(QuantParams(low, high, divisor, error))
    return min(candidates, key=lambda params: params.error)


def _round(rows: FloatArray, low: float, high: float) -> FloatArray:
    """Return the rows as QuantizeLinear and DequantizeLinear make them, in eight bits without a sign."""
    step = max(high - low, 1e-12) / 255
    zero = round(-low / step)
    return np.asarray((np.clip(np.round(rows / step) + zero, 0, 255) - zero) * step, np.float32)
