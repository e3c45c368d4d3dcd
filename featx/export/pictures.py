"""An image card's preprocessing as nodes, with the pixels that Pillow gives.

Pillow weighs pixels in fixed point of 22 bits, across and then down, and rounds to eight bits after each;
float64 holds these sums exactly, so the pixels are equal and not only near.
"""

from __future__ import annotations

import numpy as np

from featx.errors import BadOption
from featx.export.nodes import DOUBLE, FLOAT, INT64, Nodes
from featx.inputs.images import Images

__all__ = ["add_pixels"]

_BITS = float(1 << 22)
_REACH = {"bilinear": 1.0, "bicubic": 2.0}


def add_pixels(graph: Nodes, image: str, settings: Images, kind: int) -> str:
    """What the backbone takes, as numbers of ``kind``, of uint8 pictures of shape (n, h, w, 3).

    Raises
    ------
    BadOption
        The card resizes in a way that cannot be written as a graph.
    """
    how = settings.interpolation if settings.resize is not None else "bilinear"
    if how not in _REACH:
        raise BadOption(
            f"interpolation {how!r}: cannot be written as a graph; expected {' or '.join(_REACH)}"
        )
    pixels = graph.cast(image, DOUBLE)
    if settings.color == "L":
        grey = graph.add("MatMul", pixels, graph.constant([[19595.0], [38470.0], [7471.0]]))
        pixels = _floor(graph, graph.add("Div", grey, graph.constant(65536.0)))
    pixels = graph.add("Transpose", pixels, perm=[0, 3, 1, 2])
    shape = graph.cast(graph.add("Shape", image), DOUBLE)
    sides = [graph.add("Gather", shape, graph.constant(k, np.int64)) for k in (1, 2)]
    frame = _frame(graph, sides, settings)
    down, across = (
        _weights(graph, sides[k], new, crop, how) for k, (new, crop) in enumerate(frame)
    )
    pixels = _resized(graph, pixels, down, across, _goes_down_first(graph, sides, frame))
    if settings.color == "BGR":
        pixels = graph.add("Gather", pixels, graph.constant([2, 1, 0], np.int64), axis=1)
    if settings.layout == "NHWC":
        pixels = graph.add("Transpose", pixels, perm=[0, 2, 3, 1])
    if settings.dtype == "uint8":
        return graph.cast(pixels, kind)
    return graph.cast(_scaled(graph, graph.cast(pixels, FLOAT), settings), kind)


def _resized(graph: Nodes, pixels: str, down: str, across: str, downwards: str) -> str:
    """Pixels resized across and down, or down and across: each rounds, so the order is seen."""
    made = []
    for value, weights in ((pixels, (across, down)), (_turned(graph, pixels), (down, across))):
        once = _eight_bits(graph, graph.add("MatMul", value, weights[0]))
        twice = graph.add("MatMul", _turned(graph, once), weights[1])
        made.append(_eight_bits(graph, twice))
    return graph.add("Where", downwards, made[1], _turned(graph, made[0]))


def _turned(graph: Nodes, value: str) -> str:
    return graph.add("Transpose", value, perm=[0, 1, 3, 2])


def _goes_down_first(graph: Nodes, sides: list[str], frame: list[tuple[str, str]]) -> str:
    """Whether Pillow does: found by comparing 1181 pairs of sizes with Pillow 13."""
    low, wide = (graph.add("Sub", side, kept) for side, (_, kept) in zip(sides, frame, strict=True))
    much = graph.add("Less", graph.add("Add", wide, wide), low)
    return graph.add("And", much, graph.add("Less", graph.constant(0.0), low))


def _scaled(graph: Nodes, pixels: str, settings: Images) -> str:
    channels = 1 if settings.color == "L" else 3
    shape = (channels, 1, 1) if settings.layout == "NCHW" else (1, 1, channels)
    std = np.array(settings.std or (1.0,) * channels)
    mean = np.array(settings.mean or (0.0,) * channels)
    gain = graph.constant((settings.scale / std).reshape(shape), np.float32)
    offset = graph.constant((-mean / std).reshape(shape), np.float32)
    return graph.add("Add", graph.add("Mul", pixels, gain), offset)


