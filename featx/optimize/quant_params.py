"""How the input of dense layers is rounded: over which range, and with which columns scaled first.

A few columns of a transformer's activations are a hundred times as large as the others, so that one scale for
all leaves the others two or three bits. Dividing each column by a factor and multiplying the
weights' rows by it changes nothing in exact arithmetic, and makes both easy to round (SmoothQuant, Xiao et al.,
2022). Which strength and which clipping are best is tried on rows that the layer saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import FloatArray
from featx.optimize.ranges import Columns

__all__ = ["Rounding", "choose_rounding"]


_STRENGTHS = (
    0.5,
    0.7,
)  # of the scaling; the authors' value, and one for layers with larger outliers
_CLIPS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)  # of the largest value
_WORTH = 0.8  # scaling costs a pass over the input: it must take off a fifth of the error


@dataclass(frozen=True, slots=True)
class Rounding:
    """The range of one tensor and, where it helps, what its columns are divided by first."""

    low: float
    high: float
    divisor: FloatArray | None = None
    error: float = 0.0  # of what the layers give, squared, in terms of its own square


def choose_rounding(seen: Columns, weights: Sequence[FloatArray]) -> Rounding:
    """The rounding with the smallest error of what the layers that read a tensor give.

    Parameters
    ----------
    weights : sequence of ndarray of shape (columns, outputs)
        Of all layers that read the tensor.
    """
    rows = np.concatenate(seen.kept)
    together = np.concatenate(weights, axis=1)
    exact = rows @ together
    largest = np.maximum(np.maximum(-seen.low, seen.high), 1e-6)
    heaviest = np.maximum(np.abs(together).max(axis=1), 1e-6)
    plain = _best_clip(seen.low, seen.high, rows, together, exact, None)
    scaled = []
    for strength in _STRENGTHS:
        divisor = largest**strength / heaviest ** (1 - strength)
        divisor = np.clip(divisor / np.median(divisor), 1e-4, 1e4).astype(np.float32)
        low, high = seen.low / divisor, seen.high / divisor
        matrix = together * divisor[:, None]
        scaled.append(_best_clip(low, high, rows / divisor, matrix, exact, divisor))
    best = min(scaled, key=lambda each: each.error)
    return best if best.error < _WORTH * plain.error else plain


def _best_clip(
    low: FloatArray,
    high: FloatArray,
    rows: FloatArray,
    matrix: FloatArray,
    exact: FloatArray,
    divisor: FloatArray | None,
) -> Rounding:
    step = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / 127
    matrix = np.round(matrix / step) * step
    bottom, top = min(float(low.min()), 0.0), max(float(high.max()), 0.0)
    most, power, tries = max(-bottom, top), float((exact**2).sum()) or 1.0, []
    for clip in _CLIPS:
        a, b = max(bottom, -clip * most), min(top, clip * most)
        given = _rounded(rows, a, b) @ matrix
        tries.append(Rounding(a, b, divisor, float(((given - exact) ** 2).sum()) / power))
    return min(tries, key=lambda each: each.error)


def _rounded(rows: FloatArray, low: float, high: float) -> FloatArray:
    """As QuantizeLinear and DequantizeLinear make it, in eight bits without a sign."""
    step = max(high - low, 1e-12) / 255
    zero = round(-low / step)
    return np.asarray((np.clip(np.round(rows / step) + zero, 0, 255) - zero) * step, np.float32)
