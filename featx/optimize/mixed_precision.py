"""Choose which layers stay in float: none if that is near enough to the parent, else the most sensitive."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from featx.errors import FeatxWarning
from featx.optimize.config import QuantizationConfig
from featx.optimize.integer_graph import quantize
from featx.optimize.layer_times import slow_in_integers
from featx.optimize.layers import Layer, Prepared
from featx.optimize.metrics import cosines
from featx.optimize.quant_params import QuantParams, choose_quant_params
from featx.optimize.ranges import ColumnRanges, Feeds, Histogram, Observer, observe
from featx.optimize.saturation import MOST_STEPS, steps_from_exact
from featx.optimize.trial import Candidate, Candidates
from featx.sources import subsample

__all__ = ["search"]

Params = Mapping[str, QuantParams]
Log = Callable[[str], object]

# Parts of a tensor's values that a convolution's integers may cover.
_FRACTIONS = (1.0, 0.9999, 0.999)
# Samples on which layers are ranked, and on which integers are compared with exact ones.
_RANKED_ON = 8
_CHECKED_ON = 4


@dataclass(frozen=True)
class _Integers:
    """A graph, the ranges of its tensors and the bits of its weights."""

    prepared: Prepared
    params: Params
    bits: int

    def model(self, layers: Collection[Layer]) -> onnx.ModelProto:
        """Return the graph with ``layers`` in integers."""
        return quantize(self.prepared, layers, self.params, self.bits)


def search(
    prepared: Prepared, candidates: Candidates, config: QuantizationConfig, log: Log
) -> Candidate:
    """Return the candidate with the fewest layers in float that is within the tolerance.

    Layers are ranked by what each costs alone, and 1, 2, 4, 8 … of the most sensitive stay in float, up to half
    of all. With labels the probe decides and the cosine is only aimed at; without, the cosine decides. Of a
    backbone for this machine, layers that integers do not make faster here stay in float from the start.

    Raises
    ------
    TooLossy
        No candidate is within the tolerance; the message has the figures of the nearest.

    Warns
    -----
    FeatxWarning
        Sums of eight-bit products saturate on this processor: weights have seven bits then.
    """
    n_layers = len(prepared.layers)
    log(f"observing {n_layers} layers on {len(candidates.calibration)} samples")
    integers, first = _start_exact(prepared, candidates, config)
    if config.for_this_machine:
        first = _without_slow(integers, candidates, first, log)

    nearest = first
    for candidate in _with_layers_in_float(integers, candidates, first, log):
        near = candidate.mean >= config.tolerance.min_cosine
        candidate = candidates.with_probe(candidate) if near else candidate
        log(f"{candidate.layers} of {n_layers} layers in int8: {candidates.describe(candidate)}")
        nearest = candidate if candidate.mean >= nearest.mean else nearest
        if near and candidates.is_within(candidate, config.tolerance):
            nearest = candidate
            break
    nearest = nearest if nearest.probe else candidates.with_probe(nearest)
    candidates.require(nearest, config.tolerance)
    steps = _steps_from_exact(prepared, candidates, nearest)
    return replace(nearest, steps_from_exact=steps, weight_bits=integers.bits)


def _with_layers_in_float(
    integers: _Integers, candidates: Candidates, first: Candidate, log: Log
) -> Iterator[Candidate]:
    """Yield the first candidate, then those with 1, 2, 4, 8 … of the most sensitive layers in float."""
    yield first
    layers = [layer for layer in integers.prepared.layers if layer.name not in first.slow_layers]
    if not (steps := _steps(len(layers))):
        return
    ranked = _rank(integers, layers, candidates, log)
    for n in steps:
        in_float = sorted(layer.name for layer in ranked[:n])
        rest = [layer for layer in layers if layer.name not in in_float]
        candidate = candidates.compare(integers.model(rest), in_float, len(rest))
        yield replace(candidate, slow_layers=first.slow_layers)


def _start_exact(
    prepared: Prepared, candidates: Candidates, config: QuantizationConfig
) -> tuple[_Integers, Candidate]:
    """Return the best ranges with the bits of the weights, and the candidate with every layer in integers.

    Eight are asked for where they are wanted, and seven taken where eight saturate.
    """
    bits = config.weight_bits or 7
    integers, first = _start(prepared, candidates, bits)
    steps = _steps_from_exact(prepared, candidates, first)
    if steps <= MOST_STEPS:
        return integers, first
    _warn_of_saturation(candidates, steps, bits)
    return (integers, first) if bits == 7 else _start(prepared, candidates, 7)


def _without_slow(
    integers: _Integers, candidates: Candidates, first: Candidate, log: Log
) -> Candidate:
    """Return the candidate with those layers in float that integers do not make faster on this machine."""
    where = candidates.folder / candidates.parent.card.graph.name
    prepared = integers.prepared
    feeds = _typical_feeds(prepared, candidates)
    slow = slow_in_integers(prepared, integers.params, integers.bits, feeds, where, log)
    if not slow:
        return first
    rest = [layer for layer in prepared.layers if layer not in slow]
    candidate = candidates.compare(integers.model(rest), layers=len(rest))
    return replace(candidate, slow_layers=tuple(layer.name for layer in slow))


def _steps_from_exact(prepared: Prepared, candidates: Candidates, candidate: Candidate) -> int:
    """Return by how many steps a candidate's layers differ from the same layers computed exactly."""
    path = candidates.folder / candidate.backbone.card.graph.name
    items = subsample(candidates.held_out, _CHECKED_ON)
    return steps_from_exact(onnx.load(path), _feeds(prepared, candidates, items), path)


