"""The tail of a graph: what stands between the map of a sample and its row, where that is linear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from featx._typing import Doubles
from featx.errors import NoExactSum
from featx.graphs.constants import ConstantValues
from featx.graphs.cut import FLOATS, cut_graph, tensor_values
from featx.graphs.external import load_external
from featx.graphs.inspect import shape_of
from featx.graphs.linear_ops import LINEAR_OPS, REDUCTIONS, LinearNode, pull_back
from featx.storage.blob import Blob

__all__ = ["Tail", "find_tail"]

# nodes between a map and a row
_MOST = 200
_MULTIPLIED = frozenset({"Mul", "Div"})
_NAMES = {"Relu": "ReLU", "HardSwish": "hard swish"}


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The nodes between maps and a row, and a graph that shows all that they read.

    Attributes
    ----------
    graph : bytes
        Its outputs are ``outputs``; the row is the first.
    outputs : tuple of str
    nodes : tuple of LinearNode
        From the row back to the maps.
    maps : mapping of str to tuple of int
        The axes of positions of each map.
    constants : mapping of str to ndarray
        Weights that the nodes read.
    whole : frozenset of str
        The outputs that no input changes, and that have no axis of samples.
    """

    graph: bytes
    outputs: tuple[str, ...]
    nodes: tuple[LinearNode, ...]
    maps: Mapping[str, tuple[int, ...]]
    constants: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    whole: frozenset[str] = frozenset()

    def pull(
        self, weights: Doubles, values: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[dict[str, Doubles], float]:
        """Return the weights of each map, in its shape, and the constant, of a weighted sum of the row.

        Parameters
        ----------
        weights : ndarray of shape (dim,)
        values : mapping of str to ndarray
            The outputs of the graph, of one sample.

        Raises
        ------
        NoExactSum
            It is not linear for this sample.
        """
        known = {**self.constants, **values}
        pending = {self.outputs[0]: weights.reshape(known[self.outputs[0]].shape)}
        constant = 0.0
        for node in self.nodes:
            own = pending.pop(node.output, None)
            if own is None:
                continue
            _check_reduction(node, known)
            pulled, more = pull_back(node, own, known)
            constant += more
            for index, part in pulled.items():
                name = node.inputs[index]
                pending[name] = pending[name] + part if name in pending else part
        return {name: pending[name] for name in self.maps}, constant


def find_tail(path: Path | Blob, tap: str | None) -> Tail:
    """Return what stands between the maps of a graph and its row.

    Raises
    ------
    NoExactSum
        Something of it is not linear, or the row is made of no map.
    BadGraph, UnknownTap
        As ``cut_graph``.
    """
    beside = isinstance(path, Blob) and path.path is not None
    model = onnx.load_from_string(cut_graph(path, tap, beside=beside))
    row = model.graph.output[0].name
    walk = _Walk(model)
    walk.follow(row)
    order = {name: k for k, node in enumerate(model.graph.node) for name in node.output}
    nodes = sorted(walk.nodes.values(), key=lambda node: order[node.output], reverse=True)
    read = {name for node in nodes for name in node.inputs if name}
    constants = walk.initializers(read, path)
    outputs = (row, *sorted((read | set(walk.maps)) - {row} - set(constants)))
    del model.graph.output[:]
    for name in outputs:
        # a type is enough; ONNX Runtime finds shapes itself
        kind = walk.types.get(name, TensorProto.FLOAT)
        model.graph.output.add(name=name).type.tensor_type.elem_type = kind
    whole = frozenset(walk.known.constants.intersection(outputs))
    return Tail(
        bytes(model.SerializeToString()), outputs, tuple(nodes), walk.maps, constants, whole
    )


class _Walk:
    """A walk from a row back to the maps that it is made of."""

    def __init__(self, model: ModelProto) -> None:
        self.graph = model.graph
        self.values = tensor_values(model)
        self.types = {name: v.type.tensor_type.elem_type for name, v in self.values.items()}
        self.known = ConstantValues(model.graph)
        self.makers = {name: node for node in model.graph.node for name in node.output if name}
        self.nodes: dict[str, LinearNode] = {}
        self.maps: dict[str, tuple[int, ...]] = {}

    def follow(self, start: str) -> None:
        """Add every node between a tensor and the maps that it is made of."""
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in self.nodes or name in self.maps:
                continue
            node = self.makers.get(name)
            if node is None:
                raise NoExactSum("the row is not pooled from a map or from tokens")
            if self._pools(node):
                self._add_reductions(node)
                continue
            linear = self._linear(node, name)
            self.nodes[name] = linear
            if len(self.nodes) > _MOST:
                raise NoExactSum(f"more than {_MOST} nodes stand between the map and the row")
            waiting += [linear.inputs[index] for index in linear.data]

    def initializers(self, names: set[str], path: Path | Blob) -> dict[str, npt.NDArray[Any]]:
        """Return the values of the given constants that lie in the graph, or beside it."""
        wanted = [tensor for tensor in self.graph.initializer if tensor.name in names]
        load_external(wanted, path)
        return {tensor.name: numpy_helper.to_array(tensor) for tensor in wanted}

    def _rank(self, name: str) -> int | None:
        shape = shape_of(self.values[name]) if name in self.values else None
        return None if shape is None else len(shape)

    def _pools(self, node: NodeProto) -> bool:
        """Return whether a node takes positions away, and not channels."""
        if node.op_type not in REDUCTIONS:
            return False
        rank = self._rank(node.input[0])
        if node.op_type.startswith("Reduce") and rank is not None:
            if rank < 3:
                return False
            shape = shape_of(self.values[node.input[0]])
            axes = self._axes(node, rank)
            # a mean over the channels of what was pooled already, with its axes kept
            return shape is None or not all(shape[k] == 1 for k in range(1, rank) if k not in axes)
        return True

    def _axes(self, node: NodeProto, rank: int) -> tuple[int, ...]:
        """Return the axes that a reduction takes away."""
        if not node.op_type.startswith("Reduce"):
            return tuple(range(2, rank))
        given = _attributes(node).get("axes")
        if given is None and len(node.input) > 1 and node.input[1]:
            given = self.known.small(node.input[1])
        axes = tuple(range(rank)) if given is None else given
        return tuple(sorted(int(axis) % rank for axis in axes))

    def _add_reductions(self, node: NodeProto) -> None:
        """Add a pooling and those right before it, as of rows and then of columns."""
        chain = [node]
        while (before := self.makers.get(chain[0].input[0])) is not None and self._pools(before):
            chain.insert(0, before)
        source = chain[0].input[0]
        rank = self._known_rank(source)
        # the axes of the map that are left, and those that are gone
        left, positions = list(range(rank)), set[int]()
        for one in chain:
            axes = self._axes(one, self._known_rank(one.input[0]))
            if 0 in axes:
                raise NoExactSum(f"{one.op_type} mixes samples")
            attributes = _attributes(one)
            self.nodes[one.output[0]] = LinearNode(
                one.op_type, (one.input[0],), one.output[0], (0,), attributes, axes
            )
            positions.update(left[axis] for axis in axes)
            if one.op_type.startswith("Reduce") and not attributes.get("keepdims", 1):
                left = [axis for k, axis in enumerate(left) if k not in axes]
        if len(positions) != rank - 2:
            raise NoExactSum("what is left of its positions is no single axis of channels")
        self.maps[source] = tuple(sorted(positions))

    def _is_pooled(self, name: str) -> bool:
        """Return whether a tensor has one position only: a single axis, that of channels, is longer than 1."""
        shape = shape_of(self.values[name])
        return shape is not None and sum(size != 1 for size in shape[1:]) <= 1

    def _known_rank(self, name: str) -> int:
        rank = self._rank(name)
        if rank is None:
            raise NoExactSum("nothing tells the axes of what is pooled")
        return rank

    def _linear(self, node: NodeProto, name: str) -> LinearNode:
        op, inputs = node.op_type, tuple(node.input)
        if node.domain not in ("", "ai.onnx", "com.microsoft") or op not in LINEAR_OPS:
            if (self._rank(name) or 2) > 2 and not self._is_pooled(name):
                raise NoExactSum("the graph makes its row of a map without pooling it")
            raise NoExactSum(f"{_NAMES.get(op, op)} stands between the map and the row")
        if op in ("Gather", "Slice") and (self._rank(inputs[0]) or 2) > 2:
            raise NoExactSum("the row is taken from one position, such as a class token")
        attributes = _attributes(node)
        if op == "Cast" and attributes.get("to") not in FLOATS:
            raise NoExactSum("Cast to whole numbers stands between the map and the row")
        if node.output[0] != name:
            raise NoExactSum(f"the row is a further output of {op}")
        changing = [k for k, one in enumerate(inputs) if one and one not in self.known.constants]
        data = tuple(changing)
        if op in _MULTIPLIED and len(changing) == 2:
            data = (self._scaled_input(inputs),) if op == "Mul" else (0,)
            attributes["of_sample"] = True
        several = op in ("Add", "Sub", "Sum", "Concat")
        if not several and (len(data) != 1 or (op not in ("MatMul", "Mul") and data != (0,))):
            raise NoExactSum(
                f"{op} of two tensors of the sample stands between the map and the row"
            )
        axes: tuple[int, ...] = ()
        if op in REDUCTIONS:
            rank = self._rank(inputs[0])
            axes, inputs = self._axes(node, rank or 2), inputs[:1]
        return LinearNode(op, inputs, name, data, attributes, axes)

    def _scaled_input(self, inputs: tuple[str, ...]) -> int:
        """Return which factor of a product comes from the map: the other has one value a sample."""
        shapes = [shape_of(self.values[one]) if one in self.values else None for one in inputs]
        widths = [None if not shape else shape[-1] for shape in shapes]
        return 1 if widths[0] == 1 and widths[1] != 1 else 0


def _check_reduction(node: LinearNode, values: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise NoExactSum where an AveragePool leaves more than one position: its windows may overlap."""
    if node.op != "AveragePool":
        return
    given, found = values[node.inputs[0]].shape, values[node.output].shape
    kernel = tuple(node.attributes.get("kernel_shape", ()))
    if any(n != 1 for n in found[2:]) or kernel != tuple(given[2:]):
        raise NoExactSum("AveragePool leaves more than one position")


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
