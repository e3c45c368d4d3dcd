"""Build featx-audio-mel: log-mel statistics as one ONNX graph. Nothing is learned and nothing is
downloaded.

    python recipe.py build backbone.onnx      write the graph; the defaults below are those of the
                                              shipped bytes
    python recipe.py check backbone.onnx      compare it with the same mathematics in numpy
    python recipe.py quick                    build and check a small variant in a temporary
                                              folder, a few seconds

Needs numpy, onnx and onnxruntime; featx itself needs none of this.

The mathematics, for one clip x of T samples:

1. frames   x between WINDOW/2 zeros on either side, cut every HOP samples, times a periodic Hann
            window
2. mel      power of its discrete Fourier transform in BANDS triangles, equally wide on the mel
            scale from LOW to HIGH hertz
3. level    M = log10(mel), at least -8, less its maximum over the clip, at least -FLOOR: 0 is the
            clip's loudest point, 1 is 10 dB
4. weights  v = the frame's loudest band, from 0 (GATE below the clip's loudest, or less) to 1;
            divided by its sum.
            Silence weighs nothing, so zeros after a clip or before it hardly move a value
5. parts    the clip cut into PARTS pieces of equal weight: the mean of M in each (frames on a
            border belong to both in part)
6. spread   standard deviation of M over the clip, and root mean square of its change from frame to
            frame, both under v

The embedding is parts (PARTS x BANDS values, part by part), deviation (BANDS), change (BANDS).
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Settings:
    """All that decides a number; lengths in samples, pitch in hertz, level in tens of decibels."""

    rate: int = 16000
    window: int = 512
    hop: int = 160
    bands: int = 40
    low: float = 60.0
    high: float = 8000.0
    floor: float = 5.0
    gate: float = 4.0
    parts: int = 6

    @property
    def dim(self) -> int:
        return (self.parts + 2) * self.bands


def triangles(s: Settings) -> np.ndarray:
    """Mel filters, shape (bands, window // 2 + 1), peak 1."""
    mel_low, mel_high = (2595 * np.log10(1 + f / 700) for f in (s.low, s.high))
    edges = 700 * (10 ** (np.linspace(mel_low, mel_high, s.bands + 2) / 2595) - 1)
    pitch = np.arange(s.window // 2 + 1) * s.rate / s.window
    left, centre, right = (edges[i : i + s.bands, None] for i in range(3))
    return np.maximum(
        0, np.minimum((pitch - left) / (centre - left), (right - pitch) / (right - centre))
    )


def hann(s: Settings) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(s.window) / s.window)


def oracle(x: np.ndarray, s: Settings) -> np.ndarray:
    """The embedding of one clip in float64 numpy: rfft, no graph."""
    padded = np.pad(x.astype(np.float64), s.window // 2)
    starts = range(0, len(padded) - s.window + 1, s.hop)
    frames = np.stack([padded[i : i + s.window] for i in starts]) * hann(s)
    mel = np.abs(np.fft.rfft(frames)) ** 2 @ triangles(s).T
    level = np.log10(np.maximum(mel, 1e-8))
    level = np.maximum(level - level.max(), -s.floor)
    weight = np.clip((level.max(1) + s.gate) / s.gate, 0, 1)
    weight /= weight.sum()
    end = np.cumsum(weight)
    border = np.arange(s.parts + 1)[:, None] / s.parts
    share = np.clip(np.minimum(end, border[1:]) - np.maximum(end - weight, border[:-1]), 0, None)
    change = np.diff(level, axis=0, prepend=level[:1])
    deviation = np.sqrt(weight @ (level - weight @ level) ** 2 + 1e-10)
    return np.concatenate(
        [(share * s.parts @ level).ravel(), deviation, np.sqrt(weight @ change**2 + 1e-10)]
    )


def build(path: Path, s: Settings) -> None:
    """Write the graph: ``waveform`` [N, T] float32 to ``embedding`` [N, dim] float32."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    turn = 2 * np.pi * np.outer(np.arange(s.window // 2 + 1), np.arange(s.window)) / s.window
    basis = np.concatenate([np.cos(turn), np.sin(turn)]) * hann(s)
    border = np.arange(s.parts + 1)[:, None] / s.parts
    constants = {
        "basis": basis[:, None, :],
        "mel_filters": np.tile(triangles(s), 2),
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
    whole = {
        "channel": [1],
        "last_axis": [2],
        "band_axis": [1],
        "both_axes": [1, 2],
        "begin": [0],
        "first": [1],
        "minus_one": [-1],
        "time_axis": 2,
        "flat": [0, -1],
    }
    steps = [
        ("Unsqueeze", "waveform channel", "signal"),
        ("Conv", "signal basis", "spectrum", {"strides": [s.hop], "pads": [s.window // 2] * 2}),
        ("Mul", "spectrum spectrum", "power"),
        ("MatMul", "mel_filters power", "mel"),
        ("Max", "mel quietest", "mel_floored"),
        ("Log", "mel_floored", "mel_ln"),
        ("Mul", "mel_ln to_log10", "mel_log10"),
        ("ReduceMax", "mel_log10", "loudest", {"axes": [1, 2]}),
        ("Sub", "mel_log10 loudest", "mel_relative"),
        ("Max", "mel_relative floor", "log_mel"),  # [N, bands, frames]
        ("ReduceMax", "log_mel", "frame_level", {"axes": [1]}),
        ("Add", "frame_level gate", "above_gate"),
        ("Div", "above_gate gate", "openness"),
        ("Clip", "openness zero one", "open"),
        ("ReduceSum", "open last_axis", "open_total"),
        ("Div", "open open_total", "weight"),  # [N, 1, frames]
        ("CumSum", "weight time_axis", "end"),
        ("Sub", "end weight", "start"),
        ("Min", "end part_end", "upper"),
        ("Max", "start part_begin", "lower"),
        ("Sub", "upper lower", "overlap"),
        ("Max", "overlap zero", "shared"),
        ("Mul", "shared parts", "share"),  # [N, parts, frames]
        ("Transpose", "log_mel", "by_frame", {"perm": [0, 2, 1]}),
        ("MatMul", "share by_frame", "part_means"),
        ("Flatten", "part_means", "parts_flat"),
        ("MatMul", "weight by_frame", "mean"),
        ("Sub", "by_frame mean", "centred"),
        ("Mul", "centred centred", "squares"),
        ("MatMul", "weight squares", "variance"),
        ("Add", "variance tiny", "variance_safe"),
        ("Sqrt", "variance_safe", "deviation"),
        ("Flatten", "deviation", "deviation_flat"),
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
        ("Concat", "parts_flat deviation_flat change_flat", "embedding", {"axis": 1}),
    ]
    nodes = [
        helper.make_node(op, i.split(), [o], name=o, **(more[0] if more else {}))
        for op, i, o, *more in steps
    ]
    tensors = [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()]
    tensors += [
        numpy_helper.from_array(np.asarray(v, np.int64), k)
        for k, v in whole.items()
        if any(k in n.input for n in nodes)
    ]
    graph = helper.make_graph(
        nodes,
        "featx-audio-mel",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["N", "T"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", s.dim])],
        tensors,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="featx"
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def check(path: Path, s: Settings) -> None:
    """Raise unless the graph and the oracle agree to 1e-4 on tones, noise, words of silence and
    tiny clips.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    rng = np.random.default_rng(0)
    seconds = np.arange(s.rate) / s.rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds)
    clips = {
        "tone": tone,
        "noise": rng.normal(0, 0.1, s.rate // 2),
        "chirp": np.sin(2 * np.pi * (200 + 900 * seconds) * seconds),
        "silence": np.zeros(s.rate // 4),
        "one sample": np.ones(1),
        "click": np.eye(1, 4000, 2000)[0],
        "tone then silence": np.concatenate([tone, np.zeros(s.rate)]),
        "quiet noise": rng.normal(0, 1e-3, 5000),
    }
    worst = 0.0
    for name, clip in clips.items():
        x = clip.astype(np.float32)
        got = session.run(None, {"waveform": x[None]})[0]
        apart = float(np.abs(got[0] - oracle(x, s)).max())
        worst = max(worst, apart)
        print(f"{name:20s} {len(x):6d} samples  {apart:.1e} from numpy")
        if got.shape != (1, s.dim) or not np.isfinite(got).all() or apart > 1e-4:
            raise SystemExit(f"{name}: graph and numpy differ by {apart:.1e}")
    pair = np.stack([clips["tone"], rng.normal(0, 0.1, s.rate)]).astype(np.float32)
    alone = np.concatenate([session.run(None, {"waveform": row[None]})[0] for row in pair])
    print(
        f"a batch of two against each alone: {np.abs(session.run(None, {'waveform': pair})[0] - alone).max():.1e}; worst {worst:.1e}"
    )
    print(
        "440 Hz tone begins",
        np.round(session.run(None, {"waveform": pair[:1]})[0][0, :8], 4).tolist(),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    for name in ("build", "check"):
        steps.add_parser(name).add_argument("path", type=Path)
    steps.add_parser("quick")
    a = parser.parse_args()
    if a.step == "quick":
        small = Settings(rate=8000, window=128, hop=64, bands=12, high=4000.0, parts=3)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "backbone.onnx"
            build(path, small)
            check(path, small)
    else:
        {"build": build, "check": check}[a.step](a.path, Settings())


if __name__ == "__main__":
    main()
