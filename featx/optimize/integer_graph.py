"""A graph with integers in it, or with its weights stored in half the bytes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from featx.errors import BadGraph
from featx.optimize.layers import Layer, Prepared
from featx.optimize.quant_params import Rounding

__all__ = ["quantize", "store_half"]

_LARGE = 1024  # numbers of a weight below which nothing is to be saved


def quantize(
    prepared: Prepared, layers: Collection[Layer], rounding: Mapping[str, Rounding]
) -> ModelProto:
    """The graph with ``layers`` in eight-bit integers: QuantizeLinear and DequantizeLinear around them.

    Activations are unsigned and have one scale a tensor, weights are signed and have one a channel: the
    kernels for processors with integer dot products take exactly that. Zero is exact in both.
    """
    from onnxruntime.quantization import QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData

    model = ModelProto()
    model.CopyFrom(prepared.model)
    ranges = {name: (each.low, each.high) for name, each in rounding.items()}
    if not prepared.convolutional:
        ranges |= _divide(model, layers, rounding)
    pairs = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    kinds = {node.op_type for node in model.graph.node}
    with _without_warnings():
        quantizer = QDQQuantizer(
            model,
            True,  # weights by channel
            False,  # all eight bits of them
            QuantType.QInt8,
            QuantType.QUInt8,
            TensorsData(CalibrationMethod.MinMax, pairs),
            prepared.nodes(layers),
            [],
            sorted(kinds & {"Conv", "MatMul", "Gemm", "Relu", "Clip", "MaxPool", "Add", "Concat"}),
            {
                "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"],
                "WeightSymmetric": True,
                "QuantizeBias": prepared.convolutional,
            },
        )
        try:
            quantizer.quantize_model()
            quantizer.model.topological_sort()  # ONNX asks for it, ONNX Runtime does not
        except (ValueError, RuntimeError) as error:
            raise BadGraph(f"cannot be quantised: {error}") from error
    return store_half(quantizer.model.model, exact=True)


def store_half(model: ModelProto, *, exact: bool = False) -> ModelProto:
    """The graph with its large float32 weights stored as float16, and cast when it is loaded.

    ONNX Runtime folds the casts at the start, so arithmetic and speed are those of float32. Weights that
    float16 cannot hold stay as they are.

    Parameters
    ----------
    exact : bool
        Only weights that lose nothing.
    """
    stored = ModelProto()
    stored.CopyFrom(model)
    graph, casts = stored.graph, []
    outputs = {value.name for value in graph.output}
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or tensor.name in outputs:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _LARGE or float(np.abs(values).max()) > float(np.finfo(np.float16).max):
            continue
        half = values.astype(np.float16)
        if exact and not np.array_equal(half.astype(np.float32), values):
            continue
        name, inner = tensor.name, f"{tensor.name}/half"
        tensor.CopyFrom(numpy_helper.from_array(half, inner))
        casts.append(
            helper.make_node("Cast", [inner], [name], f"{name}/cast", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    inputs = [value for value in graph.input if value.name not in {c.output[0] for c in casts}]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    return stored


def _divide(
    model: ModelProto, layers: Collection[Layer], rounding: Mapping[str, Rounding]
) -> dict[str, tuple[float, float]]:
    """Divide what layers read and multiply their weights, where the rounding says so; the new ranges."""
    graph, ranges = model.graph, {}
    nodes = {node.name: node for node in graph.node}
    matrices = {tensor.name: tensor for tensor in graph.initializer}
    for name in dict.fromkeys(layer.reads for layer in layers):
        chosen = rounding[name]
        if chosen.divisor is None:
            continue
        even, factor = f"{name}/even", f"{name}/factor"
        ranges[even] = (chosen.low, chosen.high)
        graph.initializer.append(numpy_helper.from_array(1 / chosen.divisor, factor))
        graph.value_info.append(helper.make_tensor_value_info(even, TensorProto.FLOAT, None))
        readers = [nodes[layer.name] for layer in layers if layer.reads == name]
        place = min(list(graph.node).index(node) for node in readers)
        graph.node.insert(place, helper.make_node("Mul", [name, factor], [even], even))
        for node in readers:
            values = numpy_helper.to_array(matrices[node.input[1]])
            turned = any(each.name == "transB" and each.i for each in node.attribute)
            scaled = values * (chosen.divisor if turned else chosen.divisor[:, None])
            weight = f"{node.name}/even weight"
            graph.initializer.append(numpy_helper.from_array(scaled, weight))
            node.input[0], node.input[1] = even, weight
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    return ranges


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Hold back what the library logs of a graph: none of it is for who only wants a backbone."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
