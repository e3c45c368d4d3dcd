"""What the query and the body of a request hold: files of a form, raw bytes, or JSON, made into samples."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from featx.embedding.rows import Reject
from featx.server.encodings import decode_base64, decode_body, media_type_of_url
from featx.server.errors import HTTPError
from featx.server.limits import Limits
from featx.server.registry import ServedInput, ServedPredictor
from featx.server.schemas import PredictQuery, PredictRequest, SampleInput
from featx.sources import Sample
from featx.sources.sample import shorten
from featx.storage.blob import to_text

__all__ = [
    "PredictInput",
    "parse_json",
    "read_body",
    "read_json",
    "read_predict_input",
    "read_query",
    "to_samples",
    "validate",
]

M = TypeVar("M", bound=BaseModel)

# A sample as it came: an object of JSON, or an id and the bytes of a file.
_Raw = SampleInput | tuple[str, bytes]

_KINDS = frozenset({"image", "audio", "text"})
_RAW_TYPES = ("image", "audio", "text", "application/octet-stream")
_EXPECTED_TYPES = (
    "expected multipart/form-data, application/json, application/octet-stream, or the type of a "
    "picture, a sound or a text"
)


@dataclass(frozen=True, slots=True)
class PredictInput:
    """What a request to predict holds.

    Attributes
    ----------
    samples : sequence of SampleInput, or of an id and bytes
    models : sequence of str
        Names of predictors; empty for all.
    top_k : int
        Classes to list.
    modality : str, default=None
        The kind of all samples, where the content type says it.
    kinds : frozenset of str, default=frozenset()
        The kinds that the samples seem to be of, which choose predictors where no name does.
    """

    samples: Sequence[_Raw]
    models: Sequence[str]
    top_k: int
    modality: str | None = None
    kinds: frozenset[str] = frozenset()


def read_query(request: Request) -> PredictQuery:
    """Return what the query says; raise HTTPError (422) where that cannot be."""
    query = request.query_params
    values: dict[str, Any] = {"model": query.getlist("model")}
    if "top_k" in query:
        values["top_k"] = query["top_k"]
    return validate(PredictQuery, values, within="query")


async def read_predict_input(request: Request, query: PredictQuery, limits: Limits) -> PredictInput:
    """Return what a request holds; what its body says of models and classes goes before the query.

    Raises
    ------
    HTTPError
        The content type is not one that is read (415), or the body is not what it says (400, 422).
    """
    request = await _without_encoding(request, limits)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kind = media_type.partition("/")[0]
    if media_type == "multipart/form-data":
        return await _read_multipart(request, query, limits)
    if media_type == "application/json":
        body = validate(PredictRequest, await read_json(request, limits))
        models = [body.model] if isinstance(body.model, str) else body.model
        top_k = query.top_k if body.top_k is None else body.top_k
        samples = body.all_samples()
        kinds = frozenset(map(_kind_of_object, samples)) - {""}
        return PredictInput(samples, models or query.model, top_k, kinds=kinds)
    if kind not in _RAW_TYPES and media_type not in _RAW_TYPES:
        raise HTTPError(
            415,
            "unsupported_media_type",
            f"Content-Type: {_EXPECTED_TYPES}; found {media_type or 'none'}",
        )
    sample = request.headers.get("x-sample-id", "body"), await request.body()
    modality = None if kind == "application" else kind
    kinds = frozenset({kind} & _KINDS)
    return PredictInput([sample], query.model, query.top_k, modality, kinds)


def _kind_of_object(given: SampleInput) -> str:
    """Return the kind that a sample says it is of, as a text or by its data: URL; empty where it does not."""
    if given.text is not None:
        return "text"
    kind = media_type_of_url(given.data or "").partition("/")[0]
    return kind if kind in _KINDS else ""


async def _without_encoding(request: Request, limits: Limits) -> Request:
    """Return a request whose body has no Content-Encoding."""
    encoding = request.headers.get("content-encoding", "")
    if encoding.strip().lower() in ("", "identity"):
        return request
    # Other requests are answered while a large body is inflated.
    body = await asyncio.to_thread(
        decode_body, await request.body(), encoding, limit=limits.max_body
    )

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    plain = [pair for pair in request.scope["headers"] if pair[0] != b"content-encoding"]
    return Request({**request.scope, "headers": plain}, receive)


async def _read_multipart(request: Request, query: PredictQuery, limits: Limits) -> PredictInput:
    samples: list[_Raw] = []
    kinds: set[str] = set()
    models: list[str] = []
    top_k = query.top_k
    # One more file than the limit, so that too many are refused in featx's words.
    async with request.form(
        max_files=limits.max_samples + 1,
        max_fields=limits.max_samples + 100,
        max_part_size=limits.max_body,
    ) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                samples.append((value.filename or name, await value.read()))
                kinds.add((value.content_type or "").partition("/")[0].strip().lower())
            elif name == "text":
                samples.append(SampleInput(id=f"samples[{len(samples)}]", text=value))
                kinds.add("text")
            elif name == "model":
                models.append(value)
            elif name == "top_k":
                top_k = validate(PredictRequest, {"top_k": value}).top_k or top_k
            else:
                raise HTTPError(
                    422,
                    "unprocessable",
                    f"field {name!r}: expected files, or fields named text, model or top_k",
                )
    return PredictInput(samples, models or query.model, top_k, kinds=frozenset(kinds & _KINDS))


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body without its Content-Encoding; raise HTTPError (400, 413, 415) where that cannot be."""
    return await (await _without_encoding(request, limits)).body()


