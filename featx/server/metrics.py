"""The metrics of a server, in the form that Prometheus reads; each application has its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from featx._typing import Doubles, FloatArray
from featx.embedding.rows import Reject
from featx.errors import FeatxError
from featx.inputs.joint import joint_blocks
from featx.predictor import Predictor
from featx.server.registry import ServedPredictor
from featx.tasks import Prediction

__all__ = ["Metrics"]

# Rows over which drift is averaged.
_RECENT_ROWS = 200
# The share of its mean by which a column must vary; kept rows have eleven bits.
_LEAST = 1e-3
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counters and gauges of one application; may be used from several threads."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "featx_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "featx_request_seconds",
            "Seconds from a request's first byte to the end of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._samples = Counter(
            "featx_samples",
            "Samples, by what became of them.",
            ["model", "outcome"],
            registry=registry,
        )
        self._labels = Counter(
            "featx_predictions", "Samples that got a label.", ["model", "label"], registry=registry
        )
        self._drift = Gauge(
            "featx_drift",
            "How far the mean of recent embeddings lies from that of the training rows, in standard "
            "deviations (root mean square over the columns); near 0 where nothing changed.",
            ["model"],
            registry=registry,
        )
        self._input_drift = Gauge(
            "featx_input_drift",
            "The same of one of several inputs.",
            ["model", "input"],
            registry=registry,
        )
        self.reloads = Counter(
            "featx_reloads",
            "Classifiers that were replaced.",
            ["model", "outcome"],
            registry=registry,
        )
        # A series is found by its labels in dictionaries of our own: the client's way takes a lock and checks.
        self._by_sample: dict[tuple[str, str], Counter] = {}
        self._by_label: dict[tuple[str, str], Counter] = {}
        self._by_request: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._recent: dict[str, _RecentMean] = {}
        self._lock = threading.Lock()

    def add_gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is read when the metrics are."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def add_counter(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a counter whose value is kept elsewhere, and read when the metrics are."""
        self._registry.register(_ExternalCounter(name, description, value))

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered.

        ``route`` is a path of the application, not what a client typed, so that clients cannot make
        ever new labels.
        """
        key = route, method, status
        if (series := self._by_request.get(key)) is None:
            count = self._requests.labels(route, method, str(status))
            series = self._by_request[key] = count, self._seconds.labels(route)
        series[0].inc()
        series[1].observe(seconds)

    def count_sample(self, model: str, result: Prediction | Reject) -> None:
        """Count a sample that was predicted or rejected, and the labels that it got."""
        outcome = "rejected" if isinstance(result, Reject) else "predicted"
        _series(self._samples, self._by_sample, model, outcome).inc()
        if not isinstance(result, Reject):
            for label in result.labels:
                _series(self._labels, self._by_label, model, label).inc()

    def observe_rows(self, served: ServedPredictor, rows: FloatArray) -> None:
        """Update the drift with new rows: a mean in which old ones fade as new ones come."""
        with self._lock:
            recent = self._recent.get(served.name)
            if recent is None or recent.served is not served:
                recent = self._recent[served.name] = _RecentMean(served)
            recent.update(rows)
            drift, by_input = recent.drift, recent.by_input
        if drift is not None:
            self._drift.labels(served.name).set(drift)
        for name, own in by_input.items():
            self._input_drift.labels(served.name, name).set(own)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)


def _series(
    counter: Counter, known: dict[tuple[str, str], Counter], first: str, second: str
) -> Counter:
    """Return the series of a counter that has two labels."""
    if (series := known.get((first, second))) is None:
        series = known[first, second] = counter.labels(first, second)
    return series


class _RecentMean:
    """The mean of the rows that one classifier saw lately, in units of its training rows."""

    def __init__(self, served: ServedPredictor) -> None:
        self.served = served
        self._blocks = joint_blocks(served.predictor.inputs)
        self._scaling: tuple[FloatArray | Doubles, FloatArray | Doubles] | None = (
            _training_moments(served.predictor) if self._blocks else None
        )
        if self._scaling is None:
            # That of joint rows weighs the inputs as the head does.
            self._scaling, self._blocks = served.predictor.head.scorer.scaling, ()
        self._count = 0
        self._mean: FloatArray = np.zeros(served.input.backbone.dim, np.float32)

    def update(self, rows: FloatArray) -> None:
        """Take in new rows."""
        if self._scaling is None or not len(rows):
            return
        mean, scale = self._scaling
        self._count = min(self._count + len(rows), _RECENT_ROWS)
        newest = (rows.mean(axis=0) - mean) / scale
        self._mean += (newest - self._mean) * np.float32(len(rows) / self._count)

    @property
    def drift(self) -> float | None:
        """The drift, of several inputs with all of them alike; None where the training rows are not known."""
        if self._scaling is None or not self._count:
            return None
        squares = [own**2 for own in self.by_input.values()] or [_mean_square(self._mean)]
        return math.sqrt(sum(squares) / len(squares))

    @property
    def by_input(self) -> dict[str, float]:
        """The drift of each of several inputs by its name; none where that is not known."""
        blocks = self._blocks if self._count else ()
        return {block.name: math.sqrt(_mean_square(self._mean[block.columns])) for block in blocks}


def _mean_square(values: FloatArray) -> float:
    return float(values @ values) / len(values)


def _training_moments(predictor: Predictor) -> tuple[Doubles, Doubles] | None:
    """Return mean and standard deviation of each column of the training rows; None where none are kept."""
    try:
        samples = predictor.samples
    except FeatxError:
        return None
    if samples is None or samples.rows is None or not len(samples.rows):
        return None
    rows = samples.rows.astype(np.float64)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    return mean, np.where(deviation > _LEAST * np.abs(mean), deviation, 1.0)


class _ExternalCounter(Collector):
    """A counter whose value is kept elsewhere."""

    def __init__(self, name: str, description: str, value: Callable[[], float]) -> None:
        self._name = name
        self._description = description
        self._value = value

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._description, value=self._value())
