"""Sounds: tones, their files, and what becomes of them."""

import io

import numpy as np
import pytest

from featx.modalities.audio.settings import AudioSettings

RATE = 16_000


def read(data, **table):
    audio = AudioSettings.from_table(table)
    return audio.read(audio.load(data))


def encode(sound, kind="WAV", rate=RATE, **options):
    soundfile = pytest.importorskip("soundfile")
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, format=kind, **options)
    return buffer.getvalue()


def tone(seconds=0.5, rate=RATE, hertz=440.0, level=0.3):
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4")


def windows_of(sound, **table):
    """All windows of one sound, in order."""
    audio = AudioSettings.from_table(table)
    batches = audio.batches([audio.read(audio.load(sound))], 3)
    return np.concatenate([batch.feeds["waveform"] for batch in batches])
