"""Cut an ONNX graph at a tap: any tensor can be the embedding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from featx._typing import Shape
from featx.errors import BadGraph, UnknownTap
from featx.graphs.batches import ask_others, replaceable
from featx.graphs.external import SMALL, check_external, external_bytes, load_external
from featx.graphs.inspect import (
    LARGEST,
    bodies_of,
    infer_shapes,
    load_model,
    shape_of,
    tensors_of,
)
from featx.graphs.opsets import drop_unused_opsets
from featx.graphs.past import fill_past
from featx.storage.blob import Blob

__all__ = [
    "FLOATS",
    "LAST_MAP",
    "PENULTIMATE",
    "Tap",
    "cut_at",
    "cut_graph",
    "join_weights",
    "needed_nodes",
    "read_by",
    "resolve_tap",
    "taps",
    "tensor_values",
]

PENULTIMATE = "penultimate"
LAST_MAP = "last-map"

# bytes of weights beside a graph that are taken into one that is cut: the cache holds no larger ones
_MOST_TAKEN_IN = 1 << 29

_DENSE = {"Gemm", "MatMul", "Conv", "FusedMatMul", "QLinearConv", "QLinearMatMul"}
_POOLED = {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "ReduceMean", "ReduceMax"}


@dataclass(frozen=True, slots=True)
class Tap:
    """A tensor that can be read as the embedding.

    Attributes
    ----------
    name : str
    shape : tuple or None
        Numbers, symbols, or None where unknown.
    dtype : str
    op : str
        The kind of node that makes it.
    depth : int
        Nodes on the longest way from an input.
    output : bool
        Whether the graph gives it already.
    """

    name: str
    shape: Shape | None
    dtype: str
    op: str
    depth: int
    output: bool


def taps(path: Path | Blob) -> list[Tap]:
    """Return every floating-point tensor that the graph computes from its inputs, from shallow to deep.

    Shapes are those that ONNX's shape inference finds; None where it finds none.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph.
    """
    model = _load(path)
    graph = model.graph
    values = tensor_values(model)
    constant = _constants(graph)
    outputs = {value.name for value in graph.output}
    depths = _depths(graph)
    result = []
    for node in graph.node:
        for name in filter(None, node.output):
            value = values.get(name)
            kind = value.type.tensor_type.elem_type if value else TensorProto.FLOAT
            if name in constant or kind not in FLOATS:
                continue
            shape = shape_of(value) if value else None
            result.append(
                Tap(name, shape, FLOATS[kind], node.op_type, depths[name], name in outputs)
            )
    return sorted(result, key=lambda tap: tap.depth)


def cut_graph(path: Path | Blob, tap: str | None = None, *, beside: bool = False) -> bytes:
    """Return the graph of ``path`` with ``tap`` as its only output, as serialised bytes.

    Nodes, weights and inputs that ``tap`` does not need are gone; the nodes that stay are untouched, so the
    tensor has the numbers that it has in the whole graph. Inputs that are a decoder's past become empty ones.
    Weights in files beside the graph are taken in.

    Parameters
    ----------
    tap : str or None
        A tensor's name; ``"penultimate"`` for what the last dense or convolution layer with weights
        reads; ``"last-map"`` for the last map with height and width that leads there (what Keras calls
        ``include_top=False``); None for the graph's own first output.
    beside : bool, default=False
        Whether weights in files beside the graph may stay there: they do where they have more than
        512 MB together.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, has no layer such as the symbolic name asks for, or its weights are not
        beside it or have more than the 2 GB that one file can hold.
    UnknownTap
        No tensor of that name is computed from the inputs.
    """
    model = _load(path)
    return _cut(model, path, [resolve_tap(model, tap, path)], beside)


def cut_at(path: Path | Blob, names: Sequence[str], *, beside: bool = False) -> bytes:
    """Return the graph of ``path`` with several tensors as its outputs, in that order, as serialised bytes.

    Parameters
    ----------
    names : sequence of str
        Names of tensors.
    beside : bool, default=False
        As ``cut_graph``, and so are the refusals.
    """
    return _cut(_load(path), path, names, beside)


def _cut(model: ModelProto, path: Path | Blob, names: Sequence[str], beside: bool) -> bytes:
    graph, values = model.graph, tensor_values(model)
    makers = {name: node for node in graph.node for name in node.output if name}
    constant, needed = _constants(graph), set[str]()
    for name in names:
        if name not in makers or name in constant:
            known = [n for n in makers if n not in constant]
            raise UnknownTap(name, [*known, PENULTIMATE, LAST_MAP])
        needed |= _ancestors(graph, name)
    nodes = [node for node in graph.node if needed.intersection(node.output)]
    ask_others(nodes, replaceable(nodes, graph))
    kept = {*names} | {n for node in nodes for n in read_by(node)}
    del graph.node[:]
    graph.node.extend(nodes)
    _keep(graph.initializer, lambda t: t.name in kept)
    _keep(graph.sparse_initializer, lambda t: t.values.name in kept)
    _keep(graph.value_info, lambda v: v.name in kept and v.name not in names)
    _keep(graph.quantization_annotation, lambda a: a.tensor_name in kept)
    _keep(graph.input, lambda v: v.name in kept)
    del graph.output[:]
    for name in names:
        if name in values:
            graph.output.append(values[name])
        else:
            graph.output.add(name=name).type.tensor_type.elem_type = TensorProto.FLOAT
    fill_past(model)
    drop_unused_opsets(model)
    return _serialized(model, path, beside=beside)


def join_weights(path: Path | Blob, *, beside: bool = False) -> bytes:
    """Return a graph with the weights that lie in files beside it, as serialised bytes.

    Parameters
    ----------
    beside : bool, default=False
        As ``cut_graph``; small ones are taken in all the same.

    Raises
    ------
    BadGraph
        As ``cut_graph``.
    """
    return _serialized(_load(path), path, beside=beside)


def needed_nodes(model: ModelProto, tap: str | None, path: Path | Blob) -> list[NodeProto]:
    """Return the nodes that a tap is computed by; raises as ``cut_graph`` does, which says what a tap is.

    Large weights may be missing from ``model``.
    """
    graph = model.graph
    name = resolve_tap(model, tap, path)
    if not any(name in node.output for node in graph.node):
        raise UnknownTap(name, [n for node in graph.node for n in node.output])
    needed = _ancestors(graph, name)
    return [node for node in graph.node if needed.intersection(node.output)]


def resolve_tap(model: ModelProto, tap: str | None, path: Path | Blob) -> str:
    """Return the name of the tensor that a tap means, which may not be there; ``cut_graph`` says what a tap is.

    Large weights may be missing from ``model``.

    Raises
    ------
    BadGraph
        The graph has no layer such as a symbolic name asks for.
    """
    return _resolve(model.graph, tap, tensor_values(model) if tap == LAST_MAP else {}, path)


def _load(path: Path | Blob) -> ModelProto:
    """Return the graph of a file, without large weights that lie beside it: what is cut off is not read."""
    model = load_model(path, weights=False)
    try:
        # shapes may lie there as well
        load_external(tensors_of(model), path, most=SMALL)
    except BadGraph as error:
        raise BadGraph(f"{path}: {error}") from None
    return model


def _serialized(model: ModelProto, path: Path | Blob, *, beside: bool = False) -> bytes:
    try:
        size = external_bytes(tensors_of(model))
        if beside and size > _MOST_TAKEN_IN:
            check_external(tensors_of(model), path)
            return bytes(model.SerializeToString())
        if size + model.ByteSize() > LARGEST:
            raise BadGraph(
                f"has {size / 1e9:.1f} GB of weights up to this tensor; one file can hold 2 GB: choose an "
                "earlier tensor, or a model of smaller weights"
            )
        load_external(tensors_of(model), path)
    except BadGraph as error:
        raise BadGraph(f"{path}: {error}") from None
    return bytes(model.SerializeToString())


FLOATS: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.DOUBLE: "float64",
    TensorProto.BFLOAT16: "bfloat16",
}


def _resolve(
    graph: GraphProto, tap: str | None, values: dict[str, ValueInfoProto], path: Path | Blob
) -> str:
    if tap is None:
        return str(graph.output[0].name)
    if tap not in (PENULTIMATE, LAST_MAP):
        return tap
    dense = _last_dense(graph, path)
    return dense if tap == PENULTIMATE else _last_map(graph, dense, values, path)


def _last_dense(graph: GraphProto, path: Path | Blob) -> str:
    """Return what the last layer with weights before the first output reads."""
    constant = _constants(graph)
    needed = _ancestors(graph, graph.output[0].name)
    for node in reversed(graph.node):
        if node.op_type in _DENSE and needed.intersection(node.output):
            read = [name for name in node.input if name and name not in constant]
            if read and len(read) < len(node.input):
                return str(read[0])
    raise BadGraph(f"{path}: no dense or convolution layer to stand before; name a tensor")


def _last_map(
    graph: GraphProto, name: str, values: dict[str, ValueInfoProto], path: Path | Blob
) -> str:
    needed = _ancestors(graph, name)
    maps: list[str] = []
    for node in reversed(graph.node):
        for output in node.output:
            if output not in needed or output not in values or node.op_type in _POOLED:
                continue
            shape = shape_of(values[output])
            if shape is not None and len(shape) == 4 and 1 not in shape[1:]:
                maps.append(output)
    if not maps:
        raise BadGraph(f"{path}: no map of rank 4 before the last layer; name a tensor")
    # of branches the longest, in any order of nodes
    return max(maps, key=_depths(graph).__getitem__)


def _depths(graph: GraphProto) -> dict[str, int]:
    """Return the nodes on the longest way from an input to each tensor that a node makes."""
    depths: dict[str, int] = {}
    for node in graph.node:
        level = 1 + max((depths.get(name, 0) for name in read_by(node)), default=0)
        depths.update(dict.fromkeys(filter(None, node.output), level))
    return depths


def tensor_values(model: ModelProto) -> dict[str, ValueInfoProto]:
    """Return types and shapes of all tensors, as far as inference finds them."""
    inferred = infer_shapes(model).graph
    return {v.name: v for v in (*inferred.value_info, *inferred.input, *inferred.output)}


def _constants(graph: GraphProto) -> set[str]:
    """Return the names of tensors that no input can change."""
    names = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    for node in graph.node:
        if all(name in names for name in read_by(node)) and not node.op_type.startswith("Random"):
            names.update(filter(None, node.output))
    return names


def _ancestors(graph: GraphProto, name: str) -> set[str]:
    """Return the names of all tensors that ``name`` is computed from, itself included."""
    needed = {name}
    # ONNX keeps nodes in topological order
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(read_by(node))
    return needed


def read_by(node: NodeProto) -> Iterator[str]:
    """Give the names that a node reads, those captured by the bodies of its loops and branches included."""
    yield from filter(None, node.input)
    for body in bodies_of(node):
        own = {value.name for value in body.input} | {t.name for t in body.initializer}
        for inner in body.node:
            yield from (name for name in read_by(inner) if name not in own)
            own.update(inner.output)


def _keep(repeated, wanted) -> None:  # type: ignore[no-untyped-def]  # protobuf's containers have no public type
    remaining = [item for item in repeated if wanted(item)]
    del repeated[:]
    repeated.extend(remaining)
