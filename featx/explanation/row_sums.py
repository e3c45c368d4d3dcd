"""Rows as sums over the places of their samples: what is linear between a map and a row, taken apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Mask
from featx.backbones.backbone import Backbone
from featx.backbones.filling import filled_parts
from featx.backbones.session import open_session, run_session
from featx.catalog import verify_files
from featx.errors import BadSample, NoExactSum
from featx.graphs.cut import cut_graph
from featx.graphs.mirrored import mirrored_axes
from featx.graphs.pooling import read_pooling, to_channels_last
from featx.graphs.position_weights import pull_pooling
from featx.graphs.tails import Tail, find_tail
from featx.modalities import Batch, Geometry

__all__ = ["RowSums", "SampleSum"]

# Values of the maps of one sample: 256 MB.
_MOST_VALUES = 1 << 26
# Places of one sample.
_MOST_PLACES = 1 << 16
# The least length of a row that is brought to length 1.
_TINY = 1e-12

# Poolings that leave a single position as it is.
_OF_ONE = frozenset({"none", "mean", "masked-mean", "max", "flatten", "mean-sqrt", "weighted-mean"})

T = TypeVar("T")
Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The map of one window of a sample, and the row that is made of it."""

    values: Tensors
    mask: Mask | None
    row: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SampleSum:
    """The row of a sample, and how it is made of the places of the sample.

    Attributes
    ----------
    row : ndarray of shape (dim,), float32
        What the head is given.
    geometry : Geometry
    windows : tuple
        The maps of its windows, in order.
    """

    row: FloatArray
    geometry: Geometry
    windows: tuple[_Window, ...] = field(repr=False)
    _sums: RowSums = field(repr=False)

    def parts(
        self, weights: Doubles, spread: Callable[[float], float] | None = None
    ) -> tuple[dict[tuple[float, ...] | None, float], float]:
        """Return what each place adds to a weighted sum of the row, and the constant.

        Parameters
        ----------
        weights : ndarray of shape (dim,)
        spread : callable, default=None
            Returns, of the constant, what is dealt out to the places by their parts in the row; None: nothing.

        Raises
        ------
        NoExactSum
            The row is no sum over places.
        """
        return self._sums.pull(self, weights, spread)


