"""The graph of featx-audio-mel against its formulas in numpy."""

import tempfile
from pathlib import Path

import numpy as np

from recipes.audio_mel.formulas import SHIPPED, Settings, embed
from recipes.audio_mel.graph import build
from recipes.common.comparison import require_close
from recipes.common.sessions import open_session

__all__ = ["check", "quick"]

# The largest difference between graph and numpy that is allowed, in tens of decibels.
LIMIT = 1e-4


def example_clips(settings: Settings) -> dict[str, np.ndarray]:
    """Return tones, noise, silence and very short clips by name, float32."""
    rng = np.random.default_rng(0)
    seconds = np.arange(settings.rate) / settings.rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * seconds)
    clips = {
        "tone of 440 Hz": tone,
        "noise": rng.normal(0, 0.1, settings.rate // 2),
        "chirp": np.sin(2 * np.pi * (200 + 900 * seconds) * seconds),
        "silence": np.zeros(settings.rate // 4),
        "one sample": np.ones(1),
        "click": np.eye(1, 4000, 2000)[0],
        "tone, then silence": np.concatenate([tone, np.zeros(settings.rate)]),
        "quiet noise": rng.normal(0, 1e-3, 5000),
        "a second of noise": rng.normal(0, 0.1, settings.rate),
    }
    return {name: clip.astype(np.float32) for name, clip in clips.items()}


def check(graph: Path, settings: Settings = SHIPPED) -> None:
    """Compare the graph with numpy on example clips, and a batch with its clips alone.

    Raises
    ------
    SystemExit
        A difference is above ``LIMIT``.
    """
    session = open_session(graph)
    clips = example_clips(settings)
    rows = {name: session.run(None, {"waveform": clip[None]})[0][0] for name, clip in clips.items()}
    worst = max(
        require_close(name, rows[name], embed(clip, settings), LIMIT)
        for name, clip in clips.items()
    )
    names = ["tone of 440 Hz", "a second of noise"]
    batch = session.run(None, {"waveform": np.stack([clips[name] for name in names])})[0]
    require_close("a batch of two", batch, np.stack([rows[name] for name in names]), LIMIT)
    print(f"at worst {worst:.1e} from numpy")
    print(f"the {names[0]} begins", *(f"{value:.4f}" for value in rows[names[0]][:8]))


def quick() -> None:
    """Build a small variant in a temporary folder and check it."""
    small = Settings(rate=8000, window=128, hop=64, bands=12, high=4000.0, parts=3)
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "backbone.onnx"
        build(graph, small)
        check(graph, small)
