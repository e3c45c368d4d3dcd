"""A second implementation of what an audio card says, to compute its canary without featx.

It draws the built-in sound, cuts it into windows with numpy, runs the graphs as their makers give them
(two of them for speech-embedding) and pools the windows' rows. It shares no code with featx on purpose:

    python tests/oracle_sound.py CARD.toml GRAPH.onnx [SECOND.onnx]
"""

from __future__ import annotations

import math
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

VALUES = 32  # of a row, in a card


def drawn(rate: int) -> np.ndarray:
    """Two seconds, float32: five harmonics of a tone from rate / 160 to 9 times that, swelling at 4 Hz."""
    values = []
    for k in range(2 * rate):
        t = k / rate
        phase = 2 * math.pi * (rate / 160) * (t + 2 * t * t)
        buzz = sum(math.sin(n * phase) / n for n in (1, 2, 3, 4, 5))
        values.append(0.2 * buzz * math.sin(4 * math.pi * t) ** 2)
    return np.array(values, np.float32)


def windows(sound: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """Windows of a sound that is longer than one, the last filled up with silence; (n, window)."""
    window, hop = settings["window"], settings["hop"]
    count = 1 + math.ceil((len(sound) - window) / hop)
    filled = np.pad(sound, (0, (count - 1) * hop + window - len(sound)))
    return np.stack([filled[k * hop : k * hop + window] for k in range(count)])


def one_stage(batch: np.ndarray, output: str, graph: Path) -> np.ndarray:
    """What the uncut graph answers at the card's output for each window."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: batch}
    return session.run([output], feeds)[0].reshape(len(batch), -1)


def two_stages(batch: np.ndarray, first: Path, second: Path) -> np.ndarray:
    """The spectrogram of each window by itself, mel / 10 + 2, then its embedding."""
    spectra = [one_stage(window[None], "output", first) for window in batch]
    table = (np.concatenate(spectra) / 10 + 2).reshape(len(batch), -1, 32, 1)
    return one_stage(table.astype(np.float32), "conv2d_19", second)


def row(sound: np.ndarray, card: dict[str, Any], *graphs: Path) -> np.ndarray:
    """The row of a sound at the card's rate, longer than a window."""
    settings = card["audio"]
    batch = windows(sound, settings) * np.float32(settings.get("scale", 1))
    if len(graphs) == 2:
        rows = two_stages(batch, *graphs)
    else:
        rows = one_stage(batch, card["graph"]["output"], *graphs)
    pooled = {"mean": rows.mean(axis=0), "max": rows.max(axis=0), "std": rows.std(axis=0)}
    return np.concatenate([pooled[kind] for kind in settings.get("pool", "mean").split("+")])


def canary(card: dict[str, Any], *graphs: Path) -> list[float]:
    """The first values of the row of the built-in sound, to six digits."""
    found = row(drawn(card["audio"]["rate"]), card, *graphs)
    return [float(f"{value:.6g}") for value in found[:VALUES]]


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    print(canary(tomllib.loads(paths[0].read_text("utf-8")), *paths[1:]))
