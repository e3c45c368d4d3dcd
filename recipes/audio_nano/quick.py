"""All steps after the teachers on drawn calls and made-up answers."""

import tempfile
from pathlib import Path

import numpy as np

from recipes.audio_nano.calls import draw_calls
from recipes.audio_nano.check import check
from recipes.audio_nano.clips import Clips, ClipWriter
from recipes.audio_nano.settings import Settings
from recipes.audio_nano.teachers import SPEECH_WIDTH, YAMNET_WIDTH

__all__ = ["SMALL", "make_up", "quick"]

SMALL = Settings(first=4, second=6, third=8, width=12, late=16, speech=8, general=8, batch=16)


def make_up(work: Path) -> None:
    """Write the clips of a work folder and random answers to them."""
    rng, writer = np.random.default_rng(0), ClipWriter()
    for kind, sound in draw_calls(rng, kinds=8, members=8):
        writer.add(np.pad(sound, (0, 800)), "noise" if kind == "call 0" else "calls", kind)
    writer.save(work)
    clips = Clips(work)
    ends = np.cumsum([0, *clips.positions])
    np.savez(
        work / "taught.npz",
        speech=rng.normal(size=(ends[-1], SPEECH_WIDTH)).astype(np.float16),
        given=rng.random(ends[-1]) < 0.5,
        ends=ends,
        general=rng.normal(size=(len(clips), YAMNET_WIDTH)).astype(np.float16),
    )


def quick() -> None:
    """Train, export and check a small student in a temporary folder."""
    from recipes.audio_nano.export import export
    from recipes.audio_nano.train import train

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make_up(work)
        train(work, 0.05, SMALL)
        export(work, work / "backbone.onnx", SMALL)
        check(work / "backbone.onnx")
