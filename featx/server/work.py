"""From samples to what classifiers say of them: one backbone pass for all that share it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from featx.classifier import Prediction
from featx.engine import embed_chunk
from featx.inputs import FloatArray
from featx.samples import Sample
from featx.server.metrics import Metrics
from featx.server.pool import Pool
from featx.server.registry import Bounded, Served
from featx.tables import Reject, Rows

__all__ = ["CHUNK", "Outcome", "embed", "predict"]

CHUNK = 4  # samples that one worker takes at a time


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sample with one classifier."""

    id: str
    model: str
    said: Prediction | Reject


async def predict(
    samples: Sequence[Sample | Reject],
    chosen: Sequence[Served],
    *,
    top_k: int,
    pool: Pool,
    metrics: Metrics,
) -> list[Outcome]:
    """What each classifier says of each sample: samples in order, and for each the classifiers in order."""
    shared: dict[str, list[Served]] = {}
    for each in chosen:
        shared.setdefault(each.backbone.fingerprint, []).append(each)
    found: dict[tuple[int, str], Prediction | Reject] = {}

    def work(places: Sequence[int], group: Sequence[Served]) -> None:
        rows = _rows(samples, places, group[0].backbone)
        for served in group:
            for each in served.classifier.predict_rows(rows, top_k=top_k):
                found[int(each.id), served.name] = each
            for lost in rows.rejects:
                found[int(lost.id), served.name] = lost
            metrics.observe_rows(served, rows.embeddings)

    good = [place for place, sample in enumerate(samples) if isinstance(sample, Sample)]
    jobs = [partial(work, p, group) for group in shared.values() for p in _chunks(good)]
    await _run_all(jobs, pool)
    outcomes = []
    for place, sample in enumerate(samples):
        for served in chosen:
            said = sample if isinstance(sample, Reject) else found[place, served.name]
            outcomes.append(Outcome(sample.id, served.name, said))
            metrics.count_sample(served.name, said)
    return outcomes


async def embed(
    samples: Sequence[Sample | Reject], backbone: Bounded, *, pool: Pool
) -> list[FloatArray | Reject]:
    """The row of each sample, in order, or why it has none."""
    found: dict[int, FloatArray | Reject] = {
        place: sample for place, sample in enumerate(samples) if isinstance(sample, Reject)
    }

    def work(places: Sequence[int]) -> None:
        rows = _rows(samples, places, backbone)
        found.update(zip(map(int, rows.ids), np.asarray(rows.embeddings), strict=True))
        found.update((int(lost.id), lost) for lost in rows.rejects)

    good = [place for place, sample in enumerate(samples) if isinstance(sample, Sample)]
    await _run_all([partial(work, places) for places in _chunks(good)], pool)
    return [found[place] for place in range(len(samples))]


async def _run_all(jobs: Sequence[Callable[[], None]], pool: Pool) -> None:
    if len(jobs) == 1:  # the usual case: no task of its own, no rounds of the event loop to end it
        await pool.run(jobs[0])
    else:
        await asyncio.gather(*map(pool.run, jobs))


def _rows(samples: Sequence[Sample | Reject], places: Sequence[int], backbone: Bounded) -> Rows:
    """Rows of the samples at those places, which are their ids: a client's own may repeat."""
    numbered = [Sample(str(p), s.data) for p in places if isinstance(s := samples[p], Sample)]
    return embed_chunk(numbered, backbone)


def _chunks(places: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(places)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
