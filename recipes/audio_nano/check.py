"""The graph of featx-audio-nano against its mathematics in numpy."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recipes.audio_mel import formulas as mel_formulas
from recipes.audio_mel.check import example_clips as mel_clips
from recipes.audio_mel.formulas import SHIPPED as MEL
from recipes.audio_mel.formulas import hann_window, mel_filters
from recipes.audio_nano.graph import COLUMNS, QUIETEST_TOP
from recipes.audio_nano.settings import BLOCKS, HOP, PADDING
from recipes.common.comparison import require_close
from recipes.common.onnx_graph import constants_of
from recipes.common.sessions import open_session

__all__ = ["check", "embed", "example_clips", "sound_map", "weights_of"]

# The largest difference between graph and numpy that is allowed.
LIMIT = 1e-3


def example_clips() -> dict[str, np.ndarray]:
    """Return tones, noise, silence and very short clips by name, float32."""
    return mel_clips(MEL)


def weights_of(graph: Path) -> dict[str, np.ndarray]:
    """Return the convolutions' weights and biases that a graph stores, as ``graph.export`` takes them."""
    stored = constants_of(graph)
    return {
        name.removesuffix(".half"): value.astype(np.float32)
        for name, value in stored.items()
        if ".weight" in name or ".bias" in name or name in COLUMNS
    }


def levels(waveform: np.ndarray) -> np.ndarray:
    """Return the levels of a clip, silence before it and after it, shape (bands, frames)."""
    padded = np.pad(waveform.astype(np.float64), MEL.window // 2)
    starts = range(0, len(padded) - MEL.window + 1, MEL.hop)
    frames = np.stack([padded[i : i + MEL.window] for i in starts]) * hann_window(MEL)
    power = mel_filters(MEL) @ np.abs(np.fft.rfft(frames)).T ** 2
    level = np.log10(np.maximum(power, 1e-8))
    level = np.maximum(level - max(level.max(), QUIETEST_TOP), -MEL.floor) / MEL.floor + 1
    silence = PADDING * HOP // MEL.hop
    return np.pad(level, ((0, 0), (silence, silence)))


def convolve(x: np.ndarray, weight: np.ndarray, strides: tuple[int, ...]) -> np.ndarray:
    """Return a convolution of ``x`` (channels, ...) whose places stand where those of ``x`` stand.

    Where ``weight`` has one input channel it is of each channel by itself.
    """
    kernel = weight.shape[2:]
    padded = np.pad(x, [(0, 0), *((size // 2, size // 2) for size in kernel)])
    axes = tuple(range(1, x.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=axes)
    windows = windows[(slice(None), *(slice(None, None, stride) for stride in strides))]
    flat = windows.reshape(len(x), *windows.shape[1 : x.ndim], -1)
    taps = weight.reshape(*weight.shape[:2], -1).astype(np.float64)
    if weight.shape[1] == 1 and len(x) > 1:
        found: np.ndarray = np.einsum("c...k,ck->c...", flat, taps[:, 0])
    else:
        found = np.einsum("c...k,ock->o...", flat, taps)
    return found


def pair(
    w: Mapping[str, np.ndarray], x: np.ndarray, name: str, strides: tuple[int, ...]
) -> np.ndarray:
    """Return the result of a convolution of each channel and one across channels."""
    along = convolve(x, w[f"{name}.along.weight"], strides)
    across = convolve(along, w[f"{name}.across.weight"], (1,) * len(strides))
    return biased(across, w[f"{name}.across.bias"])


def biased(x: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return ``x`` and the bias of each channel."""
    result: np.ndarray = x + bias.reshape(-1, *[1] * (x.ndim - 1))
    return result


def wide_map(w: Mapping[str, np.ndarray], waveform: np.ndarray) -> np.ndarray:
    """Return the map with the positions of silence around the clip, shape (channels, positions)."""
    x = levels(waveform)[None]
    x = np.maximum(biased(convolve(x, w["first.weight"], (2, 2)), w["first.bias"]), 0)
    for name in ("second", "third"):
        x = np.maximum(pair(w, x, name, (2, 1)), 0)
    x = x.reshape(-1, x.shape[2])
    x = np.maximum(biased(convolve(x, w["joined.weight"], (1,)), w["joined.bias"]), 0)
    for k, (_, stride) in enumerate(BLOCKS):
        y = pair(w, x, f"block{k}", (stride,))
        x = np.maximum(x + y if x.shape == y.shape else y, 0)
    found: np.ndarray = x
    return found


def sound_map(w: Mapping[str, np.ndarray], waveform: np.ndarray) -> np.ndarray:
    """Return the map of a clip, shape (positions, channels)."""
    return wide_map(w, waveform)[:, PADDING:-PADDING].T


def embed(w: Mapping[str, np.ndarray], waveform: np.ndarray) -> np.ndarray:
    """Return the embedding of one clip in float64: mean and maximum of each channel, levels; scaled."""
    found = wide_map(w, waveform)
    pooled = np.concatenate([found.mean(1), found.max(1), mel_formulas.embed(waveform)])
    row: np.ndarray = (pooled - w["usual"]) * w["gain"]
    return row


def check(graph: Path) -> None:
    """Compare the graph with numpy on example clips, and a batch with its clips alone.

    Raises
    ------
    SystemExit
        A difference is above ``LIMIT``.
    """
    session, weights = open_session(graph), weights_of(graph)
    clips = example_clips()
    rows = {name: session.run(None, {"waveform": clip[None]})[0][0] for name, clip in clips.items()}
    worst = max(
        require_close(name, rows[name], embed(weights, clip), LIMIT) for name, clip in clips.items()
    )
    names = ["tone of 440 Hz", "a second of noise"]
    batch = session.run(None, {"waveform": np.stack([clips[name] for name in names])})[0]
    require_close("a batch of two", batch, np.stack([rows[name] for name in names]), LIMIT)
    print(f"at worst {worst:.1e} from numpy")
