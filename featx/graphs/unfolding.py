"""Unfolding: how large the tensors are that a graph makes of few bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx
from onnx import GraphProto, ModelProto, TypeProto, inliner

from featx.errors import BadGraph
from featx.graphs.constants import ConstantValues
from featx.graphs.inspect import bodies_of, infer_shapes

__all__ = ["check_unfolding"]

# Bytes of one tensor that a sample makes: attention over an image of 1024 × 1024 pixels takes 0.8 GB.
LARGEST = 1 << 30
# Bytes of all tensors that are made of constants alone, together: ONNX Runtime makes them as it loads a graph.
UNFOLDED = 1 << 28

# Operators that make values of numbers that they are given; others make at most what their inputs multiply to.
_BY_NUMBERS = frozenset(
    "ConstantOfShape Expand Tile Range Pad Resize Upsample OneHot EyeLike ConvTranspose "
    "RandomNormal RandomUniform".split()
)
_WIDTHS: Mapping[int, int] = {
    **dict.fromkeys((4, 5, 10, 16), 2),
    **dict.fromkeys((1, 6, 12), 4),
    **dict.fromkeys((7, 11, 13, 14), 8),
    **dict.fromkeys((8, 15), 16),
}


def check_unfolding(model: ModelProto) -> None:
    """Raise BadGraph where tensors of which the graph tells the size are larger than the limits.

    Large weights may be missing from ``model``: only their shapes are looked at.
    """
    if model.functions:
        model = inliner.inline_local_functions(model)
    _Sizes(infer_shapes(model, values=False).graph, None, _Sum()).check()


class _Sum:
    """Bytes of all that is made of constants alone."""

    def __init__(self) -> None:
        self.bytes = 0.0

    def add(self, name: str, size: float) -> None:
        self.bytes += size
        if not self.bytes <= UNFOLDED:
            raise BadGraph(
                f"its constants unfold to more than {UNFOLDED >> 20} MiB at {name[:80]!r}; "
                "keep such tensors out of the graph"
            )


class _Sizes:
    """The sizes of the tensors of one graph, or of the body of a loop or branch inside ``outer``."""

    def __init__(self, graph: GraphProto, outer: _Sizes | None, total: _Sum) -> None:
        self.graph, self.outer, self.total = graph, outer, total
        self.values: ConstantValues = ConstantValues(graph, outer.values if outer else None)
        self.kinds = {
            value.name: value.type.tensor_type
            for value in (*graph.value_info, *graph.output)
            if value.type.HasField("tensor_type")
        }
        # of constants: how many values each has at most
        self.counts: dict[str, float] = {
            tensor.name: math.prod(tensor.dims) for tensor in graph.initializer
        }

    def check(self) -> None:
        """Raise BadGraph where a tensor, or all constants together, are larger than the limits."""
        for sparse in self.graph.sparse_initializer:
            name, count = sparse.values.name, math.prod(map(abs, sparse.dims))
            self.counts[name] = count
            self.total.add(name, count * _width(sparse.values.data_type))
        for node in self.graph.node:
            constant = self.values.is_constant(node)
            for name in filter(None, node.output):
                kind = self.kinds.get(name)
                count, known = _count(kind)
                width = _width(kind.elem_type if kind is not None else 0)
                if not constant or node.op_type == "Constant":
                    self.counts[name] = count
                    _check_one(name, count * width)
                    continue
                if not known:
                    count = self._most(node)
                self.counts[name] = count
                self.total.add(name, count * width)
            for body in bodies_of(node):
                _Sizes(body, self, self.total).check()

    def _most(self, node: onnx.NodeProto) -> float:
        """Return how many values a node makes at most of constants, where inference does not tell."""
        given = [max(self._count_of(name), 1.0) for name in node.input if name]
        if node.op_type in _BY_NUMBERS:
            return self.values.unfolded(node, given[0] if given else 1.0)
        return math.prod(given)

    def _count_of(self, name: str) -> float:
        if name in self.counts:
            return self.counts[name]
        return self.outer._count_of(name) if self.outer is not None else 1.0


def _check_one(name: str, size: float) -> None:
    if not size <= LARGEST:
        raise BadGraph(
            f"tensor {name[:80]!r} has more than {LARGEST >> 20} MiB a sample; featx runs no such graph"
        )


def _count(kind: TypeProto.Tensor | None) -> tuple[float, bool]:
    """Return how many values a tensor has, an unknown dimension counted as one, and whether all are known."""
    if kind is None or not kind.HasField("shape"):
        return 1.0, False
    known = all(dim.HasField("dim_value") for dim in kind.shape.dim)
    # of floats: what does not fit is infinite
    sides = (float(max(dim.dim_value, 0)) for dim in kind.shape.dim if dim.HasField("dim_value"))
    return math.prod(sides), known


def _width(kind: int) -> int:
    """Return the bytes of one value; of what is not known, the most usual."""
    return _WIDTHS.get(kind, 4 if kind == 0 else 1)
