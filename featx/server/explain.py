"""Explanations of predictions, computed by the workers after the predictions themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from featx.embedding.engine import Engine
from featx.embedding.rows import Reject
from featx.errors import FeatxError
from featx.explanation.explaining import Explainer
from featx.explanation.explanation import Explanation
from featx.modalities import shown_samples
from featx.predictor import Predictor
from featx.server.errors import HTTPError
from featx.server.limits import Limits
from featx.server.pool import Pool
from featx.server.predict import Outcome
from featx.server.registry import ServedPredictor
from featx.sources import Sample

__all__ = ["MOST_EXPLAINED", "check_explained", "check_explained_extent", "explain_outcomes"]

# Explanations of one request: where places are hidden, each costs dozens of predictions.
MOST_EXPLAINED = 8
# What a place is hidden of by reading the whole sample again, and what its length is counted in.
_READ_AGAIN = {"text": ("text", "characters"), "audio": ("sound", "seconds")}


@lru_cache(maxsize=4)
def _explainer(predictor: Predictor) -> Explainer:
    """Return what explains a predictor's answers; it runs in the thread that calls it."""
    return Explainer(predictor, engine=Engine(n_jobs=1, on_error="skip"), quiet=True)


@dataclass(frozen=True, slots=True)
class _ExplainStep:
    """The explanations of a predictor's answers for samples of several requests."""

    predictor: Predictor
    max_batch: int = 1

    def __call__(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """Return an explanation for each sample as JSON values, or why there is none."""
        try:
            found = _explainer(self.predictor).stream(samples)
            return [_values(one) for one in found]
        except FeatxError as error:
            return [_failure(str(error))] * len(samples)


def _values(found: Explanation | Reject) -> dict[str, Any]:
    return _failure(found.reason) if isinstance(found, Reject) else found.to_inner_dict(digits=6)


def _failure(reason: str) -> dict[str, Any]:
    return {"error": {"status": 422, "code": "not_explained", "message": reason}}


async def explain_outcomes(
    samples: Sequence[Sample | Reject],
    outcomes: Sequence[Outcome],
    chosen: Sequence[ServedPredictor],
    pool: Pool,
) -> list[dict[str, Any] | None]:
    """Return the explanation of each outcome as JSON values; None of a sample that could not be read.

    Parameters
    ----------
    samples : sequence of Sample or Reject
    outcomes : sequence of Outcome
        As ``predict`` gives them for the samples: each has been read, and is within the limits.
    chosen : sequence of ServedPredictor
    pool : Pool
    """
    results: dict[int, dict[str, Any]] = {}
    for number, served in enumerate(chosen):
        indices = [
            index
            for index in range(number, len(outcomes), len(chosen))
            if not isinstance(outcomes[index].result, Reject)
        ]
        given = [samples[index // len(chosen)] for index in indices]
        step = _ExplainStep(served.predictor)
        items = [sample for sample in given if isinstance(sample, Sample)]
        results |= zip(indices, await pool.run(step, items), strict=True)
    return [results.get(index) for index in range(len(outcomes))]


def check_explained(count: int) -> None:
    """Raise HTTPError (413) where a request asks for more explanations than it may have."""
    if count > MOST_EXPLAINED:
        raise HTTPError(
            413,
            "too_many_samples",
            f"explain: {count} answers: expected at most {MOST_EXPLAINED} a request that are explained",
        )


def check_explained_extent(
    samples: Sequence[Sample | Reject], chosen: Sequence[ServedPredictor], limits: Limits
) -> None:
    """Raise HTTPError (413) where explaining would read more than a request may have.

    A text and a sound are read whole for each of their places that is hidden; of a picture, places of what the
    backbone sees of it are hidden, whatever its size.
    """
    read = chosen[0].input
    # A record is explained by the rows of its files, each of which is embedded once.
    if read.modality not in _READ_AGAIN:
        return
    given = [sample.data for sample in samples if isinstance(sample, Sample)]
    if read.modality == "text":
        once, most = float(sum(map(len, given))), float(limits.max_characters)
    else:
        files = [one for data in given for one in read.measured(data)]
        once, most = sum(reader.extent(file) for reader, file in files), limits.total_seconds
    total = len(chosen) * (1 + shown_samples(read.modality, None).most_places) * once
    noun, unit = _READ_AGAIN[read.modality]
    if total > most:
        raise HTTPError(
            413,
            f"too_many_{unit}",
            f"explain: a {noun} is read once for each of its places, {total:,.0f} {unit} together: expected at "
            f"most {most:,.0f} a request; send fewer or shorter ones",
        )
