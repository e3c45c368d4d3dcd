"""Training mode: nodes that a graph should have lost when it was exported for inference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from onnx import ModelProto, NodeProto

from featx.errors import BadGraph
from featx.graphs.admission import EXPORT_ADVICE
from featx.graphs.constants import ConstantValues
from featx.graphs.cut import needed_nodes
from featx.graphs.inspect import bodies_of
from featx.storage.blob import Blob

__all__ = ["refuse_batch_statistics", "refuse_random"]

_RANDOM = frozenset(
    "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial".split()
)
_DROPOUT = frozenset("Dropout BiasDropout BitmaskDropout BitmaskBiasDropout".split())


def refuse_random(model: ModelProto, tap: str | None, path: Path | Blob) -> None:
    """Raise BadGraph where the tap is computed by nodes that give other values each time.

    Raises
    ------
    UnknownTap
        No tensor has the tap's name.
    """
    for node, values in _nodes(model, tap, path):
        if node.op_type in _RANDOM:
            raise BadGraph(f"{path}: gives another row each time: it has a {node.op_type}")
        if node.op_type in _DROPOUT and _drops(node, values):
            raise BadGraph(
                f"{path}: gives another row each time: was exported in training mode, with {node.op_type} at "
                f"work; {EXPORT_ADVICE}"
            )


def refuse_batch_statistics(model: ModelProto, tap: str | None, path: Path | Blob) -> None:
    """Raise BadGraph where the tap is computed with the mean and variance of its batch.

    Raises
    ------
    UnknownTap
        No tensor has the tap's name.
    """
    for node, _ in _nodes(model, tap, path):
        if node.op_type == "BatchNormalization" and _is_training(node):
            name = node.name or node.output[0]
            raise BadGraph(
                f"{path}: was exported in training mode: {name!r} takes the statistics of its batch; "
                f"{EXPORT_ADVICE}"
            )


def _is_training(node: NodeProto) -> bool:
    """Return whether statistics are those of the batch: said by an attribute, before version 14 by outputs."""
    said = [attribute.i for attribute in node.attribute if attribute.name == "training_mode"]
    return bool(said and said[0]) or (not said and sum(map(bool, node.output)) > 1)


def _drops(node: NodeProto, values: ConstantValues) -> bool:
    """Return whether a Dropout is in training mode, as far as constants say, and drops anything."""
    at = {"Dropout": (1, 2), "BitmaskDropout": (1, 2)}.get(node.op_type, (3, 4))
    ratio, training = (node.input[k] if len(node.input) > k else "" for k in at)
    known = values.number(ratio) if ratio else 0.5
    return bool(training and values.number(training)) and known != 0


def _nodes(
    model: ModelProto, tap: str | None, path: Path | Blob
) -> Iterator[tuple[NodeProto, ConstantValues]]:
    """Give every node that the tap needs, in bodies and functions too, with the constants around it."""
    values = ConstantValues(model.graph)
    functions = {(one.domain, one.name): one for one in model.functions}
    waiting = [(node, values) for node in needed_nodes(model, tap, path)]
    while waiting:
        node, around = waiting.pop()
        yield node, around
        for body in bodies_of(node):
            inside = ConstantValues(body, around)
            waiting += [(inner, inside) for inner in body.node]
        # each once, however often it is called
        if function := functions.pop((node.domain, node.op_type), None):
            inside = ConstantValues(function)
            waiting += [(inner, inside) for inner in function.node]
