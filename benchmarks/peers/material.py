"""The photos: those of the set as they are, and large ones that are made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

LARGE = (4032, 3024)  # what a 12-megapixel camera gives
QUALITY = 90
GRAIN = ((1, 5.0), (2, 5.0), (4, 4.0), (8, 3.0))  # size in pixels, strength in levels of 255


def photos(folder: Path) -> list[str]:
    """All JPEGs of a set, in order."""
    found = sorted(map(str, folder.rglob("*.jpg")))
    if not found:
        raise SystemExit(f"{folder}: expected a folder with .jpg files, found none; see --data")
    return found


def large_photos(folder: Path, given: Sequence[str], n: int, seed: int = 0) -> list[str]:
    """``n`` JPEGs of 12 megapixels in ``folder``, made where they are missing.

    Four photos side by side, enlarged. An enlarged photo is smooth, and a smooth JPEG is decoded sooner
    than a camera's; so a grain of several sizes is laid over it, as a sensor and fine structure leave.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03d}.jpg" for number in range(n)]
    for number, path in enumerate(paths):
        if not path.exists():
            rng = np.random.default_rng((seed, number))
            part = path.with_suffix(".part")
            made = enlarge([given[k] for k in rng.choice(len(given), 4, replace=False)], rng)
            made.save(part, format="JPEG", quality=QUALITY, subsampling="4:2:0")
            os.replace(part, path)
    return [str(path) for path in paths]


def enlarge(four: Sequence[str], rng: np.random.Generator) -> Image.Image:
    width, height = LARGE
    half = (width // 2, height // 2)
    page = Image.new("RGB", LARGE)
    for place, path in enumerate(four):
        with Image.open(path) as photo:
            fitted = ImageOps.fit(photo.convert("RGB"), half, Image.Resampling.BICUBIC)
        page.paste(fitted, (place % 2 * half[0], place // 2 * half[1]))
    values = np.asarray(page).astype(np.int16)
    values += sum(grain(size, strength, rng) for size, strength in GRAIN)[:, :, None]
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def grain(size: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Noise whose spots are ``size`` pixels wide: shape (height, width), int16."""
    width, height = LARGE
    small = rng.standard_normal((height // size, width // size), np.float32) * np.float32(strength)
    wide = Image.fromarray(small).resize(LARGE, Image.Resampling.BILINEAR)
    return np.asarray(wide).astype(np.int16)
