"""Spectra in mel bands: the frames of a sound, their power, and the triangles that add it up to bands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray

__all__ = ["MEL_SCALES", "Bands", "Doubles", "FrameSpectrum", "band_power", "hann", "mel_filters"]

Doubles = npt.NDArray[np.float64]

# values of the frames that are transformed together: 4 MB
_BLOCK = 1 << 19


@dataclass(frozen=True, slots=True)
class Bands:
    """A bank of triangular filters, by what describes it.

    Attributes
    ----------
    count : int
        Filters.
    n_fft : int
        Samples of the transform, whose ``n_fft // 2 + 1`` frequencies are added up.
    rate, low, high : float
        Hz: samples a second, the lower edge of the first filter, the upper one of the last.
    scale : str
        A name in ``MEL_SCALES``.
    """

    count: int
    n_fft: int
    rate: float
    low: float
    high: float
    scale: str


@dataclass(frozen=True, slots=True, eq=False)
class FrameSpectrum:
    """How a sound becomes power in bands, frame by frame.

    Attributes
    ----------
    window : ndarray of shape (length,), float64
        What a frame is multiplied by; the transform may be longer.
    step : int
        Samples from one frame to the next.
    bands : Bands
    mirrored : int, default=0
        Samples by which the sound is mirrored at either end before.
    prepare : callable, default=None
        Takes frames of shape (n, length), and returns what is multiplied by the window; a linear function.
    """

    window: Doubles
    step: int
    bands: Bands
    mirrored: int = 0
    prepare: Callable[[Doubles], Doubles] | None = None

    def transform(self, frames: Doubles) -> npt.NDArray[np.complex128]:
        """Return the spectrum of each frame; shape (n, n_fft // 2 + 1).

        Examples
        --------
        >>> whole = FrameSpectrum(np.ones(4), 2, Bands(1, 4, 8.0, 0, 4, "htk"))
        >>> whole.transform(np.array([[1.0, 1.0, 1.0, 1.0]])).real.tolist()
        [[4.0, 0.0, 0.0]]
        """
        values = frames if self.prepare is None else self.prepare(frames)
        return np.asarray(np.fft.rfft(values * self.window, self.bands.n_fft, axis=1))

    def frames_in(self, length: int) -> int:
        """Return how many frames a sound of ``length`` samples has, mirrored already; at least 0."""
        return max(0, 1 + (length - len(self.window)) // self.step)


class MelScale(NamedTuple):
    """How frequencies become mels and back, and what the triangles are like.

    Attributes
    ----------
    to_mel, to_hertz : callable
        Take and return an array.
    of_one_area : bool
        Whether each triangle has the area of 1 Hz; otherwise its peak is 1.
    straight_in_mel : bool
        Whether the sides of a triangle are straight over mels; otherwise over Hz.
    """

    to_mel: Callable[[Doubles], Doubles]
    to_hertz: Callable[[Doubles], Doubles]
    of_one_area: bool = False
    straight_in_mel: bool = False


# Slaney's scale is linear below 1 kHz, 15 mels of 200/3 Hz each, and has 27 mels a factor of 6.4 above.
_KNEE, _HERTZ_PER_MEL, _STEP = 1000.0, 200.0 / 3.0, np.log(6.4) / 27.0


def _slaney(hertz: Doubles) -> Doubles:
    above = np.log(np.maximum(hertz, _KNEE) / _KNEE) / _STEP
    return np.asarray(np.minimum(hertz, _KNEE) / _HERTZ_PER_MEL + above)


def _slaney_back(mels: Doubles) -> Doubles:
    knee = _KNEE / _HERTZ_PER_MEL
    below = np.minimum(mels, knee) * _HERTZ_PER_MEL
    return np.asarray(below * np.exp(_STEP * np.maximum(mels - knee, 0.0)))


def _kaldi(hertz: Doubles) -> Doubles:
    return np.asarray(1127.0 * np.log1p(hertz / 700.0))


def _kaldi_back(mels: Doubles) -> Doubles:
    return np.asarray(700.0 * np.expm1(mels / 1127.0))


def _htk(hertz: Doubles) -> Doubles:
    return 2595.0 * np.log10(1.0 + hertz / 700.0)


def _htk_back(mels: Doubles) -> Doubles:
    return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)


MEL_SCALES: Mapping[str, MelScale] = MappingProxyType(
    {
        "htk": MelScale(_htk, _htk_back),
        "slaney": MelScale(_slaney, _slaney_back, of_one_area=True),
        "kaldi": MelScale(_kaldi, _kaldi_back, straight_in_mel=True),
    }
)


@lru_cache(maxsize=8)
def hann(length: int, *, periodic: bool) -> Doubles:
    """Return Hann's window; a periodic one is one period of the cosine, the other ends with zero.

    >>> hann(4, periodic=True).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    window = np.hanning(length + 1)[:-1] if periodic else np.hanning(length)
    window.setflags(write=False)
    return window


@lru_cache(maxsize=8)
def mel_filters(bands: Bands) -> Doubles:
    """Return the weight of each frequency in each band; shape (n_fft // 2 + 1, count).

    Examples
    --------
    >>> mel_filters(Bands(2, 8, 16_000, 0, 8000, "htk")).round(2)
    array([[0.  , 0.  ],
           [0.49, 0.51],
           [0.  , 0.81],
           [0.  , 0.4 ],
           [0.  , 0.  ]])
    """
    scale = MEL_SCALES[bands.scale]
    ends = scale.to_mel(np.array([bands.low, bands.high], np.float64))
    edges = np.linspace(ends[0], ends[1], bands.count + 2)
    places = np.linspace(0, bands.rate / 2, bands.n_fft // 2 + 1)
    if scale.straight_in_mel:
        places = scale.to_mel(places)
    else:
        edges = scale.to_hertz(edges)
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (places[:, None] - left) / (peak - left)
    falling = (right - places[:, None]) / (right - peak)
    weights = np.maximum(np.minimum(rising, falling), 0)
    if scale.of_one_area:
        weights *= 2 / (right - left)
    weights.setflags(write=False)
    return np.asarray(weights)


def band_power(sound: npt.NDArray[np.floating], spectrum: FrameSpectrum) -> Doubles:
    """Return the power of each frame of a sound in each band.

    Parameters
    ----------
    sound : ndarray of shape (samples,)
        Mirrored at its ends already, where the spectrum asks for that.
    spectrum : FrameSpectrum

    Returns
    -------
    ndarray of shape (1 + (samples - length) // step, bands.count), float64
        No rows where the sound is shorter than a frame.
    """
    bands, length = spectrum.bands, len(spectrum.window)
    if len(sound) < length:
        return np.empty((0, bands.count))
    filters = mel_filters(bands)
    parts = []
    for frames in _frames(sound, length, spectrum.step, bands.n_fft):
        found = spectrum.transform(frames.astype(np.float64))
        parts.append((found.real**2 + found.imag**2) @ filters)
    return np.concatenate(parts)


def _frames(
    sound: npt.NDArray[np.floating], length: int, step: int, n_fft: int
) -> Iterator[FloatArray]:
    """Give the frames of a sound, views of it, a block at a time."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, length)[::step]
    size = max(1, _BLOCK // n_fft)
    for start in range(0, len(frames), size):
        yield frames[start : start + size]
