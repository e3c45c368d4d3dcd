"""Make large photos of small ones: enlarged with a grain, or a mosaic at their own size."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# what a 12-megapixel camera gives
LARGE = (4032, 3024)
# size in pixels, strength in levels of 255
GRAIN = ((1, 5.0), (2, 5.0), (4, 4.0), (8, 3.0))


def large_photos(
    folder: Path,
    given: Sequence[str],
    n: int,
    make: Callable[[Sequence[str], np.random.Generator], Image.Image] | None = None,
) -> list[str]:
    """Return ``n`` JPEGs of 12 megapixels in ``folder``, made where they are missing, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}.jpg" for number in range(n)]
    for number, path in enumerate(paths):
        if not path.exists():
            part = path.with_suffix(".part")
            page = (make or enlarged)(given, np.random.default_rng((0, number)))
            page.save(part, format="JPEG", quality=90, subsampling="4:2:0")
            os.replace(part, path)
    return [str(path) for path in paths]


def enlarged(given: Sequence[str], rng: np.random.Generator) -> Image.Image:
    """Return four photos side by side, enlarged.

    An enlarged photo is smooth, and a smooth JPEG is decoded sooner than a camera's; so a grain of several
    sizes is laid over it, as a sensor and fine structure leave.
    """
    width, height = LARGE
    half, page = (width // 2, height // 2), Image.new("RGB", LARGE)
    for number, index in enumerate(rng.choice(len(given), 4, replace=False)):
        with Image.open(given[index]) as photo:
            fitted = ImageOps.fit(photo.convert("RGB"), half, Image.Resampling.BICUBIC)
        page.paste(fitted, (number % 2 * half[0], number // 2 * half[1]))
    values = np.asarray(page).astype(np.int16)
    for size, strength in GRAIN:
        noise = rng.standard_normal((height // size, width // size), np.float32) * strength
        wide = Image.fromarray(noise.astype(np.float32)).resize(LARGE, Image.Resampling.BILINEAR)
        values += np.asarray(wide).astype(np.int16)[:, :, None]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def mosaic(given: Sequence[str], rng: np.random.Generator) -> Image.Image:
    """Return a page filled with photos at their own size, so that it has detail down to its pixels."""
    width, height = LARGE
    page, top = Image.new("RGB", LARGE), 0
    while top < height:
        left, lowest = 0, height
        while left < width:
            with Image.open(given[rng.integers(len(given))]) as photo:
                page.paste(photo.convert("RGB"), (left, top))
                left, lowest = left + photo.width, min(lowest, photo.height)
        top += lowest
    return page