def _frame(graph: Nodes, sides: list[str], settings: Images) -> list[tuple[str, str]]:
    """For height and width: the side after resizing, and what of it is kept."""
    resize, crop = settings.resize, settings.crop
    if resize is None:
        new = sides
    elif isinstance(resize, tuple):
        new = [graph.constant(float(side)) for side in resize]
    else:
        short = graph.constant(float(resize))
        new = []
        for side, other in (sides, sides[::-1]):
            long = graph.add("Floor", graph.add("Div", graph.add("Mul", short, side), other))
            new.append(graph.add("Max", short, long))
        new = [
            graph.add("Where", graph.add("LessOrEqual", side, other), short, long)
            for long, (side, other) in zip(new, (sides, sides[::-1]), strict=True)
        ]
    if crop is None:
        return list(zip(new, new, strict=True))
    pair = (crop, crop) if isinstance(crop, int) else crop
    return [(side, graph.constant(float(kept))) for side, kept in zip(new, pair, strict=True)]


def _weights(graph: Nodes, side: str, new: str, kept: str, how: str) -> str:
    """What each pixel of a line weighs in each that is kept; shape (side, kept)."""
    half = graph.constant(0.5)
    step = graph.add("Div", side, new)
    first = graph.add("Round", graph.add("Mul", graph.add("Sub", new, kept), half))
    start = graph.cast(graph.add("Mul", first, step), FLOAT)  # Pillow takes its box in float32
    end = graph.add("Mul", graph.add("Add", first, kept), step)
    end = graph.cast(graph.add("Min", side, end), FLOAT)
    scale = graph.add("Div", graph.cast(graph.add("Sub", end, start), DOUBLE), kept)
    wide = graph.add("Max", scale, graph.constant(1.0))
    middle = graph.add("Mul", graph.add("Add", _count(graph, kept), half), scale)
    middle = graph.add("Add", middle, graph.cast(start, DOUBLE))
    places = graph.add("Add", _count(graph, side), half)
    places = graph.add("Unsqueeze", places, graph.constant([1], np.int64))
    far = graph.add("Abs", graph.add("Div", graph.add("Sub", places, middle), wide))
    raw = _filter(graph, far, how)
    share = graph.add("Div", raw, graph.total("ReduceSum", raw, 0))
    sized = graph.add("Mul", graph.add("Abs", share), graph.constant(_BITS))
    fixed = graph.add("Div", _floor(graph, sized), graph.constant(_BITS))
    return graph.add("Mul", fixed, graph.add("Sign", share))


def _filter(graph: Nodes, far: str, how: str) -> str:
    """The weight at a distance, which is not negative."""
    constant = graph.constant
    if how == "bilinear":
        return graph.add("Max", graph.add("Sub", constant(1.0), far), constant(0.0))

    def polynomial(*factors: float) -> str:
        value = constant(factors[0])
        for factor in factors[1:]:
            value = graph.add("Add", graph.add("Mul", value, far), constant(factor))
        return value

    near, next_to = polynomial(1.5, -2.5, 0.0, 1.0), polynomial(-0.5, 2.5, -4.0, 2.0)
    outer = graph.add("Where", graph.add("Less", far, constant(2.0)), next_to, constant(0.0))
    return graph.add("Where", graph.add("Less", far, constant(1.0)), near, outer)


def _count(graph: Nodes, side: str) -> str:
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    return graph.cast(graph.add("Range", zero, graph.cast(side, INT64), one), DOUBLE)


def _floor(graph: Nodes, value: str) -> str:
    """The nearest whole number, a half upwards."""
    return graph.add("Floor", graph.add("Add", value, graph.constant(0.5)))


def _eight_bits(graph: Nodes, value: str) -> str:
    return graph.add("Clip", _floor(graph, value), graph.constant(0.0), graph.constant(255.0))
