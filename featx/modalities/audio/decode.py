"""Decode sounds: anything that libsndfile reads, and arrays, as one channel, block by block."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from featx._extras import require
from featx._typing import FloatArray
from featx.errors import BadArtifact, BadSample
from featx.sources.segment import Segment
from featx.storage.blob import Blob, Section, describe_os_error, read_bytes, to_blob

__all__ = ["Content", "Wave", "digest_sound", "load_sound", "stream"]

# bytes: up to here a file is read whole, once; a larger one stays where it is
SMALL = 1 << 24
# values, of all channels, that are decoded at a time
BLOCK = 1 << 16

# Hz: beyond them a header is wrong rather than a microphone good
_RATES = (100, 4_000_000)
# the part of the promised samples whose absence is forgiven
_LOST = 0.01
# seconds: how far the end of a segment may lie behind that of its recording
_ROUNDED = 0.01
# bytes: what is promised by a program that wrote before it knew the length
_ENDLESS = 0x7F000000
_PROMISED = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """A sound as numbers."""

    # (samples,) or (samples, channels)
    values: npt.NDArray[Any]
    # samples a second
    rate: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sound, of which nothing else is decoded; ``start`` and ``end`` are seconds."""

    whole: bytes | Blob | Wave
    start: float
    end: float


Content = bytes | Blob | Wave | Part


def load_sound(data: Any, rate: int) -> Content:
    """Return the content of a sound: bytes or numbers; a large file is left where it is.

    Parameters
    ----------
    data : str, PathLike, Blob, bytes, binary file object, ndarray, pair of ndarray and rate, or Segment
        An array has shape (samples,) or (samples, channels), as soundfile gives it.
    rate : int
        Of an array that comes without one, Hz.

    Raises
    ------
    BadSample
        It cannot be found or read, is empty, or is an array of other numbers.
    """
    if isinstance(data, Segment):
        return _part(data, rate)
    if isinstance(data, np.ndarray):
        return _wave(data, rate)
    if isinstance(data, tuple):
        if len(data) != 2 or not isinstance(data[0], np.ndarray):
            kinds = ", ".join(type(part).__name__ for part in data)
            raise BadSample(f"tuple of {kinds}: expected an array and its rate in Hz")
        return _wave(*data)
    blob = to_blob(data)
    # What cannot be read is refused, in words, by read_bytes.
    with suppress(OSError, BadArtifact):
        if isinstance(data, str | os.PathLike | Blob) and blob.size > SMALL:
            return blob
    return read_bytes(blob)


def digest_sound(content: Content) -> bytes:
    """Return the SHA-256 of the file's bytes, or of rate, type, shape and values.

    That of a part is of what is heard in it, so that a long recording is not read once for each of its parts.
    """
    if isinstance(content, Part):
        hasher = hashlib.sha256(b"part\0")
        with ExitStack() as stack:
            stored_rate, blocks = _opened_part(content, stack)
            hasher.update(f"{stored_rate}\0".encode())
            for block in blocks:
                hasher.update(f"{block.shape[1]}\0".encode() + block.tobytes())
        return hasher.digest()
    if isinstance(content, Wave):
        values = np.ascontiguousarray(content.values)
        head = f"{content.rate} {values.dtype.str} {values.shape}\0".encode()
        return hashlib.sha256(head + values.tobytes()).digest()
    if isinstance(content, bytes):
        return hashlib.sha256(content).digest()
    with ExitStack() as stack:
        file, hasher = _file(content, stack), hashlib.sha256()
        try:
            while part := file.read(1 << 20):
                hasher.update(part)
        except OSError as error:
            raise BadSample(describe_os_error(error)) from error
        return hasher.digest()


