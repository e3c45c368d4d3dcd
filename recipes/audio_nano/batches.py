"""Batches of clips of like lengths, moved, with noise and other rooms, and what the teachers said of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from recipes.audio_nano.clips import Clips
from recipes.audio_nano.levels import gains, levels
from recipes.audio_nano.settings import Settings

__all__ = ["Batch", "Directions", "Taught"]

# How often a kind of clip is drawn, 1 where it is not here.
SHARES = {"calls": 0.8}
# Batches whose clips are sorted by length together.
SORTED = 40
# Samples that a clip is moved at most, and how many samples the sorting by length may be wrong.
MOVED, UNSORTED = 300, 1500


class Directions:
    """The directions in which a teacher's answers vary most, each scaled to a deviation of about 1."""

    def __init__(self, answers: np.ndarray, count: int) -> None:
        self.mean = answers.mean(0, dtype=np.float64).astype(np.float32)
        values, vectors = np.linalg.eigh(np.cov((answers - self.mean).T))
        scale = np.sqrt(values[::-1][:count] + 0.02 * values[-1])
        self.matrix = (vectors[:, ::-1][:, :count] / scale).astype(np.float32)

    def of(self, answers: np.ndarray) -> np.ndarray:
        """Return answers along the directions, float32."""
        projected: np.ndarray = (answers.astype(np.float32) - self.mean) @ self.matrix
        return projected


class Batch(NamedTuple):
    """Levels (N, bands, frames) and targets.

    ``mask`` (N, 1, positions) is 1 where a clip has a position, ``given`` where speech-embedding
    said something of it; ``speech`` (N, columns, positions), ``general`` (N, columns), ``words`` (N,).
    """

    levels: torch.Tensor
    mask: torch.Tensor
    given: torch.Tensor
    speech: torch.Tensor
    general: torch.Tensor
    words: torch.Tensor


class Taught:
    """Clips with the teachers' answers, from which batches are drawn."""

    def __init__(self, work: Path, settings: Settings, rng: np.random.Generator) -> None:
        self.clips, self.settings, self.rng = Clips(work), settings, rng
        with np.load(work / "taught.npz") as stored:
            self.answers, self.given = stored["speech"], stored["given"]
            self.ends, self.general = stored["ends"], stored["general"].astype(np.float32)
        some = np.flatnonzero(self.given)
        some = some[:: max(1, len(some) // 60_000)]
        self.speech_directions = Directions(self.answers[some].astype(np.float32), settings.speech)
        self.general_directions = Directions(self.general, settings.general)
        share = np.array([SHARES.get(kind, 1.0) for kind in self.clips.kinds])
        self.share = share / share.sum()
        self.noises = np.flatnonzero(self.clips.kinds == "noise")

    def batches(self) -> Iterator[Batch]:
        """Yield batches without end."""
        size = self.settings.batch
        count = min(SORTED, len(self.clips) // size) * size
        while True:
            order = self.rng.choice(len(self.clips), count, replace=False, p=self.share)
            lengths = self.clips.lengths[order] + self.rng.uniform(0, UNSORTED, count)
            groups = order[np.argsort(lengths)].reshape(-1, size)
            self.rng.shuffle(groups)
            yield from map(self.batch, groups)

    def batch(self, rows: np.ndarray) -> Batch:
        """Return some clips as a batch."""
        samples, positions = self.clips.lengths[rows].max(), self.clips.positions[rows].max()
        waves = np.stack([self.heard(row, samples) for row in rows])
        mask, given = np.zeros((2, len(rows), 1, positions), np.float32)
        speech = np.zeros((len(rows), positions, self.settings.speech), np.float32)
        for k, row in enumerate(rows):
            part = slice(self.ends[row], self.ends[row + 1])
            count = self.clips.positions[row]
            mask[k, 0, :count], given[k, 0, :count] = 1, self.given[part]
            speech[k, :count] = self.speech_directions.of(self.answers[part])
        gain = torch.from_numpy(gains(len(rows), self.rng))
        return Batch(
            levels(torch.from_numpy(waves), gain),
            torch.from_numpy(mask),
            torch.from_numpy(given),
            torch.from_numpy(speech).transpose(1, 2),
            torch.from_numpy(self.general_directions.of(self.general[rows])),
            torch.from_numpy(self.clips.words[rows]),
        )

    def heard(self, row: int, samples: int) -> np.ndarray:
        """Return a clip, moved a little and often with noise, filled up to ``samples``."""
        wave, move = self.clips.wave(row), int(self.rng.integers(-MOVED, MOVED + 1))
        wave = wave[-move:] if move < 0 else np.pad(wave[: len(wave) - move], (move, 0))
        whole = np.pad(wave, (0, samples - len(wave)))
        if self.rng.random() < 0.6:
            noise = self.noise(samples)
            ratio = np.sqrt((wave**2).mean() + 1e-9) / (np.sqrt((noise**2).mean()) + 1e-9)
            whole += noise * ratio * 10 ** (-self.rng.uniform(5, 40) / 20)
        return whole

    def noise(self, samples: int) -> np.ndarray:
        """Return noise: recorded, white, or falling with the pitch."""
        kind = self.rng.random()
        if kind < 0.6 and len(self.noises):
            return np.resize(self.clips.wave(self.rng.choice(self.noises)), samples)
        white = self.rng.normal(size=samples).astype(np.float32)
        if kind < 0.8:
            return white
        falling = 0.02 * np.cumsum(white) + 0.1 * white
        centred: np.ndarray = falling - falling.mean()
        return centred
