"""Type aliases that more than one module uses."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "ClassWeight",
    "Doubles",
    "FloatArray",
    "Floats",
    "ImageSize",
    "Integers",
    "Labels",
    "Mask",
    "Numbers",
    "Shape",
]

FloatArray = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
# Either of these, and the same again.
Floats = TypeVar("Floats", FloatArray, Doubles)
Integers = npt.NDArray[np.intp]
Labels = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.number[Any]]

# How classes weigh in training: "balanced" is scikit-learn's word for equal sums.
ClassWeight = Literal["balanced"] | None
# A tensor's dimensions: a number, a symbol, or None where unknown.
Shape = tuple[int | str | None, ...]
# Pixels: the short side, or height and width.
ImageSize = int | tuple[int, int]
