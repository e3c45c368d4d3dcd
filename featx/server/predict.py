"""From samples to what classifiers say of them: one backbone pass for all that share it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import FloatArray
from featx.embedding.engine import embed_chunk
from featx.embedding.rows import Reject, Rows
from featx.server.metrics import Metrics
from featx.server.pool import Pool
from featx.server.registry import LimitedBackbone, Served
from featx.sources import Sample
from featx.tasks.classification import LabelPrediction as Prediction

__all__ = ["Outcome", "embed", "predict"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sample with one classifier."""

    id: str
    model: str
    said: Prediction | Reject


@dataclass(frozen=True, slots=True)
class _Predicting:
    """What classifiers of one backbone say of samples; equal steps may share a pass of it."""

    group: tuple[Served, ...]
    top_k: int
    metrics: Metrics

    @property
    def most(self) -> int:
        """As many as a worker of the engine takes."""
        return self.group[0].backbone.chunk

    def __call__(self, samples: Sequence[Sample]) -> list[list[Prediction | Reject]]:
        """For each sample, in the order of the group."""
        said: list[list[Prediction | Reject]] = [[] for _ in samples]
        rows = _rows(samples, self.group[0].backbone)
        for served in self.group:
            for each in served.classifier.predict_rows(rows, top_k=self.top_k):
                said[int(each.id)].append(each)
            for lost in rows.rejects:
                said[int(lost.id)].append(lost)
            self.metrics.observe_rows(served, rows.embeddings)
        return said


@dataclass(frozen=True, slots=True)
class _Embedding:
    """The rows of samples; equal steps may share a pass of the backbone."""

    backbone: LimitedBackbone

    @property
    def most(self) -> int:
        """As many as a worker of the engine takes."""
        return self.backbone.chunk

    def __call__(self, samples: Sequence[Sample]) -> list[FloatArray | Reject]:
        rows = _rows(samples, self.backbone)
        found: dict[str, FloatArray | Reject] = {lost.id: lost for lost in rows.rejects}
        found |= zip(rows.ids, np.asarray(rows.embeddings), strict=True)
        return [found[str(place)] for place in range(len(samples))]


async def predict(
    samples: Sequence[Sample | Reject],
    chosen: Sequence[Served],
    *,
    top_k: int,
    pool: Pool,
    metrics: Metrics,
) -> list[Outcome]:
    """What each classifier says of each sample: samples in order, and for each the classifiers in order."""
    groups: dict[str, list[Served]] = {}
    for each in chosen:
        groups.setdefault(each.backbone.fingerprint, []).append(each)
    good = {place: sample for place, sample in enumerate(samples) if isinstance(sample, Sample)}
    found: dict[tuple[int, str], Prediction | Reject] = {}

    async def ask(group: Sequence[Served]) -> None:
        made = await pool.run(_Predicting(tuple(group), top_k, metrics), list(good.values()))
        for place, said in zip(good, made, strict=True):
            for served, each in zip(group, said, strict=True):
                found[place, served.name] = each

    if len(groups) == 1:  # the usual case, without the tasks and rounds of the loop of the other
        await ask(chosen)
    else:
        await asyncio.gather(*map(ask, groups.values()))
    outcomes = []
    for place, sample in enumerate(samples):
        for served in chosen:
            said = sample if isinstance(sample, Reject) else found[place, served.name]
            outcomes.append(Outcome(sample.id, served.name, said))
            metrics.count_sample(served.name, said)
    return outcomes


async def embed(
    samples: Sequence[Sample | Reject], backbone: LimitedBackbone, *, pool: Pool
) -> list[FloatArray | Reject]:
    """The row of each sample, in order, or why it has none."""
    good = [sample for sample in samples if isinstance(sample, Sample)]
    made = iter(await pool.run(_Embedding(backbone), good))
    return [sample if isinstance(sample, Reject) else next(made) for sample in samples]


def _rows(samples: Sequence[Sample], backbone: LimitedBackbone) -> Rows:
    """Rows of the samples, whose ids are their places: a client's own may repeat."""
    numbered = [Sample(str(place), sample.data) for place, sample in enumerate(samples)]
    return embed_chunk(numbered, backbone)