def stream(content: Content, rate: int) -> Iterator[FloatArray]:
    """Give the sound as float32 of shape (samples,) at ``rate``, block by block.

    Channels are mixed by their mean, integers scaled to -1 … 1. Memory does not grow with the length;
    how it is cut into blocks does not change a value.

    Raises
    ------
    BadSample
        Not a sound, damaged, without a sample, or with values that are not finite.
    MissingExtra
        soundfile or soxr is not installed.
    """
    with ExitStack() as stack:
        if isinstance(content, Part):
            stored_rate, blocks = _opened_part(content, stack)
        elif isinstance(content, Wave):
            stored_rate, blocks = content.rate, _slices(content.values)
        else:
            sound = _opened(content, stack)
            stored_rate, blocks = sound.samplerate, _decoded(sound)
        if not _RATES[0] <= stored_rate <= _RATES[1]:
            raise BadSample(
                f"{stored_rate} samples a second: expected {_RATES[0]} to {_RATES[1]:,}"
            )
        heard = _mixed(blocks)
        yield from heard if stored_rate == rate else _resampled(heard, stored_rate, rate)


def _part(segment: Segment, rate: int) -> Part:
    """Return a segment with the recording where it lies; refuse one that can be none."""
    start, end = segment.start, segment.end
    numbers = all(
        isinstance(second, int | float | np.number) and not isinstance(second, bool)
        for second in (start, end)
    )
    if not numbers or not (0 <= start < end < float("inf")):
        raise BadSample(
            f"segment from {start!r} to {end!r}: expected seconds from 0 on, the end after the start"
        )
    data = segment.data
    if isinstance(data, np.ndarray | tuple):
        whole = load_sound(data, rate)
    else:
        whole = to_blob(data)
    if isinstance(whole, Part):
        raise BadSample("segment of a segment: expected a recording")
    return Part(whole, float(start), float(end))


def _opened_part(part: Part, stack: ExitStack) -> tuple[int, Iterator[FloatArray]]:
    """Return the rate of a recording, and the blocks of float32 of a part of it; shape (samples, channels)."""
    if isinstance(part.whole, Wave):
        first, end = _frames(part, part.whole.rate, len(part.whole.values))
        return part.whole.rate, _slices(part.whole.values[first:end])
    sound = _opened(part.whole, stack)
    first, end = _frames(part, sound.samplerate, sound.frames)
    return int(sound.samplerate), _decoded(sound, first, end)


def _frames(part: Part, rate: int, total: int) -> tuple[int, int]:
    """Return the first sample of a part, and the one after its last; refuse what lies outside."""
    end = part.end * rate
    # A table may round the end of a recording up.
    if end > total + _ROUNDED * rate:
        raise BadSample(
            f"segment from {part.start:g} to {part.end:g} s: the recording has {total / rate:.3f} s"
        )
    first, last = round(part.start * rate), min(round(end), total)
    if first >= last:
        raise BadSample(
            f"segment from {part.start:g} to {part.end:g} s: no sample of the recording"
        )
    return first, last


def _wave(values: npt.NDArray[Any], rate: Any) -> Wave:
    fine = isinstance(rate, int | np.integer) and not isinstance(rate, bool)
    if not fine and not (isinstance(rate, float) and rate.is_integer()):
        raise BadSample(f"rate {rate!r}: expected samples a second, a whole number")
    shaped = values.ndim == 1 or (values.ndim == 2 and values.shape[1] > 0)
    if values.dtype.str[1:] not in _ZERO_AND_ONE or not shaped:
        raise BadSample(
            f"array of shape {values.shape} and {values.dtype}: expected (samples,) or "
            f"(samples, channels) of {', '.join(np.dtype(kind).name for kind in _ZERO_AND_ONE)}"
        )
    if values.ndim == 2 and values.shape[1] > max(values.shape[0], 32):
        raise BadSample(
            f"array of shape {values.shape}: expected (samples, channels); transpose it"
        )
    return Wave(values, int(rate))


