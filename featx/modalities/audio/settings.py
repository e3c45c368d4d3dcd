"""Audio settings: how any sound becomes the windows that an audio card asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray, Integers
from featx.errors import BadCard
from featx.modalities import Batch, added_later, among, refuse_unknown
from featx.modalities.audio.baseline import describe_spectrum
from featx.modalities.audio.decode import RATES, Content, digest_sound, load_sound, stream
from featx.storage.blob import Blob

if TYPE_CHECKING:
    from featx.modalities.audio.geometry import AudioGeometry

__all__ = ["AudioSettings"]

# seconds: a longer sound is not kept in memory but read as it is embedded
HELD = 60

# samples, and of those a second
_MOST = 100_000_000

_ALIGN = ("start", "center", "end")
_PAD = ("zeros", "repeat")
_TAIL = ("pad", "drop")
_POOL = ("mean", "max", "mean+std", "mean+max")
_WAYS: Mapping[str, Callable[[FloatArray], npt.NDArray[Any]]] = MappingProxyType(
    {
        "mean": lambda rows: np.asarray(rows.mean(axis=0, dtype=np.float64)),
        "max": lambda rows: np.asarray(rows.max(axis=0)),
        "std": lambda rows: np.asarray(rows.std(axis=0, dtype=np.float64)),
    }
)


@dataclass(frozen=True, slots=True)
class Long:
    """A sound that is longer than what is kept in memory, still where it was."""

    content: Content


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The ``[audio]`` table of a card, and the reader that it describes.

    A sound is mixed to one channel, resampled to ``rate`` and multiplied by ``scale``; a short one is
    filled up. It is cut into windows, each of which gives a row; the rows are pooled. With
    ``window = 0`` the whole sound is one window.
    """

    modality: ClassVar[str] = "audio"
    baseline_name: ClassVar[str] = "coarse frequency bands"
    string_is_sample: ClassVar[bool] = False
    takes_segments: ClassVar[bool] = True
    suffixes: ClassVar[frozenset[str]] = frozenset(
        # those of the second line are rejects, with what to do
        ".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64 "
        ".m4a .m4b .aac .wma .amr .ape .wv".split()
    )
    chunk_size: ClassVar[int] = 4
    # larger batches leave the processor's cache and are slower
    batch_size: ClassVar[int] = 4

    # Hz, of what the graph hears
    rate: int = 16_000
    # samples; 0: the whole sound
    window: int = 0
    # samples from the start of a window to that of the next; 0: a window
    hop: int = 0
    # samples: a shorter sound is filled up to them, and to a window
    min_length: int = 0
    # where a short sound stands in what it is filled up to
    align: str = "start"
    # what it is filled up with: silence, or the sound again
    pad: str = "zeros"
    # the end that fills no window: filled up, or dropped
    tail: str = "pad"
    # 32767 for a graph that wants sixteen-bit numbers
    scale: float = 1.0
    # rows of windows to the row of a sound; a pair doubles the columns
    pool: str = "mean"
    # a longer sound is refused; None: 600 s where there is no window
    max_seconds: float | None = None
    # the value that is 1 in a sound of floats, such as 32768; None: they are within -1 … 1
    range: float | None = added_later(None)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> AudioSettings:
        """Return the settings that a card's ``[audio]`` table describes; raises BadCard."""
        refuse_unknown(cls, table)
        audio = cls(**table)
        audio._check()
        return audio

    def _check(self) -> None:
        among("audio", "align", self.align, _ALIGN)
        among("audio", "pad", self.pad, _PAD)
        among("audio", "tail", self.tail, _TAIL)
        among("audio", "pool", self.pool, _POOL)
        for name, least in (("rate", 100), ("window", 0), ("hop", 0), ("min_length", 0)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not least <= value <= _MOST:
                raise BadCard(
                    f"[audio] {name} = {value!r:.100}: expected a whole number from {least} to {_MOST}"
                )
        if self.hop > self.window:
            raise BadCard(f"[audio] hop = {self.hop}: expected at most window = {self.window}")
        if max(self.window, self.min_length) > HELD * self.rate:
            raise BadCard(f"[audio] window, min_length: expected at most {HELD} seconds")
        if self.rate > RATES[1]:
            raise BadCard(f"[audio] rate = {self.rate}: expected at most {RATES[1]} Hz")
        for name in ("scale", "max_seconds", "range"):
            value = getattr(self, name)
            if value is None and name != "scale":
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not value > 0 or (name == "range" and value == float("inf")):
                raise BadCard(f"[audio] {name} = {value!r:.100}: expected a number above 0")
            if name == "scale" and value > 1e30:
                raise BadCard(f"[audio] scale = {value!r:.100}: expected at most 1e30")

    def open(self, files: Mapping[str, Blob]) -> AudioSettings:
        """Return itself: an audio card needs no further files."""
        return self

    def load(self, data: Any) -> Content:
        """Return the bytes of a file, or where a large one lies; or an array, by itself or with its rate."""
        return load_sound(data, self.rate)

    def digest(self, content: Content) -> bytes:
        """Return the SHA-256 of the file's bytes, or of rate, type, shape and values."""
        return digest_sound(content)

    def read(self, content: Content) -> FloatArray | Long:
        """Return the sound as the graph hears it, at least a window; a long one is only begun."""
        held: list[FloatArray] = []
        count, keep = 0, HELD * self.rate if self.window else float("inf")
        for block in self._blocks(content):
            held.append(block)
            count += len(block)
            if count > keep:
                return Long(content)
        return self._filled(np.concatenate(held), max(self.min_length, self.window, 1))

    def read_with_geometry(self, content: Content) -> tuple[FloatArray | Long, AudioGeometry]:
        """Return what ``read`` returns, and the times of its windows.

        A sound that is too long to be kept in memory is read through once to know its length.
        """
        from featx.modalities.audio.geometry import AudioGeometry

        item = self.read(content)
        if isinstance(item, Long):
            length = total = sum(map(len, self._blocks(content)))
            before = 0
        else:
            total, least = len(item), max(self.min_length, self.window, 1)
            length = total if total > least else sum(map(len, self._blocks(content)))
            before = 0 if self.pad == "repeat" else self._before(total - length)
        bounds = self._bounds(total)
        windows = [
            ((start - before) / self.rate, (stop - before) / self.rate) for start, stop in bounds
        ]
        return item, AudioGeometry(length / self.rate, tuple(windows))

    def is_item(self, value: Any) -> bool:
        """Return whether a value is a sound as ``read`` gives it."""
        if isinstance(value, Long):
            return True
        return isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype == np.float32

    def batches(self, items: Sequence[FloatArray | Long], size: int) -> Iterator[Batch]:
        """Give windows of one length, stacked in order; of a long sound only these are in memory."""
        windows: list[FloatArray] = []
        item_index: list[int] = []
        for owner, item in enumerate(items):
            blocks = self._blocks(item.content) if isinstance(item, Long) else [item]
            for window in self._windows(blocks):
                if len(windows) == size or (windows and len(window) != len(windows[0])):
                    yield Batch({"waveform": np.stack(windows)}, np.array(item_index, np.intp))
                    windows, item_index = [], []
                windows.append(window)
                item_index.append(owner)
        if windows:
            yield Batch({"waveform": np.stack(windows)}, np.array(item_index, np.intp))

    def merge(self, rows: FloatArray, item_index: Integers, n: int) -> FloatArray:
        """Return each sound's row of its windows' rows, pooled; a pair of poolings stands side by side."""
        # windows come in the order of sounds
        bounds = np.searchsorted(item_index, np.arange(n + 1))
        ways = [_WAYS[kind] for kind in self.pool.split("+")]
        parts = [rows[start:stop] for start, stop in pairwise(bounds)]
        pooled = [np.concatenate([way(part) for way in ways]) for part in parts]
        return np.asarray(pooled, np.float32)

    def canary(self) -> FloatArray:
        """Return two seconds drawn by arithmetic: a buzz of five harmonics that rises, and swells at 4 Hz."""
        time = np.arange(2 * self.rate) / self.rate
        # 100 Hz at a rate of 16 kHz; it rises to nine times that
        low = self.rate / 160
        phase = 2 * np.pi * low * (1 + 2 * time) * time
        buzz = np.sum([np.sin(k * phase) / k for k in range(1, 6)], axis=0)
        return np.asarray(0.1 * buzz * (1 - np.cos(8 * np.pi * time)), np.float32)

    def probes(self) -> tuple[FloatArray, ...]:
        """Return the canary, loud noise, a loud square wave and the canary hardly audible, of one length."""
        canary = self.canary()
        noise = np.random.default_rng(0).uniform(-0.9, 0.9, len(canary)).astype(np.float32)
        square = np.where(np.arange(len(canary)) // 20 % 2, 0.9, -0.9).astype(np.float32)
        return canary, noise, square, canary * np.float32(1e-3)

    def baseline(self) -> AudioSettings:
        """Return a reader of loudness, zero crossings and the energy of 16 bands."""
        frame = max(32, self.rate * 32 // 1000)
        return MelBands(
            rate=self.rate, window=frame, max_seconds=self.max_seconds, range=self.range
        )

    def _blocks(self, content: Content) -> Iterator[FloatArray]:
        """Give the sound, scaled, a block at a time; refuses one that is too long."""
        limit = self.max_seconds or (float("inf") if self.window else 600.0)
        for block in stream(content, self.rate, seconds=limit, full_scale=self.range):
            yield block if self.scale == 1 else block * np.float32(self.scale)

    def _windows(self, blocks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """Give every window of a sound; at least one."""
        if not self.window:
            yield from blocks
            return
        hop = self.hop or self.window
        rest, found = np.empty(0, np.float32), False
        for block in blocks:
            rest = np.concatenate([rest, block])
            while len(rest) >= self.window:
                yield rest[: self.window]
                rest, found = rest[hop:], True
        # samples of the rest that are in a window already
        seen = self.window - hop if found else -1
        if len(rest) > seen and (self.tail == "pad" or not found):
            yield self._filled(rest, self.window, align="start")

    def _filled(self, sound: FloatArray, length: int, align: str | None = None) -> FloatArray:
        """Return the sound, filled up to ``length`` samples where it is shorter."""
        lacking = length - len(sound)
        if lacking <= 0:
            return sound
        if self.pad == "repeat" and len(sound):
            return np.resize(sound, length)
        before = self._before(lacking, align)
        return np.pad(sound, (before, lacking - before))

    def _before(self, lacking: int, align: str | None = None) -> int:
        """Return how many of the lacking samples are put before the sound."""
        return {"start": 0, "center": lacking // 2, "end": lacking}[align or self.align]

    def _bounds(self, length: int) -> list[tuple[int, int]]:
        """Return the first sample and the end of each window that ``_windows`` makes of a length."""
        if not self.window:
            return [(0, length)]
        hop = self.hop or self.window
        starts = list(range(0, length - self.window + 1, hop))
        rest = length - len(starts) * hop
        seen = self.window - hop if starts else -1
        if rest > seen and (self.tail == "pad" or not starts):
            starts.append(len(starts) * hop)
        return [(start, start + self.window) for start in starts]


class MelBands(AudioSettings):
    """Audio whose items are rows: a few dozen numbers that need no backbone."""

    __slots__ = ()

    def read(self, content: Content) -> FloatArray:
        """Return the row; the frames of a sound are never in memory together."""
        return describe_spectrum(self._windows(self._blocks(content)), self.rate)
