"""``/v2``: the Open Inference Protocol, as KServe, Triton and MLServer speak it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from featx import __version__
from featx.embedding.rows import Reject
from featx.server.errors import HTTPError, answer
from featx.server.openapi import body_of
from featx.server.parsing import Asked, parse, read_json
from featx.server.predict import predict
from featx.server.registry import Served
from featx.server.routes_v1 import AppState
from featx.server.schemas import InferRequest, SampleForm, TensorForm
from featx.sources import Sample
from featx.tasks.classification import LabelPrediction as Prediction

__all__ = ["routes"]

_TEXT = frozenset({"str", "text", "text/plain", "utf-8"})
_VERSION = "1"  # a classifier that is replaced takes the place of the old one
_OUTPUTS = ("label", "probability", "probabilities")


def routes(house: AppState) -> APIRouter:
    """The router of ``/v2``."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @router.get("")
    async def describe_server() -> Response:
        """The server, and the extensions of the protocol that it has: none."""
        return answer({"name": "featx", "version": __version__, "extensions": []})

    @router.get("/health/live")
    async def live() -> Response:
        """The server runs."""
        return answer({"live": True})

    @router.get("/health/ready")
    async def ready() -> Response:
        """Every classifier can answer: they are loaded before the server listens."""
        return answer({"ready": True})

    @router.get("/models/{name}/versions/{version}", include_in_schema=False)
    @router.get("/models/{name}")
    async def describe_model(name: str, request: Request) -> Response:
        """The tensors of a classifier; its classes are the columns of ``probabilities``."""
        return answer(_described(_served(house, request)))

    @router.get("/models/{name}/versions/{version}/ready", include_in_schema=False)
    @router.get("/models/{name}/ready")
    async def model_ready(name: str, request: Request) -> Response:
        """The classifier can answer."""
        return answer({"name": _served(house, request).name, "ready": True})

    @router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
    @router.post("/models/{name}/infer", openapi_extra=body_of(InferRequest))
    async def infer(name: str, request: Request) -> Response:
        """Labels and probabilities; a sample that cannot be read refuses all.

        The input is BYTES of shape [n] or [n, 1]: texts as they are, pictures and sounds in base64. A
        picture may also be UINT8 of shape [n, height, width, 3].
        """
        with house.pool.place():
            served = _served(house, request)
            said = parse(InferRequest, await read_json(request))
            samples = _samples(said, served, house)
            outcomes = await predict(
                samples,
                [served],
                top_k=len(served.classifier.classes),
                pool=house.pool,
                metrics=house.metrics,
            )
        for each in outcomes:
            if isinstance(each.said, Reject):
                raise HTTPError(422, "bad_sample", f"{each.id}: {each.said.reason}")
        wanted = [output.name for output in said.outputs] or list(_OUTPUTS)
        made = _outputs(
            [each.said for each in outcomes if isinstance(each.said, Prediction)], served
        )
        if strangers := sorted(set(wanted) - set(made)):
            raise HTTPError(
                422,
                "unprocessable",
                f"outputs: no tensor named {strangers[0]!r}; there are {', '.join(made)}",
            )
        body = {"model_name": served.name, "model_version": _VERSION}
        return answer(
            body
            | ({"id": said.id} if said.id else {})
            | {"outputs": [made[output] for output in dict.fromkeys(wanted)]}
        )

    return router


def _served(house: AppState, request: Request) -> Served:
    """The classifier that a path names; Refusal (404) where there is none, or not in that version."""
    served = house.registry.get(request.path_params["name"])
    version = request.path_params.get("version", _VERSION)
    if version != _VERSION:
        raise HTTPError(
            404, "unknown_version", f"{served.name}: no version {version!r}; served: {_VERSION}"
        )
    return served


def _described(served: Served) -> dict[str, Any]:
    n = len(served.classifier.classes)
    kinds = {"label": "BYTES", "probability": "FP32", "probabilities": "FP32"}
    shapes = {"label": [-1], "probability": [-1], "probabilities": [-1, n]}
    return {
        "name": served.name,
        "versions": [_VERSION],
        "platform": "featx",
        "inputs": [{"name": served.modality, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": name, "datatype": kinds[name], "shape": shapes[name]} for name in _OUTPUTS
        ],
        "parameters": {"classes": list(served.classifier.classes)},
    }


def _outputs(said: Sequence[Prediction], served: Served) -> dict[str, dict[str, Any]]:
    classes, n = served.classifier.classes, len(said)
    tables = [dict(each.top) for each in said]
    return {
        "label": _tensor("label", "BYTES", [n], [each.label for each in said]),
        "probability": _tensor("probability", "FP32", [n], [each.probability for each in said]),
        "probabilities": _tensor(
            "probabilities",
            "FP32",
            [n, len(classes)],
            [table[label] for table in tables for label in classes],
        ),
    }


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _samples(said: InferRequest, served: Served, house: AppState) -> list[Sample | Reject]:
    """The samples of the one input tensor, or a Refusal (422) that says what is wrong with it."""
    if len(said.inputs) != 1:
        raise _wrong(f"expected one tensor, found {len(said.inputs)}")
    [tensor] = said.inputs
    limit = house.limits.max_samples
    if tensor.shape and tensor.shape[0] > limit:
        raise HTTPError(
            413,
            "too_many_samples",
            f"{tensor.shape[0]} samples: expected at most {limit} a request",
        )
    if tensor.datatype == "UINT8" and served.modality == "image":
        return _pictures(tensor)
    if tensor.datatype != "BYTES":
        raise _wrong(f"datatype: found {tensor.datatype}, {served.name} takes BYTES")
    texts = _flat(tensor.data)
    if not 1 <= len(tensor.shape) <= 2 or math.prod(tensor.shape) != len(texts):
        raise _wrong(f"shape: found {tensor.shape} for {len(texts)} values, expected one a sample")
    if not all(isinstance(text, str) for text in texts):
        raise _wrong("data: expected strings")
    as_text = served.string_is_sample and tensor.parameters.get("content_type", "str") in _TEXT
    forms = [
        SampleForm(id=f"data[{place}]", **{"text" if as_text else "data": text})
        for place, text in enumerate(texts)
    ]
    return Asked(forms, [], 1).make(served, house.limits)


def _pictures(tensor: TensorForm) -> list[Sample | Reject]:
    """Pictures that came as numbers."""
    shape = tensor.shape
    values = _flat(tensor.data)
    whole = all(type(value) is int and 0 <= value <= 255 for value in values)
    if len(shape) != 4 or min(shape) < 1 or math.prod(shape) != len(values) or not whole:
        raise _wrong(
            f"data: {len(values)} values for shape {shape}; expected whole numbers from 0 to 255 of "
            f"shape [n, height, width, 3]"
        )
    pictures = np.array(values, np.uint8).reshape(shape)
    return [Sample(f"data[{place}]", picture) for place, picture in enumerate(pictures)]


def _flat(values: list[Any]) -> list[Any]:
    """Nested lists as one, which is how the protocol also lets tensors be written."""
    while any(isinstance(value, list) for value in values):
        values = [
            inner for value in values for inner in (value if isinstance(value, list) else [value])
        ]
    return values


def _wrong(words: str) -> HTTPError:
    return HTTPError(422, "unprocessable", f"inputs: {words}")
