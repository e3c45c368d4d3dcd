"""Nodes of a graph that is being written."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

__all__ = ["BYTE", "DOMAINS", "DOUBLE", "FLOAT", "INT64", "ML", "RUNTIME", "STRING", "GraphBuilder"]

BYTE, DOUBLE, FLOAT = TensorProto.UINT8, TensorProto.DOUBLE, TensorProto.FLOAT
INT64, STRING = TensorProto.INT64, TensorProto.STRING
# beyond ONNX's usual operators: its own for classic learning, and those that every ONNX Runtime has but
# its smallest builds
ML, RUNTIME = "ai.onnx.ml", "com.microsoft"
DOMAINS: Mapping[str, int] = MappingProxyType({ML: 4, RUNTIME: 1})  # versions that are written


class GraphBuilder:
    """Nodes in the order in which they were added, and their constants; values are known by name."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.domains: dict[str, int] = {}
        self._count = itertools.count()

    def apart(self) -> GraphBuilder:
        """No nodes yet, for a place of their own; names and constants are those of the same graph."""
        other = GraphBuilder()
        other.constants, other.domains = self.constants, self.domains
        other._count = self._count
        return other

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """A new node; the name of its last output. ``domain`` is that of operators beyond ONNX's usual ones."""
        if "domain" in attributes:
            self.domains[attributes["domain"]] = DOMAINS[attributes["domain"]]
        stem = f"featx/{next(self._count)}/{op}"
        names = [f"{stem}/{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[-1]

    def named(self, name: str, op: str, *inputs: str, **attributes: Any) -> None:
        """A new node whose output has a name that people will use."""
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))

    def constant(self, values: npt.ArrayLike, kind: Any = np.float64) -> str:
        """A constant; the name of it."""
        name = f"featx/constant/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def whole(self, *values: int) -> str:
        """A constant of one axis of whole numbers, as axes and shapes are given."""
        return self.constant(values, np.int64)

    def cast(self, value: str, kind: int) -> str:
        """The value as numbers of another kind."""
        return self.add("Cast", value, to=kind)

    def side(self, value: str, axis: int) -> str:
        """How long an axis is: a whole number, without axes."""
        shape = self.add("Shape", value, start=axis, end=axis + 1)
        return self.add("Squeeze", shape)

    def total(self, op: str, value: str, axis: int, *, keep: bool = True) -> str:
        """The value reduced along one axis by ``ReduceSum`` or one of its like."""
        return self.add(op, value, self.whole(axis), keepdims=int(keep))

    def choose(
        self, condition: str, then: tuple[GraphBuilder, str], otherwise: tuple[GraphBuilder, str]
    ) -> str:
        """The value of one of two places apart, of which only that one is run."""
        branches = []
        for part, result in (then, otherwise):
            given = helper.make_empty_tensor_value_info(result)
            branches.append(helper.make_graph(part.nodes, "featx", [], [given]))
        return self.add("If", condition, then_branch=branches[0], else_branch=branches[1])
