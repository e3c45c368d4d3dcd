"""Decode sounds: anything that libsndfile reads, and arrays, as one channel, block by block."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

import numpy as np

from featx._extras import require
from featx._typing import FloatArray
from featx.errors import BadArtifact, BadSample, FeatxError
from featx.modalities.audio.arrays import BLOCK, CHANNELS, Wave, slices, wave_of
from featx.modalities.audio.open_length import mend_length
from featx.modalities.remarks import Remark, is_collected, remark
from featx.sources.left_out import HEAD
from featx.sources.segment import Segment
from featx.storage.blob import Blob, Section, describe_os_error, read_bytes, to_blob

__all__ = [
    "RATES",
    "Content",
    "digest_sound",
    "load_sound",
    "promised_seconds",
    "stored_blocks",
    "stream",
]

# bytes: up to here a file is read whole, once; a larger one stays where it is
SMALL = 1 << 24

# Hz: beyond them a header is wrong rather than a microphone good
RATES = (100, 4_000_000)
# values, of all channels, that a second may have on the average of a sound whose seconds are limited
_VALUES = 400_000
# how far from silence floats may be that are meant to be within -1 … 1: 30 dB above it
_FAR = 32.0
# from where on they were hardly meant to be: 3.5 dB above, which resampling does not reach
_BEYOND = 1.5
# how a MIDI sample dump begins, of which libsndfile prints each damaged block on standard output
_SAMPLE_DUMP = b"\xf0\x7e"
# samples: a header that promises so many does not know
_UNKNOWN_FRAMES = 1 << 35
# the part of the promised samples whose absence is forgiven
_LOST = 0.01
# seconds: how far the end of a segment may lie behind that of its recording
_ROUNDED = 0.01
# bytes: what is promised by a program that wrote before it knew the length
_ENDLESS = 0x7F000000
_PROMISED = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sound, of which nothing else is decoded; ``start`` and ``end`` are seconds."""

    whole: bytes | Blob | Wave
    start: float
    end: float


Content = bytes | Blob | Wave | Part


class _Decoding(NamedTuple):
    """A sound that is about to be decoded: blocks of float32 of shape (samples, channels).

    ``promised`` are the samples that its header tells, ``floats`` whether it holds floats.
    """

    rate: int
    channels: int
    promised: int
    floats: bool
    blocks: Iterator[FloatArray]


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
        return wave_of(data, rate)
    if isinstance(data, tuple):
        if len(data) != 2 or not isinstance(data[0], np.ndarray):
            kinds = ", ".join(type(part).__name__ for part in data)
            raise BadSample(f"tuple of {kinds}: expected an array and its rate in Hz")
        return wave_of(*data)
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
            decoding = _decoding(content, stack)
            hasher.update(f"{decoding.rate}\0".encode())
            for block in decoding.blocks:
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


def stream(
    content: Content,
    rate: int,
    *,
    seconds: float = float("inf"),
    full_scale: float | None = None,
) -> Iterator[FloatArray]:
    """Give the sound as float32 of shape (samples,) at ``rate``, block by block.

    Channels are mixed by their mean, integers scaled to -1 … 1. Memory does not grow with the length;
    how it is cut into blocks does not change a value.

    Parameters
    ----------
    rate : int
        Hz.
    seconds : float, default=inf
        A longer sound is refused: by its header before anything is decoded, and where that is wrong
        while it is.
    full_scale : float, default=None
        The value that is 1 in a sound of floats; None: floats are within -1 … 1, or little beyond.

    Raises
    ------
    BadSample
        Not a sound, damaged, without a sample, longer than ``seconds``, or with values that are not
        finite or far outside their range.
    MissingExtra
        soundfile or soxr is not installed.
    """
    with stored_blocks(content, seconds=seconds, full_scale=full_scale) as (stored_rate, blocks):
        yield from blocks if stored_rate == rate else _resampled(blocks, stored_rate, rate)


@contextmanager
def stored_blocks(
    content: Content, *, seconds: float = float("inf"), full_scale: float | None = None
) -> Iterator[tuple[int, Iterator[FloatArray]]]:
    """Give the samples a second of a sound, and its blocks as ``stream`` gives them, not resampled.

    The parameters are those of ``stream``, and so is what is raised.
    """
    with ExitStack() as stack:
        yield _heard(content, stack, seconds, full_scale)


def _heard(
    content: Content, stack: ExitStack, seconds: float, full_scale: float | None
) -> tuple[int, Iterator[FloatArray]]:
    """Return the samples a second of a sound, and its blocks as one channel; see ``stream``."""
    found = _decoding(content, stack)
    if not RATES[0] <= found.rate <= RATES[1]:
        raise BadSample(f"{found.rate} samples a second: expected {RATES[0]} to {RATES[1]:,}")
    if found.promised < _UNKNOWN_FRAMES:
        _refuse_excess(found.promised, found.channels, found.rate, seconds)
    heard = _mixed(_bounded(found.blocks, found.rate, seconds))
    if found.floats and full_scale:
        heard = (block / np.float32(full_scale) for block in heard)
    elif found.floats:
        heard = _in_range(heard)
    return found.rate, heard


def promised_seconds(data: Any, rate: int) -> float:
    """Return the seconds of a sound that its header tells, and no block is decoded; 0 for what is no sound.

    ``data`` and ``rate`` are those of ``load_sound``.
    """
    # It is refused, in words, where it is read.
    with suppress(FeatxError), ExitStack() as stack:
        found = _decoding(load_sound(data, rate), stack)
        if RATES[0] <= found.rate <= RATES[1] and found.promised < _UNKNOWN_FRAMES:
            return found.promised / found.rate
    return 0.0


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


