"""Netpbm pictures whose largest value is not 255 or 65535, or which are written in digits.

Pillow reads these a value at a time in Python, three seconds for four million pixels; the numbers are the same.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

__all__ = ["load_netpbm"]

_COMMENT = re.compile(rb"#[^\r\n]*")
# Bytes of digits that are taken apart at a time.
_BLOCK = 1 << 20


def load_netpbm(image: ImageFile, content: bytes) -> Image.Image | None:
    """Return an opened picture, decoded; None where Pillow decodes it as well.

    Raises
    ------
    ValueError, OSError
        There are too few values, or other than 0 to the largest.
    """
    codec, _, offset, args = image.tile[0]
    if codec not in ("ppm", "ppm_plain") or not isinstance(args, tuple) or len(args) < 2:
        return None
    largest = args[-1]
    if image.mode not in ("L", "I", "RGB") or not isinstance(largest, int):
        return None
    width, height = image.size
    count = width * height * len(image.getbands())
    values = (_plain if codec == "ppm_plain" else _binary)(content[offset:], count, largest)
    deepest = 65535 if image.mode == "I" else 255
    # Python's own rounding, of a half to the even number
    levels = np.round(np.arange(largest + 1) / largest * deepest).astype(np.uint16)
    shown = levels[np.minimum(values, largest)]
    shape = (height, width, 3) if image.mode == "RGB" else (height, width)
    return Image.fromarray(shown.astype(np.uint16 if deepest > 255 else np.uint8).reshape(shape))


def _binary(content: bytes, count: int, largest: int) -> npt.NDArray[Any]:
    kind = np.dtype(">u2" if largest > 255 else "u1")
    if len(content) < count * kind.itemsize:
        raise OSError("image file is truncated")
    return np.frombuffer(content, kind, count)


def _plain(content: bytes, count: int, largest: int) -> npt.NDArray[Any]:
    """Return numbers written in digits, with white space between and comments to the ends of lines."""
    values = np.empty(count, np.uint16)
    text = _COMMENT.sub(b"", content)
    filled = position = 0
    while filled < count and position < len(text):
        end = position + _BLOCK
        # a block ends where a number does
        while end < len(text) and not text[end : end + 1].isspace():
            end += 1
            if end - position > _BLOCK + 32:
                raise ValueError("token too long")
        words = text[position:end].split()[: count - filled]
        if any(len(word) > 10 or not word.isdigit() for word in words):
            raise ValueError("expected numbers")
        numbers = np.array(words, np.bytes_).astype(np.int64) if words else np.empty(0, np.int64)
        if numbers.size and numbers.max() > largest:
            raise ValueError("a value is larger than the largest that the header says")
        values[filled : filled + len(numbers)] = numbers
        filled, position = filled + len(numbers), end
    if filled < count:
        raise OSError("image file is truncated")
    return values
