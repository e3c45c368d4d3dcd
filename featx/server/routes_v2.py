"""``/v2``: the Open Inference Protocol, as KServe, Triton and MLServer speak it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response

from featx import __version__
from featx.embedding.rows import Reject
from featx.predictor import Predictor
from featx.server.answers import (
    InferAnswer,
    LiveAnswer,
    ModelAnswer,
    ModelReadyAnswer,
    ReadyAnswer,
    ServerAnswer,
)
from featx.server.binary_tensors import (
    HEADER,
    join_answer,
    pack,
    split_body,
    split_bytes,
    take_tensors,
)
from featx.server.errors import HTTPError, json_response, wrong_inputs
from featx.server.extents import weigh
from featx.server.json_body import flatten, parse_json
from featx.server.limits import Limits
from featx.server.parsing import (
    check_count,
    check_json_type,
    check_list,
    max_values,
    read_body,
    to_samples,
    validate,
)
from featx.server.predict import predict
from featx.server.record_tensors import describe_tensors, records_of
from featx.server.registry import ServedPredictor, Sureness
from featx.server.routing import AppState, Operation
from featx.server.schemas import InferRequest, SampleInput, TensorInput
from featx.server.sureness import SURENESS_FIELDS, SurenessFields
from featx.sources import Sample
from featx.tasks import Prediction

__all__ = ["OPERATIONS"]

_TEXT_TYPES = frozenset({"str", "text", "text/plain", "utf-8"})
# Numbers of a tensor in JSON, which take four letters each: about as many as the largest body has.
_MAX_NUMBERS = 8_000_000
# Tensors that a request may name.
_MAX_TENSORS = 100
# Numbers that are converted at a time: Python's lock is held meanwhile.
_PIECE = 1 << 16
# A classifier that is replaced takes the place of the old one.
_VERSION = "1"


async def describe_server(state: AppState, request: Request) -> Response:
    """Name the server, its version, and the extensions of the protocol that it has."""
    about = {"name": "featx", "version": __version__, "extensions": ["binary_tensor_data"]}
    return json_response(about)


async def live(state: AppState, request: Request) -> Response:
    """The server runs."""
    return json_response({"live": True})


async def ready(state: AppState, request: Request) -> Response:
    """Every classifier can answer; else the status is 503."""
    fine = not await state.unready()
    return json_response({"ready": fine}, 200 if fine else 503)


async def describe_model(state: AppState, request: Request) -> Response:
    """Describe the tensors of a classifier; its classes are the columns of ``probabilities``."""
    served = _find(state, request)
    tensors = served.predictor.output_tensors
    return json_response(
        {
            "name": served.name,
            "versions": [_VERSION],
            "platform": "featx",
            "inputs": describe_tensors(served),
            "outputs": [
                {
                    "name": tensor.name,
                    "datatype": tensor.datatype,
                    "shape": [-1] if tensor.columns is None else [-1, tensor.columns],
                }
                for tensor in tensors
            ],
            "parameters": {"classes": list(served.classes)},
        }
    )


async def model_ready(state: AppState, request: Request) -> Response:
    """The classifier can answer; else the status is 503."""
    served = _find(state, request)
    fine = await state.health.is_ready(served)
    return json_response({"name": served.name, "ready": fine}, 200 if fine else 503)


async def infer(state: AppState, request: Request) -> Response:
    """Return labels and probabilities; a sample that cannot be read refuses all.

    The input is BYTES of shape [n] or [n, 1]: texts as they are, pictures and sounds in base64. A
    picture may also be UINT8 of shape [n, height, width, 3]. With the binary tensor data extension a
    picture or a sound is its file as it is, unless the parameter ``content_type`` is ``base64``. Of a record
    there is a tensor for each column, by its name: FP64 for numbers, FP32 of shape [n, k] for vectors.
    The parameters ``coverage``, ``per_class``, ``sets``, ``abstain`` and ``novelty`` of the request are
    those of ``/v1/predict``, and add the tensors ``set``, ``answered``, ``novelty`` and ``novel``.
    """
    check_json_type(request)
    served = _find(state, request)
    content = await read_body(request, state.pool, state.limits)
    with state.pool.slot():
        body, samples, weights, sureness = await state.pool.parse(
            partial(_parse, content, request.headers.get(HEADER), served, state.limits),
            len(content),
        )
        outcomes = await predict(
            samples,
            [served],
            top_k=len(served.classes),
            pool=state.pool,
            metrics=state.metrics,
            health=state.health,
            weights=weights,
            sureness=sureness,
        )
    predictions = []
    for outcome in outcomes:
        if isinstance(outcome.result, Reject):
            raise HTTPError(422, "bad_sample", f"{outcome.id}: {outcome.result.reason}")
        predictions.append(outcome.result)
    answer: dict[str, Any] = {"model_name": served.name, "model_version": _VERSION}
    if body.id:
        answer["id"] = body.id
    return _to_response(answer, _outputs(predictions, served.careful(sureness), body), body)


def _parse(
    content: bytes, length: str | None, served: ServedPredictor, limits: Limits
) -> tuple[InferRequest, list[Sample | Reject], list[float] | None, Sureness]:
    """Return a request, its samples, how large each of them is, and how sure answers are to be."""
    head, data = split_body(content, length)
    table = parse_json(head, max_values=max_values(limits), max_numbers=_MAX_NUMBERS)
    check_list(table, "inputs", _MAX_TENSORS, "tensors")
    check_list(table, "outputs", _MAX_TENSORS, "tensors")
    body = validate(InferRequest, table)
    tensors = body.inputs if served.input.is_record else [_one_input(body)]
    binary = take_tensors([tensor.parameters for tensor in tensors], data)
    if served.input.is_record:
        samples = records_of(tensors, binary, served, limits)
    else:
        samples = _samples(tensors[0], binary[0], served, limits)
    asked = {name: body.parameters[name] for name in SURENESS_FIELDS if name in body.parameters}
    given = validate(SurenessFields, asked, within="parameters").asked()
    sureness = tuple(sorted(given.items()))
    served.careful(sureness)
    return body, samples, weigh(samples, served, limits), sureness


def _to_response(
    answer: dict[str, Any], outputs: list[dict[str, Any]], body: InferRequest
) -> Response:
    """Return an answer in JSON, with the tensors that are wanted so as binary data behind it."""
    binary = bool(body.parameters.get("binary_data_output"))
    wanted = {
        output.name: bool(output.parameters.get("binary_data", binary)) for output in body.outputs
    }
    data = []
    for tensor in outputs:
        if wanted.get(tensor["name"], binary):
            data.append(pack(tensor.pop("data"), tensor["datatype"]))
            tensor["parameters"] = {"binary_data_size": len(data[-1])}
    response = json_response(answer | {"outputs": outputs})
    if not data:
        return response
    content, headers = join_answer(bytes(response.body), data)
    return Response(content, headers=headers, media_type="application/octet-stream")


def _find(state: AppState, request: Request) -> ServedPredictor:
    """Return the predictor that a path names; raise HTTPError (404) where there is none of that version."""
    served = state.registry.get(request.path_params["name"])
    version = request.path_params.get("version", _VERSION)
    if version != _VERSION:
        raise HTTPError(
            404, "unknown_version", f"{served.name}: no version {version!r}; served: {_VERSION}"
        )
    return served


def _outputs(
    predictions: Sequence[Prediction], predictor: Predictor, body: InferRequest
) -> list[dict[str, Any]]:
    """Return the tensors that are wanted, or all; raise HTTPError (422) where there is no such tensor."""
    n = len(predictions)
    values = predictor.tensor_values(predictions)
    columns = {
        tensor.name: (
            tensor.datatype,
            [n] if tensor.columns is None else [n, tensor.columns],
            values[tensor.name],
        )
        for tensor in predictor.output_tensors
    }
    wanted = dict.fromkeys([output.name for output in body.outputs] or columns)
    if unknown := sorted(set(wanted) - set(columns)):
        raise HTTPError(
            422,
            "unprocessable",
            f"outputs: no tensor named {unknown[0]!r}; there are {', '.join(columns)}",
        )
    return [
        dict(zip(("name", "datatype", "shape", "data"), (name, *columns[name]), strict=True))
        for name in wanted
    ]


def _one_input(body: InferRequest) -> TensorInput:
    if len(body.inputs) != 1:
        raise wrong_inputs(f"expected one tensor, found {len(body.inputs)}")
    return body.inputs[0]


def _samples(
    tensor: TensorInput, binary: memoryview | None, served: ServedPredictor, limits: Limits
) -> list[Sample | Reject]:
    """Return the samples of the one input tensor; raise HTTPError (413, 422) where it is wrong.

    ``binary`` is the tensor's data where it does not stand in the JSON.
    """
    if (binary is None) == (tensor.data is None):
        raise wrong_inputs("expected either data or the parameter binary_data_size")
    if tensor.shape:
        check_count(tensor.shape[0], limits)
    if tensor.datatype == "UINT8" and served.input.modality == "image":
        return _pictures(tensor, binary)
    if tensor.datatype != "BYTES":
        raise wrong_inputs(f"datatype: found {tensor.datatype[:40]}, {served.name} takes BYTES")
    values = flatten(tensor.data or []) if binary is None else _elements(tensor, binary, limits)
    if not 1 <= len(tensor.shape) <= 2 or math.prod(tensor.shape) != len(values):
        raise wrong_inputs(
            f"shape: found {tensor.shape[:8]} for {len(values)} values, expected one a sample"
        )
    content_type = str(tensor.parameters.get("content_type", "str"))
    is_text = served.input.string_is_sample
    if binary is not None and (is_text or content_type != "base64"):
        return to_samples([(f"data[{k}]", value) for k, value in enumerate(values)], served, limits)
    if binary is not None:
        values = [value.decode("ascii", "replace") for value in values]
    if not all(isinstance(text, str) for text in values):
        raise wrong_inputs("data: expected strings")
    field = "text" if is_text and content_type in _TEXT_TYPES else "data"
    given = [
        SampleInput.model_validate({"id": f"data[{k}]", field: text})
        for k, text in enumerate(values)
    ]
    return to_samples(given, served, limits)


def _elements(tensor: TensorInput, binary: memoryview, limits: Limits) -> list[bytes]:
    count = math.prod(tensor.shape) if 1 <= len(tensor.shape) <= 2 else 0
    check_count(count, limits)
    try:
        return split_bytes(binary, count)
    except ValueError as error:
        raise wrong_inputs(f"binary data of shape {tensor.shape[:8]}: {error}") from None


def _pictures(tensor: TensorInput, binary: memoryview | None) -> list[Sample | Reject]:
    """Return the pictures of a tensor of numbers."""
    shape = tensor.shape
    values: Any = flatten(tensor.data or []) if binary is None else binary
    if len(shape) != 4 or min(shape) < 1 or math.prod(shape) != len(values):
        raise _no_pictures(shape, len(values))
    pixels = np.array(values, np.uint8) if binary is not None else _to_bytes(values)
    if pixels is None:
        raise _no_pictures(shape, len(values))
    pictures = pixels.reshape(shape)
    return [Sample(f"data[{index}]", picture) for index, picture in enumerate(pictures)]


def _no_pictures(shape: Sequence[int], count: int) -> HTTPError:
    return wrong_inputs(
        f"data: {count} values for shape {shape[:8]}; expected whole numbers from 0 to 255 of "
        f"shape [n, height, width, 3]"
    )


def _to_bytes(values: list[Any]) -> npt.NDArray[np.uint8] | None:
    """Return whole numbers from 0 to 255 as an array, a piece at a time; None where others are among them."""
    pieces = []
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        # True and False are numbers to Python.
        if set(map(type, piece)) != {int} or min(piece) < 0 or max(piece) > 255:
            return None
        pieces.append(np.array(piece, np.uint8))
    return np.concatenate(pieces)


_TAG = "Open Inference Protocol"
_MODEL = "/v2/models/{name}"
_MODEL_VERSION = f"{_MODEL}/versions/{{version}}"

# The paths with a version are left out of the OpenAPI document: there is one version.
OPERATIONS = (
    Operation("GET", "/v2", describe_server, tag=_TAG, answer=ServerAnswer),
    Operation("GET", "/v2/health/live", live, tag=_TAG, answer=LiveAnswer),
    Operation("GET", "/v2/health/ready", ready, tag=_TAG, answer=ReadyAnswer),
    Operation("GET", _MODEL, describe_model, tag=_TAG, answer=ModelAnswer),
    Operation("GET", _MODEL_VERSION, describe_model),
    Operation("GET", f"{_MODEL}/ready", model_ready, tag=_TAG, answer=ModelReadyAnswer),
    Operation("GET", f"{_MODEL_VERSION}/ready", model_ready),
    Operation(
        "POST",
        f"{_MODEL}/infer",
        infer,
        tag=_TAG,
        body=InferRequest,
        answer=InferAnswer,
        takes_slot=True,
    ),
    Operation("POST", f"{_MODEL_VERSION}/infer", infer, takes_slot=True),
)
