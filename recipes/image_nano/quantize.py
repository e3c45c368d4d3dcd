"""Convolutions in eight-bit integers with fixed ranges; what stays in float is stored as float16."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from featx.optimize.integer_graph import quiet_logging

__all__ = ["quantize", "store_as_float16"]

# Values that a float tensor has at least, to be stored as float16.
LARGE = 4000


class ImageReader(CalibrationDataReader):
    """Single pictures, shape (1, 3, height, width), from which ranges are measured."""

    def __init__(self, images: Iterator[np.ndarray]) -> None:
        self.images = images

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next picture as the graph's input, or None at the end."""
        image = next(self.images, None)
        return None if image is None else {"input": image}


def store_as_float16(path: Path) -> None:
    """Rewrite a graph: its large float32 constants become float16, and are widened where it starts."""
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > LARGE:
            name = tensor.name + ".fp16"
            casts.append(onnx.helper.make_node("Cast", [name], [tensor.name], to=1))
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def quantize(floats: Path, integers: Path, images: Iterator[np.ndarray]) -> None:
    """Write the graph with convolutions, sums and rectifiers in integers.

    Weights keep to seven bits: processors without VNNI add pairs of products in sixteen bits, which
    then cannot overflow, so that sums are the same everywhere.

    Parameters
    ----------
    floats, integers : Path
        The graph that is read and the one that is written.
    images : iterator of ndarray of float32, shape (1, 3, height, width)
        Pictures whose ranges the integers cover.
    """
    with quiet_logging():
        quantize_convolutions(floats, integers, images)
    store_as_float16(integers)


def quantize_convolutions(floats: Path, integers: Path, images: Iterator[np.ndarray]) -> None:
    """Write the graph with its convolutions in integers; what stays in float stays float32."""
    quant_pre_process(floats, integers, skip_symbolic_shape=True)
    quantize_static(
        integers,
        integers,
        ImageReader(images),
        op_types_to_quantize=["Conv", "Relu", "Add"],
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"WeightSymmetric": True, "CalibMovingAverage": True},
    )
