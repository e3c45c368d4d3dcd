"""The layers of a graph that integers can compute, and the graph made ready for it."""

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

_OPSET = 17  # to which older graphs are raised: scales by channel need 13
_FOLLOW = {"Relu", "Clip", "MaxPool", "Add", "Concat"}  # integers pass through these as they are


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or a dense layer with weights of its own."""

    name: str  # of its node
    op: str  # Conv, MatMul or Gemm
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
        """Names of the nodes that become integer when ``layers`` do."""
        if not self.convolutional:
            return [layer.name for layer in layers]
        chosen, made, names = {layer.name for layer in layers}, set[str](), []
        for node in self.model.graph.node:
            follows = node.op_type in _FOLLOW and made.issuperset(self._computed(node))
            if node.name in chosen or follows:
                names.append(node.name)
                made.add(node.output[0])
        return names

    def tensors(self, layers: Collection[Layer]) -> list[str]:
        """Names of the floats that are rounded to integers when ``layers`` are computed in them."""
        if not self.convolutional:
            return list(dict.fromkeys(layer.reads for layer in layers))
        names, found = set(self.nodes(layers)), dict[str, None]()
        for node in self.model.graph.node:
            if node.name in names:
                found |= dict.fromkeys([*self._computed(node), node.output[0]])
        return list(found)

    def weights(self, layer: Layer) -> npt.NDArray[np.float32]:
        """The weights of a dense layer, of shape (columns it reads, columns it gives)."""
        [tensor] = [t for t in self.model.graph.initializer if t.name == layer.weight]
        values: npt.NDArray[np.float32] = numpy_helper.to_array(tensor)
        [node] = [n for n in self.model.graph.node if n.name == layer.name]
        return values.T if _turned(node) else values

    def _computed(self, node: NodeProto) -> list[str]:
        """What a node reads that is not a weight or a bound."""
        constant = {tensor.name for tensor in self.model.graph.initializer}
        first = node.input[:1] if node.op_type in ("Conv", "Relu", "Clip") else node.input
        return [name for name in first if name and name not in constant]


def prepare(graph: Blob, tap: str | None) -> Prepared:
    """The graph up to a tap, with constants folded, shapes inferred and every node named.

    Raises
    ------
    BadGraph
        ONNX Runtime cannot read it, it has no layer that integers could compute, or integers
        compute it already.
    """
    data = cut_graph(graph, tap)
    try:
        model = _settle(_raise(onnx.load_from_string(data)))
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
    kept = convolutions if convolutional else [each for each in layers if each.op != "Conv"]
    return Prepared(model, tuple(kept), convolutional)


def _raise(model: ModelProto) -> ModelProto:
    """The model at an opset that knows scales by channel."""
    [opset] = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    return model if opset >= 13 else onnx.version_converter.convert_version(model, _OPSET)


def _settle(model: ModelProto) -> ModelProto:
    """What ONNX Runtime makes of it before it comes to a processor's own tricks."""
    # A tenth of a second that only this command should pay.
    from onnxruntime.quantization import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="featx-") as folder:
        given, made = Path(folder) / "given.onnx", Path(folder) / "settled.onnx"
        given.write_bytes(model.SerializeToString())
        quant_pre_process(given, made, skip_symbolic_shape=True)
        settled = onnx.load(made)
    used = {node.domain for node in settled.graph.node}
    domains = [each for each in settled.opset_import if each.domain in used]
    del settled.opset_import[:]
    settled.opset_import.extend(domains)
    names = set[str]()
    for place, node in enumerate(settled.graph.node):
        if not node.name or node.name in names:
            node.name = f"{node.op_type} {place}"
        names.add(node.name)
    return settled


def _layers(model: ModelProto) -> list[Layer]:
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
    """Whether it is rows times a matrix, as the integer kernels have it."""
    known = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    plain = known.get("alpha", 1.0) == 1.0 and known.get("beta", 1.0) == 1.0
    return len(shape) == 2 and plain and not known.get("transA", 0)


def _turned(node: NodeProto) -> bool:
    return any(each.name == "transB" and each.i for each in node.attribute)