class RowSums:
    """The rows of a backbone, taken apart into what each place of a sample adds.

    Parameters
    ----------
    backbone : Backbone

    Raises
    ------
    NoExactSum
        The rows are no sums over places; the message says what is not linear.

    Examples
    --------
    >>> backbone = Backbone("featx-image-nano", tap="last-map", pooling="mean")
    >>> found = RowSums(backbone).read(np.zeros((90, 90, 3), np.uint8))
    >>> weights = np.ones(512)
    >>> values, constant = found.parts(weights)
    >>> len(values), bool(abs(sum(values.values()) + constant - weights @ found.row) < 1e-5)
    (49, True)
    """

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self._tail: Tail | None = None
        self._wanted: frozenset[str] = frozenset()
        reader = backbone.reader
        item, geometry = reader.read_with_geometry(reader.load(backbone.card.input.canary()))
        values = backbone.tap_values(next(iter(reader.batches([item], 1))))
        card = backbone.card
        path = verify_files(card)[card.graph.name]
        if values.ndim <= 2 or _positions(values, card.channel_axis) <= 1:
            self._tail = find_tail(path, card.output)
            self._session = open_session(self._tail.graph, path, backbone.provider)
            self._wanted = frozenset(one.name for one in self._session.get_inputs())
        # of a mirror image the first position is the sample's last
        self._mirrored = (
            mirrored_axes(self._tail.graph, self._tail.maps)
            if self._tail
            else mirrored_axes(cut_graph(path, card.output, beside=path.path is not None))
        )
        self._pooling = read_pooling(card.pooling)
        # what cannot be taken apart is found now, on the built-in sample
        self._taken(item, geometry).parts(np.ones(backbone.dim))

    def read(self, content: Any) -> SampleSum:
        """Return the row of a sample with its maps; content is what a sample's data may be.

        Raises
        ------
        BadSample
            It cannot be read, or gives a row that is not finite.
        NoExactSum
            It has more maps than are held.
        """
        reader = self.backbone.reader
        item, geometry = reader.read_with_geometry(reader.load(content))
        found = self._taken(item, geometry)
        if not np.isfinite(found.row).all():
            raise BadSample("the backbone gives a row that is not finite")
        return found

    def pull(
        self, sample: SampleSum, weights: Doubles, spread: Callable[[float], float] | None
    ) -> tuple[dict[tuple[float, ...] | None, float], float]:
        """Return what each place of a sample adds; see ``SampleSum.parts``."""
        rows = np.stack([window.row for window in sample.windows])
        if self.backbone.card.normalize:
            merged = self.backbone.reader.merge(rows, np.zeros(len(rows), np.intp), 1)[0]
            weights = weights / max(float(np.linalg.norm(merged)), _TINY)
        places: dict[tuple[float, ...] | None, float] = {}
        merged_weights = self.backbone.reader.pull_merge(np.asarray(weights, np.float64), rows)
        pulled = list(map(self._pull_window, sample.windows, merged_weights))
        constant = 0.0
        for *_, more in pulled:
            constant += more
        dealt = 0.0 if spread is None else spread(constant)
        for number, (window, found) in enumerate(zip(sample.windows, pulled, strict=True)):
            added, shares, shape, _ = found
            added = added + shares * (dealt / len(rows))
            mask = None if window.mask is None or window.mask.size != added.size else window.mask[0]
            if len(added) + len(places) > _MOST_PLACES:
                raise NoExactSum(
                    f"its maps have more than {_MOST_PLACES:,} places; a deeper tap has fewer"
                )
            at = sample.geometry.places(shape, number, mask)
            inside = added if mask is None else added[mask]
            for place, value in zip(at, inside.tolist(), strict=True):
                places[place] = places.get(place, 0.0) + value
        return places, constant

    def _pull_window(
        self, window: _Window, weights: Doubles
    ) -> tuple[Doubles, Doubles, tuple[int, ...], float]:
        """Return what each position adds, its share, the shape of the positions, and the constant."""
        axis = self.backbone.card.channel_axis
        if window.mask is not None and any(self._mirrored.values()):
            raise NoExactSum("the map runs from the end of the sample to its beginning")
        if self._tail is None:
            [values] = window.values.values()
            own, shares = pull_pooling(self._pooling, values, window.mask, axis, weights)
            [moved] = to_channels_last(values, axis)
            shape = tuple(moved.shape[:-1])
            added = (own * moved.reshape(own.shape)).sum(axis=1).reshape(shape)
            [mirrored] = self._mirrored.values()
            channels = (1 if values.ndim == 4 else -1) if axis is None else axis
            added, shares = (
                _turned(one, values.ndim, channels, mirrored).ravel()
                for one in (added, shares.reshape(shape))
            )
            return added, shares, shape, 0.0
        pulled, constant = self._tail.pull(self._of_tap(window, weights), window.values)
        sums, shape = None, (0,)
        for name, own in pulled.items():
            values = np.asarray(window.values[name], np.float64)
            axes = self._tail.maps[name]
            [channels] = [k for k in range(1, values.ndim) if k not in axes]
            added = (own * values).sum(axis=channels)[0]
            added = _turned(added, values.ndim, channels, self._mirrored[name])
            if sums is not None and added.shape != shape:
                raise NoExactSum("the row is made of maps of several sizes")
            shape = added.shape
            sums = added if sums is None else sums + added
        if sums is None:
            raise NoExactSum("the row is made of no map")
        inside = window.mask if window.mask is not None and window.mask.size == sums.size else None
        count = sums.size if inside is None else max(int(inside.sum()), 1)
        shares = np.full(sums.size, 1 / count) if inside is None else inside[0] / count
        return sums.ravel(), shares, tuple(shape), constant

    def _of_tap(self, window: _Window, weights: Doubles) -> Doubles:
        """Return weights of all values of the tap, which has one position, of those of the row."""
        tap = window.values[_known(self._tail).outputs[0]]
        if tap.ndim > 2 and self._pooling.name not in _OF_ONE:
            raise NoExactSum(f"pooling {str(self._pooling)!r}: of one position it is no sum")
        return np.concatenate([weights, np.zeros(tap.size - len(weights))])

    def _taken(self, item: Any, geometry: Geometry) -> SampleSum:
        windows: dict[int, _Window] = {}
        held = 0
        for number, window in self._windows(item):
            held += max(values.size for values in window.values.values())
            if held > _MOST_VALUES:
                raise NoExactSum(
                    f"its maps hold more than {_MOST_VALUES:,} values; a part of it has fewer"
                )
            windows[number] = window
        ordered = tuple(windows[number] for number in sorted(windows))
        rows = np.stack([window.row for window in ordered])
        merged = self.backbone.reader.merge(rows, np.zeros(len(rows), np.intp), 1)
        if self.backbone.card.normalize:
            merged = merged / np.maximum(np.linalg.norm(merged, axis=1, keepdims=True), _TINY)
        return SampleSum(np.asarray(merged[0], np.float32), geometry, ordered, self)

    def _windows(self, item: Any) -> Iterator[tuple[int, _Window]]:
        """Give the number and the map of each window of an item."""
        card, number = self.backbone.card, 0
        for batch, tensors in self._batches(item):
            row_of = tensors[self._tail.outputs[0]] if self._tail else next(iter(tensors.values()))
            with np.errstate(all="ignore"):
                rows = self._pooling.rows(
                    row_of.astype(np.float32, copy=False), batch.mask, card.channel_axis
                )
            for k, row in enumerate(rows):
                own = number if batch.window_index is None else int(batch.window_index[k])
                mask = None if batch.mask is None else batch.mask[k : k + 1]
                values = {name: self._entry(name, tensor, k) for name, tensor in tensors.items()}
                yield own, _Window(values, mask, row)
                number += 1

    def _entry(self, name: str, tensor: npt.NDArray[Any], k: int) -> npt.NDArray[Any]:
        """Return what a tensor of a batch holds of its entry ``k``."""
        return tensor if self._is_whole(name, tensor) else tensor[k : k + 1]

    def _is_whole(self, name: str, tensor: npt.NDArray[Any]) -> bool:
        """Return whether a tensor is the same for every entry of a batch."""
        return tensor.ndim == 0 or (self._tail is not None and name in self._tail.whole)

    def _batches(self, item: Any) -> Iterator[tuple[Batch, dict[str, npt.NDArray[Any]]]]:
        """Give each batch of an item's windows, and all tensors of it that are read."""
        backbone = self.backbone
        size = backbone.batch or backbone.batch_size
        for batch in backbone.reader.batches([item], size):
            if self._tail is None:
                yield batch, {backbone.card.output or "tap": backbone.tap_values(batch)}
                continue
            names, n = self._tail.outputs, len(batch.item_index)
            given = backbone.feeds(batch)
            feeds = {name: feed for name, feed in given.items() if name in self._wanted}
            runs = [
                (dict(zip(names, run_session(self._session, part), strict=True)), size)
                for part, size in filled_parts(feeds, n, backbone.fixed or backbone.batch or n)
            ]
            yield batch, {name: self._joined(name, runs) for name in names}

    def _joined(self, name: str, runs: list[tuple[dict[str, Any], int]]) -> npt.NDArray[Any]:
        """Return a tensor of all runs of a batch, without the copies that filled them up."""
        first = np.asarray(runs[0][0][name])
        if self._is_whole(name, first):
            return first
        return np.concatenate([run[name][:size] for run, size in runs])


def _turned(added: Doubles, rank: int, channels: int, mirrored: frozenset[int]) -> Doubles:
    """Return the positions of a map in the order of the sample; ``mirrored`` are axes of the whole tensor."""
    places = [axis for axis in range(1, rank) if axis != channels % rank]
    return np.flip(added, tuple(k for k, axis in enumerate(places) if axis in mirrored))


def _known(value: T | None) -> T:
    assert value is not None
    return value


def _positions(values: FloatArray, channel_axis: int | None) -> int:
    return math.prod(to_channels_last(values, channel_axis).shape[1:-1])
