"""What a server counts, for Prometheus: each application has its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from featx._typing import FloatArray
from featx.embedding.rows import Reject
from featx.server.registry import Served
from featx.tasks.classification import LabelPrediction as Prediction

__all__ = ["Metrics"]

_RECENT = 200  # rows over which drift is averaged
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counters and gauges of one application; may be used from several threads."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self._requests = Counter(
            "featx_requests", "Requests answered.", ["route", "method", "status"], registry=own
        )
        self._seconds = Histogram(
            "featx_request_seconds",
            "Seconds from a request's first byte to the end of its answer.",
            ["route"],
            buckets=_BUCKETS,
            registry=own,
        )
        self._samples = Counter(
            "featx_samples",
            "Samples, by what became of them.",
            ["model", "outcome"],
            registry=own,
        )
        self._labels = Counter(
            "featx_predictions", "Samples that got a label.", ["model", "label"], registry=own
        )
        self._drift = Gauge(
            "featx_drift",
            "How far the mean of recent embeddings lies from that of the training rows, in standard "
            "deviations (root mean square over the columns); near 0 where nothing changed.",
            ["model"],
            registry=own,
        )
        self.reloads = Counter(
            "featx_reloads",
            "Classifiers that were replaced.",
            ["model", "outcome"],
            registry=own,
        )
        self._recent: dict[str, _Recent] = {}
        self._lock = threading.Lock()

    def watch(self, name: str, words: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, words, registry=self.registry).set_function(value)

    def follow(self, name: str, words: str, value: Callable[[], float]) -> None:
        """A counter that is kept elsewhere, and read when it is asked for."""
        self.registry.register(_Followed(name, words, value))

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; ``route`` is a path of the application, not what a client typed."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_sample(self, model: str, said: Prediction | Reject) -> None:
        """A sample got a label, or was rejected."""
        rejected = isinstance(said, Reject)
        self._samples.labels(model, "rejected" if rejected else "predicted").inc()
        if isinstance(said, Prediction):
            self._labels.labels(model, said.label).inc()

    def observe_rows(self, served: Served, rows: FloatArray) -> None:
        """Let the drift follow what is seen: a mean in which old rows fade as new ones come."""
        with self._lock:
            recent = self._recent.get(served.name)
            if recent is None or recent.served is not served:
                recent = self._recent[served.name] = _Recent(served)
            drift = recent.take(rows)
        if drift is not None:
            self._drift.labels(served.name).set(drift)

    def text(self) -> bytes:
        """All of it, in Prometheus' text form."""
        return generate_latest(self.registry)


class _Recent:
    """The mean of the rows that one classifier saw lately, beside that of its training rows."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._scaling = served.classifier.head.scorer.scaling
        self._count = 0
        self._mean: FloatArray = np.zeros(served.backbone.dim, np.float32)

    def take(self, rows: FloatArray) -> float | None:
        """The drift once these are seen too; None where nothing is known of the training rows."""
        if self._scaling is None or not len(rows):
            return None
        mean, scale = self._scaling
        self._count = min(self._count + len(rows), _RECENT)
        new = (rows.mean(axis=0) - mean) / scale
        self._mean += (new - self._mean) * np.float32(len(rows) / self._count)
        return math.sqrt(float(self._mean @ self._mean) / len(self._mean))


class _Followed(Collector):
    """A counter whose value is somebody else's."""

    def __init__(self, name: str, words: str, value: Callable[[], float]) -> None:
        self._facts = (name, words)
        self._value = value

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(*self._facts, value=self._value())
