"""Compare an optimised backbone with its parent: rows, accuracy, batches, speed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone
from featx.embedding.engine import Engine
from featx.errors import BadLabels
from featx.evaluation import warn_about_rejects
from featx.labelled import LabelledSamples
from featx.sources import Sample
from featx.sources.labels import check_labels, missing_labels
from featx.sources.sample import to_label
from featx.tasks.classification import Classification
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig
from featx.tuning.validation import cross_validate, train

__all__ = ["Labelled", "Probe", "batch_bits", "cosines", "rate_ratio"]

# Sizes of batches whose rows are compared with those of samples alone.
BATCHES = (4, 16)
_ROUNDS = 5


@dataclass(frozen=True)
class Labelled:
    """Labelled samples of one source, on which the accuracy of a head is measured.

    Parameters
    ----------
    name : str
        What it is called in messages.
    train : sequence of Sample
        Samples to learn from.
    test : sequence of Sample, default=None
        Samples to measure on; None measures ``train`` by nested cross-validation.
    """

    name: str
    train: Sequence[Sample]
    test: Sequence[Sample] | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Accuracy of featx's logistic head, tuned, on frozen rows; the mean of several sources.

    ``method`` is ``hold-out`` or ``nested cross-validation``, or both; ``samples`` is the number measured on.
    """

    method: str
    accuracy: float
    samples: int

    @classmethod
    def of(cls, sources: Sequence[Labelled], backbone: Backbone, engine: Engine) -> Probe:
        """Measure what a head on rows of this backbone reaches; the same samples and seed for each backbone.

        Raises
        ------
        BadLabels
            Labels are missing, or there are too few to train on.
        """
        probes = [_probe(source, backbone, engine) for source in sources]
        methods = dict.fromkeys(probe.method for probe in probes)
        accuracy = statistics.fmean(probe.accuracy for probe in probes)
        return cls(" and ".join(methods), accuracy, sum(probe.samples for probe in probes))


def cosines(before: FloatArray, after: FloatArray) -> npt.NDArray[np.float64]:
    """Return the cosine of each row of one table with the same row of another, of shape (rows,), float64.

    It is 1 where both rows are zero, and 0 where one is.
    """
    a, b = before.astype(np.float64), after.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    both = (np.linalg.norm(a, axis=1) == 0) & (np.linalg.norm(b, axis=1) == 0)
    return np.where(both, 1.0, (a * b).sum(axis=1) / np.maximum(lengths, 1e-30))


def batch_bits(backbone: Backbone, items: Sequence[Any]) -> int:
    """Return in how many of its lowest bits a row alone differs from itself in batches of 4 and 16.

    The most of all rows' float32 values: 0 is equal bit for bit; 32 is another sign.
    """
    alone = np.concatenate([backbone.embed_items([item]) for item in items])
    bits = 0
    for size in BATCHES:
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        together = np.concatenate([backbone.embed_items(part, size) for part in parts])
        distance = np.abs(_ordered(alone) - _ordered(together)).max(initial=0)
        bits = max(bits, int(distance).bit_length())
    return bits


def rate_ratio(parent: Backbone, child: Backbone, contents: Sequence[Any]) -> float:
    """Return how many times as many samples a second the child takes, from content to row, in one thread.

    Parent and child take turns; it is the median of the rounds' ratios.
    """
    ratios = []
    for _ in range(_ROUNDS):
        before, after = (_seconds(backbone, contents) for backbone in (parent, child))
        ratios.append(before / after)
    return statistics.median(ratios)


def _seconds(backbone: Backbone, contents: Sequence[Any]) -> float:
    start, reader = time.perf_counter(), backbone.reader
    for first in range(0, len(contents), reader.chunk_size):
        chunk = contents[first : first + reader.chunk_size]
        backbone.embed_items([reader.read(content) for content in chunk])
    return time.perf_counter() - start


def _ordered(values: FloatArray) -> npt.NDArray[np.int64]:
    """Return floats as whole numbers in the same order, one apart where the floats are neighbours."""
    bits = np.ascontiguousarray(values).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _probe(source: Labelled, backbone: Backbone, engine: Engine) -> Probe:
    config = HeadConfig(n_jobs=engine.n_jobs)
    known, labels = _rows(source, source.train, backbone, engine)
    problem = ClassificationProblem(labels)
    if source.test is None:
        measured = cross_validate(known, problem, config)
        accuracy = Classification().main_scores(measured.report)["accuracy"]
        return Probe(measured.method, accuracy, measured.report.n)
    test, truth = _rows(source, source.test, backbone, engine)
    _, head = train(known, problem, config)
    return Probe("hold-out", float((head.predict(test) == truth).mean()), len(truth))


def _rows(
    source: Labelled, samples: Sequence[Sample], backbone: Backbone, engine: Engine
) -> tuple[FloatArray, npt.NDArray[np.str_]]:
    given = LabelledSamples.of(samples)
    without = [sample.id for sample in given.samples if sample.label is None]
    if without or not given.samples:
        raise BadLabels(f"{source.name}: {missing_labels(without, len(samples))}")
    rows = engine.embed(given.whole, backbone)
    warn_about_rejects(rows.rejects, len(samples))
    if samples is source.train:
        return rows.embeddings, check_labels(rows.labels)
    return rows.embeddings, np.array([to_label(label) for label in rows.labels])
