"""How many pixels a picture has, from its header and before any is decoded."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from featx.errors import FeatxError, FeatxWarning
from featx.modalities.image.bounds import check_bytes
from featx.modalities.image.decode import refusals
from featx.modalities.image.dicom import dicom_size
from featx.modalities.image.formats import format_of, open_picture
from featx.modalities.image.jxl import jxl_size

__all__ = ["count_pixels"]


def count_pixels(data: Any, max_pixels: int) -> int:
    """Return the pixels of a picture: an array, a Pillow image, or the bytes of a file; 0 for what is none."""
    try:
        with refusals():
            width, height = _size(data, max_pixels)
    # It is refused, in words, where it is read.
    except (FeatxError, FeatxWarning):
        return 0
    return max(0, width) * max(0, height)


def _size(data: Any, max_pixels: int) -> tuple[int, int]:
    if isinstance(data, np.ndarray):
        height, width = (*data.shape, 1, 1)[:2]
        return width, height
    if isinstance(data, Image.Image):
        return data.size
    name = format_of(data) if isinstance(data, bytes) else None
    if name is None:
        return 0, 0
    if name == "DICOM":
        return dicom_size(data)
    check_bytes(data, name, max_pixels)
    if name == "JXL":
        return jxl_size(data) or (0, 0)
    with open_picture(data, name) as image:
        return image.size
