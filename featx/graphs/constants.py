"""Constant values: the small numbers that a graph computes of constants alone, such as shapes and counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import FunctionProto, GraphProto, NodeProto, TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from featx.errors import BadGraph

__all__ = ["ConstantValues"]

# Values of a tensor that is computed; larger ones are not numbers of a shape.
_SMALL = 4096
# Operators that give at most about as many values as they are given.
_SAFE = frozenset(
    "Constant Identity Cast Add Sub Mul Div Mod Pow Neg Abs Min Max Floor Ceil Round Sqrt Exp Log Sign Reshape "
    "Squeeze Unsqueeze Flatten Concat Gather Slice Shape Size ReduceProd ReduceSum ReduceMax ReduceMin "
    "Transpose NonZero Not And Or Equal Less Greater Where".split()
)


class ConstantValues:
    """The tensors of a graph that no input can change, with their values where these are few.

    Parameters
    ----------
    graph : GraphProto or FunctionProto
        A graph, the body of a loop or branch, or of a function.
    outer : ConstantValues, default=None
        Those of the graph around it, whose names it may read.
    """

    def __init__(
        self, graph: GraphProto | FunctionProto, outer: ConstantValues | None = None
    ) -> None:
        self._outer = outer
        self._given: dict[str, TensorProto] = {}
        inputs: set[str] = set()
        sparse: list[str] = []
        if isinstance(graph, GraphProto):
            inputs = {value.name for value in graph.input}
            self._given = {t.name: t for t in graph.initializer if t.name not in inputs}
            sparse = [tensor.values.name for tensor in graph.sparse_initializer]
        self.constants: set[str] = set(self._given)
        if outer is not None:
            self.constants |= outer.constants - inputs
        self.constants.update(sparse)
        self._makers: dict[str, NodeProto] = {}
        for node in graph.node:
            for name in node.output:
                self._makers[name] = node
            if self.is_constant(node):
                self.constants |= set(node.output)
        self._values: dict[str, npt.NDArray[Any] | None] = {}

    def is_constant(self, node: NodeProto) -> bool:
        """Return whether a node reads nothing but constants, and gives the same each time."""
        reads = all(name in self.constants for name in node.input if name)
        return reads and not any(a.HasField("g") or a.graphs for a in node.attribute)

    def number(self, name: str) -> float | None:
        """Return the only value of a constant; None where it is not known."""
        value = self.small(name)
        return float(value.reshape(-1)[0]) if value is not None and value.size == 1 else None

    def unfolded(self, node: NodeProto, given: float) -> float:
        """Return how many values a node makes of numbers in constants; ``given`` is of how many values.

        Raises
        ------
        BadGraph
            That cannot be told before it is run.
        """
        numbers = [self.small(name) if name else None for name in node.input]
        with np.errstate(all="ignore"):
            match node.op_type, numbers:
                case "ConstantOfShape", [np.ndarray() as shape]:
                    return _product(shape)
                case "Expand", [_, np.ndarray() as shape]:
                    return _product(shape) * given
                case "Tile", [_, np.ndarray() as repeats]:
                    return _product(repeats) * given
                case "Range", [np.ndarray() as start, np.ndarray() as stop, np.ndarray() as step]:
                    return abs(float(np.divide(stop - start, step).reshape(-1)[0]))
        raise BadGraph(
            f"{node.op_type} makes {node.output[0][:80]!r} of constants, and nothing tells how large it will be"
        )

    def small(self, name: str) -> npt.NDArray[Any] | None:
        """Return a small constant; None where it is large, or not computed by simple operators."""
        waiting = [name]
        # without recursion: chains of constants may be long
        while waiting:
            current = waiting[-1]
            if current in self._values:
                waiting.pop()
                continue
            node = self._makers.get(current)
            open_inputs = [n for n in _inputs(node) if n not in self._values]
            if open_inputs and current in self.constants and len(waiting) < 10_000:
                waiting += open_inputs
                continue
            self._values[current] = self._computed(current, node)
            waiting.pop()
        return self._values[name]

    def _computed(self, name: str, node: NodeProto | None) -> npt.NDArray[Any] | None:
        if name in self._given:
            return _small(self._given[name])
        if name not in self.constants:
            return None
        if node is None:
            return self._outer.small(name) if self._outer is not None else None
        if node.op_type not in _SAFE:
            return None
        inputs = {n: self._values.get(n) for n in _inputs(node)}
        if any(value is None for value in inputs.values()):
            return None
        for attribute in node.attribute:
            if attribute.HasField("t") and _small(attribute.t) is None:
                return None
        try:
            with np.errstate(all="ignore"):
                results: Any = ReferenceEvaluator(node).run(None, inputs)
            result = np.asarray(results[list(node.output).index(name)])
        # the evaluator is written in Python and raises whatever its operators do
        except Exception:
            return None
        return result if result.size <= _SMALL else None


def _inputs(node: NodeProto | None) -> Iterator[str]:
    yield from filter(None, node.input if node is not None else ())


def _product(values: npt.NDArray[Any]) -> float:
    # of floats: what does not fit is infinite, and beyond every limit
    return float(np.prod(np.abs(values.astype(np.float64))))


def _small(tensor: TensorProto) -> npt.NDArray[Any] | None:
    if math.prod(tensor.dims) > _SMALL or tensor.data_location == TensorProto.EXTERNAL:
        return None
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, OverflowError, KeyError):
        return None
