"""Windows: a sound that comes block by block is filled up where it is short, and cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from featx._typing import FloatArray

__all__ = ["ALIGN", "PAD", "TAIL", "SoundWindow", "Windowing"]

ALIGN = ("start", "center", "end")
PAD = ("zeros", "repeat", "repeat-whole")
TAIL = ("pad", "drop", "short")


class SoundWindow(NamedTuple):
    """A window of a sound.

    Attributes
    ----------
    samples : ndarray of shape (length,), float32
    first, last : int
        Where the sound begins in it and where it ends; the rest is silence that it was filled up with.
    """

    samples: FloatArray
    first: int
    last: int


class Windowing(NamedTuple):
    """How a sound is cut: entries of an ``[audio]`` table, all lengths in samples.

    Attributes
    ----------
    window : int
        0: the whole sound is one window.
    hop : int
        From the start of a window to that of the next.
    min_length : int
        A shorter sound is filled up to it.
    align, pad, tail : str
        As ``AudioSettings`` says.

    Examples
    --------
    >>> cut = Windowing(4, 4, 0, "start", "zeros", "pad").cut([np.ones(6, np.float32)])
    >>> [(window.samples.tolist(), window.last) for window in cut]
    [([1.0, 1.0, 1.0, 1.0], 4), ([1.0, 1.0, 0.0, 0.0], 2)]
    """

    window: int
    hop: int
    min_length: int
    align: str
    pad: str
    tail: str

    @property
    def least(self) -> int:
        """Return the samples that a sound is filled up to."""
        return max(self.min_length, 0 if self.tail == "short" else self.window, 1)

    def fill(self, sound: FloatArray, length: int, align: str | None = None) -> SoundWindow:
        """Return the sound, filled up to ``length`` samples where it is shorter."""
        lacking = length - len(sound)
        if lacking <= 0:
            return SoundWindow(sound, 0, len(sound))
        if self.pad == "repeat" and len(sound):
            return SoundWindow(np.resize(sound, length), 0, length)
        if self.pad == "repeat-whole" and len(sound):
            sound = np.tile(sound, length // len(sound))
            return SoundWindow(np.pad(sound, (0, length - len(sound))), 0, len(sound))
        before = self.before(lacking, align)
        return SoundWindow(np.pad(sound, (before, lacking - before)), before, before + len(sound))

    def before(self, lacking: int, align: str | None = None) -> int:
        """Return how many of the lacking samples are put before the sound."""
        return {"start": 0, "center": lacking // 2, "end": lacking}[align or self.align]

    def cut(self, blocks: Iterable[FloatArray]) -> Iterator[SoundWindow]:
        """Give every window of a sound; at least one."""
        rest = iter(blocks)
        head, count = list[FloatArray](), 0
        # with window = 0 the whole sound is at hand already
        while (count < self.least or not self.window) and (block := next(rest, None)) is not None:
            head.append(block)
            count += len(block)
        whole = self.fill(np.concatenate([np.empty(0, np.float32), *head]), self.least)
        if not self.window:
            yield whole
        elif count < self.least:
            for start, samples in self._parts([whole.samples]):
                ends = np.clip([whole.first - start, whole.last - start], 0, len(samples))
                yield self._filled(samples, int(ends[0]), int(ends[1]))
        else:
            for _, samples in self._parts(chain([whole.samples], rest)):
                yield self._filled(samples, 0, len(samples))

    def bounds(self, length: int) -> list[tuple[int, int]]:
        """Return the first sample and the end of each window that ``cut`` makes of a length."""
        if not self.window:
            return [(0, length)]
        starts = list(range(0, length - self.window + 1, self.hop))
        rest = length - len(starts) * self.hop
        if self._is_window(rest, bool(starts)):
            starts.append(len(starts) * self.hop)
        bounds = [(start, start + self.window) for start in starts]
        if self.tail == "short":
            bounds[-1] = (bounds[-1][0], max(length, bounds[-1][0] + self.min_length))
        return bounds

    def _parts(self, blocks: Iterable[FloatArray]) -> Iterator[tuple[int, FloatArray]]:
        """Give the start and the samples of each window; the last may be short."""
        rest, start = np.empty(0, np.float32), 0
        for block in blocks:
            rest = np.concatenate([rest, block])
            while len(rest) >= self.window:
                yield start, rest[: self.window]
                rest, start = rest[self.hop :], start + self.hop
        if self._is_window(len(rest), start > 0):
            yield start, rest

    def _is_window(self, rest: int, found: bool) -> bool:
        """Return whether the samples after the last whole window are one more."""
        # samples of the rest that are in a window already
        seen = self.window - self.hop if found else -1
        return rest > seen and (self.tail != "drop" or not found)

    def _filled(self, samples: FloatArray, first: int, last: int) -> SoundWindow:
        length = self.min_length if self.tail == "short" else self.window
        if len(samples) >= length:
            return SoundWindow(samples, first, last)
        filled = self.fill(samples, length, align="start")
        # what is repeated is no silence
        return SoundWindow(filled.samples, first, filled.last if last == len(samples) else last)
