"""The student as the graph that ships, compared with the network."""

from pathlib import Path

import numpy as np
import torch

from recipes.audio_mel.formulas import embed
from recipes.audio_nano import graph as onnx_graph
from recipes.audio_nano.check import example_clips
from recipes.audio_nano.clips import Clips
from recipes.audio_nano.levels import levels
from recipes.audio_nano.settings import SHIPPED, Settings
from recipes.audio_nano.student import Student, folded_weights
from recipes.common.comparison import require_close
from recipes.common.sessions import open_session

__all__ = ["export"]

# The largest difference from the network; weights are stored as float16.
LIMIT = 0.03
# Clips whose rows say what is usual.
MEASURED = 1500


def pooled(student: Student, wave: np.ndarray) -> np.ndarray:
    """Return mean and maximum of the map's channels, and what featx-audio-mel says."""
    with torch.no_grad():
        found = student(levels(torch.from_numpy(wave)[None]))[0].numpy()
    return np.concatenate([found.mean(1), found.max(1), embed(wave)])


def columns(student: Student, clips: Clips) -> dict[str, np.ndarray]:
    """Return the mean of the pooled columns over some clips, and the inverse of their deviation."""
    some = range(0, len(clips), max(1, len(clips) // MEASURED))
    rows = np.stack([pooled(student, clips.wave(row)) for row in some])
    gain = 1 / np.maximum(rows.std(0), 1e-2 * rows.std())
    return dict(zip(onnx_graph.COLUMNS, (rows.mean(0), gain), strict=True))


def export(work: Path, graph: Path, settings: Settings = SHIPPED) -> None:
    """Write the student of WORK as a graph.

    Raises
    ------
    SystemExit
        The graph differs from the network.
    """
    student = Student(settings).eval()
    student.load_state_dict(torch.load(work / "student.pt"))
    scale = columns(student, Clips(work))
    onnx_graph.export(folded_weights(student) | scale, graph)
    session = open_session(graph)
    for name, clip in example_clips().items():
        [row] = session.run(["embedding"], {"waveform": clip[None]})[0]
        expected = pooled(student, clip)
        require_close(name, row, (expected - scale["usual"]) * scale["gain"], LIMIT)
    print(f"{graph.stat().st_size} bytes, {len(row)} values")
