"""Windows of an audio card as nodes: a waveform is scaled, filled up where it is short, and cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from featx.graphs.builder import DOUBLE, FLOAT, INT64, GraphBuilder
from featx.modalities.audio.entries import EPSILON
from featx.modalities.audio.settings import AudioSettings

__all__ = [
    "SoundWindows",
    "WholeSound",
    "add_scaled",
    "add_short_window",
    "add_whole",
    "add_windows",
    "count_windows",
]


class SoundWindows(NamedTuple):
    """Windows of sounds in a graph, by the names of their values.

    Attributes
    ----------
    samples : str
        Float32 of shape (windows, samples).
    first, last : str
        Where the sound begins in each and where it ends; int64 of shape (windows,).
    """

    samples: str
    first: str
    last: str


class WholeSound(NamedTuple):
    """Sounds of one length, filled up, by the names of their values.

    Attributes
    ----------
    samples : str
        Float32 of shape (n, samples).
    length : str
        How many samples; an int64 scalar, as the following.
    first, last : str
        Where the sounds begin and end.
    """

    samples: str
    length: str
    first: str
    last: str


def add_whole(graph: GraphBuilder, wave: str, settings: AudioSettings) -> WholeSound:
    """Return waveforms, float32 of shape (n, samples), scaled and filled up to the least that is heard."""
    return _filled(graph, wave, settings, settings.windowing.least, settings.align)


def add_scaled(graph: GraphBuilder, wave: str, settings: AudioSettings) -> str:
    """Return waveforms as the card scales them."""
    wave = graph.add("Mul", wave, graph.constant(settings.scale, np.float32))
    return _standardised(graph, wave) if settings.normalize == "clip" else wave


def add_windows(
    graph: GraphBuilder, whole: WholeSound, settings: AudioSettings
) -> tuple[SoundWindows, str]:
    """Return the windows of sounds, and how many each sound has.

    Windows are of shape (n * count, window), or (n, samples) where the card has one window only.
    """
    if not settings.window:
        ends = [_for_each(graph, whole.samples, end) for end in (whole.first, whole.last)]
        return SoundWindows(whole.samples, *ends), graph.constant(1, np.int64)
    zero, one = (graph.constant(value, np.int64) for value in (0, 1))
    window, step = (graph.constant(value, np.int64) for value in _window_and_hop(settings))
    count = count_windows(graph, whole, settings)
    numbers = graph.add("Range", zero, count, one)
    starts = graph.add("Mul", numbers, step)
    rest = graph.add("Sub", whole.length, starts)
    own = graph.add("Min", rest, window)
    ends = [
        graph.add("Min", graph.add("Max", graph.add("Sub", end, starts), zero), own)
        for end in (whole.first, whole.last)
    ]
    within = graph.constant(np.arange(settings.window)[None], np.int64)
    rest = graph.add("Unsqueeze", rest, graph.int_const(1))
    wave, reached = whole.samples, own
    if settings.pad == "repeat":
        # The last window repeats the part of it that there is.
        within, reached = graph.add("Mod", within, rest), window
    else:
        wave = _padded(graph, wave, zero, window)
    if settings.pad == "repeat-whole":
        reached = graph.add("Mul", graph.add("Div", window, own), own)
        inside = graph.add("Less", within, graph.add("Unsqueeze", reached, graph.int_const(1)))
        # the first sample after the sound is silence
        within = graph.add("Where", inside, graph.add("Mod", within, rest), rest)
    if settings.pad != "zeros":
        # what is repeated is no silence
        until = graph.add("Equal", ends[1], own)
        ends[1] = graph.add("Where", until, reached, ends[1])
    starts = graph.add("Unsqueeze", starts, graph.int_const(1))
    cut = graph.add("Gather", wave, graph.add("Add", starts, within), axis=1)
    samples = graph.add("Reshape", cut, graph.int_const(-1, settings.window))
    return SoundWindows(samples, *(_for_each(graph, whole.samples, end) for end in ends)), count


def count_windows(graph: GraphBuilder, whole: WholeSound, settings: AudioSettings) -> str:
    """Return how many windows each sound has, an int64 scalar; at least one."""
    zero, one = (graph.constant(value, np.int64) for value in (0, 1))
    window, step = (graph.constant(value, np.int64) for value in _window_and_hop(settings))
    spare = graph.add("Sub", whole.length, window)
    if settings.tail == "short":
        spare = graph.add("Max", spare, zero)
    # A division of whole numbers is rounded down.
    count = graph.add("Add", graph.add("Div", spare, step), one)
    if settings.tail != "drop":
        # An end that no window covers yet gets one more.
        left = graph.add("Mod", spare, step)
        more = graph.add("Less", zero, left)
        count = graph.add("Add", count, graph.cast(more, INT64))
    return count


def add_short_window(
    graph: GraphBuilder, whole: WholeSound, number: str, settings: AudioSettings
) -> SoundWindows:
    """Return one window of sounds by its number; the last may be shorter."""
    zero, axis = graph.constant(0, np.int64), graph.int_const(0)
    window, step = (graph.constant(value, np.int64) for value in _window_and_hop(settings))
    start = graph.add("Mul", number, step)
    stop = graph.add("Min", graph.add("Add", start, window), whole.length)
    bounds = [graph.add("Unsqueeze", bound, axis) for bound in (start, stop)]
    cut = graph.add("Slice", whole.samples, *bounds, graph.int_const(1))
    own = graph.add("Sub", stop, start)
    ends = [
        graph.add("Min", graph.add("Max", graph.add("Sub", end, start), zero), own)
        for end in (whole.first, whole.last)
    ]
    filled = _filled(graph, cut, settings, settings.min_length, "start")
    until = graph.add("Equal", ends[1], own)
    ends[1] = graph.add("Where", until, filled.last, ends[1])
    return SoundWindows(filled.samples, *(_for_each(graph, whole.samples, end) for end in ends))


def _window_and_hop(settings: AudioSettings) -> tuple[int, int]:
    return settings.window, settings.hop or settings.window


def _for_each(graph: GraphBuilder, wave: str, values: str) -> str:
    """Return a value, or one a window, for each of the waveforms, as a vector."""
    shape = graph.add("Concat", graph.add("Shape", wave, end=1), graph.int_const(1), axis=0)
    return graph.add("Reshape", graph.add("Expand", values, shape), graph.int_const(-1))


def _standardised(graph: GraphBuilder, wave: str) -> str:
    """Return waveforms of mean 0 and variance 1 each."""
    table = graph.cast(wave, DOUBLE)
    apart = graph.add("Sub", table, graph.reduce("ReduceMean", table, 1))
    variance = graph.reduce("ReduceMean", graph.add("Mul", apart, apart), 1)
    deviation = graph.add("Sqrt", graph.add("Add", variance, graph.constant(EPSILON)))
    return graph.cast(graph.add("Div", apart, deviation), FLOAT)


def _filled(
    graph: GraphBuilder, wave: str, settings: AudioSettings, least: int, align: str
) -> WholeSound:
    """Return waveforms of at least ``least`` samples."""
    zero, one, wanted = (graph.constant(value, np.int64) for value in (0, 1, least))
    present = graph.dim(wave, 1)
    length = graph.add("Max", present, wanted)
    if settings.pad == "zeros":
        lacking = graph.add("Sub", length, present)
        before = _before(graph, lacking, align)
        samples = _padded(graph, wave, before, graph.add("Sub", lacking, before))
        return WholeSound(samples, length, before, graph.add("Add", before, present))
    positions = graph.add("Range", zero, length, one)
    some = graph.add("Max", present, one)
    again = graph.add("Mod", positions, some)
    if settings.pad == "repeat":
        return WholeSound(graph.add("Gather", wave, again, axis=1), length, zero, length)
    reached = graph.add("Mul", graph.add("Div", length, some), present)
    inside = graph.add("Less", positions, reached)
    # the sample after the sound is silence
    again = graph.add("Where", inside, again, present)
    wave = _padded(graph, wave, zero, one)
    # a sound that is long enough is heard to its end
    return WholeSound(graph.add("Gather", wave, again, axis=1), length, zero, reached)


def _before(graph: GraphBuilder, lacking: str, align: str) -> str:
    """Return how many of the lacking samples are put before a waveform."""
    if align == "center":
        return graph.add("Div", lacking, graph.constant(2, np.int64))
    return lacking if align == "end" else graph.constant(0, np.int64)


def _padded(graph: GraphBuilder, wave: str, before: str, after: str) -> str:
    """Return a waveform between ``before`` and ``after`` zeros."""
    zero, axis = graph.int_const(0), graph.int_const(0)
    ends = [graph.add("Unsqueeze", length, axis) for length in (before, after)]
    return graph.add("Pad", wave, graph.add("Concat", zero, ends[0], zero, ends[1], axis=0))
