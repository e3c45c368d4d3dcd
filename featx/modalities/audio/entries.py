"""What a graph is fed of one sound: its windows or their features, and which of them is only filling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray, Mask
from featx.modalities.audio.features import FRONT_ENDS, Parameters
from featx.modalities.audio.fusion import fuse
from featx.modalities.audio.windows import SoundWindow, Windowing

__all__ = ["EPSILON", "WAVEFORM", "Clip", "Entry", "EntrySettings", "entries", "fused_whole"]

# the name of the front end that there is not: the graph hears samples
WAVEFORM = "waveform"
# what is added to the variance of a clip, as Wav2Vec2FeatureExtractor does
EPSILON = 1e-7

Blocks = Callable[[], Iterable[FloatArray]]


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound of which it matters where it ends: not filled up yet, float32 of shape (samples,)."""

    samples: FloatArray


class Entry(NamedTuple):
    """One entry of a batch.

    Attributes
    ----------
    feeds : mapping of str to ndarray
        Tensors by the usual names of a graph's inputs, the graph's own included, without the axis of samples.
    mask : ndarray of shape (positions,), bool, or None
        False where a position of what the graph gives is of filling alone; None where nothing is filled up,
        or nobody asks.
    """

    feeds: Mapping[str, npt.NDArray[Any]]
    mask: Mask | None

    def stacks_with(self, other: Entry) -> bool:
        """Return whether both can be in one batch."""
        # a row is the same in any company: masked and plain poolings are not mixed
        alike = (self.mask is None) == (other.mask is None)
        return alike and all(
            feed.shape == other.feeds[name].shape for name, feed in self.feeds.items()
        )


class EntrySettings(Protocol):
    """What is taken of the ``[audio]`` table of a card; ``AudioSettings`` says what each means."""

    @property
    def parameters(self) -> Parameters:
        """What a front end takes."""

    @property
    def features(self) -> str:
        """The name of a front end, or ``WAVEFORM``."""

    @property
    def normalize(self) -> str:
        """What samples are set in relation to."""

    @property
    def attention_mask(self) -> bool:
        """Whether the graph is told what is filling."""

    @property
    def stride(self) -> int:
        """Samples from one position to the next."""

    @property
    def receptive(self) -> int:
        """Samples that a position is made of."""

    @property
    def feeds(self) -> tuple[tuple[str, str], ...]:
        """The graph's own names of inputs, each with the usual one."""

    @property
    def windowing(self) -> Windowing:
        """How a sound is cut."""


def entries(settings: EntrySettings, blocks: Blocks) -> Iterator[Entry]:
    """Give the entries of one sound, one for each of its windows.

    Parameters
    ----------
    settings : EntrySettings
    blocks : callable
        Gives the sound from its beginning, a block at a time; it is called once for each pass that is needed.
    """
    if settings.normalize == "clip":
        blocks = _standardised(blocks)
    if settings.parameters.fuse and (long := _long(settings.parameters, blocks)):
        yield Entry(_named(settings, long), None)
        return
    for window in settings.windowing.cut(blocks()):
        yield Entry(_named(settings, _feeds(settings, window)), _positions(settings, window))


def fused_whole(parameters: Parameters, length: int) -> bool:
    """Return whether a sound of so many samples is one entry, though it is longer than a window."""
    return parameters.fuse and length > parameters.window


def _long(parameters: Parameters, blocks: Blocks) -> dict[str, npt.NDArray[Any]] | None:
    """Return what a model that fuses is fed of a sound longer than a window; None of another."""
    total = sum(map(len, blocks()))
    if not fused_whole(parameters, total):
        return None
    hop, front = parameters.frame_hop, FRONT_ENDS["clap"]
    if total // hop > parameters.window // hop:
        values = fuse(blocks(), total, parameters)
    else:
        values = front.compute(SoundWindow(np.concatenate(list(blocks())), 0, total), parameters)
    real = np.ones(values.shape[front.time_axis], np.int64)
    return {front.feed: values, "attention_mask": real, "is_longer": np.array([True])}


def _named(
    settings: EntrySettings, feeds: dict[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Return tensors by the graph's own names too."""
    return feeds | {own: feeds[usual] for own, usual in settings.feeds}


def _standardised(blocks: Blocks) -> Blocks:
    """Return blocks of mean 0 and variance 1 over the whole sound."""
    count, mean, squares = 0, 0.0, 0.0
    # Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances, 1979
    for block in blocks():
        if not len(block):
            continue
        values = block.astype(np.float64)
        own = float(values.mean())
        squares += float(((values - own) ** 2).sum())
        squares += (own - mean) ** 2 * count * len(block) / (count + len(block))
        mean += (own - mean) * len(block) / (count + len(block))
        count += len(block)
    deviation = (squares / max(count, 1) + EPSILON) ** 0.5
    return lambda: (((block - mean) / deviation).astype(np.float32) for block in blocks())


def _feeds(settings: EntrySettings, window: SoundWindow) -> dict[str, npt.NDArray[Any]]:
    front = FRONT_ENDS.get(settings.features)
    if front is None:
        values, axis, step = window.samples, 0, 1
        feeds = {"input_values": values, WAVEFORM: values}
    else:
        values, axis = front.compute(window, settings.parameters), front.time_axis
        _, step = front.frame(settings.parameters)
        feeds = {front.feed: values}
        if settings.features == "clap":
            # of a sound by itself, the library says so whatever its length: graphs that were exported with it
            # fail where no sound of a batch is longer
            feeds["is_longer"] = np.array([settings.parameters.fuse])
    real = np.ones(values.shape[axis], np.int64)
    if settings.attention_mask:
        starts = np.arange(len(real)) * step
        real[:] = (window.first <= starts) & (starts < window.last)
    return feeds | {"attention_mask": real}


def _positions(settings: EntrySettings, window: SoundWindow) -> Mask | None:
    """Return which positions of what the graph gives are of the sound; at least one is."""
    stride, length = settings.stride, len(window.samples)
    if not stride or (window.first == 0 and window.last == length):
        return None
    if settings.receptive:
        starts = np.arange(max(1, (length - settings.receptive) // stride + 1)) * stride
        real = (starts >= window.first) & (starts + settings.receptive <= window.last)
    else:
        starts = np.arange(max(1, -(-length // stride))) * stride
        real = (starts + stride > window.first) & (starts < window.last)
    if not real.any():
        real[min(window.first // stride, len(real) - 1)] = True
    return np.asarray(real)
