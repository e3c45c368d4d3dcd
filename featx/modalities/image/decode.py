"""Decode pictures: anything that Pillow reads, upright, in the colours asked for, or refused in words."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from featx.errors import BadSample

__all__ = [
    "can_go_down_first",
    "in_colors",
    "orientation",
    "picture_of",
    "refusals",
    "upright",
]

# the EXIF tag
_ORIENTATION = 0x0112


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or the block is unreadable."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        # the pixels are still good
        return 1
    return value if value in range(1, 9) else 1


def upright(image: Image.Image, turn: int) -> Image.Image:
    """Return the image flipped and turned as its EXIF orientation ``turn`` says."""
    return image if turn == 1 else ImageOps.exif_transpose(image)


def in_colors(image: Image.Image, mode: str) -> Image.Image:
    """Return the image in ``mode``, as a person would see it on a white page."""
    if image.mode == mode:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        page = Image.new("RGBA", seen.size, "white")
        image = Image.alpha_composite(page, seen)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a 16-bit grey image scaled by 1/257; Pillow's own conversion would clip it at 255."""
    values = np.asarray(image)
    if image.mode == "F":
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):
            raise BadSample(f"floating-point image from {low:g} to {high:g}: expected 0 to 1")
        return Image.fromarray(np.round(values * 255).astype(np.uint8))
    return Image.fromarray(np.round(np.clip(values, 0, 65535) / 257).astype(np.uint8))


def picture_of(values: npt.NDArray[Any]) -> Image.Image:
    """Return a Pillow image of a uint8 array of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    shaped = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))
    if values.dtype != np.uint8 or not shaped or 0 in values.shape:
        raise BadSample(
            f"array of shape {values.shape} and {values.dtype}: expected uint8 of shape "
            f"(height, width), (height, width, 3) or (height, width, 4)"
        )
    return Image.fromarray(np.ascontiguousarray(values))


def can_go_down_first() -> bool:
    """Return whether this Pillow resizes down before across where that is less work; older ones never do.

    Each pass rounds, so that the order is seen in a few pixels of a picture that shrinks downwards only.
    """
    values = (np.arange(90 * 20, dtype=np.uint32) * 2654435761 >> 24).astype(np.uint8)
    picture = Image.fromarray(values.reshape(90, 20))
    how = Image.Resampling.BILINEAR
    across_first = picture.resize((30, 90), how).resize((30, 9), how)
    return picture.resize((30, 9), how).tobytes() != across_first.tobytes()


@contextmanager
def refusals() -> Iterator[None]:
    """Raise whatever a decoder says of broken bytes as one BadSample in words."""
    try:
        yield
    except BadSample:
        raise
    except UnidentifiedImageError as error:
        raise BadSample("not an image in a format that Pillow reads") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadSample(f"image too large to decode safely: {error}") from error
    except _BROKEN as error:
        raise BadSample(f"damaged image: {str(error) or type(error).__name__}") from error


_BROKEN = (
    OSError,
    # what Pillow raises for a broken PNG
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    # what Pillow says of odd metadata, where a program has made warnings errors
    UserWarning,
)
