"""Pictures with the cells of a grid hidden: painted in the picture's mean colour."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.modalities import Occlusions
from featx.modalities.image.geometry import ImageGeometry

__all__ = ["hide_cells"]


def hide_cells(
    item: npt.NDArray[Any], geometry: ImageGeometry, n: int, *, channels_last: bool
) -> Occlusions:
    """Return a picture whose cells can be hidden, about ``n`` of them.

    Parameters
    ----------
    item : ndarray of shape (channels, height, width), or (height, width, channels)
        What a graph is fed of the picture.
    geometry : ImageGeometry
    n : int
    channels_last : bool

    Examples
    --------
    >>> geometry = ImageGeometry(8, 8, 1, (0, 0, 8, 8), (8, 8))
    >>> hidden = hide_cells(np.arange(64.0).reshape(1, 8, 8), geometry, 4, channels_last=False)
    >>> len(hidden.places), hidden.places[1], float(hidden.hide(0)[0, 0, 0])
    (4, (4.0, 0.0, 8.0, 4.0), 31.5)
    """
    height, width = geometry.size
    rows = min(max(1, round(math.sqrt(n * height / width))), height)
    columns = min(max(1, n // rows), width)
    shown = geometry.places((rows, columns))
    tops = np.linspace(0, height, rows + 1).round().astype(int)
    lefts = np.linspace(0, width, columns + 1).round().astype(int)
    cells = list(product(pairwise(tops), pairwise(lefts)))
    # a cell beside the picture hides nothing of it
    inside = [k for k, place in enumerate(shown) if place is not None]
    axes = (0, 1) if channels_last else (1, 2)
    paint = item.mean(axis=axes, keepdims=True, dtype=np.float64).astype(item.dtype)

    def hide(index: int | None) -> npt.NDArray[Any]:
        if index is None:
            return item
        (top, bottom), (left, right) = cells[inside[index]]
        hidden = item.copy()
        where = np.s_[top:bottom, left:right] if channels_last else np.s_[:, top:bottom, left:right]
        hidden[where] = paint
        return hidden

    places = tuple(place for place in shown if place is not None)
    return Occlusions(places, geometry.extent, hide)
