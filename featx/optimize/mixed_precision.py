"""Which layers stay in float: none if that is near enough to the parent, else the most sensitive ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from featx.optimize.integer_graph import quantize
from featx.optimize.layers import Layer, Prepared
from featx.optimize.metrics import cosines
from featx.optimize.quant_params import Rounding, choose_rounding
from featx.optimize.ranges import Columns, Feeds, Observer, Spread, observe
from featx.optimize.trial import Bounds, Trial, Trials

__all__ = ["search"]

Roundings = Mapping[str, Rounding]
Tell = Callable[[str], object]

_SHARES = (1.0, 0.9999, 0.999)  # of a tensor's values that a convolution's integers may cover
_RANKED_ON = 8  # samples


def search(prepared: Prepared, trials: Trials, bounds: Bounds, tell: Tell) -> Trial:
    """The candidate with the fewest layers in float that keeps to the bounds.

    Layers are ranked by what each costs alone, and 1, 2, 4, 8 … of the most sensitive stay in float, up to half
    of all. With labels the probe decides and the cosine is only aimed at; without, the cosine decides.

    Raises
    ------
    TooLossy
        No candidate keeps to the bounds; the message has the figures of the nearest.
    """
    tell(f"observing {len(prepared.layers)} layers on {len(trials.calibration)} samples")
    rounding, trial = _start(prepared, trials)
    nearest, ranked = trial, list[Layer]()
    for n in _steps(len(prepared.layers)):
        if n:
            ranked = ranked or _rank(prepared, rounding, trials, tell)
            floats = {layer.name for layer in ranked[:n]}
            kept = [layer for layer in prepared.layers if layer.name not in floats]
            trial = trials.try_out(quantize(prepared, kept, rounding), sorted(floats), len(kept))
        if trial.mean >= bounds.min_cosine:
            trial = trials.with_probe(trial)
        tell(f"{trial.layers} of {len(prepared.layers)} layers in int8: {trials.describe(trial)}")
        if trial.mean >= bounds.min_cosine and trials.holds(trial, bounds):
            return trial
        nearest = trial if trial.mean >= nearest.mean else nearest
    nearest = nearest if nearest.probe else trials.with_probe(nearest)
    trials.require(nearest, bounds)
    return nearest


def _start(prepared: Prepared, trials: Trials) -> tuple[Roundings, Trial]:
    """The best rounding found, and the candidate with every layer in integers."""
    choices = (
        _convolutions(prepared, trials) if prepared.convolutional else [_dense(prepared, trials)]
    )
    started = []
    for rounding in choices:
        model = quantize(prepared, prepared.layers, rounding)
        started.append((rounding, trials.try_out(model, layers=len(prepared.layers))))
    return max(started, key=lambda each: each[1].mean)


def _convolutions(prepared: Prepared, trials: Trials) -> list[Roundings]:
    seen = {name: Spread() for name in prepared.tensors(prepared.layers)}
    _observe(prepared, trials, seen)
    return [
        {name: Rounding(*spread.within(share)) for name, spread in seen.items()}
        for share in _SHARES
    ]


def _dense(prepared: Prepared, trials: Trials) -> Roundings:
    n = len(trials.calibration)
    seen = {name: Columns.of(n) for name in prepared.tensors(prepared.layers)}
    _observe(prepared, trials, seen)
    return {
        name: choose_rounding(
            columns, [prepared.weights(layer) for layer in prepared.layers if layer.reads == name]
        )
        for name, columns in seen.items()
    }


def _observe(prepared: Prepared, trials: Trials, seen: Mapping[str, Observer]) -> None:
    observe(trials.parent.card, prepared.model, seen, _feeds(prepared, trials))


def _feeds(prepared: Prepared, trials: Trials) -> Iterator[Feeds]:
    """One sample at a time: padding would be observed too."""
    first = prepared.model.graph.input[0].type.tensor_type.shape.dim
    fixed = first[0].dim_value if first else 0  # the only batch that the graph takes, or 0
    reader = trials.parent.reader
    for item in trials.calibration:
        for batch in reader.batches([item], 1):
            feeds = trials.parent.feeds(batch)
            for place in range(len(batch.item_index)):
                yield {k: np.repeat(v[place : place + 1], fixed or 1, 0) for k, v in feeds.items()}


def _rank(prepared: Prepared, rounding: Roundings, trials: Trials, tell: Tell) -> list[Layer]:
    """The layers, first the one that alone turns rows away most."""
    tell(f"ranking {len(prepared.layers)} layers by what each costs alone")
    items = trials.calibration[:: max(1, len(trials.calibration) // _RANKED_ON)][:_RANKED_ON]
    exact = trials.parent.embed_items(items)

    def lost(layer: Layer) -> float:
        with trials.passing(quantize(prepared, [layer], rounding)) as backbone:
            return float(np.mean(1 - cosines(exact, backbone.embed_items(items))))

    costs = {layer.name: lost(layer) for layer in prepared.layers}
    return sorted(prepared.layers, key=lambda layer: -costs[layer.name])


def _steps(n: int) -> list[int]:
    """0, 1, 2, 4 … up to half of ``n``."""
    steps = [0]
    while (after := max(1, 2 * steps[-1])) <= n // 2:
        steps.append(after)
    return steps
