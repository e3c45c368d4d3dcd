"""Heat maps: a picture in grey, with what speaks for an answer in blue and what against it in orange."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from featx._typing import Doubles
from featx.modalities import PlaceValue
from featx.modalities.image.decode import refusals

__all__ = ["draw_heat_map"]

# Blue and orange, which those who do not see red or green tell apart as well.
_FOR, _AGAINST = (0.0, 90.0, 255.0), (255.0, 120.0, 0.0)
# The part of the colour where the value is largest, and of the grey where nothing was seen.
_STRONGEST, _UNSEEN = 0.72, 0.35
_QUALITY = 80


def draw_heat_map(
    picture: Image.Image,
    extent: tuple[float, ...],
    cells: Sequence[PlaceValue],
    *,
    side: int = 640,
    kind: Literal["PNG", "JPEG"] = "PNG",
) -> bytes:
    """Return a picture with the values of its cells laid over it.

    Colours are relative to the largest value; between the middles of cells they change evenly. What lies in no
    cell is paler: it was not seen.

    Parameters
    ----------
    picture : PIL.Image.Image
        Upright, of any size.
    extent : tuple of float
        Width and height of the picture that the boxes are in.
    cells : sequence of (box, float)
        Boxes that make a grid.
    side : int, default=640
        The most pixels of the long side of what is drawn.
    kind : {"PNG", "JPEG"}, default="PNG"

    Raises
    ------
    BadSample
        The picture cannot be decoded.

    Examples
    --------
    >>> cells = [((0.0, 0.0, 8.0, 8.0), 1.0), ((8.0, 0.0, 16.0, 8.0), -1.0)]
    >>> content = draw_heat_map(Image.new("RGB", (16, 8), "white"), (16, 8), cells)
    >>> drawn = np.asarray(Image.open(io.BytesIO(content)))
    >>> drawn.shape, drawn[4, 0].tolist()
    ((8, 16, 3), [71, 136, 255])
    """
    scale = min(1.0, side / max(extent))
    size = (max(1, round(extent[0] * scale)), max(1, round(extent[1] * scale)))
    with refusals():
        # in two steps, of which the first is quick, where the picture is large
        small = picture.convert("RGB").resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
        grey = np.asarray(small.convert("L"), np.float64)[..., None].repeat(3, axis=2)
    values, seen = _values_of_pixels(cells, scale, size)
    strength = np.abs(values)[..., None] * _STRONGEST
    colors = np.where(values[..., None] > 0, _FOR, _AGAINST)
    drawn = grey * (1 - strength) + colors * strength
    drawn = np.where(seen[..., None], drawn, 255 - (255 - grey) * _UNSEEN)
    stream = io.BytesIO()
    image = Image.fromarray(drawn.round().clip(0, 255).astype(np.uint8))
    options: dict[str, Any] = {"quality": _QUALITY} if kind == "JPEG" else {}
    image.save(stream, kind, optimize=True, **options)
    return stream.getvalue()


def _values_of_pixels(
    cells: Sequence[PlaceValue], scale: float, size: tuple[int, int]
) -> tuple[Doubles, Any]:
    """Return a value a pixel, from -1 to 1, and whether the pixel lies in a cell."""
    width, height = size
    values, seen = np.zeros((height, width)), np.zeros((height, width), np.bool_)
    inside = [(box, value) for box, value in cells if box is not None]
    if not inside:
        return values, seen
    lefts = sorted({box[0] for box, _ in inside})
    tops = sorted({box[1] for box, _ in inside})
    grid = np.zeros((len(tops), len(lefts)), np.float32)
    largest = max(abs(value) for _, value in inside) or 1.0
    for box, value in inside:
        grid[tops.index(box[1]), lefts.index(box[0])] = value / largest
    left, top = round(lefts[0] * scale), round(tops[0] * scale)
    right = max(left + 1, round(max(box[2] for box, _ in inside) * scale))
    bottom = max(top + 1, round(max(box[3] for box, _ in inside) * scale))
    smooth = Image.fromarray(grid).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    part = np.s_[top : min(bottom, height), left : min(right, width)]
    values[part] = np.asarray(smooth)[: height - top, : width - left]
    seen[part] = True
    return np.clip(values, -1, 1), seen
