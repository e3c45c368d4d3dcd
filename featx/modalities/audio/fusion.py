"""The four spectra of a long sound that CLAP's fused models take, without the sound in memory.

ClapFeatureExtractor takes three windows at random places, so that no row is the same twice. Here they stand at
fixed places: at the beginning, in the middle and at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from featx._typing import FloatArray, Integers
from featx.modalities.audio.features import Parameters, clap_spectrum, decibels
from featx.modalities.audio.spectra import band_power

__all__ = ["fuse"]


def fuse(blocks: Iterable[FloatArray], total: int, parameters: Parameters) -> FloatArray:
    """Return the spectrum of the whole shrunk to a window, and those of three windows of it.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (samples,)
        The sound, which is longer than a window by a frame at least.
    total : int
        Its samples.
    parameters : Parameters

    Returns
    -------
    ndarray of shape (4, 1 + window // frame_hop, mels), float32
        Decibels.
    """
    frames = 1 + total // parameters.frame_hop
    chunk = 1 + parameters.window // parameters.frame_hop
    before, after, weight = _between(frames, chunk)
    windows = [
        np.arange(start, start + chunk) for start in (0, (frames - chunk) // 2, frames - chunk)
    ]
    # of hours of frames, these are a few thousand
    wanted = np.unique(np.concatenate([before, after, *windows]))
    levels = np.zeros((len(wanted), parameters.mels), np.float32)
    first = 0
    for block in _levels(blocks, parameters):
        inside = (first <= wanted) & (wanted < first + len(block))
        levels[inside] = block[wanted[inside] - first]
        first += len(block)
    left, right, *cut = (
        levels[np.searchsorted(wanted, frame)] for frame in (before, after, *windows)
    )
    return np.stack([left + (right - left) * weight[:, None], *cut])


def _between(frames: int, chunk: int) -> tuple[Integers, Integers, FloatArray]:
    """Return between which frames each of ``chunk`` frames of the whole lies, and how near the second.

    Both rows of frames have their ends in common, as the pixels of a resized image have. The places are
    those of PyTorch's interpolation, which rounds to float32 where numbers are multiplied and added at once.
    """
    step = float(np.float32(frames) / np.float32(chunk))
    places = (step * (np.arange(chunk) + 0.5) - 0.5).astype(np.float32)
    places = np.clip(places, 0, frames - 1)
    before = places.astype(np.intp)
    return before, np.minimum(before + 1, frames - 1), places - before.astype(np.float32)


def _levels(blocks: Iterable[FloatArray], parameters: Parameters) -> Iterator[FloatArray]:
    """Give the decibels of all frames of a sound, some at a time."""
    spectrum, rest = clap_spectrum(parameters), np.empty(0, np.float32)
    for block in _mirrored(blocks, spectrum.mirrored):
        rest = np.concatenate([rest, block])
        if count := spectrum.frames_in(len(rest)):
            yield decibels(band_power(rest, spectrum))
            rest = rest[count * spectrum.step :]


def _mirrored(blocks: Iterable[FloatArray], half: int) -> Iterator[FloatArray]:
    """Give a sound with ``half`` samples more at either end, mirrored there."""
    head, end, begun = np.empty(0, np.float32), np.empty(0, np.float32), False
    for block in blocks:
        end = np.concatenate([end, block])[-half - 1 :]
        if begun:
            yield block
            continue
        head = np.concatenate([head, block])
        if len(head) > half:
            begun = True
            yield head[half:0:-1]
            yield head
    yield end[-2::-1]
