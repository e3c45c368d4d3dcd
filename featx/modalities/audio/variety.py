"""Twenty sounds drawn by arithmetic that no useful backbone takes for one another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.modalities.audio.settings import AudioSettings

__all__ = ["draw_sounds"]

_SECONDS = 2


def draw_sounds(settings: AudioSettings) -> tuple[FloatArray, ...]:
    """Return two seconds each of tones, buzzes, sweeps, noises and clicks, at the card's rate."""
    return tuple(np.asarray(sound, np.float32) for sound in _sounds(settings.rate))


def _sounds(rate: int) -> Iterator[Doubles]:
    time = np.arange(_SECONDS * rate) / rate
    random = np.random.default_rng(0)
    # of the highest frequency that there is
    for part in (0.02, 0.05, 0.1, 0.3):
        tone = 2 * np.pi * part * rate / 2 * time
        yield 0.3 * np.sin(tone)
        yield 0.3 * np.sign(np.sin(tone / 4)) * (np.sin(6 * np.pi * time) > 0)
        yield 0.3 * np.sin(tone * (0.5 + time / _SECONDS))
        noise = random.normal(0, 0.2, len(time))
        width = int(1 / part)
        yield np.convolve(noise, np.ones(width) / np.sqrt(width), mode="same")
        clicks = np.zeros(len(time))
        clicks[:: int(rate * part)] = 0.9
        yield clicks
