"""The work folder: pictures, labels and the teachers' answers of each kind, an array file each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

__all__ = ["ANSWERS", "KINDS", "create", "load"]

# "small": pictures of 64 pixels; the others squares of 128.
KINDS = ("small", "large", "scans", "pets")
# Columns of each teacher's answer.
ANSWERS = {"vit": 192, "logits": 1000, "mobilenet": 1280}


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


def load(work: Path, kind: str, name: str, *, write: bool = False) -> np.ndarray:
    """Return an array of one kind: "images", "labels", "taught" or a key of ``ANSWERS``.

    It is mapped from its file; with ``write`` what is assigned is stored.
    """
    array: np.ndarray = np.load(work / f"{kind}_{name}.npy", mmap_mode="r+" if write else "r")
    return array