def _decoding(content: Content, stack: ExitStack) -> _Decoding:
    """Return what is known of a sound, or of a part of one, and what decodes it."""
    if isinstance(content, Part):
        whole, part = content.whole, content
    else:
        whole, part = content, None
    if isinstance(whole, Wave):
        values = whole.values
        if part:
            first, end = _frames(part, whole.rate, len(values))
            values = values[first:end]
        floats = values.dtype.kind == "f"
        return _Decoding(whole.rate, values[:1].size, len(values), floats, slices(values))
    sound = _opened(whole, stack)
    promised, blocks = int(sound.frames), _decoded(sound)
    if part:
        first, end = _frames(part, sound.samplerate, sound.frames)
        promised, blocks = end - first, _decoded(sound, first, end)
    floats = sound.subtype in ("FLOAT", "DOUBLE")
    return _Decoding(int(sound.samplerate), sound.channels, promised, floats, blocks)


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


def _refuse_excess(samples: int, channels: int, rate: int, seconds: float) -> None:
    """Refuse more samples, or values of all channels, than so many seconds may have."""
    if samples > seconds * rate:
        raise BadSample(f"longer than {seconds:g} seconds; cut it, or raise max_seconds")
    if samples * channels > seconds * _VALUES:
        raise BadSample(
            f"{channels} channels of {rate:,} samples a second: expected at most {_VALUES:,} "
            f"values a second in so long a sound (max_seconds = {seconds:g}); resample it"
        )


def _bounded(blocks: Iterator[FloatArray], rate: int, seconds: float) -> Iterator[FloatArray]:
    """Give the blocks of a sound; refuses more than its header should have promised."""
    samples = 0
    for block in blocks:
        samples += len(block)
        _refuse_excess(samples, block.shape[1], rate, seconds)
        yield block


def _in_range(blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """Give the blocks of a sound of floats; refuses what is no part of -1 … 1, remarks on what is beyond."""
    count, said = 0, False
    for block in blocks:
        sizes = np.abs(block)
        if sizes.max(initial=0) > _FAR:
            first = int(np.argmax(sizes > _FAR))
            raise BadSample(
                f"sample {count + first} is {float(block[first]):g}: floats are expected within -1 … 1; say "
                "which value is full scale, such as range=32768 for numbers of sixteen bits"
            )
        # Whoever decodes without gathering remarks looks at the numbers themselves.
        if not said and sizes.max(initial=0) > _BEYOND and is_collected():
            said, peak = True, float(sizes.max())
            remark(
                Remark(
                    "have floats outside -1 … 1",
                    f"it reaches {peak:.3g}, and is heard so loud; say which value is full scale, such as "
                    f"range={2 ** math.ceil(math.log2(peak))}",
                    peak,
                )
            )
        count += len(block)
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
    try:
        resampler = soxr.ResampleStream(stored_rate, rate, 1, dtype="float32")
    except (RuntimeError, ValueError) as error:
        raise BadSample(f"cannot be resampled from {stored_rate} to {rate} Hz: {error}") from error
    for block in blocks:
        yield resampler.resample_chunk(np.ascontiguousarray(block))
    yield resampler.resample_chunk(np.empty(0, np.float32), last=True)


def _opened(content: bytes | Blob, stack: ExitStack) -> Any:
    """Open a soundfile.SoundFile; what a file is named plays no part in how it is read."""
    file: Any = _file(content, stack)
    if file.read(len(_SAMPLE_DUMP)) == _SAMPLE_DUMP:
        raise BadSample("a MIDI sample dump: expected WAV, FLAC, OGG, MP3, AIFF or the like")
    file.seek(0)
    # libsndfile reads a file of the system itself, without Python in between
    direct = isinstance(content, Blob) and content.path is not None
    try:
        sound = _sound(file, stack, direct=direct)
    except BadSample:
        mended = mend_length(file)
        if mended is None:
            raise
        sound = _sound(mended, stack)
    else:
        mended = mend_length(file) if sound.frames == 0 else None
        if mended is not None:
            sound = _sound(mended, stack)
    if sound.channels > CHANNELS:
        raise BadSample(f"{sound.channels} channels: expected at most {CHANNELS}")
    # blocks follow each other: soundfile need not seek, which FLAC of unknown length cannot
    sound.seekable = lambda: False
    for promised, there in _PROMISED.findall(sound.extra_info):
        if int(promised) < _ENDLESS:
            _check_whole(int(there), int(promised), "bytes")
    return sound


def _sound(file: Any, stack: ExitStack, *, direct: bool = False) -> Any:
    """Return a file as soundfile opens it; whatever is wrong with it is a BadSample."""
    soundfile = require("soundfile", extra="audio")
    try:
        opened = file.fileno() if direct else file
        return stack.enter_context(soundfile.SoundFile(opened, closefd=False))
    except soundfile.LibsndfileError as error:
        if error.code == 1:
            raise BadSample(_unread(file)) from error
        raise BadSample(f"damaged sound: {_words(error.error_string)}") from error
    except Exception as error:
        # what else soundfile raises of odd bytes is not documented
        raise BadSample(f"damaged sound: {_words(str(error))}") from error


def _unread(file: Any) -> str:
    """Return why a file is not read, by what it begins with."""
    from featx.modalities.formats import NO_DECODER, identify

    file.seek(0)
    found = identify(file.read(HEAD))
    if found is None or found[0] != "audio":
        return "not a sound in a format that libsndfile reads"
    return f"{found[1]} sound: {NO_DECODER}"


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
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise BadSample(f"damaged sound: {_words(str(error))}") from error
    if wanted < _UNKNOWN_FRAMES:
        _check_whole(count, wanted, "samples")


def _words(error: str) -> str:
    """Return what libsndfile says, as the end of a sentence."""
    return " ".join(error.split()).removeprefix("Error : ").rstrip(".")


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
