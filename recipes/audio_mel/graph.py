"""The ONNX graph of featx-audio-mel, step by step as in ``formulas``."""

from pathlib import Path

import numpy as np

from recipes.audio_mel.formulas import SHIPPED, Settings, hann_window, mel_filters
from recipes.common.onnx_graph import Step, graph_value, save_graph

__all__ = ["build"]


def float_constants(settings: Settings) -> dict[str, np.ndarray]:
    """Return the float32 constants: transform, filters, limits and borders of the parts."""
    s = settings
    angle = 2 * np.pi * np.outer(np.arange(s.window // 2 + 1), np.arange(s.window)) / s.window
    basis = np.concatenate([np.cos(angle), np.sin(angle)]) * hann_window(s)
    border = np.arange(s.parts + 1)[:, None] / s.parts
    values = {
        "basis": basis[:, None, :],
        "mel_filters": np.tile(mel_filters(s), 2),
        "quietest": 1e-8,
        "to_log10": 1 / np.log(10),
        "floor": -s.floor,
        "gate": s.gate,
        "zero": 0.0,
        "one": 1.0,
        "tiny": 1e-10,
        "part_begin": border[None, :-1],
        "part_end": border[None, 1:],
        "parts": float(s.parts),
    }
    return {name: np.asarray(value, np.float32) for name, value in values.items()}


def axis_constants() -> dict[str, np.ndarray]:
    """Return the int64 constants: axes and positions."""
    values = {
        "channel": [1],
        "last_axis": [2],
        "begin": [0],
        "first": [1],
        "minus_one": [-1],
        "time_axis": 2,
    }
    return {name: np.asarray(value, np.int64) for name, value in values.items()}


def level_steps(settings: Settings) -> list[Step]:
    """Return the steps from ``waveform`` to ``log_mel``, shape (N, bands, frames)."""
    framing = {"strides": [settings.hop], "pads": [settings.window // 2] * 2}
    return [
        ("Unsqueeze", "waveform channel", "signal"),
        ("Conv", "signal basis", "spectrum", framing),
        ("Mul", "spectrum spectrum", "power"),
        ("MatMul", "mel_filters power", "mel"),
        ("Max", "mel quietest", "mel_floored"),
        ("Log", "mel_floored", "mel_ln"),
        ("Mul", "mel_ln to_log10", "mel_log10"),
        ("ReduceMax", "mel_log10", "loudest", {"axes": [1, 2]}),
        ("Sub", "mel_log10 loudest", "mel_relative"),
        ("Max", "mel_relative floor", "log_mel"),
    ]


# To ``weight``, shape (N, 1, frames): how much a frame counts.
WEIGHT_STEPS: list[Step] = [
    ("ReduceMax", "log_mel", "frame_level", {"axes": [1]}),
    ("Add", "frame_level gate", "above_gate"),
    ("Div", "above_gate gate", "openness"),
    ("Clip", "openness zero one", "open"),
    ("ReduceSum", "open last_axis", "open_total"),
    ("Div", "open open_total", "weight"),
]

# To ``parts_flat``; ``share``, shape (N, parts, frames), says how much of a frame is in a part.
PART_STEPS: list[Step] = [
    ("CumSum", "weight time_axis", "end"),
    ("Sub", "end weight", "start"),
    ("Min", "end part_end", "upper"),
    ("Max", "start part_begin", "lower"),
    ("Sub", "upper lower", "overlap"),
    ("Max", "overlap zero", "shared"),
    ("Mul", "shared parts", "share"),
    ("Transpose", "log_mel", "by_frame", {"perm": [0, 2, 1]}),
    ("MatMul", "share by_frame", "part_means"),
    ("Flatten", "part_means", "parts_flat"),
]

# To ``deviation_flat``.
DEVIATION_STEPS: list[Step] = [
    ("MatMul", "weight by_frame", "mean"),
    ("Sub", "by_frame mean", "centred"),
    ("Mul", "centred centred", "squares"),
    ("MatMul", "weight squares", "variance"),
    ("Add", "variance tiny", "variance_safe"),
    ("Sqrt", "variance_safe", "deviation"),
    ("Flatten", "deviation", "deviation_flat"),
]

# To ``change_flat``; the first frame follows itself.
CHANGE_STEPS: list[Step] = [
    ("Slice", "log_mel begin first last_axis", "opening"),
    ("Slice", "log_mel begin minus_one last_axis", "but_last"),
    ("Concat", "opening but_last", "previous", {"axis": 2}),
    ("Sub", "log_mel previous", "steps"),
    ("Transpose", "steps", "steps_by_frame", {"perm": [0, 2, 1]}),
    ("Mul", "steps_by_frame steps_by_frame", "steps_squared"),
    ("MatMul", "weight steps_squared", "change_power"),
    ("Add", "change_power tiny", "change_safe"),
    ("Sqrt", "change_safe", "change"),
    ("Flatten", "change", "change_flat"),
]

JOIN_STEP: Step = ("Concat", "parts_flat deviation_flat change_flat", "embedding", {"axis": 1})


def build(graph: Path, settings: Settings = SHIPPED) -> None:
    """Write the graph: ``waveform`` (N, T) float32 to ``embedding`` (N, dim) float32."""
    steps = [
        *level_steps(settings),
        *WEIGHT_STEPS,
        *PART_STEPS,
        *DEVIATION_STEPS,
        *CHANGE_STEPS,
        JOIN_STEP,
    ]
    save_graph(
        graph,
        "featx-audio-mel",
        steps,
        float_constants(settings) | axis_constants(),
        [graph_value("waveform", ["N", "T"])],
        graph_value("embedding", ["N", settings.dim]),
    )
