"""``/v1``: predictions in featx's own form, embeddings in OpenAI's."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from featx.embedding.rows import Reject
from featx.server.errors import HTTPError, answer, refuse
from featx.server.limits import Limits
from featx.server.metrics import Metrics
from featx.server.openapi import body_of
from featx.server.parsing import Asked, parse, read_asked, read_json
from featx.server.pool import Pool
from featx.server.predict import Outcome, embed, predict
from featx.server.registry import Registry
from featx.server.schemas import EmbeddingsRequest, PredictRequest, SampleForm

__all__ = ["AppState", "answer_predict", "routes"]


@dataclass(frozen=True, slots=True)
class AppState:
    """What answers the requests of one application."""

    registry: Registry
    pool: Pool
    limits: Limits
    metrics: Metrics


def routes(house: AppState) -> APIRouter:
    """The router of ``/v1``."""
    router = APIRouter(prefix="/v1", tags=["featx"])

    @router.post("/predict", openapi_extra=body_of(PredictRequest, raw=True))
    async def predict_samples(
        request: Request,
        model: Annotated[list[str] | None, Query(description="Classifiers; all by default")] = None,
        top_k: Annotated[int, Query(ge=1, le=1000, description="Classes to list")] = 3,
    ) -> Response:
        """Say what each sample is.

        Samples are files of a form, a raw body of an image, audio or text type, or JSON. One that cannot
        be read has an ``error`` in its place and costs the others nothing; where none can, the status is
        422.
        """
        return await answer_predict(house, request, model or [], top_k)

    @router.post("/embeddings", openapi_extra=body_of(EmbeddingsRequest))
    async def embed_samples(request: Request) -> Response:
        """Rows of samples, in the form of OpenAI's embeddings; one that cannot be read refuses all."""
        with house.pool.place():
            said = parse(EmbeddingsRequest, await read_json(request))
            return await _embeddings(house, said)

    @router.get("/models")
    async def list_models() -> Response:
        """The classifiers that are served, what they read and what they say."""
        listed = [
            {
                "id": each.name,
                "object": "model",
                "owned_by": "featx",
                "modality": each.modality,
                "backbone": each.classifier.card.name,
                "fingerprint": each.classifier.card.fingerprint,
                "classes": list(each.classifier.classes),
            }
            for each in house.registry
        ]
        return answer({"object": "list", "data": listed})

    return router


async def answer_predict(
    house: AppState, request: Request, models: Sequence[str], top_k: int
) -> Response:
    """What classifiers say of the samples in a request's body.

    Raises
    ------
    Refusal
        No place is free, or something is wrong with the request.
    """
    start = time.perf_counter()
    with house.pool.place():
        asked = await read_asked(request, models, top_k, house.limits)
        chosen = house.registry.choose(asked.models)
        samples = asked.make(chosen[0], house.limits)
        outcomes = await predict(
            samples, chosen, top_k=asked.top_k, pool=house.pool, metrics=house.metrics
        )
    return _predictions(outcomes, len(samples), time.perf_counter() - start)


def _predictions(outcomes: list[Outcome], n: int, seconds: float) -> Response:
    results, lost = [], []
    for each in outcomes:
        result: dict[str, Any] = {"id": each.id, "model": each.model}
        if isinstance(each.said, Reject):
            result["error"] = {"status": 422, "code": "bad_sample", "message": each.said.reason}
            lost.append(each)
        else:
            shares = [{"label": name, "probability": share} for name, share in each.said.top]
            result |= {
                "label": each.said.label,
                "probability": each.said.probability,
                "top": shares,
            }
        results.append(result)
    if len(lost) < len(outcomes):
        return answer({"results": results, "seconds": round(seconds, 6)})
    [first, *_] = results
    words = f"{first['id']}: {first['error']['message']}"
    message = words if n == 1 else f"none of {n} samples can be read; the first: {words}"
    return refuse(HTTPError(422, "bad_sample", message), results=results)


async def _embeddings(house: AppState, said: EmbeddingsRequest) -> Response:
    served = house.registry.get(said.model)
    if said.dimensions not in (None, served.backbone.dim):
        raise HTTPError(
            422,
            "unprocessable",
            f"dimensions: {served.name} gives {served.backbone.dim}, found {said.dimensions}",
        )
    texts = [said.input] if isinstance(said.input, str) else said.input
    forms = [
        SampleForm(id=f"input[{place}]", **{"text" if served.string_is_sample else "data": text})
        for place, text in enumerate(texts)
    ]
    samples = Asked(forms, [], 1).make(served, house.limits)
    data: list[dict[str, Any]] = []
    for place, row in enumerate(await embed(samples, served.backbone, pool=house.pool)):
        if isinstance(row, Reject):
            raise HTTPError(422, "bad_sample", f"{samples[place].id}: {row.reason}")
        packed: Any = row.tolist()
        if said.encoding_format == "base64":
            packed = b64encode(row.astype("<f4").tobytes()).decode("ascii")
        data.append({"object": "embedding", "index": place, "embedding": packed})
    usage = {"prompt_tokens": 0, "total_tokens": 0}  # nothing is counted or paid for
    return answer({"object": "list", "data": data, "model": served.name, "usage": usage})
