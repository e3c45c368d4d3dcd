"""Run a graph on a user's samples and record what passes through it: the ranges that integers must cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper

from featx._typing import FloatArray
from featx.backbones.session import FAILURES, open_session
from featx.catalog import Card
from featx.errors import BadGraph, first_line

__all__ = ["ColumnRanges", "Feeds", "Histogram", "Observer", "observe"]

Feeds = Mapping[str, npt.NDArray[Any]]

_BINS = 8192
# The reciprocal of a smaller limit cannot be held by float32.
_LEAST = 2.0**-100
# Rows of a dense layer's input that are kept, from all samples together.
_ROWS = 256


class Observer(Protocol):
    """Records what is needed of one tensor, one sample after another."""

    def add(self, values: FloatArray) -> None:
        """Record one more sample's values."""


@dataclass
class Histogram:
    """The distribution of all values of a tensor, in bins that widen as larger values come.

    ``low`` and ``high`` are the least and the largest value; zero is always covered, because padding and
    rectifiers make it. Bins go from minus to plus ``limit``, a power of two.
    """

    low: float = 0.0
    high: float = 0.0
    limit: float = 0.0
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))

    def add(self, values: FloatArray) -> None:
        """Count one more sample's values."""
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        largest = max(-self.low, self.high)
        if not self.limit:
            self.limit = float(2.0 ** np.ceil(np.log2(max(largest, _LEAST) if largest else 1.0)))
        while largest > self.limit:
            self.limit *= 2
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(pairs, _BINS // 4)
        positions = (values.ravel() + np.float32(self.limit)) * np.float32(_BINS / 2 / self.limit)
        bins = np.minimum(positions.astype(np.int64), _BINS - 1)
        self.counts += np.bincount(bins, minlength=_BINS)

    def within(self, fraction: float) -> tuple[float, float]:
        """Return the range that leaves out ``1 - fraction`` of the values, half of it at either end."""
        cumulated = np.cumsum(self.counts) / self.counts.sum()
        edges = np.linspace(-self.limit, self.limit, _BINS + 1)
        low = edges[int(np.searchsorted(cumulated, (1 - fraction) / 2))]
        high = edges[min(int(np.searchsorted(cumulated, (1 + fraction) / 2)) + 1, _BINS)]
        return float(np.clip(low, self.low, 0)), float(np.clip(high, 0, self.high))


@dataclass
class ColumnRanges:
    """What a dense layer reads: the range of each column, and some whole rows, the largest among them.

    ``per_sample`` rows of each sample are kept, drawn with ``rng``.
    """

    per_sample: int
    rng: np.random.Generator
    low: FloatArray = field(default_factory=lambda: np.array(np.inf, np.float32))
    high: FloatArray = field(default_factory=lambda: np.array(-np.inf, np.float32))
    rows: list[FloatArray] = field(default_factory=list)

    def add(self, values: FloatArray) -> None:
        """Record one more sample's rows, whatever their shape before the last axis."""
        rows = values.reshape(-1, values.shape[-1])
        self.low = np.minimum(self.low, rows.min(axis=0))
        self.high = np.maximum(self.high, rows.max(axis=0))
        drawn = self.rng.choice(len(rows), min(self.per_sample, len(rows)), replace=False)
        self.rows.append(rows[np.union1d(drawn, np.abs(rows).max(axis=1).argmax())])

    @classmethod
    def for_samples(cls, n_samples: int) -> ColumnRanges:
        """Return an empty one for so many samples; it draws the same rows each time."""
        return cls(max(1, _ROWS // n_samples), np.random.default_rng(0))


def observe(
    card: Card, model: ModelProto, observers: Mapping[str, Observer], feeds: Iterable[Feeds]
) -> None:
    """Run the graph on each of the feeds and show every observer its tensor; one sample is in memory.

    Parameters
    ----------
    observers : mapping of str to Observer
        The observer of each tensor, by its name.
    feeds : iterable of mapping of str to ndarray
        The graph's inputs, of one sample each.

    Raises
    ------
    BadGraph
        The graph fails, or a tensor holds a value that is not finite.
    """
    inputs = {value.name for value in model.graph.input}
    inner = [name for name in observers if name not in inputs]
    data = bytes(_with_outputs(model, inner).SerializeToString())
    session = open_session(data, card.path or card.graph.name)  # type: ignore[arg-type]
    for feed in feeds:
        try:
            values = dict(zip(inner, session.run(inner, dict(feed)), strict=True)) if inner else {}
        except FAILURES as error:
            raise BadGraph(f"{card.name}: the graph failed: {first_line(error)}") from error
        for name, observer in observers.items():
            tensor = values[name] if name in values else feed[name]
            if not np.isfinite(tensor).all():
                raise BadGraph(
                    f"{card.name}: the tensor {name} holds values that are not finite on your samples"
                )
            observer.add(np.asarray(tensor, np.float32))


def _with_outputs(model: ModelProto, names: Iterable[str]) -> ModelProto:
    """Return a copy of the graph that gives these tensors too."""
    opened = ModelProto()
    opened.CopyFrom(model)
    outputs = {value.name for value in opened.graph.output}
    for name in names:
        if name not in outputs:
            value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            opened.graph.output.append(value)
    return opened
