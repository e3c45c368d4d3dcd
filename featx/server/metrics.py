"""What a server counts, for Prometheus: each application has its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from featx.classifier import Prediction
from featx.inputs import FloatArray
from featx.server.registry import Served
from featx.tables import Reject

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
        self._means: dict[str, tuple[Served, float, FloatArray]] = {}
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
        estimator = served.classifier.head.estimator
        scaler = estimator[0] if isinstance(estimator, Pipeline) else None
        if not isinstance(scaler, StandardScaler) or scaler.mean_ is None or not len(rows):
            return  # a user's own head keeps nothing of its training rows
        new = np.asarray((rows.mean(axis=0) - scaler.mean_) / scaler.scale_, np.float32)
        with self._lock:
            held = self._means.get(served.name)
            if held is None or held[0] is not served:
                held = (served, 0.0, np.zeros_like(new))
            count = min(held[1] + len(rows), _RECENT)
            mean = held[2] + (new - held[2]) * (len(rows) / count)
            self._means[served.name] = (served, count, mean)
        self._drift.labels(served.name).set(float(np.sqrt(np.mean(mean**2))))

    def text(self) -> bytes:
        """All of it, in Prometheus' text form."""
        return generate_latest(self.registry)


class _Followed(Collector):
    """A counter whose value is somebody else's."""

    def __init__(self, name: str, words: str, value: Callable[[], float]) -> None:
        self._facts = (name, words)
        self._value = value

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(*self._facts, value=self._value())
