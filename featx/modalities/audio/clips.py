"""Clips: how sounds begin, as files so small that dozens of them fit in one page."""

from __future__ import annotations

import io
import wave
from typing import Any, NamedTuple

import numpy as np

from featx._extras import require
from featx._typing import FloatArray
from featx.errors import BadOption, BadSample
from featx.modalities.audio.decode import load_sound, stream
from featx.storage.border import library_border

__all__ = ["SoundClip", "sound_clip"]

# Samples a second of a clip in each form.
_RATES = {"audio/mpeg": 16000, "audio/wav": 8000}


class SoundClip(NamedTuple):
    """The beginning of a sound, for a player.

    Attributes
    ----------
    content : bytes
    kind : {"audio/mpeg", "audio/wav"}
    seconds : float
        How much of the sound it holds.
    whole : bool
        Whether that is all of it.
    """

    content: bytes
    kind: str
    seconds: float
    whole: bool


def sound_clip(data: Any, *, rate: int, seconds: float = 4.0, kind: str | None = None) -> SoundClip:
    """Return how a sound begins, with one channel and without metadata.

    Parameters
    ----------
    data : path, bytes, Blob, ndarray, (ndarray, rate) or Segment
        Whatever an audio backbone reads; no more is decoded than is kept.
    rate : int
        Hz, of an array that comes without one.
    seconds : float, default=4.0
        The most that is kept.
    kind : {"audio/mpeg", "audio/wav"}, default=None
        MP3 of 16 kHz takes about 4 kB a second, WAV of 8 kHz and 8 bits 8 kB; None: MP3 where libsndfile
        writes it.

    Raises
    ------
    BadSample
        The sound cannot be read.
    BadOption
        ``kind`` is another one, or ``seconds`` not above 0.
    MissingExtra
        soundfile or soxr is not installed.

    Examples
    --------
    >>> clip = sound_clip(np.zeros(160_000, np.float32), rate=16000, seconds=2.0, kind="audio/wav")
    >>> clip.seconds, clip.whole, len(clip.content)
    (2.0, False, 16044)
    """
    if kind not in (None, *_RATES) or not seconds > 0:
        raise BadOption(
            f"kind = {kind!r}, seconds = {seconds!r}: expected {' or '.join(_RATES)}, and more than 0"
        )
    soundfile = require("soundfile", extra="audio")
    kind = kind or ("audio/mpeg" if "MP3" in soundfile.available_formats() else "audio/wav")
    own = _RATES[kind]
    most, kept, blocks = int(seconds * own), 0, []
    for block in stream(load_sound(data, rate), own):
        blocks.append(block)
        kept += len(block)
        if kept > most:
            break
    sound = np.clip(np.concatenate(blocks)[:most], -1.0, 1.0)
    written = _mp3(sound, own) if kind == "audio/mpeg" else _wav(sound, own)
    return SoundClip(written, kind, len(sound) / own, kept <= most)


def _mp3(sound: FloatArray, rate: int) -> bytes:
    soundfile = require("soundfile", extra="audio")
    target = io.BytesIO()
    with library_border("sound: not written as MP3", BadSample):
        soundfile.write(target, sound, rate, format="MP3", subtype="MPEG_LAYER_III")
    return target.getvalue()


def _wav(sound: FloatArray, rate: int) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate)
        file.writeframes(np.round(127.5 + 127 * sound).astype(np.uint8).tobytes())
    return target.getvalue()
