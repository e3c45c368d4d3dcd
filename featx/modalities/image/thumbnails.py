"""Thumbnails: pictures as JPEG files so small that hundreds of them fit in one page."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from PIL import Image

from featx.errors import BadOption
from featx.modalities.image.decode import refusals
from featx.modalities.image.settings import ImageSettings

__all__ = ["thumbnail"]

# Qualities of a JPEG that are tried, the best first.
_QUALITIES = (75, 60, 45, 30, 15)
# The smallest long side, and the fewest bytes that such a thumbnail takes at most.
_LEAST_SIDE, _LEAST_BYTES = 16, 1024


def thumbnail(
    data: Any,
    *,
    side: int = 112,
    most_bytes: int = 4800,
    settings: ImageSettings | None = None,
) -> bytes:
    """Return a picture as a small JPEG without metadata, upright and as on a white page.

    Two hundred of the default size take 1.3 MB as data of a page.

    Parameters
    ----------
    data : path, bytes, Blob, Pillow image or ndarray
        Whatever an image backbone reads, bounded and refused as there.
    side : int, default=112
        The most pixels of its long side; a smaller picture is not enlarged.
    most_bytes : int, default=4800
        The most bytes of the file; at least 1024. The quality, then the size is lowered until it fits.
    settings : ImageSettings, default=None
        Those of the card, for its bounds and the range of its values.

    Raises
    ------
    BadSample
        The picture cannot be read.
    BadOption
        ``side`` is below 16 or ``most_bytes`` below 1024.

    Examples
    --------
    >>> import numpy as np
    >>> content = thumbnail(np.zeros((400, 200, 3), np.uint8))
    >>> content[:2] == bytes([0xFF, 0xD8]), len(content) <= 4800
    (True, True)
    >>> Image.open(io.BytesIO(content)).size
    (56, 112)
    """
    if side < _LEAST_SIDE or most_bytes < _LEAST_BYTES:
        raise BadOption(
            f"side = {side}, most_bytes = {most_bytes}: expected {_LEAST_SIDE} pixels and "
            f"{_LEAST_BYTES} bytes or more"
        )
    # a JPEG is then decoded at about the size that is needed
    reader = replace(settings or ImageSettings(), resize=side, fit="sides", color="RGB", draft=2.0)
    picture = reader.picture(reader.load(data))
    with refusals():
        small = _shrunk(picture, side)
        while True:
            for quality in _QUALITIES:
                content = _encoded(small, quality)
                if len(content) <= most_bytes:
                    return content
            small = _shrunk(small, max(small.size) * 3 // 4)


def _shrunk(picture: Image.Image, side: int) -> Image.Image:
    """Return a picture with the long side at most ``side``, and nothing that its file said of it."""
    scale = min(1.0, side / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # a reducing gap makes large pictures small in two steps, of which the first is quick
    small = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    small.info = {}
    return small


def _encoded(picture: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
