"""Pictures of the evaluation sets, found again by their bytes or by a difference hash."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

__all__ = ["EvaluationImages", "difference_hash", "find_images"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# Bits of 256 by which a difference hash may differ and still count as the same picture.
NEAR = 16
# The same for scans, which are compared without their dark border too, and mirrored.
NEAR_SCAN = 32


def find_images(root: Path) -> list[Path]:
    """Return the pictures below a folder, sorted."""
    return sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)


def difference_hash(image: Image.Image) -> np.ndarray:
    """Return 256 bits that say where a picture gets brighter to the right, as four uint64."""
    grey = np.asarray(image.convert("L").resize((17, 16), Image.Resampling.BILINEAR), np.int16)
    return np.packbits((grey[:, 1:] > grey[:, :-1]).ravel()).view(np.uint64)


def distance(hashes: np.ndarray, image: Image.Image) -> int:
    """Return in how many bits the nearest of the hashes differs from the picture's."""
    return int(np.bitwise_count(hashes ^ difference_hash(image)).sum(1).min())


def crop_dark_border(image: Image.Image) -> Image.Image:
    """Return the part of a scan that is not black; all of it where hardly anything is left."""
    bright = image.convert("L").point(lambda value: 255 if value > 24 else 0)
    left, top, right, bottom = bright.getbbox() or (0, 0, 0, 0)
    wide = min(right - left, bottom - top) > 20
    return image.crop((left, top, right, bottom)) if wide else image


class EvaluationImages:
    """The pictures below a folder, which must not be learned from."""

    def __init__(self, root: Path) -> None:
        paths = find_images(root)
        self.digests = {hashlib.sha1(path.read_bytes()).digest() for path in paths}
        images = [Image.open(path).convert("RGB") for path in paths]
        self.hashes = np.stack([difference_hash(image) for image in images])
        parts = [part for image in images for part in (image, crop_dark_border(image))]
        both = [side for part in parts for side in (part, ImageOps.mirror(part))]
        self.scan_hashes = np.stack([difference_hash(side) for side in both])

    def contain(self, data: bytes, image: Image.Image, *, scan: bool = False) -> bool:
        """Tell whether a picture is one of them.

        Parameters
        ----------
        data : bytes
            The picture's file.
        image : PIL.Image.Image
            The same, decoded.
        scan : bool, default=False
            Compare it without its dark border and mirrored too, less strictly.
        """
        if hashlib.sha1(data).digest() in self.digests:
            return True
        if distance(self.hashes, image) <= NEAR:
            return True
        parts = (image, crop_dark_border(image)) if scan else ()
        return any(distance(self.scan_hashes, part) <= NEAR_SCAN for part in parts)
