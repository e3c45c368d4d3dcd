"""The teachers answer: speech-embedding around every second position, YAMNet in the middle of a clip."""

from pathlib import Path
from typing import Any

import numpy as np

from recipes.audio_nano.clips import Clips
from recipes.audio_nano.settings import HOP, PADDING
from recipes.common.sessions import open_session

__all__ = ["SPEECH_WIDTH", "YAMNET_WIDTH", "teach"]

SPEECH_WIDTH, YAMNET_WIDTH = 96, 1024
# Frames of 160 samples that speech-embedding hears at once, its samples, and its frames a position.
WINDOW_FRAMES, WINDOW, STEP = 76, 12_512, 8
YAMNET_WINDOW = 15_600


def speech_windows(spectrogram: Any, wave: np.ndarray, count: int) -> np.ndarray:
    """Return the windows that stand around each of ``count`` positions, (count, 76, 32, 1)."""
    before = PADDING * HOP + WINDOW // 2
    whole = np.zeros((count - 1) * HOP + WINDOW, np.float32)
    heard = wave[: len(whole) - before]
    whole[before : before + len(heard)] = heard * 32768
    mel = spectrogram.run(None, {"input": whole[None]})[0][0, 0] / 10 + 2
    windows = [mel[STEP * k : STEP * k + WINDOW_FRAMES] for k in range(count)]
    return np.stack(windows)[..., None].astype(np.float32)


def centred(wave: np.ndarray, length: int) -> np.ndarray:
    """Return ``length`` samples, the middle of the wave in their middle."""
    lacking = length - len(wave)
    if lacking <= 0:
        return wave[-lacking // 2 : -lacking // 2 + length]
    return np.pad(wave, (lacking // 2, lacking - lacking // 2))


def teach(speech: Path, yamnet: Path, work: Path) -> None:
    """Write WORK/taught.npz: both teachers' answers, and at which positions speech-embedding gave one.

    Parameters
    ----------
    speech : Path
        The folder with melspectrogram.onnx and embedding_model.onnx.
    yamnet : Path
        YAMNet as ONNX, output "embedding".
    work : Path
    """
    clips, rng = Clips(work), np.random.default_rng(5)
    spectrogram, embedding, general = map(
        open_session, (speech / "melspectrogram.onnx", speech / "embedding_model.onnx", yamnet)
    )
    ends = np.cumsum([0, *clips.positions])
    answers = np.zeros((ends[-1], SPEECH_WIDTH), np.float16)
    given = np.zeros(ends[-1], bool)
    kinds = np.zeros((len(clips), YAMNET_WIDTH), np.float16)
    for k in range(len(clips)):
        wave = clips.wave(k)
        windows = speech_windows(spectrogram, wave, clips.positions[k])
        some = np.arange(rng.integers(2), len(windows), 2)
        rows = embedding.run(None, {"input_1": windows[some]})[0]
        answers[ends[k] + some], given[ends[k] + some] = rows.reshape(len(some), -1), True
        sound = centred(wave, YAMNET_WINDOW)[None]
        kinds[k] = general.run(["embedding"], {"waveform": sound})[0][0]
    np.savez(work / "taught.npz", speech=answers, given=given, ends=ends, general=kinds)
