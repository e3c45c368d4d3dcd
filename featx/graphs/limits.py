"""Limits: what a stranger's graph may hold and unfold to, looked into before ONNX Runtime sees it.

ONNX Runtime computes what depends on constants alone while it loads a graph, inlines its functions and follows
the names of files in it: a few bytes can ask for gigabytes, for hours or for any file.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from featx.errors import BadGraph
from featx.graphs.constants import ConstantValues
from featx.graphs.external import SMALL, check_external, is_external, load_external
from featx.graphs.inspect import bodies_of, load_model, tensors_of, walk
from featx.graphs.unfolding import check_unfolding
from featx.storage.blob import Blob

__all__ = ["check_limits"]

# Bodies of loops and branches inside each other.
DEPTH = 8
# Bytes of a weight that are kept to tell sizes from.
_KEPT = 4096
# Turns of loops inside each other, where the graph says how many.
TURNS = 10_000_000

# What every build of ONNX Runtime knows, and what it writes itself into optimised graphs.
DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"}
)


def check_limits(path: Blob | Path, *, files: Collection[str] = ()) -> ModelProto:
    """Return the graph of a file without its weights, once nothing that it says of itself is beyond the limits.

    Parameters
    ----------
    files : collection of str, default=()
        Names beside the graph in which its weights may lie.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, wants other files or operators than there are, calls itself, never ends,
        or unfolds to more than the limits.
    """
    model = load_model(path, weights=False)
    try:
        check_external(tensors_of(model), path, files)
        # a count of turns or a shape may lie there as well
        load_external(tensors_of(model), path, most=SMALL)
        for tensor in tensors_of(model):
            _check_tensor(tensor)
        _check_operators(model)
        _check_loops(model.graph, 1, 0, None)
        for tensor in tensors_of(model):
            _drop_weights(tensor)
        check_unfolding(model)
    except BadGraph as error:
        raise BadGraph(f"{path}: {error}") from None
    except (RecursionError, MemoryError, OverflowError, ValueError, TypeError) as error:
        raise BadGraph(f"{path}: not an ONNX graph that can be read: {error}") from error
    return model


def _check_tensor(tensor: TensorProto) -> None:
    """Raise BadGraph where a tensor claims more values than it holds."""
    if any(dim < 0 for dim in tensor.dims):
        raise BadGraph(f"tensor {tensor.name!r} has a negative dimension")
    if is_external(tensor):
        return
    # of a type of one bit, had it one, or of a complex number in two
    held = 8 * sum(len(values) for _, values in _typed_values(tensor))
    if math.prod(tensor.dims) > held:
        raise BadGraph(f"tensor {tensor.name!r} says that it has more values than it holds")


def _typed_values(tensor: TensorProto) -> Iterator[tuple[str, Collection[object]]]:
    for descriptor, value in tensor.ListFields():
        if descriptor.name.endswith("_data") and descriptor.name != "external_data":
            yield descriptor.name, value


def _drop_weights(tensor: TensorProto) -> None:
    """Leave of large weights what shapes need: inference copies the whole graph."""
    for name, values in list(_typed_values(tensor)):
        if len(values) > _KEPT:
            tensor.ClearField(name)


def _check_operators(model: ModelProto) -> None:
    """Raise BadGraph where a node wants a library beside ONNX Runtime, or would end the process."""
    functions = {(one.domain, one.name) for one in model.functions}
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    for node in (node for nodes in bodies for node in walk(nodes)):
        if node.op_type == "BatchNormalization" and _lacks_statistics(node):
            raise BadGraph(
                "has a BatchNormalization in training mode without its statistics as outputs"
            )
        if node.domain not in DOMAINS and (node.domain, node.op_type) not in functions:
            raise BadGraph(
                f"uses operators of {node.domain[:80]!r}, which come with a library of their own: featx "
                "loads none; export it with ONNX's operators"
            )


def _lacks_statistics(node: NodeProto) -> bool:
    """Return whether ONNX Runtime would write the statistics of a batch to where there is nothing."""
    training = any(a.name == "training_mode" and a.i for a in node.attribute)
    return training and len(list(filter(None, node.output))) < 3


def _check_loops(graph: GraphProto, turns: int, depth: int, outer: ConstantValues | None) -> None:
    """Raise BadGraph where a loop has no end that can come, or too many turns are written down."""
    if depth > DEPTH:
        raise BadGraph(f"has loops and branches more than {DEPTH} deep")
    values = ConstantValues(graph, outer)
    for node in graph.node:
        inside = turns
        if node.op_type == "Loop" and node.domain in ("", "ai.onnx"):
            inside *= _turns(node, values)
        if inside > TURNS:
            raise BadGraph(f"has a loop of more than {TURNS} turns, or one that does not end")
        for body in bodies_of(node):
            _check_loops(body, inside, depth + 1, values)


def _turns(node: NodeProto, values: ConstantValues) -> int:
    """Return how often a loop is run for certain, as the graph says; 1 where its condition may end it."""
    names = [*node.input, "", ""]
    most = values.number(names[0]) if names[0] else math.inf
    if most is None:
        return 1
    begins = values.number(names[1]) if names[1] else 1
    if begins is None or not begins:
        return 1
    for body in bodies_of(node):
        condition = body.output[0].name if body.output else ""
        before = body.input[1].name if len(body.input) > 1 else ""
        if names[1] and not _stays_true(body, condition, before, values):
            return 1
    return int(min(max(most, 1), TURNS + 1))


def _stays_true(body: GraphProto, condition: str, before: str, outer: ConstantValues) -> bool:
    """Return whether the condition of a loop is the one before, or a constant that is true."""
    makers = {name: node for node in body.node for name in node.output}
    while condition in makers and makers[condition].op_type in ("Identity", "Cast"):
        condition = makers[condition].input[0]
    if condition == before:
        return True
    known = ConstantValues(body, outer).number(condition)
    return known is not None and bool(known)
