"""Find the layers that integers do not make faster, by running both forms on the machine.

A layer's own kernel says little: integers between floats are made and unmade at a price, and with one layer in
float its neighbours may pay it. So whole graphs are timed, of which one kind of layer is in float.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from onnx import ModelProto, NodeProto

from featx.backbones.session import open_session, run_session
from featx.optimize.integer_graph import quantize
from featx.optimize.layers import Layer, Prepared
from featx.optimize.quant_params import QuantParams
from featx.optimize.ranges import Feeds

__all__ = ["kinds", "slow_in_integers"]

# A graph is faster than another when it takes at most this part of its time, and less in four of five pairs.
_FASTER = 0.985
_MOSTLY = 0.8
# Pairs of runs; short graphs are run as often as fill so many seconds.
_PAIRS = 15
_SECONDS = 0.005
# Layers at the start of a convolutional net that are tried in float together: they are the dearest to round.
_BEGINNINGS = (2, 3, 4)


def slow_in_integers(
    prepared: Prepared,
    params: Mapping[str, QuantParams],
    weight_bits: int,
    feeds: Feeds,
    where: Path,
    log: Callable[[str], object],
) -> tuple[Layer, ...]:
    """Return the layers with which in float the graph is faster here than with every layer in integers.

    Each kind of layer, and each beginning of a convolutional net, is tried in float alone. Those that are
    faster so are joined, the fastest first, for as long as they make the whole faster. One layer at least
    stays in integers.

    Parameters
    ----------
    prepared : Prepared
    params : mapping of str to QuantParams
        The parameters of each tensor that becomes integer, by its name.
    weight_bits : {7, 8}
    feeds : mapping of str to ndarray
        The graph's inputs, of a batch as it will see.
    where : Path
        What the graph is called where it fails.
    log : callable
        Called with a line of words.

    Raises
    ------
    BadGraph
        The graph cannot be quantised so, or fails.
    """
    log(f"timing {len(prepared.layers)} layers in integers and in float on this machine")

    def run_of(in_float: Collection[Layer]) -> Callable[[], object]:
        rest = [layer for layer in prepared.layers if layer not in in_float]
        return _run_of(quantize(prepared, rest, params, weight_bits), feeds, where)

    chosen: tuple[Layer, ...] = ()
    best = run_of(chosen)
    tried = [group for group in _groups(prepared) if len(group) < len(prepared.layers)]
    ratios = [_ratio(run_of(group), best) for group in tried]
    for ratio, group in sorted(zip(ratios, tried, strict=True), key=lambda pair: pair[0]):
        joined = tuple(layer for layer in prepared.layers if layer in chosen or layer in group)
        if ratio > _FASTER or len(joined) in (len(chosen), len(prepared.layers)):
            continue
        run = run_of(joined)
        if _ratio(run, best) <= _FASTER:
            chosen, best = joined, run
    log(f"{len(chosen)} of {len(prepared.layers)} layers are no faster in integers here")
    return chosen


def kinds(prepared: Prepared) -> list[tuple[Layer, ...]]:
    """Return the layers in groups of one operator with weights and strides of the same shape, in order."""
    nodes = {node.name: node for node in prepared.model.graph.node}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in prepared.model.graph.initializer}
    groups = dict[Any, list[Layer]]()
    for layer in prepared.layers:
        key = (layer.op, shapes[layer.weight], _settings(nodes[layer.name]))
        groups.setdefault(key, []).append(layer)
    return [tuple(group) for group in groups.values()]


def _groups(prepared: Prepared) -> list[tuple[Layer, ...]]:
    """Return what is tried in float together, each group once."""
    beginnings = [prepared.layers[:n] for n in _BEGINNINGS] if prepared.convolutional else []
    return list(dict.fromkeys([*kinds(prepared), *beginnings]))


def _settings(node: NodeProto) -> tuple[bytes, ...]:
    return tuple(sorted(entry.SerializeToString() for entry in node.attribute))


def _run_of(model: ModelProto, feeds: Feeds, where: Path) -> Callable[[], object]:
    """Return a call that runs a graph, which was run before."""
    session = open_session(model.SerializeToString(), where)

    def run() -> object:
        return run_session(session, feeds)

    run()
    return run


def _ratio(trial: Callable[[], object], other: Callable[[], object]) -> float:
    """Return the time of one call in that of another, in turns; 1 where it is not mostly less.

    The thread's own time is taken, so that other work on the machine counts little.
    """
    times = max(1, round(_SECONDS / max(_seconds([other]), 1e-6)))
    pairs = [(_seconds([trial] * times), _seconds([other] * times)) for _ in range(_PAIRS)]
    ratios = [first / second for first, second in pairs if second]
    if not ratios or sum(ratio < 1 for ratio in ratios) < _MOSTLY * len(ratios):
        return 1.0
    return statistics.median(ratios)


def _seconds(calls: Sequence[Callable[[], object]]) -> float:
    start = time.thread_time()
    for call in calls:
        call()
    return time.thread_time() - start
