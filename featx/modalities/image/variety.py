"""Twenty pictures drawn by arithmetic that no useful backbone takes for one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from featx.modalities.image.settings import ImageSettings

__all__ = ["draw_pictures"]

_HEIGHT, _WIDTH = 256, 320
# What is dark and what is bright in a picture.
_COLORS = (
    ((20, 20, 30), (235, 230, 220)),
    ((120, 20, 30), (250, 220, 60)),
    ((10, 60, 20), (140, 200, 250)),
    ((60, 30, 110), (250, 130, 40)),
)


def draw_pictures(settings: ImageSettings) -> tuple[npt.NDArray[Any], ...]:
    """Return five patterns in four pairs of colours each, as the card reads pixels."""
    pictures = []
    for dark, bright in _COLORS:
        for pattern in _patterns():
            mixed = np.asarray(dark) + pattern[:, :, None] * np.subtract(bright, dark)
            pictures.append(settings.in_own_range(mixed.astype(np.uint8)))
    return tuple(pictures)


def _patterns() -> list[npt.NDArray[np.float64]]:
    """Return a slope, a disc, coarse squares, fine stripes and speckles, from 0 to 1."""
    y, x = np.indices((_HEIGHT, _WIDTH))
    disc = np.hypot(y - 128, x - 160) < 80
    speckles = (
        np.random.default_rng(0).random((_HEIGHT // 4, _WIDTH // 4)).repeat(4, 0).repeat(4, 1)
    )
    shapes = (x / _WIDTH, disc, (y // 64 + x // 64) % 2, (x + y) // 6 % 2, speckles)
    return [np.asarray(shape, np.float64) for shape in shapes]
