"""Decode pictures: upright, in the colours asked for, or refused in words, whatever their bytes are."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from featx.errors import BadSample, FeatxError, FeatxWarning
from featx.modalities.image.values import of_array
from featx.modalities.remarks import Remark, remark

__all__ = [
    "can_go_down_first",
    "in_colors",
    "load_pixels",
    "orientation",
    "picture_of",
    "refusals",
    "upright",
]

# the EXIF tag
_ORIENTATION = 0x0112
# what undoes each orientation
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pixels that are converted at a time, so that no further copy of a large picture is made.
_STRIP = 1 << 20
# Formats of which Pillow keeps what it decoded before the file ended.
_PARTIAL = ("JPEG", "PNG", "GIF", "BMP", "DIB", "TIFF", "PPM")
_END_OF_JPEG = b"\xff\xd9"
# The most characters that a message takes over from a library.
_LONGEST = 200


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
    return image.transpose(_UPRIGHT[turn]) if turn in _UPRIGHT else image


def in_colors(image: Image.Image, mode: str, *, keyed: bool = False) -> Image.Image:
    """Return the image in ``mode``, as a person would see it on a white page.

    An image that is in ``mode`` already may name one of its colours as transparent: it is seen through only
    where ``keyed`` is set.
    """
    if image.mode == mode and not (keyed and image.has_transparency_data):
        return image
    if not image.has_transparency_data:
        return image.convert(mode)
    width, height = image.size
    rows = max(1, _STRIP // width)
    if rows >= height:
        return _on_white(image).convert(mode)
    page = Image.new(mode, image.size)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        page.paste(_on_white(strip).convert(mode), (0, top))
    return page


def _on_white(image: Image.Image) -> Image.Image:
    seen = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)


def picture_of(values: npt.NDArray[Any], wanted: tuple[float, ...] | None = None) -> Image.Image:
    """Return a Pillow image of an array of shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4).

    Parameters
    ----------
    values : ndarray
        uint8, or what ``featx.modalities.image.values`` has a range for.
    wanted : tuple of float, optional
        The values that are black and white.
    """
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    shaped = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))
    if values.dtype.kind not in "buif" or not shaped or 0 in values.shape:
        raise BadSample(
            f"array of shape {values.shape} and {values.dtype}: expected uint8 of shape "
            f"(height, width), (height, width, 3) or (height, width, 4)"
        )
    if values.ndim == 3 and values.shape[2] == 4:
        # how opaque a pixel is has nothing to do with the range of its colours
        colors, alpha = of_array(values[..., :3], wanted), of_array(values[..., 3:], None)
        return Image.fromarray(np.concatenate([colors, alpha], axis=2))
    return Image.fromarray(np.ascontiguousarray(of_array(values, wanted)))


def load_pixels(
    image: ImageFile,
    content: bytes,
    name: str,
    reopen: Callable[[bytes], ImageFile],
    *,
    truncated: bool,
) -> ImageFile:
    """Return a file's picture with its pixels decoded.

    A JPEG of which only the end marker is missing lost nothing, and is read. Of one that lost more, and of
    other formats, what there is can be read where ``truncated`` is set: what is missing is grey or black.

    Parameters
    ----------
    image : ImageFile
        The opened picture.
    content : bytes
        The file.
    name : str
        Its format.
    reopen : callable
        Returns the opened picture of the bytes of a file.
    truncated : bool
        Whether pictures are read that are cut off.
    """
    try:
        image.load()
        return image
    except _BROKEN as error:
        if name == "JPEG" and (whole := _without_end(reopen, content)):
            return whole
        reason = _said(error)
        if name not in _PARTIAL:
            raise
        if not truncated:
            raise BadSample(
                f"damaged image: {reason}; to read what there is, say truncated=true"
            ) from error
    remark(Remark("are cut off or damaged, and read in part", reason))
    if name == "JPEG":
        image = reopen(content + _END_OF_JPEG)
    else:
        image.tile = []
    image.load()
    return image


def _without_end(reopen: Callable[[bytes], ImageFile], content: bytes) -> ImageFile | None:
    """Return a JPEG of which only the end marker is missing; None where pixels are missing too.

    Where all pixels are there, it does not matter which bytes follow them. Scans that refine a progressive
    picture may be missing as a whole, so that it cannot be told of those.
    """
    if "progressive" in reopen(content).info or _END_OF_JPEG in content[-32:]:
        return None
    # a half marker would become one
    content = content.rstrip(b"\xff")
    digests = []
    for filler in (b"\0", b"\xaa"):
        image = reopen(content + filler * 64 + _END_OF_JPEG)
        image.load()
        digests.append(hashlib.sha256(image.tobytes()).digest())
    return image if digests[0] == digests[1] else None


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
    """Raise whatever a library says of the bytes of a picture as one BadSample in words; interrupts pass."""
    try:
        yield
    # a warning of ours is an error where a program says so
    except (FeatxError, FeatxWarning, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except UnidentifiedImageError as error:
        raise BadSample("not an image in a format that Pillow reads") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadSample(f"image too large to decode safely: {_said(error)}") from error
    except MemoryError as error:
        raise BadSample("image too large to decode: there is not enough memory") from error
    # Plugins raise what they like, and panics of libraries in Rust are no Exception.
    except BaseException as error:
        raise BadSample(f"damaged image: {_said(error)}") from error


def _said(error: BaseException) -> str:
    """Return what a library says in one line of text."""
    words = " ".join(str(error).split())[:_LONGEST]
    return words.encode("utf-8", "backslashreplace").decode() or type(error).__name__


# What Pillow and its plugins are known to raise of broken bytes.
_BROKEN = (
    OSError,
    # what Pillow raises for a broken PNG
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    struct.error,
    zlib.error,
    # what Pillow says of odd metadata, where a program has made warnings errors
    UserWarning,
)
