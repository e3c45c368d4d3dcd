"""Windows of an audio card as nodes: a waveform is filled up and cut, and its rows are pooled to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from featx.errors import NotExportable
from featx.graphs.builder import DOUBLE, FLOAT, INT64, GraphBuilder
from featx.modalities.audio.entries import EPSILON, WAVEFORM
from featx.modalities.audio.settings import AudioSettings

__all__ = ["add_attention_mask", "add_windows", "check_exportable", "pooled"]


def check_exportable(settings: AudioSettings) -> None:
    """Raise NotExportable where an audio card asks for what is not written as nodes."""
    if settings.features != WAVEFORM:
        raise NotExportable(
            f"features = {settings.features!r}: cannot be exported; expected a backbone that hears the "
            "waveform itself"
        )
    if settings.pad == "repeat-whole":
        raise NotExportable("pad = 'repeat-whole': cannot be exported; expected zeros or repeat")
    masked = settings.attention_mask or settings.stride
    if settings.window and (settings.tail == "short" or masked):
        entry = "tail = 'short'" if settings.tail == "short" else "a mask of windows"
        raise NotExportable(
            f"{entry}: cannot be exported with window = {settings.window}; expected window = 0, such as of a "
            "predictor that was trained with that option, whose graph takes short sounds alone"
        )
    if settings.stride and settings.min_length > (settings.receptive or settings.stride):
        raise NotExportable(
            f"min_length = {settings.min_length}: cannot be exported where positions of filling are left out; "
            f"expected at most one position, {settings.receptive or settings.stride} samples"
        )


def add_attention_mask(
    graph: GraphBuilder, wave: str, windows: str, settings: AudioSettings
) -> str:
    """Return which samples of the windows are of the waveforms, int64; all where no mask is asked for."""
    shape = graph.add("Shape", windows)
    if not settings.attention_mask:
        return graph.add("Expand", graph.int_const(1), shape)
    zero, one = (graph.constant(value, np.int64) for value in (0, 1))
    present, length = graph.dim(wave, 1), graph.dim(windows, 1)
    first = _before(graph, graph.add("Sub", length, present), settings)
    if settings.pad == "repeat":
        first, present = zero, length
    places = graph.add("Range", zero, length, one)
    begun = graph.add("GreaterOrEqual", places, first)
    over = graph.add("GreaterOrEqual", places, graph.add("Add", first, present))
    real = graph.add("And", begun, graph.add("Not", over))
    return graph.add("Expand", graph.cast(real, INT64), shape)


def add_windows(graph: GraphBuilder, wave: str, settings: AudioSettings) -> tuple[str, str]:
    """Return the windows of waveforms of one length, and how many each waveform has.

    A waveform is float32 of shape (n, samples) at the card's rate; the windows are of shape
    (n * count, window), or (n, samples) where the card has one window only.
    """
    wave = graph.add("Mul", wave, graph.constant(settings.scale, np.float32))
    if settings.normalize == "clip":
        wave = _standardised(graph, wave)
    least = max(settings.min_length, settings.window, 1)
    wave, length = _filled(graph, wave, settings, least)
    if not settings.window:
        return wave, graph.constant(1, np.int64)
    hop = settings.hop or settings.window
    window, step, one = (graph.constant(value, np.int64) for value in (settings.window, hop, 1))
    spare = graph.add("Sub", length, window)
    # A division of whole numbers is rounded down.
    count = graph.add("Add", graph.add("Div", spare, step), one)
    if settings.tail == "pad":
        # An end that no window covers yet gets one more.
        left = graph.add("Mod", spare, step)
        more = graph.add("Less", graph.constant(0, np.int64), left)
        count = graph.add("Add", count, graph.cast(more, INT64))
    numbers = graph.add("Range", graph.constant(0, np.int64), count, one)
    starts = graph.add("Unsqueeze", graph.add("Mul", numbers, step), graph.int_const(1))
    within = graph.constant(np.arange(settings.window)[None], np.int64)
    if settings.pad == "repeat":
        # The last window repeats the part of it that there is.
        within = graph.add("Mod", within, graph.add("Sub", length, starts))
    else:
        wave = _padded(graph, wave, graph.constant(0, np.int64), window)
    cut = graph.add("Gather", wave, graph.add("Add", starts, within), axis=1)
    return graph.add("Reshape", cut, graph.int_const(-1, settings.window)), count


def pooled(graph: GraphBuilder, rows: str, count: str, way: str) -> str:
    """Return rows of windows, (n * count, d), as rows of sounds; two poolings stand side by side."""
    width = graph.add("Shape", rows, start=1, end=2)
    several = graph.add("Unsqueeze", count, graph.int_const(0))
    shape = graph.add("Concat", graph.int_const(-1), several, width, axis=0)
    table = graph.cast(graph.add("Reshape", rows, shape), DOUBLE)
    parts = [_WAYS[name](graph, table) for name in way.split("+")]
    joined = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    return graph.cast(joined, FLOAT)


def _mean(graph: GraphBuilder, table: str) -> str:
    return graph.reduce("ReduceMean", table, 1, keep=False)


def _max(graph: GraphBuilder, table: str) -> str:
    return graph.reduce("ReduceMax", table, 1, keep=False)


def _std(graph: GraphBuilder, table: str) -> str:
    apart = graph.add("Sub", table, graph.reduce("ReduceMean", table, 1))
    return graph.add("Sqrt", _mean(graph, graph.add("Mul", apart, apart)))


_WAYS: Mapping[str, Callable[[GraphBuilder, str], str]] = MappingProxyType(
    {"mean": _mean, "max": _max, "std": _std}
)


def _standardised(graph: GraphBuilder, wave: str) -> str:
    """Return waveforms of mean 0 and variance 1 each."""
    table = graph.cast(wave, DOUBLE)
    apart = graph.add("Sub", table, graph.reduce("ReduceMean", table, 1))
    variance = graph.reduce("ReduceMean", graph.add("Mul", apart, apart), 1)
    deviation = graph.add("Sqrt", graph.add("Add", variance, graph.constant(EPSILON)))
    return graph.cast(graph.add("Div", apart, deviation), FLOAT)


def _filled(graph: GraphBuilder, wave: str, settings: AudioSettings, least: int) -> tuple[str, str]:
    """Return a waveform of at least ``least`` samples, and how many it has then."""
    zero, one, wanted = (graph.constant(value, np.int64) for value in (0, 1, least))
    present = graph.dim(wave, 1)
    length = graph.add("Max", present, wanted)
    if settings.pad == "repeat":
        positions = graph.add("Range", zero, length, one)
        again = graph.add("Mod", positions, graph.add("Max", present, one))
        return graph.add("Gather", wave, again, axis=1), length
    lacking = graph.add("Sub", length, present)
    before = _before(graph, lacking, settings)
    return _padded(graph, wave, before, graph.add("Sub", lacking, before)), length


def _before(graph: GraphBuilder, lacking: str, settings: AudioSettings) -> str:
    """Return how many of the lacking samples are put before a waveform."""
    if settings.align == "center":
        return graph.add("Div", lacking, graph.constant(2, np.int64))
    return lacking if settings.align == "end" else graph.constant(0, np.int64)


def _padded(graph: GraphBuilder, wave: str, before: str, after: str) -> str:
    """Return a waveform between ``before`` and ``after`` zeros."""
    zero, axis = graph.int_const(0), graph.int_const(0)
    ends = [graph.add("Unsqueeze", length, axis) for length in (before, after)]
    return graph.add("Pad", wave, graph.add("Concat", zero, ends[0], zero, ends[1], axis=0))
