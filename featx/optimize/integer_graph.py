"""Write a graph with integers in it, or with its weights stored in half the bytes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from featx.errors import BadGraph
from featx.optimize.layers import Layer, Prepared
from featx.optimize.quant_params import QuantParams

__all__ = ["quantize", "quiet_logging", "store_half"]

# Numbers of a weight below which storing it in half the bytes saves nothing.
_LARGE = 1024
_QUANTIZED = {"Conv", "MatMul", "Gemm", "Relu", "Clip", "MaxPool", "Add", "Concat"}


def quantize(
    prepared: Prepared,
    layers: Collection[Layer],
    params: Mapping[str, QuantParams],
    weight_bits: int = 7,
) -> ModelProto:
    """Return the graph with ``layers`` in eight-bit integers: QuantizeLinear and DequantizeLinear around them.

    Activations are unsigned and have one scale a tensor, weights are signed and have one a channel: the
    kernels for processors with integer dot products take exactly that. Zero is exact in both.

    Parameters
    ----------
    params : mapping of str to QuantParams
        The parameters of each tensor that becomes integer, by its name.
    weight_bits : {7, 8}, default=7
        Weights are integers from -64 to 64, whose sums fit everywhere, or from -127 to 127.

    Raises
    ------
    BadGraph
        ONNX Runtime's quantiser refuses the graph.
    """
    model = ModelProto()
    model.CopyFrom(prepared.model)
    ranges = {name: (chosen.low, chosen.high) for name, chosen in params.items()}
    if not prepared.convolutional:
        ranges |= _divide(model, layers, params)
    with quiet_logging():
        quantizer = _quantizer(model, prepared, prepared.nodes(layers), ranges, weight_bits)
        try:
            quantizer.quantize_model()
            _keep_in_float(quantizer.model.model)
            # ONNX asks for nodes in order, ONNX Runtime does not.
            quantizer.model.topological_sort()
        except (ValueError, RuntimeError) as error:
            raise BadGraph(f"cannot be quantised: {error}") from error
    return store_half(quantizer.model.model, exact=True)


def store_half(model: ModelProto, *, exact: bool = False) -> ModelProto:
    """Return the graph with its large float32 weights stored as float16, and cast when it is loaded.

    ONNX Runtime folds the casts at the start, so arithmetic and speed are those of float32. Weights that
    float16 cannot hold stay as they are.

    Parameters
    ----------
    exact : bool, default=False
        Whether only weights are stored so that lose nothing.
    """
    stored = ModelProto()
    stored.CopyFrom(model)
    graph, casts = stored.graph, []
    outputs = {value.name for value in graph.output}
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or tensor.name in outputs:
            continue
        half = _half(numpy_helper.to_array(tensor), exact=exact)
        if half is None:
            continue
        name, inner = tensor.name, f"{tensor.name}/half"
        tensor.CopyFrom(numpy_helper.from_array(half, inner))
        casts.append(
            helper.make_node("Cast", [inner], [name], f"{name}/cast", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    cast_names = {cast.output[0] for cast in casts}
    inputs = [value for value in graph.input if value.name not in cast_names]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    return stored


def _quantizer(
    model: ModelProto,
    prepared: Prepared,
    nodes: list[str],
    ranges: Mapping[str, tuple[float, float]],
    weight_bits: int,
) -> Any:
    """Return ONNX Runtime's quantiser for these nodes, with the ranges of their tensors."""
    # A tenth of a second that only this command should pay.
    from onnxruntime.quantization import QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

    pairs = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    kinds = {node.op_type for node in model.graph.node}
    return QDQQuantizer(
        model,
        per_channel=True,
        # Seven bits: ONNX Runtime calls it a reduced range.
        reduce_range=weight_bits == 7,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, pairs),
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=sorted(kinds & _QUANTIZED),
        extra_options={
            "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"],
            "WeightSymmetric": True,
            "QuantizeBias": prepared.convolutional,
        },
    )


def _keep_in_float(model: ModelProto) -> None:
    """Separate layers with float weights from the integers after them.

    Where a layer stands between DequantizeLinear and QuantizeLinear, with at most a rectifier behind it, ONNX
    Runtime computes it in integers, with eight bits and one scale for all its weights. The maximum of
    one tensor is that tensor, and is not optimised away.
    """
    graph = model.graph
    makers = {node.output[0]: node for node in graph.node if node.output}
    weights = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    for quantize_node in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        maker = makers.get(quantize_node.input[0])
        if maker is not None and maker.op_type in ("Relu", "Clip"):
            maker = makers.get(maker.input[0])
        if maker is None or maker.op_type not in ("Conv", "Gemm") or maker.input[1] not in weights:
            continue
        source = makers.get(maker.input[0])
        if source is None or source.op_type != "DequantizeLinear":
            continue
        tensor = quantize_node.input[0]
        same = f"{quantize_node.output[0]}/float"
        quantize_node.input[0] = same
        graph.node.append(helper.make_node("Max", [tensor], [same], same))


def _half(values: npt.NDArray[Any], *, exact: bool) -> npt.NDArray[np.float16] | None:
    """Return large float32 weights as float16; None where that saves nothing or cannot hold them."""
    if values.size < _LARGE or float(np.abs(values).max()) > float(np.finfo(np.float16).max):
        return None
    half = values.astype(np.float16)
    if exact and not np.array_equal(half.astype(np.float32), values):
        return None
    return half


def _divide(
    model: ModelProto, layers: Collection[Layer], params: Mapping[str, QuantParams]
) -> dict[str, tuple[float, float]]:
    """Divide what layers read and multiply their weights, where a divisor was chosen; return the new ranges."""
    graph, ranges = model.graph, {}
    nodes = {node.name: node for node in graph.node}
    matrices = {tensor.name: tensor for tensor in graph.initializer}
    for name in dict.fromkeys(layer.reads for layer in layers):
        chosen = params[name]
        if chosen.divisor is None:
            continue
        scaled, factor = f"{name}/scaled", f"{name}/factor"
        ranges[scaled] = (chosen.low, chosen.high)
        graph.initializer.append(numpy_helper.from_array(1 / chosen.divisor, factor))
        graph.value_info.append(helper.make_tensor_value_info(scaled, TensorProto.FLOAT, None))
        readers = [nodes[layer.name] for layer in layers if layer.reads == name]
        first = min(list(graph.node).index(node) for node in readers)
        graph.node.insert(first, helper.make_node("Mul", [name, factor], [scaled], scaled))
        for node in readers:
            matrix = _multiply(node, matrices[node.input[1]], chosen.divisor)
            graph.initializer.append(matrix)
            node.input[0], node.input[1] = scaled, matrix.name
    used = {name for node in graph.node for name in node.input}
    rest = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(rest)
    return ranges


def _multiply(
    node: NodeProto, weights: TensorProto, factor: npt.NDArray[np.float32]
) -> TensorProto:
    """Return the weights of a dense layer with what meets each column of its input multiplied by a factor."""
    values = numpy_helper.to_array(weights)
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    scaled = values * (factor if transposed else factor[:, None])
    return numpy_helper.from_array(scaled, f"{node.name}/scaled weight")


@contextmanager
def quiet_logging() -> Iterator[None]:
    """Hold back what the quantiser logs of a graph: none of it helps a user who only wants a backbone."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
