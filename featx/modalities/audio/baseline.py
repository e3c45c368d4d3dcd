"""The baseline of sounds: how loud, how rough, and in which frequency bands their energy is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from featx._typing import FloatArray

__all__ = ["describe_spectrum"]

BANDS = 16
PARTS = 8

# Hz, the lower edge of the lowest band
_LOW = 60.0
# power that counts as silence
_FLOOR = 1e-8


def describe_spectrum(frames: Iterable[FloatArray], rate: int) -> FloatArray:
    """Return a few dozen numbers of a sound.

    Parameters
    ----------
    frames : iterable of ndarray of shape (samples,), float32
        At least one, all of one length; only their numbers are kept.

    Returns
    -------
    ndarray of shape (43,), float32
        Mean and deviation of the log energy in each of 16 bands; the log loudness of each eighth;
        mean and deviation of the share of zero crossings; the log of the number of frames.
    """
    table = np.array([_of_frame(frame, rate) for frame in frames])
    energy, power, crossings = table[:, :BANDS], table[:, -2], table[:, -1]
    edges = np.linspace(0, len(power), PARTS + 1)
    sums = np.interp(edges, np.arange(len(power) + 1), np.concatenate([[0], np.cumsum(power)]))
    loudness = np.log10(np.diff(sums) * PARTS / len(power) + _FLOOR)
    values = [energy.mean(axis=0), energy.std(axis=0), loudness]
    values.append(np.array([crossings.mean(), crossings.std(), np.log10(len(power))]))
    return np.concatenate(values).astype(np.float32)


def _of_frame(frame: FloatArray, rate: int) -> FloatArray:
    """Return the log energy of each band, then power, then the share of zero crossings."""
    wide = frame.astype(np.float64)
    spectrum = np.abs(np.fft.rfft(wide * np.hanning(len(wide)))) ** 2 / len(wide)
    frequencies = np.fft.rfftfreq(len(wide), 1 / rate)
    edges = np.geomspace(_LOW, rate / 2, BANDS + 1)[1:-1]
    bands = np.bincount(np.searchsorted(edges, frequencies), spectrum, BANDS)
    crossings = np.mean(np.signbit(wide[1:]) != np.signbit(wide[:-1]))
    return np.concatenate([np.log10(bands + _FLOOR), [np.mean(wide**2), crossings]])
