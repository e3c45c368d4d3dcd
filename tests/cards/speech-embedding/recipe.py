"""Make the one graph of speech-embedding from the two that its makers give, and a model directory with it:

    python tests/cards/speech-embedding/recipe.py ../shared/models/speech-embedding DIRECTORY

The folder holds ``melspectrogram.onnx`` and ``embedding_model.onnx`` as openWakeWord packages them. The
same two files give the same bytes, of the digest that the card beside this file names.

A window of 12 512 samples is exactly 76 frames of the first graph (512 + 75 × 160), and a hop of 1280 is
8 of them, so windows are cut from the waveform and a sound of any length is streamed. The first graph
raises what is more than 80 dB below the loudest frame *of the whole batch*; with a batch of one, that is
of the window, and a row does not depend on its neighbours.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from featx.graphs import Between, join_graphs

CARD = Path(__file__).parent / "card.toml"


def make(graphs: Path, directory: Path) -> Path:
    """Write the backbone, its graph and its card, into a model directory; return its folder."""
    folder = directory / "speech-embedding"
    folder.mkdir(parents=True, exist_ok=True)
    joined = join_graphs(
        graphs / "melspectrogram.onnx",
        graphs / "embedding_model.onnx",
        between=Between(scale=0.1, offset=2.0, axes=(0, 2, 3, 1)),
        batch=1,
    )
    (folder / "backbone.onnx").write_bytes(joined)
    shutil.copyfile(CARD, folder / "card.toml")
    return folder


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), Path(sys.argv[2])))
