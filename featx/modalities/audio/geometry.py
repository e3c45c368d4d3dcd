"""When in a sound its windows are heard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from featx._typing import Mask

__all__ = ["AudioGeometry"]


@dataclass(frozen=True, slots=True)
class AudioGeometry:
    """The times of a sound's windows.

    Attributes
    ----------
    duration : float
        Seconds of the sound.
    windows : tuple of (float, float)
        Start and end of each window, in seconds from the start of the sound. What lies before 0 or
        after ``duration`` is what a short sound was filled up with.
    frames : bool, default=False
        Whether the only axis of a map is time, one position after the other.

    Examples
    --------
    >>> AudioGeometry(1.5, ((0.0, 1.0), (1.0, 2.0))).locate((1,), (2,), window=1)
    (1.5, 1.5)
    """

    duration: float
    windows: tuple[tuple[float, float], ...]
    frames: bool = False

    def locate(
        self, position: tuple[int, ...], shape: tuple[int, ...], window: int = 0
    ) -> tuple[float, float]:
        """Return start and end, in seconds, of one of ``shape[0]`` equal parts of a window.

        Both are the same where the part holds nothing of the sound.
        """
        [part], [parts] = position, shape
        start, stop = self.windows[window]
        step = (stop - start) / parts
        return self._inside(start + step * part), self._inside(start + step * (part + 1))

    def places(
        self, shape: tuple[int, ...], window: int = 0, mask: Mask | None = None
    ) -> Sequence[tuple[float, ...] | None]:
        """Return the seconds of each position, or of the whole window where positions are not only times."""
        count = math.prod(shape)
        if self.frames and len(shape) == 1:
            found = [self.locate((k,), shape, window) for k in range(count)]
        else:
            start, stop = self.windows[window]
            found = [(self._inside(start), self._inside(stop))] * count
        places = [place if place[0] < place[1] else None for place in found]
        return places if mask is None else list(compress(places, mask))

    @property
    def extent(self) -> tuple[float, ...]:
        """The seconds of the sound."""
        return (self.duration,)

    def _inside(self, seconds: float) -> float:
        return min(max(seconds, 0.0), self.duration)
