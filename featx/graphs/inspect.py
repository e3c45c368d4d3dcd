"""Inspect an ONNX file: its inputs, its outputs and the files beside it."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from featx._typing import Shape
from featx.errors import BadGraph, reason_of
from featx.graphs.external import external_names, load_external
from featx.storage.blob import Blob

__all__ = [
    "LARGEST",
    "Tensor",
    "bodies_of",
    "describe_value",
    "external_data",
    "infer_shapes",
    "inputs_of",
    "load_model",
    "outputs_of",
    "shape_of",
    "tensors_of",
    "walk",
]

# of one message: protobuf holds no more
LARGEST = (1 << 31) - 1
# with the bodies of functions as often as they are called, and calls inside each other
_NODES = 100_000
_CALLS = 32
# numbers: no shape has as many axes
_LONG_LIST = 1 << 14
# of ONNX Runtime's own format, at the fifth byte
_ORT_FORMAT = b"ORTM"


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
    return [describe_value(value) for value in graph.input if value.name not in constants]


def outputs_of(path: Path) -> list[Tensor]:
    """Return the outputs that the graph gives."""
    return [describe_value(value) for value in load_model(path, weights=False).graph.output]


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
    return external_names(tensors_of(model))


def tensors_of(message: Message) -> Iterator[TensorProto]:
    """Give every tensor anywhere in a graph: weights, constants, and those in the bodies of its loops."""
    if isinstance(message, TensorProto):
        yield message
        return
    for _, value in message.ListFields():
        for part in value if isinstance(value, Sequence) else [value]:
            if isinstance(part, Message):
                yield from tensors_of(part)


def bodies_of(node: NodeProto) -> Iterator[GraphProto]:
    """Give the bodies of a loop or branch."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def walk(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Give every node, those in the bodies of loops and branches too."""
    for node in nodes:
        yield node
        for body in bodies_of(node):
            yield from walk(body.node)


def _has_garbled_names(model: ModelProto) -> bool:
    """Return whether a name is no UTF-8: protobuf gives it as bytes, and ONNX Runtime fails on it late."""
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    names: list[Any] = [value.name for value in values]
    described = (*graph.input, *graph.output, *graph.value_info)
    names += [dim.dim_param for value in described for dim in value.type.tensor_type.shape.dim]
    for nodes in (graph.node, *(function.node for function in model.functions)):
        for node in walk(nodes):
            names += [node.name, node.op_type, node.domain, *node.input, *node.output]
            names += [attribute.name for attribute in node.attribute]
    return any(isinstance(name, bytes) for name in names)


def _check_functions(model: ModelProto) -> None:
    """Raise BadGraph where functions call themselves, or stand for more nodes than a graph has."""
    functions = {(one.domain, one.name): one for one in model.functions}
    totals: dict[tuple[str, str], int] = {}

    def total(nodes: Iterable[NodeProto], under: tuple[tuple[str, str], ...]) -> int:
        count = 0
        for node in walk(nodes):
            count += 1
            call = (node.domain, node.op_type)
            if call in functions:
                if call in under or len(under) > _CALLS:
                    raise BadGraph(f"its function {node.op_type[:80]!r} calls itself")
                if call not in totals:
                    totals[call] = total(functions[call].node, (*under, call))
                count += totals[call]
            if count > _NODES:
                raise BadGraph(f"stands for more than {_NODES} nodes, its functions written out")
        return count

    total(model.graph.node, ())
    for key, function in functions.items():
        total(function.node, (key,))


def infer_shapes(model: ModelProto, *, values: bool = True) -> ModelProto:
    """Return the graph with the shapes that ONNX's inference finds; as it is where inference fails.

    Parameters
    ----------
    values : bool, default=True
        Whether inference follows the values of shapes that the graph computes. It does not where a list of
        numbers in the graph is long: inference would make every one, and lists that double soon fill memory.
    """
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
        if values and not any(map(_is_long_list, inferred.graph.value_info)):
            inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    # a library written in C++: it raises RuntimeError and its kin for what it cannot do
    except _UNREADABLE:
        return model
    return inferred


def _is_long_list(value: ValueInfoProto) -> bool:
    dims = value.type.tensor_type.shape.dim
    return len(dims) == 1 and dims[0].dim_value > _LONG_LIST


def load_model(path: Path | Blob, *, weights: bool = True) -> ModelProto:
    """Return the graph of a file; raises BadGraph where it is none.

    Parameters
    ----------
    weights : bool, default=True
        Whether weights that lie in files beside the graph are read, too.
    """
    file = path.path if isinstance(path, Blob) else path
    try:
        data = path.read() if isinstance(path, Blob) and file is None else _read(Path(str(file)))
        if data[4:8] == _ORT_FORMAT:
            raise BadGraph(
                f"{path}: is in ONNX Runtime's own format (.ort); expected the .onnx file that it was made of"
            )
        model = onnx.load_from_string(data)
    except FileNotFoundError as error:
        raise BadGraph(f"{path}: no such file; expected an ONNX graph") from error
    except IsADirectoryError as error:
        raise BadGraph(f"{path}: is a folder; expected an ONNX graph") from error
    except BadGraph:
        raise
    except _UNREADABLE as error:
        said = reason_of(error, path) or type(error).__name__
        raise BadGraph(f"{path}: not an ONNX graph: {said}") from error
    if not model.graph.node:
        raise BadGraph(f"{path}: not an ONNX graph: it has no nodes")
    if _has_garbled_names(model):
        raise BadGraph(f"{path}: not an ONNX graph: it has names that are not text")
    try:
        # before anything that writes them out, as inference does
        _check_functions(model)
        if weights:
            load_external(tensors_of(model), path)
    except BadGraph as error:
        raise BadGraph(f"{path}: {error}") from None
    return model


_UNREADABLE = (
    *(DecodeError, ValueError, OSError, RuntimeError, TypeError, KeyError, MemoryError),
    *(onnx.checker.ValidationError, onnx.shape_inference.InferenceError),
)


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file; others, such as pipes, may never end."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(str(path))
    if not stat.S_ISREG(status.st_mode):
        raise BadGraph(f"{path}: is no regular file; expected an ONNX graph")
    if status.st_size > LARGEST:
        raise BadGraph(f"{path}: has more than 2 GB; export it with its weights as external data")
    return path.read_bytes()


def describe_value(value: ValueInfoProto) -> Tensor:
    """Return the name, the shape and the type of an input, an output or a value between."""
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
