"""Predictions and embeddings of samples, computed by workers: one backbone pass for all who share it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.embedding.engine import embed_remarked
from featx.embedding.joint_rows import JointEmbedder
from featx.embedding.rows import Reject, Rows
from featx.server.bodies import LEFT
from featx.server.errors import HTTPError
from featx.server.health import Health
from featx.server.metrics import Metrics
from featx.server.pool import Pool
from featx.server.registry import LimitedBackbone, ServedPredictor, Sureness
from featx.server.usage import CountingReader
from featx.sources import Sample
from featx.sources.record import Record
from featx.tasks import Prediction

__all__ = ["Embedding", "Outcome", "embed", "predict", "try_predictor"]

# Remarks on one sample that an answer has.
_MOST_REMARKS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one predictor gives for one sample."""

    id: str
    model: str
    result: Prediction | Reject
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The row of a sample, and how many tokens it had: 0 for pictures and sounds."""

    row: FloatArray
    n_tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class _Answered:
    """The answers of each predictor of a group to a sample, and the remarks on the sample."""

    results: list[Prediction | Reject]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _PredictStep:
    """The predictions of predictors that share a backbone, for samples of several requests."""

    group: tuple[ServedPredictor, ...]
    top_k: int
    metrics: Metrics
    sureness: Sureness = ()

    @property
    def max_batch(self) -> int:
        """Return how many samples a worker of the engine takes at a time."""
        return self.group[0].input.backbone.chunk_size

    def __call__(self, samples: Sequence[Sample]) -> list[_Answered]:
        """Return what is given for each sample, in the order of the group."""
        results: list[list[Prediction | Reject]] = [[] for _ in samples]
        rows, said = _embed(samples, self.group[0].input.backbone)
        for served in self.group:
            careful = served.careful(self.sureness)
            for prediction in careful.predict_rows(rows, top_k=self.top_k):
                results[int(prediction.id)].append(prediction)
            for reject in rows.rejects:
                results[int(reject.id)].append(reject)
            self.metrics.observe_rows(served, rows.embeddings)
        return [_Answered(own, _some(said.get(str(k), ()))) for k, own in enumerate(results)]


@dataclass(frozen=True, slots=True)
class _EmbedStep:
    """The rows of samples of several requests."""

    backbone: LimitedBackbone

    @property
    def max_batch(self) -> int:
        """Return how many samples a worker of the engine takes at a time."""
        return self.backbone.chunk_size

    def __call__(self, samples: Sequence[Sample]) -> list[Embedding | Reject]:
        """Return the row of each sample, or why it has none."""
        reader = CountingReader(self.backbone.reader)
        rows, _ = _embed(samples, replace(self.backbone, reader=reader))
        results: dict[str, Embedding | Reject] = {reject.id: reject for reject in rows.rejects}
        for id, row in zip(rows.ids, np.asarray(rows.embeddings), strict=True):
            results[id] = Embedding(row, reader.count(samples[int(id)].data))
        return [results[str(index)] for index in range(len(samples))]


async def predict(
    samples: Sequence[Sample | Reject],
    chosen: Sequence[ServedPredictor],
    *,
    top_k: int,
    pool: Pool,
    metrics: Metrics,
    health: Health,
    weights: Sequence[float] | None = None,
    sureness: Sureness = (),
) -> list[Outcome]:
    """Return what each predictor gives for each sample.

    Samples are in order, and for each of them the predictors are in order. ``weights`` are those of ``weigh``.
    ``sureness`` must have been taken by ``careful`` of each.
    """
    groups = _groups(chosen)
    readable = {k: sample for k, sample in enumerate(samples) if isinstance(sample, Sample)}
    parts = None if weights is None else [weights[k] for k in readable]
    results: dict[tuple[int, str], tuple[Prediction | Reject, tuple[str, ...]]] = {}

    async def predict_group(group: Sequence[ServedPredictor]) -> None:
        step = _PredictStep(tuple(group), top_k, metrics, sureness)
        with _Noting(group, health):
            by_sample = await pool.run(step, list(readable.values()), parts)
        for index, answered in zip(readable, by_sample, strict=True):
            for served, result in zip(group, answered.results, strict=True):
                results[index, served.name] = result, answered.remarks

    # One group is the usual case: tasks would take further rounds of the event loop.
    if len(groups) == 1:
        await predict_group(chosen)
    else:
        await asyncio.gather(*map(predict_group, groups))
    outcomes = []
    for index, sample in enumerate(samples):
        for served in chosen:
            if isinstance(sample, Reject):
                outcome = Outcome(sample.id, served.name, sample)
            else:
                outcome = Outcome(sample.id, served.name, *results[index, served.name])
            outcomes.append(outcome)
            metrics.count_sample(served.name, outcome.result)
    return outcomes


def _groups(chosen: Sequence[ServedPredictor]) -> Sequence[Sequence[ServedPredictor]]:
    """Return the predictors that share a backbone, those of each together."""
    if len(chosen) == 1:
        return [chosen]
    groups: dict[str, list[ServedPredictor]] = {}
    for served in chosen:
        groups.setdefault(served.input.backbone.fingerprint, []).append(served)
    return list(groups.values())


async def embed(
    samples: Sequence[Sample | Reject],
    served: ServedPredictor,
    *,
    pool: Pool,
    health: Health,
    weights: Sequence[float] | None = None,
) -> list[Embedding | Reject]:
    """Return the row of each sample, in order, or why it has none; ``weights`` are those of ``weigh``."""
    readable = {k: sample for k, sample in enumerate(samples) if isinstance(sample, Sample)}
    parts = None if weights is None else [weights[k] for k in readable]
    backbone = served.input.backbone
    if not isinstance(backbone, LimitedBackbone):
        raise HTTPError(
            422,
            "unprocessable",
            f"model: {served.name} reads records of columns, whose rows are not given; expected a model of "
            "pictures, texts or sounds",
        )
    step = _EmbedStep(backbone)
    with _Noting([served], health):
        results = iter(await pool.run(step, list(readable.values()), parts))
    return [sample if isinstance(sample, Reject) else next(results) for sample in samples]


async def try_predictor(served: ServedPredictor, *, pool: Pool, metrics: Metrics) -> None:
    """Have a predictor answer for the sample by which its backbone is known; raise what it fails by."""
    sample = Sample("canary", _canary(served))
    [answered] = await pool.run(_PredictStep((served,), 1, metrics), [sample])
    [result] = answered.results
    if isinstance(result, Reject):
        raise result.failure()


def _canary(served: ServedPredictor) -> Any:
    """Return the content of a sample that needs no data: the one by which its backbone is known."""
    card = served.input.card
    if card is not None:
        return card.input.canary()
    values: dict[str, Any] = {}
    for one in served.predictor.inputs:
        # An encoder takes an empty cell; a vector or a number of training is not known here.
        canary = one.card.input.canary() if one.has_backbone else None
        values |= dict.fromkeys(one.columns, canary)
    return Record(values)


class _Noting:
    """A block in which predictors answer; a request that was given up is a failure, too.

    One whose client has left says nothing of them. Every request has one, so that it is no generator.
    """

    __slots__ = ("_group", "_health")

    def __init__(self, group: Sequence[ServedPredictor], health: Health) -> None:
        self._group = group
        self._health = health

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._health.answered(self._group)
        elif isinstance(error, (Exception, asyncio.CancelledError)) and error.args != (LEFT,):
            self._health.failed(self._group)


def _embed(
    samples: Sequence[Sample], backbone: LimitedBackbone | JointEmbedder
) -> tuple[Rows, dict[str, list[str]]]:
    """Return the rows of samples, and what is said of each; ids are indices, for a client's own may repeat."""
    numbered = [Sample(str(index), sample.data) for index, sample in enumerate(samples)]
    return embed_remarked(numbered, backbone)


def _some(remarks: Sequence[str]) -> tuple[str, ...]:
    """Return remarks on a sample, each once; of very many, such as of its photos, the first."""
    once = tuple(dict.fromkeys(remarks))
    if len(once) <= _MOST_REMARKS:
        return once
    return (*once[:_MOST_REMARKS], f"and {len(once) - _MOST_REMARKS} more")
