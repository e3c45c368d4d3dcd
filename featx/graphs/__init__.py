"""Look into an ONNX graph, cut it at a tap, join it with another."""

from featx.graphs.cutting import LAST_MAP, PENULTIMATE, Tap, cut, taps
from featx.graphs.files import Tensor, external_data, inputs_of, outputs_of
from featx.graphs.joining import Between, join

__all__ = [
    "LAST_MAP",
    "PENULTIMATE",
    "Between",
    "Tap",
    "Tensor",
    "cut",
    "external_data",
    "inputs_of",
    "join",
    "outputs_of",
    "taps",
]
