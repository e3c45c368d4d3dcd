"""The ONNX graph of featx-audio-nano, from weights whose batch normalisations are folded already."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recipes.audio_mel import graph as mel_graph
from recipes.audio_mel.formulas import SHIPPED as MEL
from recipes.audio_nano.settings import BLOCKS, HOP, PADDING
from recipes.common.onnx_graph import Step, graph_value, save_graph

__all__ = ["COLUMNS", "QUIETEST_TOP", "export"]

# What is subtracted from the columns of a row, and what they are multiplied by.
COLUMNS = ("usual", "gain")

# Values that a constant has at least, to be stored as float16.
LARGE = 4000
# The loudest point of a sound is taken to be at least that, as the logarithm of a power: below it is silence.
QUIETEST_TOP = -3.0


class Layers:
    """Steps of a network that follow each other, and the constants that they read.

    Parameters
    ----------
    weights : mapping of str to ndarray
        "NAME.weight" and, for most, "NAME.bias" of each convolution.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.weights = weights
        self.steps: list[Step] = []
        self.constants: dict[str, np.ndarray] = {}

    def store(self, name: str) -> str:
        """Keep a constant, a large one as float16 that is widened where the graph starts."""
        values = self.weights[name].astype(np.float32)
        if values.size < LARGE:
            self.constants[name] = values
        else:
            self.constants[f"{name}.half"] = values.astype(np.float16)
            self.steps.insert(0, ("Cast", f"{name}.half", name, {"to": 1}))
        return name

    def convolution(self, source: str, name: str, strides: list[int], group: int = 1) -> str:
        """Add a convolution whose places stand where those of ``source`` stand; return its result."""
        weight = self.weights[f"{name}.weight"]
        parts = [source, self.store(f"{name}.weight")]
        if f"{name}.bias" in self.weights:
            parts.append(self.store(f"{name}.bias"))
        pads = [size // 2 for size in weight.shape[2:]] * 2
        attributes = {"strides": strides, "pads": pads, "group": group}
        self.steps.append(("Conv", " ".join(parts), f"{name}.out", attributes))
        return f"{name}.out"

    def rectified(self, source: str) -> str:
        """Add a rectifier; return its result."""
        self.steps.append(("Relu", source, f"{source}.relu"))
        return f"{source}.relu"

    def pair(self, source: str, name: str, strides: list[int]) -> str:
        """Add a convolution of each channel by itself and one across channels; return the result."""
        channels = len(self.weights[f"{name}.along.weight"])
        along = self.convolution(source, f"{name}.along", strides, channels)
        return self.convolution(along, f"{name}.across", [1] * len(strides))

    def block(self, source: str, name: str, stride: int) -> str:
        """Add such a pair beside its input, where the shapes are alike, and a rectifier."""
        out = self.pair(source, name, [stride])
        if stride == 1 and len(self.weights[f"{name}.across.weight"]) == len(
            self.weights[f"{name}.along.weight"]
        ):
            self.steps.append(("Add", f"{source} {out}", f"{name}.sum"))
            out = f"{name}.sum"
        return self.rectified(out)


# From the logarithms of powers to levels between 0, 50 dB under the loudest point or silence, and 1.
LEVEL_STEPS: list[Step] = [
    ("Max", "loudest quietest_top", "reference"),
    ("Sub", "mel_log10 reference", "below_reference"),
    ("Max", "below_reference floor", "above_floor"),
    ("Sub", "above_floor floor", "above_silence"),
    ("Mul", "above_silence scale", "level"),
    ("Pad", "level silence", "level_padded"),
    ("Unsqueeze", "level_padded channel", "picture"),
]
# The map without the positions of silence before the sound and after it, positions first.
MAP_STEPS: list[Step] = [
    ("Slice", "wide_map padding minus_padding last_axis", "sound_map"),
    ("Transpose", "sound_map", "map", {"perm": [0, 2, 1]}),
]

# Mean and largest value of each channel over all positions, then what featx-audio-mel says; and each
# column is 0 where it is as usual, and varies by about 1.
POOLING_STEPS: list[Step] = [
    ("ReduceMean", "wide_map", "map_mean", {"axes": [2], "keepdims": 0}),
    ("ReduceMax", "wide_map", "map_largest", {"axes": [2], "keepdims": 0}),
    *mel_graph.WEIGHT_STEPS,
    *mel_graph.PART_STEPS,
    *mel_graph.DEVIATION_STEPS,
    *mel_graph.CHANGE_STEPS,
    ("Concat", "map_mean map_largest parts_flat deviation_flat change_flat", "row", {"axis": 1}),
    ("Sub", "row usual", "row_centred"),
    ("Mul", "row_centred gain", "embedding"),
]


def float_constants() -> dict[str, np.ndarray]:
    """Return the float32 constants that are not learned."""
    own = {"quietest_top": QUIETEST_TOP, "scale": 1 / MEL.floor}
    return mel_graph.float_constants(MEL) | {
        name: np.asarray(value, np.float32) for name, value in own.items()
    }


def integer_constants() -> dict[str, np.ndarray]:
    """Return the int64 constants: axes and positions."""
    frames = PADDING * HOP // MEL.hop
    values = {
        "silence": [0, 0, frames, 0, 0, frames],
        "padding": [PADDING],
        "minus_padding": [-PADDING],
    }
    return mel_graph.axis_constants() | {
        name: np.asarray(value, np.int64) for name, value in values.items()
    }


def network(weights: Mapping[str, np.ndarray]) -> Layers:
    """Return the layers from ``picture`` to ``wide_map``, shape (N, channels, positions)."""
    layers = Layers(weights)
    value = layers.rectified(layers.convolution("picture", "first", [2, 2]))
    for name in ("second", "third"):
        value = layers.rectified(layers.pair(value, name, [2, 1]))
    wide = weights["joined.weight"].shape[1]
    layers.constants["joined_shape"] = np.array([0, wide, -1], np.int64)
    layers.steps.append(("Reshape", f"{value} joined_shape", "frames"))
    value = layers.rectified(layers.convolution("frames", "joined", [1]))
    for k, (_, stride) in enumerate(BLOCKS):
        value = layers.block(value, f"block{k}", stride)
    layers.steps.append(("Identity", value, "wide_map"))
    return layers


def export(weights: Mapping[str, np.ndarray], graph: Path) -> None:
    """Write the graph: ``waveform`` (N, T) float32 to ``embedding``, with ``map`` on the way.

    Parameters
    ----------
    weights : mapping of str to ndarray
        What ``student.folded_weights`` returns, and ``COLUMNS``.
    graph : Path
    """
    layers = network(weights)
    casts = [step for step in layers.steps if step[0] == "Cast"]
    rest = [step for step in layers.steps if step[0] != "Cast"]
    steps = [
        *casts,
        *mel_graph.level_steps(MEL),
        *LEVEL_STEPS,
        *rest,
        *MAP_STEPS,
        *POOLING_STEPS,
    ]
    columns = {name: np.asarray(weights[name], np.float32) for name in COLUMNS}
    save_graph(
        graph,
        "featx-audio-nano",
        steps,
        float_constants() | integer_constants() | columns | layers.constants,
        [graph_value("waveform", ["N", "T"])],
        graph_value("embedding", ["N", len(columns["usual"])]),
    )
