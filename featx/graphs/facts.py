"""Facts: what a graph says of itself, looked at from the tensor that is read rather than as a whole.

A graph of a hub has more inputs and outputs than a backbone needs: both towers of CLIP, an empty past of a
decoder, an input that nothing reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from featx.errors import BadGraph, UnknownTap
from featx.graphs.batches import replaceable
from featx.graphs.cut import PENULTIMATE, needed_nodes, read_by, resolve_tap
from featx.graphs.inspect import Tensor, describe_value, external_data, infer_shapes, walk
from featx.graphs.limits import check_limits
from featx.graphs.past import is_past
from featx.storage.blob import Blob

__all__ = ["GraphFacts", "describe_graph"]

# Operators that round what they are given to eight bits by the largest value of all of it.
_AS_IT_RUNS = frozenset(
    "DynamicQuantizeLinear DynamicQuantizeMatMul DynamicQuantizeLSTM MatMulInteger MatMulIntegerToFloat "
    "ConvInteger".split()
)


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """A graph of which the large weights are not in memory.

    Attributes
    ----------
    path : Path
    outputs : tuple of Tensor
        What the graph gives, with the shapes that ONNX's inference finds.
    """

    path: Path
    outputs: tuple[Tensor, ...]
    _model: ModelProto
    _tensors: dict[str, Tensor]

    def output(self, name: str) -> Tensor | None:
        """Return the output of a name; None where there is none."""
        return next((tensor for tensor in self.outputs if tensor.name == name), None)

    def inputs(self, tap: str | None) -> list[Tensor]:
        """Return the inputs that a tap is computed from; an empty past, which featx feeds, left out.

        Raises
        ------
        UnknownTap
            No tensor of that name is computed from the inputs.
        """
        names = set(self._read(tap))
        weights = {tensor.name for tensor in self._model.graph.initializer}
        return [
            describe_value(value)
            for value in self._model.graph.input
            if value.name in names - weights and not is_past(value.name)
        ]

    def all_inputs(self) -> list[Tensor]:
        """Return the inputs that the whole graph wants."""
        weights = {tensor.name for tensor in self._model.graph.initializer}
        return [describe_value(one) for one in self._model.graph.input if one.name not in weights]

    def tensor(self, tap: str | None) -> Tensor:
        """Return the tensor that a tap names, with its shape where inference finds it.

        Raises
        ------
        UnknownTap
            No tensor of that name is computed from the inputs.
        """
        name = resolve_tap(self._model, tap, self.path)
        makers = {n for node in self._model.graph.node for n in node.output}
        if name not in makers:
            raise UnknownTap(name, makers)
        return self._tensors.get(name, Tensor(name, None, "unknown"))

    def last_layer(self) -> Tensor | None:
        """Return what the last layer with weights before the first output reads; None without one."""
        try:
            return self.tensor(PENULTIMATE)
        except BadGraph:
            return None

    def quantizes_as_it_runs(self, tap: str | None) -> bool:
        """Return whether a tap is computed by nodes that round to what is the largest value at that moment."""
        nodes = walk(needed_nodes(self._model, tap, self.path))
        return any(node.op_type in _AS_IT_RUNS for node in nodes)

    def _read(self, tap: str | None) -> Iterator[str]:
        nodes = needed_nodes(self._model, tap, self.path)
        aside = replaceable(nodes, self._model.graph)
        for node in nodes:
            yield from (name for name in read_by(node) if name not in aside)


def describe_graph(path: Path) -> GraphFacts:
    """Return the facts of the graph in a file.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, or is beyond the limits of ``featx.graphs.limits``.
    """
    blob = Blob.of_path(path)
    try:
        beside = external_data(blob.read())
    except FileNotFoundError as error:
        raise BadGraph(f"{path}: no such file; expected an ONNX graph") from error
    except OSError as error:
        raise BadGraph(f"{path}: cannot be read: {error.strerror}") from error
    model = check_limits(blob, files=beside)
    graph = infer_shapes(model).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    tensors = {value.name: describe_value(value) for value in values}
    outputs = tuple(tensors[value.name] for value in model.graph.output)
    return GraphFacts(path, outputs, model, tensors)
