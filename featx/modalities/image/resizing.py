"""The geometry of an image card: to which size a picture is resized, and which part of it is cut out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from featx._typing import ImageSize
from featx.errors import BadCard
from featx.modalities import among, shown
from featx.modalities.image.entries import check_sides

__all__ = [
    "ORIGINS",
    "SIZES",
    "Placement",
    "check_placement",
    "crop_or_pad",
    "crop_start",
    "pair",
    "resize_float",
    "resized_size",
]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the tensor lies in the resized picture.

    Attributes
    ----------
    width, height : int
        Pixels of the resized picture.
    left, top : int
        The first pixel of the tensor; below 0 where the tensor begins before the picture.
    crop : tuple of int
        Height and width of the tensor.

    Examples
    --------
    >>> Placement(320, 256, 48, 16, (224, 224)).is_padded
    False
    """

    width: int
    height: int
    left: int
    top: int
    crop: tuple[int, int]

    @property
    def is_padded(self) -> bool:
        """Whether the tensor reaches beyond the picture."""
        return self.crop[0] > self.height or self.crop[1] > self.width


def pair(size: ImageSize) -> tuple[int, int]:
    """Return height and width of a size; one number is both.

    >>> pair(224)
    (224, 224)
    """
    return (size, size) if isinstance(size, int) else size


def resized_size(
    width: int, height: int, resize: ImageSize, fit: str, longest: int | None
) -> tuple[int, int]:
    """Return the width and height to which a card resizes a picture.

    Parameters
    ----------
    width, height : int
        Pixels of the picture.
    resize : int or tuple of int
        The card's entry.
    fit : {"sides", "cover", "contain"}
        "sides": an int is the short side and the long one is rounded down; a pair is height and width.
        "cover" and "contain" keep the proportions, and give the smallest picture that covers the height
        and width and the largest that fits in them, both sides rounded.
    longest : int or None
        The most pixels of the long side, where ``resize`` is the short one.

    Examples
    --------
    >>> resized_size(400, 300, 256, "sides", None)
    (341, 256)
    >>> resized_size(400, 300, 224, "contain", None)
    (224, 168)
    """
    if fit != "sides":
        wanted_height, wanted_width = pair(resize)
        ratio = SIZES[fit](height / wanted_height, width / wanted_width)
        return max(1, round(width / ratio)), max(1, round(height / ratio))
    if not isinstance(resize, int):
        return resize[1], resize[0]
    short, long = sorted((width, height))
    if longest is not None and long / short * resize > longest:
        exact = longest * short / long
        resize = max(1, round(exact))
        if resize == short:
            return width, height
        new_long = max(resize, int(exact * long / short))
    else:
        new_long = max(resize, int(resize * long / short))
    return (resize, new_long) if width <= height else (new_long, resize)


def crop_start(side: int, crop: int, origin: str) -> int:
    """Return where a crop in the middle begins; below 0 where it is larger than the side.

    Parameters
    ----------
    side, crop : int
        Pixels of the resized picture and of the crop.
    origin : {"round", "floor"}
        "round" is torchvision's rule, half a pixel to the even one, with the smaller half of a border first;
        "floor" is that of transformers, with the larger half first.

    Examples
    --------
    >>> crop_start(259, 224, "round"), crop_start(259, 224, "floor")
    (18, 17)
    """
    if origin == "floor":
        return (side - crop) // 2
    return round((side - crop) / 2) if side >= crop else -((crop - side) // 2)


def crop_or_pad(
    values: npt.NDArray[Any], place: Placement, fill: tuple[float, ...]
) -> npt.NDArray[Any]:
    """Return the part of a resized picture that a tensor shows, with ``fill`` beside the picture.

    Parameters
    ----------
    values : ndarray of shape (height, width) or (height, width, channels)
        The resized picture.
    place : Placement
        Where the tensor lies in it.
    fill : tuple of float
        The levels of the border, one a channel; needed where the tensor reaches beyond the picture.

    Examples
    --------
    >>> crop_or_pad(np.ones((1, 2), np.uint8), Placement(2, 1, 0, -1, (3, 1)), (7.0,))
    array([[7],
           [1],
           [7]], dtype=uint8)
    """
    (height, width), left, top = place.crop, place.left, place.top
    part = values[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    if part.shape[:2] == place.crop:
        return part
    canvas = np.empty((height, width, *values.shape[2:]), values.dtype)
    canvas[...] = fill if values.ndim == 3 else fill[0]
    start, begin = max(0, -top), max(0, -left)
    canvas[start : start + part.shape[0], begin : begin + part.shape[1]] = part
    return canvas


def resize_float(
    image: Image.Image, place: Placement, resample: Image.Resampling, fill: tuple[float, ...]
) -> npt.NDArray[np.float32]:
    """Return what a tensor shows of a picture's levels, resized in floating point, with channels last."""
    size, bands = (place.width, place.height), len(image.getbands())
    # one channel at a time, so that no copy of a large picture takes sixteen bytes a pixel
    channels = [
        crop_or_pad(
            np.asarray(image.getchannel(k).convert("F").resize(size, resample)),
            place,
            fill[k : k + 1],
        )
        for k in range(bands)
    ]
    return np.stack(channels, axis=2)


def check_placement(
    resize: ImageSize | None,
    crop: ImageSize | None,
    *,
    fit: str,
    longest: Any,
    crop_origin: str,
    fill: tuple[float, ...],
) -> None:
    """Raise BadCard where the entries of a card that place the crop are none, or contradict each other.

    ``fill`` holds numbers already, and ``resize`` and ``crop`` are sizes.
    """
    among("image", "fit", fit, ("sides", *SIZES))
    among("image", "crop_origin", crop_origin, ORIGINS)
    if not all(0 <= level <= 255 and level == int(level) for level in fill):
        raise BadCard(f"[image] fill = {shown(fill)}: expected whole numbers from 0 to 255")
    check_sides("longest", longest)
    if longest is not None:
        one = isinstance(longest, int) and isinstance(resize, int) and fit == "sides"
        if not one or longest < resize:
            raise BadCard(
                f"[image] longest = {shown(longest)}: expected pixels of the long side, no less than resize, "
                "which is the short one"
            )
    if resize is None or crop is None or fill:
        return
    (crop_height, crop_width), (height, width) = pair(crop), pair(resize)
    if crop_height > height or crop_width > width:
        raise BadCard(f"[image] crop = {crop} is larger than resize = {resize}")
    if fit == "contain":
        raise BadCard(
            "[image] fit = 'contain': pictures may be smaller than the crop; expected fill, the colour beside"
        )


ORIGINS = ("round", "floor")
"""The rules for where a crop begins."""

SIZES: Mapping[str, Callable[[float, float], float]] = MappingProxyType(
    {"cover": min, "contain": max}
)
"""The ratio of both sides that a picture is divided by, for each fit that keeps the proportions."""
