"""How near an optimised backbone is to its parent: rows, accuracy, batches, speed."""

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
from featx.evaluation import tell_rejects
from featx.sources import Sample
from featx.sources.labels import check_labels, missing_labels
from featx.tasks.classification import Classification, ClassificationProblem
from featx.tuning import HeadConfig
from featx.tuning.validation import cross_validate, train

__all__ = ["Labelled", "Probe", "batch_bits", "compare_rates", "cosines"]

BATCHES = (4, 16)  # beside a sample alone
_ROUNDS = 5


@dataclass(frozen=True)
class Labelled:
    """Labelled samples of one source: those to learn from and, where it has a split, those to measure on."""

    name: str
    train: Sequence[Sample]
    test: Sequence[Sample] | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Accuracy of featx's logistic head, tuned, on frozen rows; the mean of several sources."""

    method: str  # hold-out, or nested cross-validation
    accuracy: float
    samples: int  # on which it was measured

    @classmethod
    def of(cls, sources: Sequence[Labelled], backbone: Backbone, engine: Engine) -> Probe:
        """What a head on rows of this backbone reaches; the same samples and seed for each backbone.

        Raises
        ------
        BadLabels
            Labels are missing, or there are too few to train on.
        """
        each = [_probe(source, backbone, engine) for source in sources]
        methods = dict.fromkeys(probe.method for probe in each)
        accuracy = statistics.fmean(probe.accuracy for probe in each)
        return cls(" and ".join(methods), accuracy, sum(probe.samples for probe in each))


def cosines(before: FloatArray, after: FloatArray) -> npt.NDArray[np.float64]:
    """Of each row with its fellow; 1 where both are zero, 0 where one is."""
    a, b = before.astype(np.float64), after.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    both = (np.linalg.norm(a, axis=1) == 0) & (np.linalg.norm(b, axis=1) == 0)
    return np.where(both, 1.0, (a * b).sum(axis=1) / np.maximum(lengths, 1e-30))


def batch_bits(backbone: Backbone, items: Sequence[Any]) -> int:
    """The lowest bits of a float32 in which some row alone differs from itself in batches of 4 and 16.

    0 is equal bit for bit; 32 is another sign.
    """
    alone = np.concatenate([backbone.embed_items([item]) for item in items])
    bits = 0
    for size in BATCHES:
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        together = np.concatenate([backbone.embed_items(part, size) for part in parts])
        apart = np.abs(_ordered(alone) - _ordered(together)).max(initial=0)
        bits = max(bits, int(apart).bit_length())
    return bits


def compare_rates(parent: Backbone, child: Backbone, contents: Sequence[Any]) -> float:
    """How many times as many samples a second the child takes, from content to row, in one thread.

    Both in turn, and again; the median of the rounds' ratios.
    """
    ratios = []
    for _ in range(_ROUNDS):
        before, after = (_seconds(each, contents) for each in (parent, child))
        ratios.append(before / after)
    return statistics.median(ratios)


def _seconds(backbone: Backbone, contents: Sequence[Any]) -> float:
    start, reader = time.perf_counter(), backbone.reader
    for place in range(0, len(contents), reader.chunk_size):
        backbone.embed_items(
            [reader.read(each) for each in contents[place : place + reader.chunk_size]]
        )
    return time.perf_counter() - start


def _ordered(values: FloatArray) -> npt.NDArray[np.int64]:
    """Floats as whole numbers in the same order, one apart where the floats are neighbours."""
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
    without = [sample.id for sample in samples if sample.label is None]
    if without or not samples:
        raise BadLabels(f"{source.name}: {missing_labels(without, len(samples))}")
    rows = engine.embed(samples, backbone)
    tell_rejects(rows.rejects, len(samples))
    labels = np.array([str(label) for label in rows.labels])
    return rows.embeddings, check_labels(labels) if samples is source.train else labels
