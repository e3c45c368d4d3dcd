"""Type aliases that more than one module uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Doubles",
    "FloatArray",
    "ImageSize",
    "Indices",
    "Integers",
    "Labels",
    "Mask",
    "Numbers",
    "Shape",
]

FloatArray = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Integers = npt.NDArray[np.intp]
Labels = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.number[Any]]

# A tensor's dimensions: a number, a symbol, or None where unknown.
Shape = tuple[int | str | None, ...]
# Pixels: the short side, or height and width.
ImageSize = int | tuple[int, int]
