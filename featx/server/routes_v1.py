"""``/v1``: predictions in featx's own form, embeddings in OpenAI's."""

from __future__ import annotations

import time
from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from featx._typing import FloatArray
from featx.embedding.rows import Reject
from featx.server.answers import EmbeddingsAnswer, ModelsAnswer, PredictAnswer
from featx.server.errors import HTTPError, error_response, json_response
from featx.server.explain import check_explained, check_explained_extent, explain_outcomes
from featx.server.extents import weigh
from featx.server.json_body import parse_json
from featx.server.parsing import (
    bytes_to_parse,
    check_json_type,
    check_list,
    max_values,
    parse_predict_input,
    read_body,
    read_query,
    to_samples,
    validate,
)
from featx.server.predict import Outcome, embed, predict
from featx.server.registry import ServedPredictor, Sureness
from featx.server.routing import AppState, Operation
from featx.server.schemas import EmbeddingsRequest, PredictQuery, PredictRequest, SampleInput
from featx.server.sureness import SurenessFields
from featx.sources import Sample

__all__ = ["OPERATIONS"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The demands of a request on its samples."""

    top_k: int
    weights: list[float] | None
    sureness: Sureness


async def predict_samples(state: AppState, request: Request) -> Response:
    """Say what each sample is.

    Samples are files of a form, a raw body of an image, audio or text type, or JSON; a record of several
    columns is ``values`` in JSON, or a form with a field for each column. One that cannot
    be read has an ``error`` in its place and costs the others nothing; where none can, the status is
    422. An answer has ``label`` and ``top``; of several labels ``labels`` and ``top``; of a number
    ``value``, ``low`` and ``high``, of several numbers ``values``, by their names. With ``coverage`` it
    also has ``set``, the labels that cover the right one, and ``answered``, whether that is one; with
    ``novelty`` the p-value ``novelty``, and ``novel``; with ``abstain`` the label is ``unsure`` where it
    is not answered. With ``explain=1`` in the query it has ``explanation``: what of the sample speaks for
    the answer, and what against it. What is to be known of a sample stands in ``remarks``, such as a
    category that training never had, or a text in words that the backbone does not know.
    """
    start = time.perf_counter()
    query = read_query(request)
    body = await read_body(request, state.pool, state.limits)

    def parse() -> tuple[list[Sample | Reject], list[ServedPredictor], _Asked]:
        columns = state.registry.columns_meant(query.model)
        given = parse_predict_input(body, request, query, state.limits, columns=columns)
        chosen = state.registry.choose(given.models, given.kinds)
        if query.explain:
            check_explained(len(given.samples) * len(chosen))
        samples = to_samples(given.of(chosen[0]), chosen[0], state.limits, modality=given.modality)
        if query.explain:
            check_explained_extent(samples, chosen, state.limits)
        sureness = tuple(sorted(given.sureness.items()))
        for served in chosen:
            served.careful(sureness)
        asked = _Asked(given.top_k, weigh(samples, chosen[0], state.limits), sureness)
        return samples, chosen, asked

    with state.pool.slot():
        samples, chosen, asked = await state.pool.parse(parse, bytes_to_parse(request, body))
        outcomes = await predict(
            samples,
            chosen,
            top_k=asked.top_k,
            pool=state.pool,
            metrics=state.metrics,
            health=state.health,
            weights=asked.weights,
            sureness=asked.sureness,
        )
        explained: list[dict[str, Any] | None] = [None] * len(outcomes)
        if query.explain:
            explained = await explain_outcomes(samples, outcomes, chosen, state.pool)
    return _predictions(outcomes, explained, len(samples), time.perf_counter() - start)


async def embed_samples(state: AppState, request: Request) -> Response:
    """Return rows of samples in the form of OpenAI's embeddings; one that cannot be read refuses all.

    ``usage`` counts the tokens that the backbone has seen: those beyond its ``max_length`` are cut off.
    """
    check_json_type(request)
    content = await read_body(request, state.pool, state.limits)
    with state.pool.slot():
        body, served, samples, weights = await state.pool.parse(
            partial(_parse_embeddings, content, state), len(content)
        )
        rows = await embed(samples, served, pool=state.pool, health=state.health, weights=weights)
    data: list[dict[str, Any]] = []
    tokens = 0
    for index, row in enumerate(rows):
        if isinstance(row, Reject):
            raise HTTPError(422, "bad_sample", f"{samples[index].id}: {row.reason}")
        embedding = _encode(row.row, body.encoding_format)
        tokens += row.n_tokens
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_response({"object": "list", "data": data, "model": served.name, "usage": usage})


def _parse_embeddings(
    content: bytes, state: AppState
) -> tuple[EmbeddingsRequest, ServedPredictor, list[Sample | Reject], list[float] | None]:
    table = parse_json(content, max_values=max_values(state.limits))
    items = table.get("input") if isinstance(table, dict) else None
    # There are as many as there are tokens, so they are no samples to be counted.
    if isinstance(items, list) and items and isinstance(items[0], int | list):
        raise _token_ids()
    check_list(table, "input", state.limits.max_samples)
    body = validate(EmbeddingsRequest, table)
    served = state.registry.get(body.model)
    dim = served.input.backbone.dim
    if body.dimensions not in (None, dim):
        raise HTTPError(
            422,
            "unprocessable",
            f"dimensions: {served.name} gives {dim}, found {body.dimensions}",
        )
    samples = to_samples(_inputs(body, served), served, state.limits)
    return body, served, samples, weigh(samples, served, state.limits)


async def list_models(state: AppState, request: Request) -> Response:
    """List the classifiers that are served, what they read and what they say."""
    models = [
        {
            "id": served.name,
            "object": "model",
            "task": served.predictor.task_name,
            "owned_by": "featx",
            "modality": served.input.modality,
            "backbone": served.input.label,
            "fingerprint": served.input.fingerprint,
            "classes": list(served.classes),
            "columns": dict(served.input.columns),
        }
        for served in state.registry
    ]
    return json_response({"object": "list", "data": models})


def _predictions(
    outcomes: list[Outcome],
    explained: list[dict[str, Any] | None],
    n_samples: int,
    seconds: float,
) -> Response:
    results = []
    for outcome, explanation in zip(outcomes, explained, strict=True):
        result: dict[str, Any] = {"id": outcome.id, "model": outcome.model}
        if isinstance(outcome.result, Reject):
            message = outcome.result.reason
            result["error"] = {"status": 422, "code": "bad_sample", "message": message}
        else:
            result |= outcome.result.to_dict()
        if outcome.remarks:
            result["remarks"] = list(outcome.remarks)
        if explanation is not None:
            result["explanation"] = explanation
        results.append(result)
    if not all("error" in result for result in results):
        return json_response({"results": results, "seconds": round(seconds, 6)})
    first = f"{results[0]['id']}: {results[0]['error']['message']}"
    message = first
    if n_samples > 1:
        message = f"none of {n_samples} samples can be read; the first: {first}"
    return error_response(HTTPError(422, "bad_sample", message), results=results)


def _inputs(body: EmbeddingsRequest, served: ServedPredictor) -> list[SampleInput]:
    field = "text" if served.input.string_is_sample else "data"
    given = [body.input] if isinstance(body.input, str) else body.input
    texts = [text for text in given if isinstance(text, str)]
    if len(texts) < len(given):
        raise _token_ids()
    return [
        SampleInput.model_validate({"id": f"input[{index}]", field: text})
        for index, text in enumerate(texts)
    ]


def _token_ids() -> HTTPError:
    return HTTPError(
        422,
        "unprocessable",
        "input: found token ids, which are of another tokenizer than this backbone's; send the texts "
        "themselves (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
    )


def _encode(row: FloatArray, encoding: str) -> list[float] | str:
    if encoding == "base64":
        return b64encode(row.astype("<f4").tobytes()).decode("ascii")
    numbers: list[float] = row.tolist()
    return numbers


_FILE = {"type": "string", "format": "binary"}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_FORM = {
    "type": "object",
    "properties": {
        "file": {"type": "array", "items": _FILE},
        "text": _TEXTS,
        "model": _TEXTS,
        "top_k": {"type": "integer", "minimum": 1, "maximum": 1000},
        **SurenessFields.model_json_schema()["properties"],
    },
}

OPERATIONS = (
    Operation(
        "POST",
        "/v1/predict",
        predict_samples,
        tag="featx",
        query=PredictQuery,
        body=PredictRequest,
        answer=PredictAnswer,
        other_bodies={
            "multipart/form-data": _FORM,
            "image/*": _FILE,
            "audio/*": _FILE,
            "text/plain": _FILE,
        },
        takes_slot=True,
    ),
    Operation(
        "POST",
        "/v1/embeddings",
        embed_samples,
        tag="featx",
        body=EmbeddingsRequest,
        answer=EmbeddingsAnswer,
        takes_slot=True,
    ),
    Operation("GET", "/v1/models", list_models, tag="featx", answer=ModelsAnswer),
)
