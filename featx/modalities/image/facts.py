"""Facts of pictures: size, brightness, contrast, sharpness, and a signature of what is brighter than what."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from PIL import Image

from featx._typing import FloatArray
from featx.modalities.image.settings import ImageSettings
from featx.modalities.remarks import collected

__all__ = ["ImageFacts"]

# Pixels of the long side of the picture that is looked at, and of a side of the signature.
_SIDE, _SIGNATURE = 256, 16
# Shares of pixels that are darker than what counts as black and as white.
_LOW, _HIGH = 1, 99
# The square of a grey level.
_ROUNDING = 1 / 255**2


class ImageFacts(ImageSettings):
    """Pictures whose items are facts: a difference hash is their signature.

    ``width`` and ``height`` are pixels of the upright picture; ``brightness`` is the mean of its grey levels,
    ``highlights`` the level below which 99 % are, ``span`` how far that is from the lowest, each from 0 to 1.
    ``sharpness`` is about 1.4 where edges are sharp, and 0.7 / s where they are blurred by s pixels of 256.
    """

    __slots__ = ()

    names: ClassVar[tuple[str, ...]] = (
        "width",
        "height",
        "brightness",
        "highlights",
        "span",
        "sharpness",
    )
    bits: ClassVar[int] = _SIGNATURE * _SIGNATURE
    near_bits: ClassVar[int] = 10

    @classmethod
    def of(cls, settings: ImageSettings) -> ImageFacts:
        """Return the reader of pictures as a card decodes them."""
        return ImageFacts(
            resize=(_SIDE // 2, _SIDE // 2),
            draft=2.0,
            max_pixels=settings.max_pixels,
            range=settings.range,
            truncated=settings.truncated,
            transparency=settings.transparency,
        )

    def read(self, content: Any) -> FloatArray:
        """Return the facts and the signature of a picture; raise BadSample."""
        # the backbone's reader has said it
        with collected():
            decoded = self._decode(content)
        width, height = decoded.stored if decoded.orientation < 5 else decoded.stored[::-1]
        grey = decoded.image.convert("L")
        signature = grey.resize((_SIGNATURE + 1, _SIGNATURE), Image.Resampling.BOX)
        grey.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        levels: FloatArray = np.asarray(grey, np.float32) / np.float32(255)
        low, high = np.percentile(levels, [_LOW, _HIGH])
        facts = [width, height, levels.mean(), high, high - low, _sharpness(levels)]
        steps = np.diff(np.asarray(signature, np.int16), axis=1).ravel()
        bits = np.where(steps > 0, 1, -1)
        return np.concatenate([np.asarray(facts, np.float32), bits.astype(np.float32)])


def _sharpness(levels: FloatArray) -> float:
    """Return how large second differences are beside first ones; 0 of a picture without any.

    What rounding to grey levels adds to the squares is taken out.
    """
    first = second = 0.0
    for axis in (0, 1):
        steps = np.diff(levels, axis=axis)
        curves = np.diff(steps, axis=axis)
        first += float(np.square(steps).sum()) - steps.size * _ROUNDING / 6
        second += float(np.square(curves).sum()) - curves.size * _ROUNDING / 2
    second = max(second, 0.0)
    return float(np.sqrt(second / first)) if first > 0 else 0.0
