"""Nodes of a graph that is being written."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

__all__ = ["DOUBLE", "FLOAT", "INT64", "Nodes"]

DOUBLE, FLOAT, INT64 = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64


class Nodes:
    """Nodes in the order in which they were added, and their constants; values are known by name."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """A new node; the name of its last output."""
        stem = f"featx/{len(self.nodes)}/{op}"
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

    def cast(self, value: str, kind: int) -> str:
        """The value as numbers of another kind."""
        return self.add("Cast", value, to=kind)

    def total(self, op: str, value: str, axis: int, *, keep: bool = True) -> str:
        """The value reduced along one axis by ``ReduceSum`` or one of its like."""
        return self.add(op, value, self.constant([axis], np.int64), keepdims=int(keep))
