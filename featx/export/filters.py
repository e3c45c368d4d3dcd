"""Pillow's filters as nodes: the weight of each pixel of a line in each pixel of a resized line.

Pillow weighs in fixed point of 22 bits and rounds to eight bits after each pass. Weights are therefore whole
numbers of 24 bits, and a pass is three products of bytes, which ONNX Runtime adds up exactly and fast: the
pixels are Pillow's own, not only near them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from featx.graphs.builder import BYTE, DOUBLE, FLOAT, INT64, GraphBuilder

__all__ = [
    "JUMPS",
    "AxisResize",
    "inside",
    "picked",
    "resampled",
    "shares",
    "shown_positions",
    "weights",
]

# With these filters a tiny change of position picks another pixel: the whole is resized, then cropped.
JUMPS = frozenset({"nearest", "box"})

_BITS = 22
# Added to a weight, so that it is three bytes, each less 128.
_MIDDLES = float((1 << 23) + (1 << 15) + (1 << 7))


@dataclass(frozen=True, slots=True)
class AxisResize:
    """The resizing and cropping of a row or column of pixels: names of whole numbers, in float64.

    Attributes
    ----------
    side : str
        The number of pixels before.
    new : str
        The number of pixels after resizing.
    first : str
        The first of these that is inside the crop.
    count : str
        The number of pixels inside the crop.
    whole : bool
        Whether the pixels are those of the whole line resized and then cropped, to the last bit.
    padded : bool
        Whether the crop may reach beyond the line; its ends stand for what is there.
    """

    side: str
    new: str
    first: str
    count: str
    whole: bool = False
    padded: bool = False


def weights(graph: GraphBuilder, line: AxisResize, how: str) -> str:
    """Return the weights of a filter in units of 2**-22, float64 of shape (side, count)."""
    share = shares(graph, line, how)
    sized = graph.add("Mul", graph.add("Abs", share), graph.constant(float(1 << _BITS)))
    return graph.add("Mul", _nearest_whole(graph, sized), graph.add("Sign", share))


def shares(graph: GraphBuilder, line: AxisResize, how: str) -> str:
    """Return the weights of a filter, of which each column's add up to one, float64 of shape (side, count)."""
    half = graph.constant(0.5)
    if line.whole or how in JUMPS:
        start, scale = graph.constant(0.0), graph.add("Div", line.side, line.new)
        positions = shown_positions(graph, line)
    else:
        positions = _count(graph, line.count)
        step = graph.add("Div", line.side, line.new)
        last = graph.add("Mul", graph.add("Add", line.first, line.count), step)
        start, end = graph.add("Mul", line.first, step), graph.add("Min", line.side, last)
        # Pillow takes its box in float32.
        start, end = graph.cast(start, FLOAT), graph.cast(end, FLOAT)
        scale = graph.cast(graph.add("Sub", end, start), DOUBLE)
        start = graph.cast(start, DOUBLE)
        scale = graph.add("Div", scale, line.count)
    wide = graph.add("Max", scale, graph.constant(1.0))
    narrow = graph.add("Reciprocal", wide)
    middle = graph.add("Mul", graph.add("Add", positions, half), scale)
    middle = graph.add("Add", middle, start)
    pixels = graph.add("Unsqueeze", _count(graph, line.side), graph.int_const(1))
    away = graph.add("Add", graph.add("Sub", pixels, middle), half)
    raw = _FILTERS[how](graph, graph.add("Mul", away, narrow))
    if how == "box":
        # Pillow looks at no pixel beyond; with other filters those weigh nothing anyway.
        reach = graph.add("Mul", wide, half)
        low = graph.add("Floor", graph.add("Add", graph.add("Sub", middle, reach), half))
        high = graph.add("Floor", graph.add("Add", graph.add("Add", middle, reach), half))
        above = graph.add("GreaterOrEqual", pixels, low)
        seen = graph.add("And", above, graph.add("Less", pixels, high))
        raw = graph.add("Mul", raw, graph.cast(seen, DOUBLE))
    return graph.add("Div", raw, graph.reduce("ReduceSum", raw, 0))


def shown_positions(graph: GraphBuilder, line: AxisResize) -> str:
    """Return which pixels of the resized line are inside the crop, float64 of shape (count,)."""
    positions = graph.add("Add", _count(graph, line.count), line.first)
    if not line.padded:
        return positions
    last = graph.add("Sub", line.new, graph.constant(1.0))
    return graph.add("Min", graph.add("Max", positions, graph.constant(0.0)), last)


def inside(graph: GraphBuilder, line: AxisResize) -> str:
    """Return whether each pixel of the crop is one of the line, bool of shape (count,)."""
    positions = graph.add("Add", _count(graph, line.count), line.first)
    above = graph.add("GreaterOrEqual", positions, graph.constant(0.0))
    return graph.add("And", above, graph.add("Less", positions, line.new))


