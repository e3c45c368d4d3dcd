"""The rows of sounds as nodes: what a backbone is fed of their windows, and how its rows become one a sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from onnx import helper

from featx.export.audio import (
    SoundWindows,
    WholeSound,
    add_scaled,
    add_short_window,
    add_whole,
    add_windows,
    count_windows,
)
from featx.export.sound_features import add_features, add_fused
from featx.graphs.builder import BOOL, DOUBLE, FLOAT, INT64, GraphBuilder
from featx.modalities.audio.entries import WAVEFORM
from featx.modalities.audio.features import FRONT_ENDS
from featx.modalities.audio.settings import AudioSettings

__all__ = ["LONGER", "MASK", "RowsOf", "add_sound_rows", "pooled"]

# Inputs of graphs that are not the sound, by their usual names.
MASK, LONGER = "attention_mask", "is_longer"

# Makes a row an entry of what a backbone is fed, by its own names, and of a mask of positions or None.
RowsOf = Callable[[GraphBuilder, Mapping[str, str], Callable[[], str] | None], str]


def add_sound_rows(
    graph: GraphBuilder,
    wave: str,
    settings: AudioSettings,
    wanted: Mapping[str, str],
    rows_of: RowsOf,
) -> str:
    """Return a row for each waveform.

    Parameters
    ----------
    graph : GraphBuilder
    wave : str
        Waveforms of one length at the card's rate, float32 of shape (n, samples).
    settings : AudioSettings
    wanted : mapping of str to str
        The backbone's inputs, each with its usual name: ``MASK``, ``LONGER``, or another for the sound.
    rows_of : callable
        Called once.
    """
    wave = add_scaled(graph, wave, settings)
    if settings.window and settings.tail == "short":
        rows, count = _one_by_one(graph, wave, settings, wanted, rows_of)
        return pooled(graph, rows, count, settings.pool)
    if settings.parameters.fuse:
        heard, windows, count = _fused_or_not(graph, wave, settings)
    else:
        windows, count = add_windows(graph, add_whole(graph, wave, settings), settings)
        heard = _heard(graph, windows, settings)
    rows = _rows(graph, heard, windows, settings, wanted, rows_of)
    return pooled(graph, rows, count, settings.pool)


def pooled(graph: GraphBuilder, rows: str, count: str, way: str) -> str:
    """Return rows of windows, (n * count, d), as rows of sounds; two poolings stand side by side."""
    width = graph.add("Shape", rows, start=1, end=2)
    several = graph.add("Unsqueeze", count, graph.int_const(0))
    shape = graph.add("Concat", graph.int_const(-1), several, width, axis=0)
    table = graph.cast(graph.add("Reshape", rows, shape), DOUBLE)
    parts = [_WAYS[name](graph, table) for name in way.split("+")]
    joined = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    return graph.cast(joined, FLOAT)


def _heard(graph: GraphBuilder, windows: SoundWindows, settings: AudioSettings) -> str:
    """Return what a backbone hears of windows: their samples, or features."""
    if settings.features == WAVEFORM:
        return windows.samples
    return add_features(graph, windows, settings.features, settings.parameters)


def _rows(
    graph: GraphBuilder,
    heard: str,
    windows: SoundWindows,
    settings: AudioSettings,
    wanted: Mapping[str, str],
    rows_of: RowsOf,
) -> str:
    feeds = {}
    for name, usual in wanted.items():
        if usual == MASK:
            feeds[name] = _attention_mask(graph, heard, windows, settings)
        elif usual == LONGER:
            shape = graph.add(
                "Concat", graph.add("Shape", heard, end=1), graph.int_const(1), axis=0
            )
            fuses = graph.constant(settings.parameters.fuse, np.bool_)
            feeds[name] = graph.add("Expand", fuses, shape)
        else:
            feeds[name] = heard
    if not _has_filling(settings):
        return rows_of(graph, feeds, None)
    return rows_of(graph, feeds, lambda: _position_mask(graph, windows, settings))


def _fused_or_not(
    graph: GraphBuilder, wave: str, settings: AudioSettings
) -> tuple[str, SoundWindows, str]:
    """Return what a model that fuses hears, of which windows, and how many windows each sound has.

    A sound longer than a window is one entry.
    """
    fused, cut = graph.subgraph(), graph.subgraph()
    size = fused.add("Shape", wave, end=1)
    ends = [
        fused.add("Expand", end, size) for end in (fused.constant(0, np.int64), fused.dim(wave, 1))
    ]
    whole = [add_fused(fused, wave, settings.parameters), *ends, fused.constant(1, np.int64)]
    windows, count = add_windows(cut, add_whole(cut, wave, settings), settings)
    parts = [_heard(cut, windows, settings), windows.first, windows.last, count]
    window = graph.constant(settings.window, np.int64)
    longer = graph.add("Less", window, graph.dim(wave, 1))
    heard, first, last, count = graph.if_else_several(
        longer, (fused, _own(fused, whole)), (cut, _own(cut, parts))
    )
    return heard, SoundWindows(wave, first, last), count


def _own(graph: GraphBuilder, values: Sequence[str]) -> list[str]:
    """Return values that a branch can give: what it did not make itself it must copy."""
    return [graph.add("Identity", value) for value in values]


def _one_by_one(
    graph: GraphBuilder,
    wave: str,
    settings: AudioSettings,
    wanted: Mapping[str, str],
    rows_of: RowsOf,
) -> tuple[str, str]:
    """Return rows of windows that are heard one after the other, the last perhaps shorter, and their number."""
    whole: WholeSound = add_whole(graph, wave, settings)
    count = count_windows(graph, whole, settings)
    body = graph.subgraph()
    # names differ where a graph hears several sounds
    stem = f"{wave}/window"
    windows = add_short_window(body, whole, f"{stem}/number", settings)
    row = _rows(body, _heard(body, windows, settings), windows, settings, wanted, rows_of)
    going = body.add("Identity", f"{stem}/going")
    inputs = [
        helper.make_tensor_value_info(f"{stem}/number", INT64, []),
        helper.make_tensor_value_info(f"{stem}/going", BOOL, []),
    ]
    outputs = [
        helper.make_tensor_value_info(going, BOOL, []),
        helper.make_tensor_value_info(row, FLOAT, None),
    ]
    rows = graph.add(
        "Loop",
        count,
        graph.constant(True, np.bool_),
        body=helper.make_graph(body.nodes, "windows", inputs, outputs),
    )
    turned = graph.add("Transpose", rows, perm=[1, 0, 2])
    width = graph.add("Shape", rows, start=2)
    shape = graph.add("Concat", graph.int_const(-1), width, axis=0)
    return graph.add("Reshape", turned, shape), count


def _attention_mask(
    graph: GraphBuilder, heard: str, windows: SoundWindows, settings: AudioSettings
) -> str:
    """Return which samples or frames of windows are of the sounds, int64; all where no mask is asked for."""
    front = FRONT_ENDS.get(settings.features)
    axis, step = (1, 1)
    if front is not None:
        # one axis more than the features of a single window
        axis, step = front.time_axis + 1, front.frame(settings.parameters)[1]
    count = graph.dim(heard, axis)
    if not settings.attention_mask:
        several = graph.add("Unsqueeze", count, graph.int_const(0))
        shape = graph.add("Concat", graph.add("Shape", heard, end=1), several, axis=0)
        return graph.add("Expand", graph.int_const(1), shape)
    starts = _starts(graph, count, step)
    first, last = (graph.add("Unsqueeze", end, graph.int_const(1)) for end in windows[1:])
    begun = graph.add("LessOrEqual", first, starts)
    return graph.cast(graph.add("And", begun, graph.add("Less", starts, last)), INT64)


def _has_filling(settings: AudioSettings) -> bool:
    """Return whether positions of what a backbone gives may be of filling alone, and are left out then."""
    if not settings.stride:
        return False
    filled = settings.window > 0 and settings.tail != "short"
    # what is filled up to a single position has no other
    return filled or settings.min_length > (settings.receptive or settings.stride)


def _position_mask(graph: GraphBuilder, windows: SoundWindows, settings: AudioSettings) -> str:
    """Return which positions of windows are of the sounds, int64; at least one of each window."""
    stride, one = settings.stride, graph.constant(1, np.int64)
    if settings.window and settings.tail != "short":
        length = graph.constant(settings.window, np.int64)
    else:
        length = graph.dim(windows.samples, 1)
    size = settings.receptive or stride
    # the last position of convolutions is whole; another may be cut off
    spare = -size if settings.receptive else -1
    steps = graph.add("Add", length, graph.constant(spare, np.int64))
    steps = graph.add("Div", steps, graph.constant(stride, np.int64))
    count = graph.add("Max", graph.add("Add", steps, one), one)
    starts = _starts(graph, count, stride)
    stops = graph.add("Add", starts, graph.constant(size, np.int64))
    first, last = (graph.add("Unsqueeze", end, graph.int_const(1)) for end in windows[1:])
    if settings.receptive:
        begun, ended = ("LessOrEqual", first, starts), ("LessOrEqual", stops, last)
    else:
        begun, ended = ("Less", first, stops), ("Less", starts, last)
    real = graph.cast(graph.add("And", graph.add(*begun), graph.add(*ended)), INT64)
    # where none is whole, the one that the sound begins in
    nearest = graph.add("Div", first, graph.constant(stride, np.int64))
    nearest = graph.add("Min", nearest, graph.add("Sub", count, one))
    nearest = graph.add("Mul", nearest, graph.constant(stride, np.int64))
    chosen = graph.cast(graph.add("Equal", starts, nearest), INT64)
    some = graph.add("Greater", graph.reduce("ReduceMax", real, 1), graph.constant(0, np.int64))
    return graph.add("Where", some, real, chosen)


def _starts(graph: GraphBuilder, count: str, step: int) -> str:
    """Return where each of ``count`` samples, frames or positions begins, in samples of a window."""
    ends = [graph.constant(value, np.int64) for value in (0, 1)]
    numbers = graph.add("Range", ends[0], count, ends[1])
    return graph.add("Mul", numbers, graph.constant(step, np.int64))


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
