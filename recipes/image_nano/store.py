"""The work folder: pictures, labels and the teachers' answers of each kind, an array file each.

The larger pictures are there twice: as squares of 128 pixels, which the student sees views of, and
sharper, as files, for the teachers.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["ANSWERS", "KINDS", "SHARP", "create", "load", "load_sharp", "save_sharp"]

# "small": pictures of 64 pixels; the others squares of 128.
KINDS = ("small", "large", "scans", "pets")
# Columns of each teacher's answer.
ANSWERS = {"vit": 192, "logits": 1000, "mobilenet": 1280, "lite": 1280}
# Side of the sharper squares, in pixels: what EfficientNet-Lite2 sees.
SHARP = 260


def create(work: Path, kind: str, images: Sequence[np.ndarray], labels: Sequence[int]) -> None:
    """Write the pictures and labels of one kind, and room for the answers.

    Parameters
    ----------
    work : Path
    kind : str
    images : sequence of ndarray of uint8, all of the same shape (side, side, 3)
    labels : sequence of int
        -1 where it is not known.
    """
    np.save(work / f"{kind}_images.npy", np.stack(images))
    np.save(work / f"{kind}_labels.npy", np.array(labels))
    for teacher, width in ANSWERS.items():
        shape = (len(images), width)
        np.lib.format.open_memmap(work / f"{kind}_{teacher}.npy", "w+", np.float16, shape).flush()
    np.save(work / f"{kind}_taught.npy", np.zeros(len(images), bool))


def sharp_path(work: Path, kind: str, number: int) -> Path:
    """Return where a sharper square is."""
    return work / f"{kind}_sharp" / f"{number:06}.jpg"


def save_sharp(work: Path, kind: str, number: int, square: Image.Image) -> None:
    """Write the sharper square of picture ``number`` of one kind."""
    path = sharp_path(work, kind, number)
    path.parent.mkdir(exist_ok=True)
    square.save(path, quality=95)


def load_sharp(work: Path, kind: str, rows: np.ndarray) -> np.ndarray:
    """Return sharper squares, shape (N, 260, 260, 3), uint8."""
    return np.stack([np.asarray(Image.open(sharp_path(work, kind, row))) for row in rows])


def load(work: Path, kind: str, name: str, *, write: bool = False) -> np.ndarray:
    """Return an array of one kind: "images", "labels", "taught" or a key of ``ANSWERS``.

    It is mapped from its file; with ``write`` what is assigned is stored.
    """
    array: np.ndarray = np.load(work / f"{kind}_{name}.npy", mmap_mode="r+" if write else "r")
    return array