def resampled(graph: GraphBuilder, pixels: str, weighed: str) -> str:
    """Return pixels, uint8 of shape (…, side), weighed to (…, count) and rounded to eight bits."""
    rest, total = graph.add("Add", weighed, graph.constant(_MIDDLES)), ""
    zeros = [graph.constant(value, np.uint8) for value in (0, 128)]
    for unit in (1 << 16, 1 << 8, 1):
        size = graph.constant(unit)
        digit = graph.add("Floor", graph.add("Div", rest, size))
        rest = graph.add("Sub", rest, graph.add("Mul", digit, size))
        product = graph.add("MatMulInteger", pixels, graph.cast(digit, BYTE), *zeros)
        part = graph.add("Mul", product, graph.constant(unit, np.int32)) if unit > 1 else product
        total = graph.add("Add", total, part) if total else part
    half, one = (graph.constant(1 << bits, np.int32) for bits in (_BITS - 1, _BITS))
    # The division rounds towards zero, but below zero every pixel is black anyway.
    level = graph.add("Div", graph.add("Add", total, half), one)
    black, white = (graph.constant(value, np.int32) for value in (0, 255))
    return graph.cast(graph.add("Clip", level, black, white), BYTE)


def picked(graph: GraphBuilder, line: AxisResize) -> str:
    """Return the index of the nearest pixel for each inside the crop, int64 of shape (count,)."""
    step = graph.add("Div", line.side, line.new)
    first = graph.add("Mul", step, graph.constant(0.5))
    end = line.new if line.padded else graph.add("Add", line.first, line.count)
    count = graph.add("Sub", end, graph.constant(1.0))
    count = graph.add("Unsqueeze", graph.cast(count, INT64), graph.int_const(0))
    steps = graph.add("Concat", *_ones(graph, first), graph.add("Expand", step, count), axis=0)
    # Pillow adds step by step, too.
    sums = graph.add("CumSum", steps, graph.constant(0, np.int64))
    indices = graph.cast(graph.add("Floor", sums), INT64)
    if line.padded:
        return graph.add("Gather", indices, graph.cast(shown_positions(graph, line), INT64))
    start = graph.add("Unsqueeze", graph.cast(line.first, INT64), graph.int_const(0))
    return graph.add("Slice", indices, start, graph.int_const(1 << 62))


def _ones(graph: GraphBuilder, *values: str) -> list[str]:
    return [graph.add("Unsqueeze", value, graph.int_const(0)) for value in values]


def _box(graph: GraphBuilder, away: str) -> str:
    low = graph.add("Less", graph.constant(-0.5), away)
    return graph.cast(graph.add("And", low, _within(graph, away, 0.5)), DOUBLE)


def _bilinear(graph: GraphBuilder, away: str) -> str:
    one, zero = graph.constant(1.0), graph.constant(0.0)
    return graph.add("Max", graph.add("Sub", one, graph.add("Abs", away)), zero)


def _bicubic(graph: GraphBuilder, away: str) -> str:
    far = graph.add("Abs", away)
    near, next_to = (
        _polynomial(graph, far, 1.5, -2.5, 0, 1),
        _polynomial(graph, far, -0.5, 2.5, -4, 2),
    )
    outer = graph.add("Where", _below(graph, far, 2.0), next_to, graph.constant(0.0))
    return graph.add("Where", _below(graph, far, 1.0), near, outer)


def _polynomial(graph: GraphBuilder, value: str, *factors: float) -> str:
    result = graph.constant(factors[0])
    for factor in factors[1:]:
        result = graph.add("Add", graph.add("Mul", result, value), graph.constant(factor))
    return result


def _hamming(graph: GraphBuilder, away: str) -> str:
    angle = graph.add("Mul", away, graph.constant(math.pi))
    swing = graph.add("Mul", _cosine(graph, angle), graph.constant(0.46))
    window = graph.add("Add", swing, graph.constant(0.54))
    product = graph.add("Mul", _sinc(graph, away), window)
    return graph.add(
        "Where", _below(graph, graph.add("Abs", away), 1.0), product, graph.constant(0.0)
    )


def _lanczos(graph: GraphBuilder, away: str) -> str:
    wide = graph.add("Div", away, graph.constant(3.0))
    product = graph.add("Mul", _sinc(graph, away), _sinc(graph, wide))
    return graph.add(
        "Where", _below(graph, graph.add("Abs", away), 3.0), product, graph.constant(0.0)
    )


def _sinc(graph: GraphBuilder, value: str) -> str:
    angle = graph.add("Mul", value, graph.constant(math.pi))
    at_zero = graph.add("Equal", angle, graph.constant(0.0))
    safe = graph.add("Where", at_zero, graph.constant(1.0), angle)
    ratio = graph.add("Div", graph.add("Sin", safe), safe)
    return graph.add("Where", at_zero, graph.constant(1.0), ratio)


def _cosine(graph: GraphBuilder, angle: str) -> str:
    return graph.add("Sin", graph.add("Add", angle, graph.constant(math.pi / 2)))


def _below(graph: GraphBuilder, value: str, limit: float) -> str:
    return graph.add("Less", value, graph.constant(limit))


def _within(graph: GraphBuilder, value: str, limit: float) -> str:
    return graph.add("LessOrEqual", value, graph.constant(limit))


def _count(graph: GraphBuilder, side: str) -> str:
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    return graph.cast(graph.add("Range", zero, graph.cast(side, INT64), one), DOUBLE)


def _nearest_whole(graph: GraphBuilder, value: str) -> str:
    """Return the nearest whole number, a half upwards."""
    return graph.add("Floor", graph.add("Add", value, graph.constant(0.5)))


_FILTERS: Mapping[str, Callable[[GraphBuilder, str], str]] = MappingProxyType(
    {
        "box": _box,
        "bilinear": _bilinear,
        "hamming": _hamming,
        "bicubic": _bicubic,
        "lanczos": _lanczos,
    }
)
