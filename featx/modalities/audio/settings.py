"""Audio settings: how any sound becomes the windows that an audio card asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers
from featx.errors import BadCard, NoExactSum
from featx.modalities import (
    Batch,
    added_later,
    among,
    read_feeds,
    refuse_unknown,
    shown,
)
from featx.modalities.audio.baseline import describe_spectrum
from featx.modalities.audio.decode import (
    RATES,
    Content,
    digest_sound,
    load_sound,
    promised_seconds,
    stream,
)
from featx.modalities.audio.entries import WAVEFORM, Clip, Entry, entries, fused_whole
from featx.modalities.audio.features import FRONT_ENDS, Parameters, check_features, check_whole
from featx.modalities.audio.windows import ALIGN, PAD, TAIL, Windowing
from featx.modalities.remarks import Remark, remark
from featx.storage.blob import Blob

if TYPE_CHECKING:
    from featx.modalities.audio.geometry import AudioGeometry

__all__ = ["AudioSettings"]

# seconds: a longer sound is not kept in memory but read as it is embedded
HELD = 60

# samples, and of those a second
_MOST = 100_000_000

_NORMALIZE = ("none", "clip")
# front ends that a graph makes a position a time of; of others positions may be bands as well
_IN_TIME = (WAVEFORM, "whisper")
# entries that are whole numbers, and the least that each can be
_COUNTS = {"rate": 100, "window": 0, "hop": 0, "min_length": 0, "stride": 0, "receptive": 0}
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
    filled up. It is cut into windows, of which a front end may make features; each gives a row, and the
    rows are pooled. With ``window = 0`` the whole sound is one window.
    """

    modality: ClassVar[str] = "audio"
    extent_unit: ClassVar[str] = "seconds"
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
    # what it is filled up with: silence, the sound again, or as often as it fits wholly and then silence
    pad: str = "zeros"
    # the end that fills no window: filled up, dropped, or left as short as it is
    tail: str = "pad"
    # 32767 for a graph that wants sixteen-bit numbers
    scale: float = 1.0
    # rows of windows to the row of a sound; a pair doubles the columns
    pool: str = "mean"
    # a longer sound is refused; None: 600 s where there is no window
    max_seconds: float | None = None
    # the value that is 1 in a sound of floats, such as 32768; None: they are within -1 … 1
    range: float | None = added_later(None)
    # what the graph hears: the waveform, or the features of a front end
    features: str = added_later(WAVEFORM)
    # what a front end takes; None: not used, or as it usually is, which from_table fills in.
    # Bands of mel filters
    mels: int | None = added_later(None)
    # samples of a frame
    n_fft: int | None = added_later(None)
    # samples from one frame to the next
    frame_hop: int | None = added_later(None)
    # Hz: the lower edge of the lowest band, the upper one of the highest
    low: float | None = added_later(None)
    high: float | None = added_later(None)
    # what is subtracted from a feature, which is then divided by twice the deviation
    mean: float | None = added_later(None)
    std: float | None = added_later(None)
    # of CLAP: whether a long sound is one entry of four spectra
    fuse: bool | None = added_later(None)
    # or "clip": each sound is given mean 0 and variance 1, before it is filled up
    normalize: str = added_later("none")
    # whether the graph is told what is filling; otherwise a mask that it takes says that all is sound
    attention_mask: bool = added_later(False)
    # samples from one position of what the graph gives to the next, so that positions of filling alone
    # are left out of its pooling; 0: none are left out
    stride: int = added_later(0)
    # samples that a position is made of, of convolutions that pad nothing; 0: a stride
    receptive: int = added_later(0)
    # the graph's name of an input, and the usual one
    feeds: tuple[tuple[str, str], ...] = added_later(())

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> AudioSettings:
        """Return the settings that a card's ``[audio]`` table describes; raises BadCard."""
        refuse_unknown(cls, table)
        values = dict(table)
        if "feeds" in values:
            values["feeds"] = read_feeds("audio", values["feeds"])
        features = values.get("features", WAVEFORM)
        among("audio", "features", features, (WAVEFORM, *FRONT_ENDS))
        if features in FRONT_ENDS:
            usual = FRONT_ENDS[features].defaults
            values |= {key: usual[key] for key in usual if values.get(key) is None}
        audio = cls(**values)
        audio._check()
        return audio

    def _check(self) -> None:
        among("audio", "align", self.align, ALIGN)
        among("audio", "pad", self.pad, PAD)
        among("audio", "tail", self.tail, TAIL)
        among("audio", "pool", self.pool, _POOL)
        among("audio", "normalize", self.normalize, _NORMALIZE)
        for name, least in _COUNTS.items():
            check_whole(name, getattr(self, name), least, _MOST)
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
        if not isinstance(self.attention_mask, bool):
            raise BadCard(
                f"[audio] attention_mask = {shown(self.attention_mask)}: expected true or false"
            )
        for _, usual in self.feeds:
            among("audio", "feeds", usual, self._usual_feeds())
        check_features(self)

    def open(self, files: Mapping[str, Blob]) -> AudioSettings:
        """Return itself: an audio card needs no further files."""
        return self

    def load(self, data: Any) -> Content:
        """Return the bytes of a file, or where a large one lies; or an array, by itself or with its rate."""
        return load_sound(data, self.rate)

    def digest(self, content: Content) -> bytes:
        """Return the SHA-256 of the file's bytes, or of rate, type, shape and values."""
        return digest_sound(content)

    def read(self, content: Content) -> FloatArray | Clip | Long:
        """Return the sound as the graph hears it, at least a window; a long one is only begun.

        Where it matters where the sound ends, it is a ``Clip``.
        """
        sound = self.whole(content)
        return Long(content) if sound is None else self.as_item(sound)

    def read_with_geometry(
        self, content: Content
    ) -> tuple[FloatArray | Clip | Long, AudioGeometry]:
        """Return what ``read`` returns, and the times of its windows.

        A sound that is too long to be kept in memory is read through once to know its length.
        """
        from featx.modalities.audio.geometry import AudioGeometry

        item, windowing = self.read(content), self.windowing
        if isinstance(item, Clip):
            length = len(item.samples)
        elif isinstance(item, Long) or len(item) <= windowing.least:
            length = sum(map(len, self._blocks(content)))
        else:
            length = len(item)
        total = length if isinstance(item, Long) else max(length, windowing.least)
        before = 0 if self.pad != "zeros" else windowing.before(total - length)
        whole = fused_whole(self.parameters, length)
        bounds = [(0, length)] if whole else windowing.bounds(total)
        windows = [
            ((start - before) / self.rate, (stop - before) / self.rate) for start, stop in bounds
        ]
        return item, AudioGeometry(length / self.rate, tuple(windows), self.features in _IN_TIME)

    def _remark_on(self, sound: FloatArray) -> None:
        """Remark on a sound that is shorter than the first frame of it, which then is none."""
        front = FRONT_ENDS.get(self.features)
        if front is None or front.centred or self.pad != "zeros":
            return
        length, _ = front.frame(self.parameters)
        if len(sound) < length:
            remark(
                Remark(
                    f"are shorter than a frame of {length} samples",
                    f"it has {len(sound)} at {self.rate} Hz; all that the backbone hears of it is filling",
                    weight=length - len(sound),
                )
            )

    def whole(self, content: Content) -> FloatArray | None:
        """Return a whole sound as the graph hears it, not filled up; None of one that is not held."""
        held: list[FloatArray] = []
        count, keep = 0, HELD * self.rate if self.window else float("inf")
        for block in self._blocks(content):
            held.append(block)
            count += len(block)
            if count > keep:
                return None
        sound = np.concatenate(held)
        self._remark_on(sound)
        return sound

    def as_item(self, sound: FloatArray) -> FloatArray | Clip:
        """Return the item of a sound that ``whole`` gave."""
        if not self._plain:
            return Clip(sound)
        return self.windowing.fill(sound, self.windowing.least).samples

    def is_item(self, value: Any) -> bool:
        """Return whether a value is a sound as ``read`` gives it."""
        if isinstance(value, Clip | Long):
            return True
        return isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype == np.float32

    def batches(self, items: Sequence[FloatArray | Clip | Long], size: int) -> Iterator[Batch]:
        """Give windows of one length, stacked in order; of a long sound only these are in memory."""
        group: list[Entry] = []
        item_index: list[int] = []
        for owner, item in enumerate(items):
            for entry in self._entries(item):
                if len(group) == size or (group and not group[0].stacks_with(entry)):
                    yield _batch(group, item_index)
                    group, item_index = [], []
                group.append(entry)
                item_index.append(owner)
        if group:
            yield _batch(group, item_index)

    def merge(self, rows: FloatArray, item_index: Integers, n: int) -> FloatArray:
        """Return each sound's row of its windows' rows, pooled; a pair of poolings stands side by side."""
        # windows come in the order of sounds
        bounds = np.searchsorted(item_index, np.arange(n + 1))
        ways = [_WAYS[kind] for kind in self.pool.split("+")]
        parts = [rows[start:stop] for start, stop in pairwise(bounds)]
        pooled = [np.concatenate([way(part) for way in ways]) for part in parts]
        return np.asarray(pooled, np.float32)

    def pull_merge(self, weights: Doubles, rows: FloatArray) -> Doubles:
        """Return the weights of each window's row; a maximum is of the window that it was taken from."""
        kinds = self.pool.split("+")
        whole = np.zeros(rows.shape)
        for kind, own in zip(kinds, np.split(weights, len(kinds)), strict=True):
            if kind == "mean":
                whole += own / len(rows)
            elif kind == "max":
                whole[rows.argmax(axis=0), np.arange(rows.shape[1])] += own
            else:
                raise NoExactSum(f"[audio] pool = {self.pool!r}: a deviation is no sum of windows")
        return whole

    def canary(self) -> FloatArray:
        """Return two seconds drawn by arithmetic: a buzz of five harmonics that rises, and swells at 4 Hz."""
        time = np.arange(2 * self.rate) / self.rate
        # 100 Hz at a rate of 16 kHz; it rises to nine times that
        low = self.rate / 160
        phase = 2 * np.pi * low * (1 + 2 * time) * time
        buzz = np.sum([np.sin(k * phase) / k for k in range(1, 6)], axis=0)
        return np.asarray(0.1 * buzz * (1 - np.cos(8 * np.pi * time)), np.float32)

    def extent(self, data: Any) -> float:
        """Return the seconds of a sound by its header; 0 for what cannot be read."""
        return promised_seconds(data, self.rate)

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
        for block in stream(content, self.rate, seconds=self.limit, full_scale=self.range):
            yield block if self.scale == 1 else block * np.float32(self.scale)

    @property
    def limit(self) -> float:
        """The most seconds of a sound; one without windows is held in memory."""
        return self.max_seconds or (float("inf") if self.window else 600.0)

    @property
    def windowing(self) -> Windowing:
        """How a sound is cut."""
        hop = self.hop or self.window
        return Windowing(self.window, hop, self.min_length, self.align, self.pad, self.tail)

    @property
    def parameters(self) -> Parameters:
        """What a front end takes; nought where it takes none."""
        return Parameters._make(getattr(self, name) or 0 for name in Parameters._fields)

    @property
    def _plain(self) -> bool:
        """Whether the graph hears windows of the waveform and nothing else."""
        told = self.attention_mask or self.stride or self.feeds or self.tail == "short"
        return self.features == WAVEFORM and self.normalize == "none" and not told

    def _usual_feeds(self) -> tuple[str, ...]:
        """Return what graphs usually call what they are fed."""
        front = FRONT_ENDS.get(self.features)
        own = (front.feed,) if front else ("input_values", WAVEFORM)
        return (*own, "attention_mask", *(["is_longer"] if self.features == "clap" else []))

    def _entries(self, item: FloatArray | Clip | Long) -> Iterator[Entry]:
        """Give what the graph is fed of an item."""
        sound = item.samples if isinstance(item, Clip) else item

        def blocks() -> Iterable[FloatArray]:
            return self._blocks(sound.content) if isinstance(sound, Long) else [sound]

        if not self._plain:
            yield from entries(self, blocks)
            return
        for window in self.windowing.cut(blocks()):
            yield Entry({WAVEFORM: window.samples}, None)


def _batch(group: Sequence[Entry], item_index: Sequence[int]) -> Batch:
    """Return entries of the same shapes as a batch; a tensor of two names is stacked once."""
    stacked: dict[int, npt.NDArray[Any]] = {}
    feeds = {}
    for name, first in group[0].feeds.items():
        if id(first) not in stacked:
            stacked[id(first)] = np.stack([entry.feeds[name] for entry in group])
        feeds[name] = stacked[id(first)]
    masks = [entry.mask for entry in group if entry.mask is not None]
    mask = np.stack(masks) if masks else None
    return Batch(feeds, np.array(item_index, np.intp), mask, main=next(iter(feeds)))


class MelBands(AudioSettings):
    """Audio whose items are rows: a few dozen numbers that need no backbone."""

    __slots__ = ()

    def read(self, content: Content) -> FloatArray:
        """Return the row; the frames of a sound are never in memory together."""
        windows = self.windowing.cut(self._blocks(content))
        return describe_spectrum((window.samples for window in windows), self.rate)
