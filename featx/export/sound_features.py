"""What Whisper, AST and CLAP hear of a sound as nodes: frames, their spectra in bands, and levels of these.

Frames are cut out of the sound and multiplied by a matrix: the discrete Fourier transform and all that comes
before it, which is linear too. Numbers are of float64, as in the reader: levels are logarithms of powers that
are small differences of large numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from featx.export.audio import SoundWindows
from featx.graphs.builder import DOUBLE, FLOAT, INT64, GraphBuilder
from featx.modalities.audio.features import (
    CLAP_FLOOR,
    FRONT_ENDS,
    KALDI_FLOOR,
    WHISPER_FLOOR,
    WHISPER_RANGE,
    Parameters,
    clap_spectrum,
)
from featx.modalities.audio.spectra import FrameSpectrum, mel_filters

__all__ = ["add_features", "add_fused"]


def add_features(
    graph: GraphBuilder, windows: SoundWindows, features: str, parameters: Parameters
) -> str:
    """Return the features of windows, float32, as the front end that is called ``features`` makes them."""
    spectrum = FRONT_ENDS[features].spectrum(parameters)
    count = spectrum.frames_in(parameters.window + 2 * spectrum.mirrored)
    frames = graph.constant(np.arange(count), np.int64)
    power = _band_power(graph, windows.samples, frames, spectrum)
    return _LEVELS[features](graph, power, windows, parameters)


def add_fused(graph: GraphBuilder, wave: str, parameters: Parameters) -> str:
    """Return the four spectra that CLAP's fused models take of sounds longer than a window.

    ``wave`` is float32 of shape (n, samples); the result of shape (n, 4, frames, mels). Of the frames only
    those are made of which something is used.
    """
    spectrum = clap_spectrum(parameters)
    chunk = 1 + parameters.window // spectrum.step
    one, size = (graph.constant(value, np.int64) for value in (1, chunk))
    length = graph.add("Div", graph.dim(wave, 1), graph.constant(spectrum.step, np.int64))
    total = graph.add("Add", length, one)
    before, after, weight = _between(graph, total, chunk)
    spare = graph.add("Sub", total, size)
    middle = graph.add("Div", spare, graph.constant(2, np.int64))
    places = graph.constant(np.arange(chunk), np.int64)
    cut = [graph.add("Add", places, start) for start in (middle, spare)]
    frames = graph.add("Concat", before, after, places, *cut, axis=0)
    levels = _decibels(graph, _band_power(graph, wave, frames, spectrum))
    sizes = graph.int_const(*[chunk] * 5)
    left, right, *windows = graph.add_several("Split", levels, sizes, outputs=5, axis=1)
    step = graph.add("Mul", graph.add("Sub", right, left), weight)
    spectra = [graph.add("Add", left, step), *windows]
    axis = graph.int_const(1)
    return graph.add("Concat", *(graph.add("Unsqueeze", one, axis) for one in spectra), axis=1)


def _between(graph: GraphBuilder, total: str, chunk: int) -> tuple[str, str, str]:
    """Return between which of ``total`` frames each of ``chunk`` lies, and how near the second, of (chunk, 1).

    Numbers are rounded to float32 where PyTorch's interpolation does so.
    """
    share = graph.add("Div", graph.cast(total, FLOAT), graph.constant(chunk, np.float32))
    centres = graph.constant(np.arange(chunk) + 0.5)
    places = graph.add("Mul", graph.cast(share, DOUBLE), centres)
    places = graph.cast(graph.add("Sub", places, graph.constant(0.5)), FLOAT)
    last = graph.add("Sub", total, graph.constant(1, np.int64))
    places = graph.add("Max", places, graph.constant(0, np.float32))
    places = graph.add("Min", places, graph.cast(last, FLOAT))
    # a cast rounds down what is not negative
    before = graph.cast(places, INT64)
    after = graph.add("Min", graph.add("Add", before, graph.constant(1, np.int64)), last)
    weight = graph.add("Sub", places, graph.cast(before, FLOAT))
    return before, after, graph.add("Unsqueeze", weight, graph.int_const(1))


def _band_power(graph: GraphBuilder, sound: str, frames: str, spectrum: FrameSpectrum) -> str:
    """Return the power of frames of sounds in each band, float64 of shape (n, frames, bands).

    ``sound`` is float32 of shape (n, samples); ``frames`` are the numbers of those that are wanted.
    """
    length, filters = len(spectrum.window), mel_filters(spectrum.bands)
    # frequencies that no band has are not made
    heard = filters.any(axis=1)
    basis = spectrum.transform(np.eye(length))[:, heard]
    wide = graph.cast(sound, DOUBLE)
    if spectrum.mirrored:
        ends = graph.int_const(0, spectrum.mirrored, 0, spectrum.mirrored)
        wide = graph.add("Pad", wide, ends, mode="reflect")
    starts = graph.add("Mul", frames, graph.constant(spectrum.step, np.int64))
    starts = graph.add("Unsqueeze", starts, graph.int_const(1))
    within = graph.add("Add", starts, graph.constant(np.arange(length), np.int64))
    cut = graph.add("Gather", wide, within, axis=1)
    parts = graph.constant(np.concatenate([basis.real, basis.imag], axis=1))
    amplitude = graph.add("MatMul", cut, parts)
    squares = graph.add("Mul", amplitude, amplitude)
    return graph.add("MatMul", squares, graph.constant(np.tile(filters[heard], (2, 1))))


def _whisper(graph: GraphBuilder, power: str, windows: SoundWindows, parameters: Parameters) -> str:
    """Return the levels of all frames but the last, at most so far below the loudest, time on the last axis."""
    but_last = [graph.int_const(value) for value in (0, -1, 1)]
    levels = _log10(graph, graph.add("Slice", power, *but_last), WHISPER_FLOOR)
    loudest = graph.add("ReduceMax", levels, graph.int_const(1, 2))
    levels = graph.add("Max", levels, graph.add("Sub", loudest, graph.constant(WHISPER_RANGE)))
    shifted = graph.add("Add", levels, graph.constant(4.0))
    scaled = graph.add("Div", shifted, graph.constant(4.0))
    return graph.cast(graph.add("Transpose", scaled, perm=[0, 2, 1]), FLOAT)


def _ast(graph: GraphBuilder, power: str, windows: SoundWindows, parameters: Parameters) -> str:
    """Return the levels of frames, zero where one is not of the sound alone, in relation to a mean level."""
    length, step = FRONT_ENDS["ast"].frame(parameters)
    levels = graph.add("Log", graph.add("Max", power, graph.constant(KALDI_FLOOR)))
    zero = graph.constant(0, np.int64)
    real = graph.add("Sub", windows.last, windows.first)
    room = graph.add("Add", real, graph.constant(step - length, np.int64))
    count = graph.add("Div", graph.add("Max", room, zero), graph.constant(step, np.int64))
    numbers = graph.add("Range", zero, graph.dim(power, 1), graph.constant(1, np.int64))
    heard = graph.add("Less", numbers, graph.add("Unsqueeze", count, graph.int_const(1)))
    heard = graph.add("Unsqueeze", heard, graph.int_const(2))
    levels = graph.add("Where", heard, levels, graph.constant(0.0))
    apart = graph.add("Sub", levels, graph.constant(parameters.mean))
    return graph.cast(graph.add("Div", apart, graph.constant(2 * parameters.std)), FLOAT)


def _clap(graph: GraphBuilder, power: str, windows: SoundWindows, parameters: Parameters) -> str:
    """Return the levels of frames, four times alike for a model that fuses."""
    levels = graph.add("Unsqueeze", _decibels(graph, power), graph.int_const(1))
    if not parameters.fuse:
        return levels
    return graph.add("Concat", *[levels] * 4, axis=1)


def _decibels(graph: GraphBuilder, power: str) -> str:
    levels = graph.add("Mul", _log10(graph, power, CLAP_FLOOR), graph.constant(10.0))
    return graph.cast(levels, FLOAT)


def _log10(graph: GraphBuilder, power: str, floor: float) -> str:
    levels = graph.add("Log", graph.add("Max", power, graph.constant(floor)))
    return graph.add("Div", levels, graph.constant(np.log(10.0)))


_LEVELS: Mapping[str, Callable[[GraphBuilder, str, SoundWindows, Parameters], str]] = (
    MappingProxyType({"whisper": _whisper, "ast": _ast, "clap": _clap})
)
