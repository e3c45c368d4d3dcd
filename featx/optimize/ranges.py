"""What passes through a graph when it sees a user's samples: the ranges that integers must cover."""

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

__all__ = ["Columns", "Feeds", "Observer", "Spread", "observe"]

Feeds = Mapping[str, npt.NDArray[Any]]

_BINS = 8192
_LEAST = 2.0**-100  # of a limit: the reciprocal of a lesser one leaves float32
_ROWS = 256  # of a dense layer's input that are kept, from all samples


class Observer(Protocol):
    """What remembers of a tensor what is needed of it, one sample after another."""

    def add(self, values: FloatArray) -> None:
        """One more sample's values."""


@dataclass
class Spread:
    """The distribution of all values of a tensor, in bins that widen as larger values come."""

    low: float = 0.0  # zero is always covered: padding and rectifiers make it
    high: float = 0.0
    limit: float = 0.0  # bins go from minus to plus this, a power of two
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))

    def add(self, values: FloatArray) -> None:
        """Count one more sample's values."""
        self.low, self.high = (
            min(self.low, float(values.min())),
            max(self.high, float(values.max())),
        )
        most = max(-self.low, self.high)
        self.limit = self.limit or float(
            2.0 ** np.ceil(np.log2(max(most, _LEAST) if most else 1.0))
        )
        while most > self.limit:
            self.limit *= 2
            pairs = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(pairs, _BINS // 4)
        places = (values.ravel() + np.float32(self.limit)) * np.float32(_BINS / 2 / self.limit)
        bins = np.minimum(places.astype(np.int64), _BINS - 1)
        self.counts += np.bincount(bins, minlength=_BINS)

    def within(self, share: float) -> tuple[float, float]:
        """The range that leaves out ``1 - share`` of the values, half of it at either end."""
        seen = np.cumsum(self.counts) / self.counts.sum()
        edges = np.linspace(-self.limit, self.limit, _BINS + 1)
        low = edges[int(np.searchsorted(seen, (1 - share) / 2))]
        high = edges[min(int(np.searchsorted(seen, (1 + share) / 2)) + 1, _BINS)]
        return float(np.clip(low, self.low, 0)), float(np.clip(high, 0, self.high))


@dataclass
class Columns:
    """What a dense layer reads: the range of each column, and some whole rows, the largest among them."""

    per_sample: int  # rows kept of each
    rng: np.random.Generator
    low: FloatArray = field(default_factory=lambda: np.array(np.inf, np.float32))
    high: FloatArray = field(default_factory=lambda: np.array(-np.inf, np.float32))
    kept: list[FloatArray] = field(default_factory=list)

    def add(self, values: FloatArray) -> None:
        """Keep what is needed of one more sample's rows, whatever their shape before the last axis."""
        rows = values.reshape(-1, values.shape[-1])
        self.low = np.minimum(self.low, rows.min(axis=0))
        self.high = np.maximum(self.high, rows.max(axis=0))
        chosen = self.rng.choice(len(rows), min(self.per_sample, len(rows)), replace=False)
        self.kept.append(rows[np.union1d(chosen, np.abs(rows).max(axis=1).argmax())])

    @classmethod
    def of(cls, n_samples: int) -> Columns:
        """One for so many samples; draws the same rows each time."""
        return cls(max(1, _ROWS // n_samples), np.random.default_rng(0))


def observe(
    card: Card, model: ModelProto, observers: Mapping[str, Observer], feeds: Iterable[Feeds]
) -> None:
    """Run the graph on each of the feeds, and show every observer its tensor; one sample is in memory.

    Raises
    ------
    BadGraph
        The graph fails, or a tensor holds a value that is not finite.
    """
    opened = ModelProto()
    opened.CopyFrom(model)
    inputs = {value.name for value in opened.graph.input}
    outputs = {value.name for value in opened.graph.output}
    inner = [name for name in observers if name not in inputs]
    for name in inner:
        if name not in outputs:
            value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            opened.graph.output.append(value)
    where = card.path or card.graph.name
    session = open_session(bytes(opened.SerializeToString()), where)  # type: ignore[arg-type]
    for feed in feeds:
        try:
            values = dict(zip(inner, session.run(inner, dict(feed)), strict=True)) if inner else {}
        except FAILURES as error:
            raise BadGraph(f"{card.name}: the graph failed: {first_line(error)}") from error
        for name, observer in observers.items():
            seen = values[name] if name in values else feed[name]
            if not np.isfinite(seen).all():
                raise BadGraph(
                    f"{card.name}: the tensor {name} holds values that are not finite on your samples"
                )
            observer.add(np.asarray(seen, np.float32))