async def read_json(request: Request, limits: Limits) -> Any:
    """Return the body, parsed as JSON; raise HTTPError (400) where it is none."""
    return parse_json(await read_body(request, limits))


def parse_json(body: bytes) -> Any:
    """Return what JSON says; raise HTTPError (400) where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPError(400, "bad_json", f"the body is not JSON: {error}") from error


def validate(model: type[M], value: Any, *, within: str = "") -> M:
    """Return a value as a model has it; raise HTTPError (422) where it does not fit.

    ``within`` goes before the names of fields in the message. The first error is told, and how many more
    there are.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_context=False)
    location = ".".join(str(part) for part in ([within] if within else []) + [*first["loc"]])
    more = f" (and {len(others)} more)" if others else ""
    message = f"{location or 'the body'}: {first['msg']}{more}"
    raise HTTPError(422, "unprocessable", message)


def to_samples(
    given: Sequence[_Raw], served: ServedPredictor, limits: Limits, *, modality: str | None = None
) -> list[Sample | Reject]:
    """Return samples as a predictor's reader takes them, and rejects where it cannot.

    Raises
    ------
    HTTPError
        There are none (422), too many (413), or they are of another kind than the predictor reads (415).
    """
    if not given:
        raise HTTPError(422, "no_samples", "the request holds no sample; expected at least one")
    check_count(len(given), limits)
    if modality not in (None, served.input.modality):
        raise HTTPError(
            415,
            "unsupported_media_type",
            f"Content-Type: found {modality}, {served.name} reads {served.input.modality}",
        )
    return [
        _from_object(sample, f"samples[{index}]", served)
        if isinstance(sample, SampleInput)
        else _from_bytes(sample[0], sample[1], served.input)
        for index, sample in enumerate(given)
    ]


def check_count(n_samples: int, limits: Limits) -> None:
    """Raise HTTPError (413) where a request holds more samples than the limit."""
    if n_samples > limits.max_samples:
        raise HTTPError(
            413,
            "too_many_samples",
            f"{n_samples} samples: expected at most {limits.max_samples} a request",
        )


def _from_bytes(id: str, data: bytes, reading: ServedInput) -> Sample | Reject:
    """Return a sample of bytes that a client sent; they are never taken for a path."""
    id = shorten(to_text(id))
    if not reading.string_is_sample:
        return Sample(id, data)
    try:
        return Sample(id, data.decode("utf-8"))
    except UnicodeDecodeError:
        return Reject(id, "text: expected UTF-8")


def _from_object(given: SampleInput, id: str, served: ServedPredictor) -> Sample | Reject:
    reading, id = served.input, shorten(to_text(given.id or id))
    if given.text is not None:
        if reading.string_is_sample:
            return Sample(id, given.text)
        return Reject(
            id, f"text: {served.name} reads {reading.modality}; send it as data, in base64"
        )
    if given.data is None:
        return Reject(id, "expected data (base64) or text")
    try:
        return _from_bytes(id, decode_base64(given.data), reading)
    except ValueError as error:
        return Reject(id, f"data: {error}")
