"""Inspect an ONNX file: its inputs, its outputs and the files beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, TensorProto, ValueInfoProto

from featx._typing import Shape
from featx.errors import BadGraph, reason_of
from featx.storage.blob import Blob

__all__ = ["Tensor", "external_data", "inputs_of", "load_model", "outputs_of", "shape_of"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph; a dimension is a number, a symbol, or None where unknown."""

    name: str
    shape: Shape | None
    dtype: str


def inputs_of(path: Path) -> list[Tensor]:
    """Return the inputs that the graph wants, weights left out."""
    graph = load_model(path, weights=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    return [_tensor(value) for value in graph.input if value.name not in constants]


def outputs_of(path: Path) -> list[Tensor]:
    """Return the outputs that the graph gives."""
    return [_tensor(value) for value in load_model(path, weights=False).graph.output]


def external_data(data: bytes) -> set[str]:
    """Return the names of the files beside a graph in which it says its weights lie.

    Raises
    ------
    BadGraph
        The bytes are not an ONNX graph.
    """
    # the key that says where: without it there are none
    if b"location" not in data:
        return set()
    try:
        model = onnx.load_from_string(data)
    except DecodeError as error:
        raise BadGraph(f"not an ONNX graph: {error}") from error
    return {
        entry.value
        for tensor in _tensors(model)
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _tensors(message: Message) -> Iterator[TensorProto]:
    """Give every tensor anywhere in a graph: weights, constants, and those in the bodies of its loops."""
    if isinstance(message, TensorProto):
        yield message
        return
    for _, value in message.ListFields():
        for part in value if isinstance(value, Sequence) else [value]:
            if isinstance(part, Message):
                yield from _tensors(part)


def load_model(path: Path | Blob, *, weights: bool = True) -> ModelProto:
    """Return the graph of a file; raises BadGraph where it is none."""
    try:
        file = path.path if isinstance(path, Blob) else path
        if isinstance(path, Blob) and file is None:
            model = onnx.load_from_string(path.read())
        else:
            model = onnx.load(str(file), load_external_data=weights)
    except FileNotFoundError as error:
        raise BadGraph(f"{path}: no such file; expected an ONNX graph") from error
    except IsADirectoryError as error:
        raise BadGraph(f"{path}: is a folder; expected an ONNX graph") from error
    except (DecodeError, ValueError, OSError, onnx.checker.ValidationError) as error:
        raise BadGraph(f"{path}: not an ONNX graph: {reason_of(error, path)}") from error
    if not model.graph.node:
        raise BadGraph(f"{path}: not an ONNX graph: it has no nodes")
    return model


def _tensor(value: ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type.elem_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind).name if kind else "unknown"
    return Tensor(value.name, shape_of(value), dtype)


def shape_of(value: ValueInfoProto) -> Shape | None:
    """Return a tensor's dimensions, each a number, a symbol or None; None where even the rank is unknown."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else _symbol(dim.dim_param)
        for dim in kind.shape.dim
    )


def _symbol(name: str) -> str | None:
    """Return a dimension's name; None for those that shape inference makes up."""
    return None if name.startswith("unk__") else name or None