# of each kind of number: what silence is, and how far 1 is from it
_ZERO_AND_ONE = {
    "f4": (0, 1),
    "f8": (0, 1),
    "f2": (0, 1),
    "i2": (0, 1 << 15),
    "i4": (0, 1 << 31),
    "u1": (128, 128),
}


def _slices(values: npt.NDArray[Any]) -> Iterator[FloatArray]:
    table = values[:, None] if values.ndim == 1 else values
    zero, one = _ZERO_AND_ONE[values.dtype.str[1:]]
    step = max(1, BLOCK // table.shape[1])
    for start in range(0, len(table), step):
        part = table[start : start + step]
        if one > 1:
            part = (part.astype(np.float64) - zero) / one
        # what is too large is told as not finite
        with np.errstate(over="ignore"):
            block: FloatArray = part.astype(np.float32)
        yield block


def _mixed(blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """Give the mean of the channels; refuses what is empty or not finite."""
    count = 0
    for block in blocks:
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
        if not np.isfinite(mono).all():
            first = count + int(np.argmin(np.isfinite(mono)))
            raise BadSample(f"sample {first} is not a finite number")
        count += len(mono)
        yield mono
    if not count:
        raise BadSample("the sound has no samples: expected at least one")


def _resampled(blocks: Iterator[FloatArray], stored_rate: int, rate: int) -> Iterator[FloatArray]:
    soxr = require("soxr", extra="audio")
    resampler = soxr.ResampleStream(stored_rate, rate, 1, dtype="float32")
    for block in blocks:
        yield resampler.resample_chunk(np.ascontiguousarray(block))
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def _opened(content: bytes | Blob, stack: ExitStack) -> Any:
    """Open a soundfile.SoundFile; what a file is named plays no part in how it is read."""
    soundfile = require("soundfile", extra="audio")
    file: Any = _file(content, stack)
    if isinstance(content, Blob) and content.path is not None:
        # libsndfile reads it itself, without Python in between
        file = file.fileno()
    try:
        sound = stack.enter_context(soundfile.SoundFile(file, closefd=False))
    except soundfile.LibsndfileError as error:
        if error.code == 1:
            raise BadSample("not a sound in a format that libsndfile reads") from error
        raise BadSample(f"damaged sound: {_words(error.error_string)}") from error
    for promised, there in _PROMISED.findall(sound.extra_info):
        if int(promised) < _ENDLESS:
            _check_whole(int(there), int(promised), "bytes")
    return sound


def _decoded(sound: Any, first: int = 0, end: int | None = None) -> Iterator[FloatArray]:
    """Give the samples from ``first`` to ``end``, or to the last; shape (samples, channels)."""
    soundfile = require("soundfile", extra="audio")
    step, count = max(1, BLOCK // sound.channels), 0
    wanted = sound.frames if end is None else end - first
    try:
        if first:
            sound.seek(first)
        while len(
            block := sound.read(
                step if end is None else min(step, wanted - count), dtype="float32", always_2d=True
            )
        ):
            count += len(block)
            yield block
    except soundfile.LibsndfileError as error:
        raise BadSample(f"damaged sound: {_words(error.error_string)}") from error
    _check_whole(count, wanted, "samples")


def _words(error: str) -> str:
    """Return what libsndfile says, as the end of a sentence."""
    return error.strip().removeprefix("Error : ").rstrip(".")


def _check_whole(there: int, promised: int, unit: str) -> None:
    if there < promised * (1 - _LOST):
        raise BadSample(
            f"damaged sound: its header promises {promised:,} {unit}, there are {there:,}"
        )


def _file(content: bytes | Blob, stack: ExitStack) -> IO[bytes] | Section:
    blob = to_blob(content)
    try:
        file = stack.enter_context(blob.open())
        # A damaged header may lead out of the bytes; a section keeps its reader within them.
        return file if blob.path is not None else Section(file, 0, blob.size)
    except OSError as error:
        raise BadSample(describe_os_error(error)) from error
