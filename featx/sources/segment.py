"""A part of a recording, from one second to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Segment"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a sound as a sample of its own; only this part is decoded.

    Whether the numbers make sense, and the recording is as long, is found out when it is read.

    Attributes
    ----------
    data : str, PathLike, Blob, bytes, ndarray, or pair of ndarray and rate
        The whole recording.
    start, end : float
        Seconds from its beginning.

    Examples
    --------
    >>> import featx
    >>> [sample] = featx.make_samples([Segment("dawn.wav", 1.5, 3)])
    >>> sample.id
    'dawn.wav#1.5-3.0'
    """

    data: Any
    start: float
    end: float

    def name_of(self, whole: str) -> str:
        """Return the id of the segment of a recording of that id.

        >>> Segment(b"", 0.25, 2).name_of("a.wav")
        'a.wav#0.25-2.0'
        """
        return f"{whole}#{_shown(self.start)}-{_shown(self.end)}"


def _shown(seconds: object) -> str:
    """Return a number as Python writes it; what is none is refused when the segment is read."""
    return repr(float(seconds)) if isinstance(seconds, int | float) else str(seconds)
