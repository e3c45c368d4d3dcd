"""From the body of a request to samples: files of a form, raw bytes, or JSON."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from featx.embedding.rows import Reject
from featx.server.errors import HTTPError
from featx.server.limits import Limits
from featx.server.registry import Served
from featx.server.schemas import PredictRequest, SampleForm
from featx.sources import Sample
from featx.sources.sample import shorten
from featx.storage.blob import to_text

__all__ = ["Asked", "in_words", "make_sample", "parse", "read_asked", "read_json"]

M = TypeVar("M", bound=BaseModel)

_RAW = ("image", "audio", "text", "application/octet-stream")
_EXPECTED = (
    "expected multipart/form-data, application/json, application/octet-stream, or the type of a "
    "picture, a sound or a text"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: samples still as they came, which models, how many classes of each."""

    samples: Sequence[SampleForm | tuple[str, bytes]]  # (id, bytes) where the body holds bytes
    models: Sequence[str]
    top_k: int
    kind: str | None = None  # what the content type says of all samples: image, audio, text

    def make(self, served: Served, limits: Limits) -> list[Sample | Reject]:
        """Samples as a classifier's reader takes them, and in words those that it cannot take.

        Raises
        ------
        Refusal
            There are none (422), too many (413), or they are of another kind than it reads (415).
        """
        if not self.samples:
            raise HTTPError(422, "no_samples", "the request holds no sample; expected at least one")
        if len(self.samples) > limits.max_samples:
            raise HTTPError(
                413,
                "too_many_samples",
                f"{len(self.samples)} samples: expected at most {limits.max_samples} a request",
            )
        if self.kind not in (None, served.modality):
            raise HTTPError(
                415,
                "unsupported_media_type",
                f"Content-Type: found {self.kind}, {served.name} reads {served.modality}",
            )
        return [
            _from_form(each, f"samples[{place}]", served)
            if isinstance(each, SampleForm)
            else make_sample(each[0], each[1], served)
            for place, each in enumerate(self.samples)
        ]


def make_sample(id: str, data: bytes, served: Served) -> Sample | Reject:
    """A sample of bytes that came over the wire; they are never taken for a path."""
    id = shorten(to_text(id))
    if not served.string_is_sample:
        return Sample(id, data)
    try:
        return Sample(id, data.decode("utf-8"))
    except UnicodeDecodeError:
        return Reject(id, "text: expected UTF-8")


def _from_form(form: SampleForm, id: str, served: Served) -> Sample | Reject:
    id = shorten(to_text(form.id or id))
    if form.text is not None:
        if served.string_is_sample:
            return Sample(id, form.text)
        return Reject(
            id, f"text: {served.name} reads {served.modality}; send it as data, in base64"
        )
    if form.data is None:
        return Reject(id, "expected data (base64) or text")
    try:
        return make_sample(id, from_base64(form.data), served)
    except ValueError as error:
        return Reject(id, f"data: {error}")


def from_base64(text: str) -> bytes:
    """The bytes of base64, or of a ``data:`` URL that holds it; ValueError in words where it is not."""
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise ValueError("expected a data: URL of the form data:image/jpeg;base64,…")
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected base64") from None


async def read_asked(request: Request, models: Sequence[str], top_k: int, limits: Limits) -> Asked:
    """What a request to predict asks; what the body says of models and classes goes before the query.

    Raises
    ------
    Refusal
        The content type is not one that is read (415), or the body is not what it says (400, 422).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_multipart(request, models, top_k, limits)
    if kind == "application/json":
        said = parse(PredictRequest, await read_json(request))
        listed = [said.model] if isinstance(said.model, str) else said.model
        return Asked(
            said.all_samples(), listed or models, top_k if said.top_k is None else said.top_k
        )
    if kind.partition("/")[0] not in _RAW and kind not in _RAW:
        raise HTTPError(
            415,
            "unsupported_media_type",
            f"Content-Type: {_EXPECTED}; found {kind or 'none'}",
        )
    name = request.headers.get("x-sample-id", "body")
    main = kind.partition("/")[0]
    body = await request.body()
    return Asked([(name, body)], models, top_k, None if main == "application" else main)


async def _read_multipart(
    request: Request, models: Sequence[str], top_k: int, limits: Limits
) -> Asked:
    samples: list[SampleForm | tuple[str, bytes]] = []
    named: list[str] = []
    # one more than the limit, so that too many are refused in our words
    async with request.form(
        max_files=limits.max_samples + 1,
        max_fields=limits.max_samples + 100,
        max_part_size=limits.max_body,
    ) as form:
        for field, value in form.multi_items():
            if isinstance(value, UploadFile):
                samples.append((value.filename or field, await value.read()))
            elif field == "text":
                samples.append(SampleForm(id=f"samples[{len(samples)}]", text=value))
            elif field == "model":
                named.append(value)
            elif field == "top_k":
                top_k = parse(PredictRequest, {"top_k": value}).top_k or top_k
            else:
                raise HTTPError(
                    422,
                    "unprocessable",
                    f"field {field!r}: expected files, or fields named text, model or top_k",
                )
    return Asked(samples, named or models, top_k)


async def read_json(request: Request) -> Any:
    """The body as JSON; Refusal (400) in words where it is not."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPError(400, "bad_json", f"the body is not JSON: {error}") from error


def parse(form: type[M], value: Any) -> M:
    """A value as the form says; Refusal (422) in words where it does not fit."""
    try:
        return form.model_validate(value)
    except ValidationError as error:
        raise HTTPError(422, "unprocessable", in_words(error.errors())) from None


def in_words(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first of pydantic's complaints, where it is and how many more there are."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"]) or "the body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{place}: {first['msg']}{more}"
