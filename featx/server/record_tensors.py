"""Records in the Open Inference Protocol: a tensor for each column, by its name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from featx.embedding.rows import Reject
from featx.server.binary_tensors import NUMBERS, split_bytes
from featx.server.errors import wrong_inputs
from featx.server.json_body import flatten
from featx.server.limits import Limits
from featx.server.parsing import check_count, to_samples
from featx.server.registry import ServedPredictor
from featx.server.schemas import TensorInput
from featx.sources import Sample

__all__ = ["describe_tensors", "records_of"]

# Numbers that a vector of one sample may have; encoders know no more.
_MOST = 1 << 16


def describe_tensors(served: ServedPredictor) -> list[dict[str, Any]]:
    """Return the tensors that a predictor takes, as the protocol describes them."""
    if not served.input.is_record:
        return [{"name": served.input.name, "datatype": "BYTES", "shape": [-1]}]
    return [
        {
            "name": name,
            "datatype": {"number": "FP64", "vector": "FP32"}.get(kind, "BYTES"),
            "shape": [-1, -1] if kind == "vector" else [-1],
        }
        for name, kind in served.input.columns.items()
    ]


def records_of(
    tensors: Sequence[TensorInput],
    binary: Sequence[memoryview | None],
    served: ServedPredictor,
    limits: Limits,
) -> list[Sample | Reject]:
    """Return the samples of tensors of one length, each of which is a column.

    A number that is NaN, and a text without a letter, is an empty cell.

    Raises
    ------
    HTTPError
        A tensor is of no column, or there twice, or of another length, shape or type (422); or there are too
        many samples (413).
    """
    columns: dict[str, list[Any]] = {}
    for tensor, data in zip(tensors, binary, strict=True):
        kind = served.input.columns.get(tensor.name)
        if kind is None or tensor.name in columns:
            what = "is there twice" if kind else "is none of them"
            raise wrong_inputs(
                f"tensors: expected those named {', '.join(served.input.columns)}; {tensor.name[:100]!r} {what}"
            )
        columns[tensor.name] = _values(tensor, data, kind, limits)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise wrong_inputs(f"tensors: expected one length, found {found:.200}")
    count = next(iter(lengths.values()), 0)
    rows = [{name: values[k] for name, values in columns.items()} for k in range(count)]
    return to_samples([(f"data[{k}]", row) for k, row in enumerate(rows)], served, limits)


def _values(tensor: TensorInput, binary: memoryview | None, kind: str, limits: Limits) -> list[Any]:
    """Return the values of a tensor, one a sample."""
    name, shape = tensor.name, tensor.shape
    if (binary is None) == (tensor.data is None):
        raise wrong_inputs(f"{name}: expected either data or the parameter binary_data_size")
    vector = kind == "vector"
    columns = shape[1] if len(shape) == 2 else 1
    if not 1 <= len(shape) <= 2 or min(shape) < 0 or (columns != 1 and not vector):
        raise wrong_inputs(f"{name}: shape: found {shape[:8]}, expected one value a sample")
    check_count(shape[0], limits)
    if columns > _MOST:
        raise wrong_inputs(
            f"{name}: shape: found {shape[:8]}, expected at most {_MOST} numbers a sample"
        )
    count = math.prod(shape)
    if tensor.datatype == "BYTES" and not vector:
        return _texts(tensor, binary, kind, count)
    if tensor.datatype not in NUMBERS or kind not in ("number", "vector"):
        raise wrong_inputs(f"{name}: datatype: found {tensor.datatype[:40]}, which is no {kind}")
    numbers = _numbers(tensor, binary, count)
    if not vector:
        return [None if math.isnan(value) else value for value in numbers.tolist()]
    return [None if np.isnan(row).all() else row for row in numbers.reshape(shape)]


def _numbers(tensor: TensorInput, binary: memoryview | None, count: int) -> Any:
    if binary is None:
        data = flatten(tensor.data or [])
        if len(data) != count or not all(type(value) in (int, float) for value in data):
            raise wrong_inputs(f"{tensor.name}: data: expected {count} numbers in one list")
        try:
            return np.array(data, np.float64)
        except OverflowError:
            raise wrong_inputs(
                f"{tensor.name}: data: expected numbers that a float64 holds"
            ) from None
    kind = np.dtype(NUMBERS[tensor.datatype])
    if len(binary) != count * kind.itemsize:
        raise wrong_inputs(f"{tensor.name}: binary data: expected {count * kind.itemsize} bytes")
    return np.frombuffer(binary, kind).astype(np.float64)


def _texts(tensor: TensorInput, binary: memoryview | None, kind: str, count: int) -> list[Any]:
    """Return texts, or files: in JSON in base64, in binary as they are or, where it says so, in base64."""
    if binary is None:
        data = flatten(tensor.data or [])
        if len(data) != count or not all(isinstance(value, str) for value in data):
            raise wrong_inputs(f"{tensor.name}: data: expected {count} strings in one list")
        return [value or None for value in data]
    try:
        values = split_bytes(binary, count)
    except ValueError as error:
        raise wrong_inputs(
            f"{tensor.name}: binary data of shape {tensor.shape[:8]}: {error}"
        ) from None
    if str(tensor.parameters.get("content_type", "")) == "base64" and kind in ("image", "audio"):
        return [value.decode("ascii", "replace") or None for value in values]
    return [value or None for value in values]
