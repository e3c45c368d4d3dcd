"""Clips: what is heard at once, of at most 1.28 s, with the word that is said and the kind of source."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recipes.audio_nano.settings import HOP, PADDING

__all__ = ["LONGEST", "SHORTEST", "ClipWriter", "Clips", "cut", "trim"]

LONGEST, SHORTEST = 20_480, 1200
# Samples of a frame whose loudness is measured, and what is left before and after a word.
FRAME, MARGIN = 160, 640
# Times quieter than the loudest frame, to be silence: 38 dB.
SILENCE = 10 ** (-38 / 20)
# The peak of every clip, of 32 768.
PEAK = 16_000


def trim(sound: np.ndarray) -> np.ndarray:
    """Return a sound without the silence before it and after it."""
    count = len(sound) // FRAME
    if count < 4:
        return sound
    frames = sound[: count * FRAME].reshape(count, FRAME)
    loudness = np.sqrt((frames**2).mean(1))
    [heard] = np.nonzero(loudness > loudness.max() * SILENCE)
    if not len(heard):
        return sound
    end = (heard[-1] + 1) * FRAME + MARGIN
    return sound[max(0, heard[0] * FRAME - MARGIN) : end]


def cut(sound: np.ndarray, most: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield at most ``most`` pieces of a sound, in order."""
    starts = np.arange(0, max(1, len(sound) - LONGEST // 2), LONGEST)
    if len(starts) > most:
        starts = np.sort(rng.choice(starts, most, replace=False))
    return (sound[start : start + LONGEST] for start in starts)


@dataclass
class ClipWriter:
    """Clips that are collected, and their file WORK/clips.npz."""

    waves: list[np.ndarray] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def add(self, sound: np.ndarray, kind: str, word: str = "") -> None:
        """Keep a sound of at most 1.28 s at a set peak; silence and clicks are left out."""
        peak = np.abs(sound).max(initial=0)
        if peak >= 1e-4 and len(sound) >= SHORTEST:
            self.waves.append((sound[:LONGEST] / peak * PEAK).astype(np.int16))
            self.words.append(word)
            self.kinds.append(kind)

    def save(self, work: Path) -> None:
        """Write the clips."""
        ends = np.cumsum([0, *map(len, self.waves)])
        words, kinds = np.array(self.words), np.array(self.kinds)
        np.save(work / "waves.npy", np.concatenate(self.waves))
        np.savez(work / "clips.npz", ends=ends, words=words, kinds=kinds)


class Clips:
    """The clips of a work folder.

    Attributes
    ----------
    lengths : ndarray of shape (n,), int
        Samples of each.
    positions : ndarray of shape (n,), int
        Positions of the student's map of each.
    words : ndarray of shape (n,), int
        Index of the word, -1 where none is known.
    kinds : ndarray of shape (n,), str
    """

    def __init__(self, work: Path) -> None:
        self._waves = np.load(work / "waves.npy", mmap_mode="r")
        with np.load(work / "clips.npz") as stored:
            self._ends, words, self.kinds = stored["ends"], stored["words"], stored["kinds"]
        self.lengths = np.diff(self._ends)
        self.positions = self.lengths // HOP + 1 + 2 * PADDING
        names = sorted({*words} - {""})
        index = {name: k for k, name in enumerate(names)}
        self.words = np.array([index.get(word, -1) for word in words])
        self.n_words = len(names)

    def __len__(self) -> int:
        """Return how many clips there are."""
        return len(self.lengths)

    def wave(self, index: int) -> np.ndarray:
        """Return the samples of one clip, float32 from -1 to 1."""
        start, end = self._ends[index : index + 2]
        wave: np.ndarray = self._waves[start:end].astype(np.float32) / 32768
        return wave
