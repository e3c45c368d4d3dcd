"""Write an ONNX graph node by node."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

__all__ = [
    "BOOL",
    "BYTE",
    "DOMAINS",
    "DOUBLE",
    "FLOAT",
    "HALF",
    "INT64",
    "ML",
    "RUNTIME",
    "STRING",
    "GraphBuilder",
]

BOOL = TensorProto.BOOL
BYTE, DOUBLE, FLOAT = TensorProto.UINT8, TensorProto.DOUBLE, TensorProto.FLOAT
HALF, INT64, STRING = TensorProto.FLOAT16, TensorProto.INT64, TensorProto.STRING
# Operators beyond ONNX's usual ones: its own for classic learning, and those that every build of
# ONNX Runtime has but its smallest.
ML, RUNTIME = "ai.onnx.ml", "com.microsoft"
# The versions of these operator sets that are written.
DOMAINS: Mapping[str, int] = MappingProxyType({ML: 4, RUNTIME: 1})


class GraphBuilder:
    """The nodes of a graph in the order in which they are added, and its constants.

    A value is known by the name that ``add`` or ``constant`` returns.
    """

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.domains: dict[str, int] = {}
        self._count = itertools.count()

    def subgraph(self) -> GraphBuilder:
        """Return a builder for the body of a branch or loop; it shares names and constants with this one."""
        other = GraphBuilder()
        other.constants, other.domains = self.constants, self.domains
        other._count = self._count
        return other

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node and return the name of its last output.

        ``domain`` is given for operators beyond ONNX's usual ones.
        """
        return self.add_several(op, *inputs, outputs=outputs, **attributes)[-1]

    def add_several(self, op: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node as ``add`` does and return the names of all its outputs."""
        if "domain" in attributes:
            self.domains[attributes["domain"]] = DOMAINS[attributes["domain"]]
        stem = f"featx/{next(self._count)}/{op}"
        names = [f"{stem}/{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names

    def named(self, name: str, op: str, *inputs: str, **attributes: Any) -> None:
        """Add a node whose output has a name that people will use."""
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))

    def constant(self, values: npt.ArrayLike, kind: Any = np.float64) -> str:
        """Add a constant of the NumPy type ``kind`` and return its name."""
        name = f"featx/constant/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def int_const(self, *values: int) -> str:
        """Add a constant int64 vector, as operators take axes and shapes, and return its name."""
        return self.constant(values, np.int64)

    def float_const(self, value: float) -> str:
        """Add a constant float32 scalar and return its name."""
        return self.constant(value, np.float32)

    def cast(self, value: str, kind: int) -> str:
        """Convert a value to another ONNX element type."""
        return self.add("Cast", value, to=kind)

    def to_float32(self, value: str) -> str:
        """Convert a value to float32."""
        return self.cast(value, FLOAT)

    def dim(self, value: str, axis: int) -> str:
        """Return the length of an axis as an int64 scalar."""
        shape = self.add("Shape", value, start=axis, end=axis + 1)
        return self.add("Squeeze", shape)

    def reduce(self, op: str, value: str, axis: int, *, keep: bool = True) -> str:
        """Reduce a value along one axis by ``ReduceSum`` or an operator like it."""
        return self.add(op, value, self.int_const(axis), keepdims=int(keep))

    def if_else(
        self, condition: str, then: tuple[GraphBuilder, str], otherwise: tuple[GraphBuilder, str]
    ) -> str:
        """Return the value of one of two subgraphs, of which only that one is run."""
        [value] = self.if_else_several(
            condition, (then[0], [then[1]]), (otherwise[0], [otherwise[1]])
        )
        return value

    def if_else_several(
        self,
        condition: str,
        then: tuple[GraphBuilder, Sequence[str]],
        otherwise: tuple[GraphBuilder, Sequence[str]],
    ) -> list[str]:
        """Return the values of one of two subgraphs, of which only that one is run."""
        branches = []
        for part, results in (then, otherwise):
            given = [helper.make_empty_tensor_value_info(result) for result in results]
            branches.append(helper.make_graph(part.nodes, "featx", [], given))
        return self.add_several(
            "If",
            condition,
            outputs=len(then[1]),
            then_branch=branches[0],
            else_branch=branches[1],
        )
