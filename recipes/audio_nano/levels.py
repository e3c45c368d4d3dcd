"""Levels as the graph computes them, in torch, and the changes that training makes to them."""

import numpy as np
import torch
from torch.nn import functional

from recipes.audio_mel.formulas import SHIPPED as MEL
from recipes.audio_mel.formulas import mel_filters
from recipes.audio_nano.graph import QUIETEST_TOP

__all__ = ["gains", "levels"]

FILTERS = torch.from_numpy(mel_filters(MEL)).float()
WINDOW = torch.hann_window(MEL.window)
QUIETEST = 1e-8
# Bands above the voice of a telephone begin there at the lowest.
TELEPHONE = 26


def levels(waves: torch.Tensor, gain: torch.Tensor | None = None) -> torch.Tensor:
    """Return levels from 0 to 1, shape (N, bands, frames).

    Parameters
    ----------
    waves : Tensor of shape (N, samples)
    gain : Tensor of shape (N, bands), default=None
        Added to the logarithm of each band's power.
    """
    padded = functional.pad(waves, (MEL.window // 2, MEL.window // 2))
    spectrum = torch.stft(
        padded, MEL.window, MEL.hop, window=WINDOW, center=False, return_complex=True
    )
    power = torch.log10((FILTERS @ (spectrum.real**2 + spectrum.imag**2)).clamp_min(QUIETEST))
    if gain is not None:
        power = (power + gain[:, :, None]).clamp_min(np.log10(QUIETEST))
    top = power.amax((1, 2), keepdim=True).clamp_min(QUIETEST_TOP)
    return ((power - top).clamp_min(-MEL.floor) + MEL.floor) / MEL.floor


def gains(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return a gain a band: another room and microphone, sometimes a telephone or no low bands."""
    gain = np.zeros((count, MEL.bands), np.float32)
    for row in gain:
        if rng.random() < 0.7:
            knots = np.linspace(0, MEL.bands - 1, 6)
            row += np.interp(np.arange(MEL.bands), knots, rng.normal(0, 0.4, 6))
        if rng.random() < 0.4:
            row[rng.integers(TELEPHONE, 32) :] -= rng.uniform(2, 8)
        if rng.random() < 0.15:
            row[: rng.integers(1, 6)] -= rng.uniform(1, 4)
    return gain