def _warn_of_saturation(candidates: Candidates, steps: int, bits: int) -> None:
    what = "weights have seven bits instead of eight, which do not saturate"
    if bits == 7:
        what = "please report it: weights of seven bits should not"
    warnings.warn(
        f"{candidates.parent.card.name}: sums of integers saturate on this processor: a layer is {steps} "
        f"steps of 255 from the same layer computed exactly; {what}",
        FeatxWarning,
        # The line that called optimize.
        stacklevel=6,
    )


def _start(prepared: Prepared, candidates: Candidates, bits: int) -> tuple[_Integers, Candidate]:
    """Return the best ranges found, and the candidate with every layer in integers."""
    if prepared.convolutional:
        choices = _convolution_params(prepared, candidates)
    else:
        choices = [_dense_params(prepared, candidates, bits)]
    results = []
    for params in choices:
        integers = _Integers(prepared, params, bits)
        model = integers.model(prepared.layers)
        results.append((integers, candidates.compare(model, layers=len(prepared.layers))))
    return max(results, key=lambda result: result[1].mean)


def _convolution_params(prepared: Prepared, candidates: Candidates) -> list[Params]:
    seen = {name: Histogram() for name in prepared.tensors(prepared.layers)}
    _observe(prepared, candidates, seen)
    return [
        {name: QuantParams(*histogram.within(fraction)) for name, histogram in seen.items()}
        for fraction in _FRACTIONS
    ]


def _dense_params(prepared: Prepared, candidates: Candidates, bits: int) -> Params:
    n = len(candidates.calibration)
    seen = {name: ColumnRanges.for_samples(n) for name in prepared.tensors(prepared.layers)}
    _observe(prepared, candidates, seen)
    return {
        name: choose_quant_params(
            ranges,
            [prepared.weights(layer) for layer in prepared.layers if layer.reads == name],
            bits,
        )
        for name, ranges in seen.items()
    }


def _observe(prepared: Prepared, candidates: Candidates, seen: Mapping[str, Observer]) -> None:
    feeds = _feeds(prepared, candidates, candidates.calibration)
    observe(candidates.parent.card, prepared.model, seen, feeds)


def _feeds(prepared: Prepared, candidates: Candidates, items: Sequence[Any]) -> Iterator[Feeds]:
    """Yield the graph's inputs for one sample at a time: padding would be observed too.

    A graph that takes only batches of one size gets the sample as many times.
    """
    first = prepared.model.graph.input[0].type.tensor_type.shape.dim
    copies = (first[0].dim_value if first else 0) or 1
    parent = candidates.parent
    for item in items:
        for batch in parent.reader.batches([item], 1):
            feeds = parent.feeds(batch)
            for index in range(len(batch.item_index)):
                yield {k: np.repeat(v[index : index + 1], copies, 0) for k, v in feeds.items()}


def _typical_feeds(prepared: Prepared, candidates: Candidates) -> Feeds:
    """Return the graph's inputs for a batch as the engine makes them."""
    parent = candidates.parent
    if parent.fixed:
        return next(_feeds(prepared, candidates, candidates.calibration))
    items = candidates.calibration[: parent.batch_size]
    return parent.feeds(next(iter(parent.reader.batches(items, parent.batch_size))))


def _rank(
    integers: _Integers, layers: Sequence[Layer], candidates: Candidates, log: Log
) -> list[Layer]:
    """Return the layers, first the one that alone turns rows away most."""
    log(f"ranking {len(layers)} layers by what each costs alone")
    calibration = candidates.calibration
    items = calibration[:: max(1, len(calibration) // _RANKED_ON)][:_RANKED_ON]
    exact = candidates.parent.embed_items(items)

    def lost(layer: Layer) -> float:
        with candidates.temporary(integers.model([layer])) as backbone:
            return float(np.mean(1 - cosines(exact, backbone.embed_items(items))))

    costs = {layer.name: lost(layer) for layer in layers}
    return sorted(layers, key=lambda layer: -costs[layer.name])


def _steps(n: int) -> list[int]:
    """Return 1, 2, 4 … up to half of ``n``."""
    return [2**k for k in range(n.bit_length()) if 2**k <= n // 2]
