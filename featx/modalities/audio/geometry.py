"""When in a sound its windows are heard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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

    Examples
    --------
    >>> AudioGeometry(1.5, ((0.0, 1.0), (1.0, 2.0))).locate((1,), (2,), window=1)
    (1.5, 1.5)
    """

    duration: float
    windows: tuple[tuple[float, float], ...]

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

    def places(self, shape: tuple[int, ...], window: int = 0) -> Sequence[tuple[float, ...] | None]:
        """Return the seconds of the window for each of its positions: they may be bands as well as times."""
        start, stop = map(self._inside, self.windows[window])
        return [(start, stop) if start < stop else None] * math.prod(shape)

    @property
    def extent(self) -> tuple[float, ...]:
        """The seconds of the sound."""
        return (self.duration,)

    def _inside(self, seconds: float) -> float:
        return min(max(seconds, 0.0), self.duration)
