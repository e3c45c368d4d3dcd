"""Find the layers of a graph that integers can compute, and prepare the graph for it."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, numpy_helper

from featx.backbones.session import FAILURES
from featx.errors import BadGraph, first_line
from featx.graphs import cut_graph
from featx.storage.blob import Blob

__all__ = ["Layer", "Prepared", "prepare"]

# Opset to which older graphs are converted: scales by channel need 13.
_OPSET = 17
# Operators that take integers and give integers.
_PASS_THROUGH = {"Relu", "Clip", "MaxPool", "Add", "Concat"}


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or a dense layer with weights of its own.

    ``name`` is its node's, ``op`` is Conv, MatMul or Gemm; the others are names of tensors.
    """

    name: str
    op: str
    reads: str
    gives: str
    weight: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A graph with one output, constants folded and shapes inferred, and its layers in order.

    ``convolutional`` says of which kind they are. In a convolutional net integers go from layer to layer,
    through what lies between; in a transformer each dense layer takes integers and gives floats, and
    what lies between (attention, softmax, norms, GELU) is untouched.
    """

    model: ModelProto
    layers: tuple[Layer, ...]
    convolutional: bool

    def nodes(self, layers: Collection[Layer]) -> list[str]:
        """Return the names of the nodes that become integer when ``layers`` do."""
        if not self.convolutional:
            return [layer.name for layer in layers]
        chosen, integers, names = {layer.name for layer in layers}, set[str](), []
        for node in self.model.graph.node:
            inputs = self._computed_inputs(node)
            passes = node.op_type in _PASS_THROUGH and integers.issuperset(inputs)
            if node.name in chosen or passes:
                names.append(node.name)
                integers.add(node.output[0])
        return names

    def tensors(self, layers: Collection[Layer]) -> list[str]:
        """Return the names of the tensors that are rounded to integers when ``layers`` are computed in them."""
        if not self.convolutional:
            return list(dict.fromkeys(layer.reads for layer in layers))
        names, tensors = set(self.nodes(layers)), dict[str, None]()
        for node in self.model.graph.node:
            if node.name in names:
                tensors |= dict.fromkeys([*self._computed_inputs(node), node.output[0]])
        return list(tensors)

    def weights(self, layer: Layer) -> npt.NDArray[np.float32]:
        """Return the weights of a dense layer, of shape (columns it reads, columns it gives)."""
        [tensor] = [t for t in self.model.graph.initializer if t.name == layer.weight]
        values: npt.NDArray[np.float32] = numpy_helper.to_array(tensor)
        [node] = [n for n in self.model.graph.node if n.name == layer.name]
        return values.T if _is_transposed(node) else values

    def _computed_inputs(self, node: NodeProto) -> list[str]:
        """Return the names of what a node reads that is not a weight or a bound."""
        constant = {tensor.name for tensor in self.model.graph.initializer}
        first = node.input[:1] if node.op_type in ("Conv", "Relu", "Clip") else node.input
        return [name for name in first if name and name not in constant]


def prepare(graph: Blob, tap: str | None) -> Prepared:
    """Return the graph up to a tap, with constants folded, shapes inferred and every node named.

    Raises
    ------
    BadGraph
        ONNX Runtime cannot read it, it has no layer that integers could compute, or integers
        compute it already.
    """
    data = cut_graph(graph, tap)
    try:
        model = _simplify(_convert(onnx.load_from_string(data)))
    except (*FAILURES, onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise BadGraph(
            f"{graph}: cannot be prepared for quantisation: {first_line(error)}"
        ) from error
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise BadGraph(f"{graph}: computes in integers already: optimise what it was made of")
    layers = _layers(model)
    if not layers:
        raise BadGraph(
            f"{graph}: nothing to quantise: expected convolutions, or dense layers (MatMul, Gemm) "
            "with constant weights in float32"
        )
    convolutions = [layer for layer in layers if layer.op == "Conv"]
    convolutional = 2 * len(convolutions) >= len(layers)
    dense = [layer for layer in layers if layer.op != "Conv"]
    return Prepared(model, tuple(convolutions if convolutional else dense), convolutional)


def _convert(model: ModelProto) -> ModelProto:
    """Return the model at an opset that knows scales by channel."""
    [opset] = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    return model if opset >= 13 else onnx.version_converter.convert_version(model, _OPSET)


def _simplify(model: ModelProto) -> ModelProto:
    """Return the model after ONNX Runtime's optimisations that do not depend on the processor."""
    # A tenth of a second that only this command should pay.
    from onnxruntime.quantization import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="featx-") as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        before.write_bytes(model.SerializeToString())
        quant_pre_process(before, after, skip_symbolic_shape=True)
        simplified = onnx.load(after)
    used = {node.domain for node in simplified.graph.node}
    opsets = [entry for entry in simplified.opset_import if entry.domain in used]
    del simplified.opset_import[:]
    simplified.opset_import.extend(opsets)
    names = set[str]()
    for index, node in enumerate(simplified.graph.node):
        if not node.name or node.name in names:
            node.name = f"{node.op_type} {index}"
        names.add(node.name)
    return simplified


def _layers(model: ModelProto) -> list[Layer]:
    """Return the convolutions and dense layers whose weights are constants in float32, in order."""
    matrices = {t.name: t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    layers = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "MatMul", "Gemm") or len(node.input) < 2:
            continue
        reads, weight = node.input[:2]
        if weight not in matrices or reads in matrices or node.domain:
            continue
        if node.op_type != "Conv" and not _is_dense(node, matrices[weight].dims):
            continue
        layers.append(Layer(node.name, node.op_type, reads, node.output[0], weight))
    return layers


def _is_dense(node: NodeProto, shape: Sequence[int]) -> bool:
    """Return whether a node is rows times a matrix, as the integer kernels have it."""
    values = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
    unscaled = values.get("alpha", 1.0) == 1.0 and values.get("beta", 1.0) == 1.0
    return len(shape) == 2 and unscaled and not values.get("transA", 0)


def _is_transposed(node: NodeProto) -> bool:
    return any(entry.name == "transB" and entry.i for entry in node.attribute)
