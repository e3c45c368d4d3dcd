"""The mathematics of featx-audio-mel in numpy, independent of the graph.

For one clip x of T samples:

1. frames   x between window / 2 zeros on either side, cut every ``hop`` samples, times a periodic
            Hann window
2. mel      power of its discrete Fourier transform in ``bands`` triangles, equally wide on the mel
            scale from ``low`` to ``high`` hertz
3. level    M = log10(mel), at least -8, less its maximum over the clip, at least -``floor``: 0 is
            the clip's loudest point, 1 is 10 dB
4. weights  v = the frame's loudest band, from 0 (``gate`` below the clip's loudest, or less) to 1;
            divided by its sum. Silence weighs nothing, so zeros after a clip or before it hardly
            move a value
5. parts    the clip cut into ``parts`` pieces of equal weight: the mean of M in each (frames on a
            border belong to both in part)
6. spread   standard deviation of M over the clip, and root mean square of its change from frame to
            frame, both under v

The embedding is parts (parts × bands values, part by part), deviation (bands), change (bands).
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["SHIPPED", "Settings", "embed", "hann_window", "mel_filters"]


@dataclass(frozen=True)
class Settings:
    """All that decides a number.

    Lengths are in samples, pitches in hertz, levels in tens of decibels. The defaults are those of
    the shipped graph.
    """

    rate: int = 16000
    window: int = 512
    hop: int = 160
    bands: int = 40
    low: float = 60.0
    high: float = 8000.0
    floor: float = 5.0
    gate: float = 4.0
    parts: int = 6

    @property
    def dim(self) -> int:
        """Values of an embedding."""
        return (self.parts + 2) * self.bands


SHIPPED = Settings()


def mel_filters(settings: Settings) -> np.ndarray:
    """Return the mel filters with peak 1, shape (bands, window // 2 + 1)."""
    mel_low, mel_high = (2595 * np.log10(1 + f / 700) for f in (settings.low, settings.high))
    edges = 700 * (10 ** (np.linspace(mel_low, mel_high, settings.bands + 2) / 2595) - 1)
    pitch = np.arange(settings.window // 2 + 1) * settings.rate / settings.window
    left, centre, right = (edges[i : i + settings.bands, None] for i in range(3))
    rising, falling = (pitch - left) / (centre - left), (right - pitch) / (right - centre)
    filters: np.ndarray = np.maximum(0, np.minimum(rising, falling))
    return filters


def hann_window(settings: Settings) -> np.ndarray:
    """Return the periodic Hann window, shape (window,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.window) / settings.window)


def embed(waveform: np.ndarray, settings: Settings = SHIPPED) -> np.ndarray:
    """Return the embedding of one clip in float64, shape (dim,), by ``rfft`` and no graph."""
    s = settings
    padded = np.pad(waveform.astype(np.float64), s.window // 2)
    starts = range(0, len(padded) - s.window + 1, s.hop)
    frames = np.stack([padded[i : i + s.window] for i in starts]) * hann_window(s)
    mel = np.abs(np.fft.rfft(frames)) ** 2 @ mel_filters(s).T
    level = np.log10(np.maximum(mel, 1e-8))
    level = np.maximum(level - level.max(), -s.floor)
    weight = np.clip((level.max(1) + s.gate) / s.gate, 0, 1)
    weight /= weight.sum()
    end = np.cumsum(weight)
    border = np.arange(s.parts + 1)[:, None] / s.parts
    share = np.clip(np.minimum(end, border[1:]) - np.maximum(end - weight, border[:-1]), 0, None)
    change = np.diff(level, axis=0, prepend=level[:1])
    deviation = np.sqrt(weight @ (level - weight @ level) ** 2 + 1e-10)
    return np.concatenate(
        [(share * s.parts @ level).ravel(), deviation, np.sqrt(weight @ change**2 + 1e-10)]
    )
