"""The student as the graph that ships, compared with the network."""

from pathlib import Path

import numpy as np
import torch

from recipes.audio_nano import graph as onnx_graph
from recipes.audio_nano.check import example_clips
from recipes.audio_nano.levels import levels
from recipes.audio_nano.settings import SHIPPED, Settings
from recipes.audio_nano.student import Student, folded_weights
from recipes.common.comparison import require_close
from recipes.common.sessions import open_session

__all__ = ["export"]

# The largest difference from the network; weights are stored as float16.
LIMIT = 0.03


def export(work: Path, graph: Path, settings: Settings = SHIPPED) -> None:
    """Write the student of WORK as a graph.

    Raises
    ------
    SystemExit
        The graph differs from the network.
    """
    student = Student(settings).eval()
    student.load_state_dict(torch.load(work / "student.pt"))
    onnx_graph.export(folded_weights(student), graph)
    session = open_session(graph)
    for name, clip in example_clips().items():
        with torch.no_grad():
            positions = student(levels(torch.from_numpy(clip)[None]))[0].numpy()
        parts = positions.mean(1), positions.std(1), positions.max(1)
        [row] = session.run(["embedding"], {"waveform": clip[None]})[0]
        require_close(name, row, np.concatenate(parts), LIMIT)
    print(f"{graph.stat().st_size} bytes, {len(row)} values")
