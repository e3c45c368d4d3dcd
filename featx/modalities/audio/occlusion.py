"""Sounds with a part silenced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.modalities import Occlusions

__all__ = ["silence_parts"]


def silence_parts(
    sound: FloatArray, rate: int, n: int, as_item: Callable[[FloatArray], Any]
) -> Occlusions:
    """Return a sound of which ``n`` equal parts can be silenced.

    Parameters
    ----------
    sound : ndarray of shape (samples,), float32
    rate : int
        Hz.
    n : int
    as_item : callable
        Makes an item of a sound.

    Examples
    --------
    >>> hidden = silence_parts(np.ones(4, np.float32), 2, 2, lambda sound: sound)
    >>> hidden.places, hidden.hide(1).tolist()
    (((0.0, 1.0), (1.0, 2.0)), [1.0, 1.0, 0.0, 0.0])
    """
    edges = np.unique(np.linspace(0, len(sound), min(n, len(sound)) + 1).round().astype(int))
    ends = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))

    def hide(index: int | None) -> Any:
        if index is None:
            return as_item(sound)
        start, stop = ends[index]
        silenced = sound.copy()
        silenced[start:stop] = 0
        return as_item(silenced)

    places = tuple((start / rate, stop / rate) for start, stop in ends)
    return Occlusions(places, (len(sound) / rate,), hide)
