"""Batches of the size that a graph insists on, filled up with copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["filled_parts"]


def filled_parts(
    feeds: Mapping[str, npt.NDArray[Any]], n: int, fixed: int
) -> Iterator[tuple[dict[str, npt.NDArray[Any]], int]]:
    """Give the tensors of ``n`` samples in parts of ``fixed``, and how many of each part are no copies.

    Examples
    --------
    >>> parts = filled_parts({"x": np.arange(3)}, 3, 2)
    >>> [(part["x"].tolist(), size) for part, size in parts]
    [([0, 1], 2), ([2, 2], 1)]
    """
    for start in range(0, n, fixed):
        part = {name: feed[start : start + fixed] for name, feed in feeds.items()}
        size = min(fixed, n - start)
        if size < fixed:
            # the graph insists on its batch
            part = {name: _filled(feed, fixed) for name, feed in part.items()}
        yield part, size


def _filled(feed: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    return np.concatenate([feed, np.repeat(feed[-1:], n - len(feed), axis=0)])
