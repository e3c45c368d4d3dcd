"""Backbones: one frozen graph in one ONNX Runtime session, samples in and rows out."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.backbones.filling import filled_parts
from featx.backbones.maps import SampleMaps, fitting_axis, to_map
from featx.backbones.providers import CPU, Provider, read_provider
from featx.backbones.remembered import card_provider, is_cards_own
from featx.backbones.session import DTYPES, open_graph, run_session
from featx.catalog import Card, get_card, is_shipped, names_beside, verify_files
from featx.errors import BadGraph, BadOption, BadSample, FeatxError, FeatxWarning, WrongCanary
from featx.graphs.pooling import read_pooling
from featx.modalities import Batch, Reader
from featx.sources import Sample, make_samples

__all__ = ["CANARY_TOLERANCE", "Backbone", "canary_deviation", "graph_key", "open_backbone"]

# Of the largest canary value, or of 1 where that is smaller. Resizing and cropping in one pass rounds a
# hundredth of the pixels the other way, which moves the most sensitive backbone known here by 0.009;
# swapped colours move the least sensitive one by 0.04.
CANARY_TOLERANCE = 0.01


class Backbone:
    """A frozen graph that turns samples into rows.

    One session with one intra-op thread: call it from as many threads as there are cores.

    Parameters
    ----------
    card : str or Card
        A name in the catalogue, or a card.
    tap : str, default=None
        Another tensor to read as the embedding; ``"penultimate"`` and ``"last-map"`` are found by
        walking the graph back from its output.
    pooling : str, default=None
        Another pooling, by its name in ``featx.graphs.pooling.POOLINGS``.
    normalize : bool, default=None
        Whether rows are scaled to unit L2 norm.
    options : mapping, default=None
        Entries of the modality's table in the card to change, such as ``{"resize": 128}``.
    provider : str or Provider, default="cpu"
        Where it is computed, as ``featx.backbones.providers.read_provider`` reads it. A card that remembers
        a provider, ``[optimized] provider``, is computed there where only the CPU is named.

    Raises
    ------
    UnknownBackbone, MissingWeights, MissingProvider, WrongDigest, BadGraph, UnknownTap, BadOption
    WrongCanary
        Its integer weights take eight bits, and it gives other rows here than on the machine it was
        made for; or it is asked for other rows than its canary is of, so that this cannot be known.

    Examples
    --------
    >>> backbone = Backbone("featx-image-nano")
    >>> images = [np.full((80, 100, 3), value, np.uint8) for value in (0, 255)]
    >>> backbone.embed(images).shape
    (2, 384)
    """

    def __init__(
        self,
        card: str | Card,
        *,
        tap: str | None = None,
        pooling: str | None = None,
        normalize: bool | None = None,
        options: Mapping[str, Any] | None = None,
        provider: str | Provider = CPU,
    ) -> None:
        named = card if isinstance(card, Card) else get_card(card)
        self.card: Card = named.variant(
            tap=tap, pooling=pooling, normalize=normalize, options=options
        )
        files = verify_files(self.card)
        self._graph = files[self.card.graph.name]
        self.provider = card_provider(self.card, read_provider(provider))
        key = graph_key(self.card, self.card.output)
        if not is_shipped(self.card):
            from featx.graphs.admission import admit

            admit(self._graph, self.card.output, key=key, files=names_beside(self.card))
        others = {name: path for name, path in files.items() if path != self._graph}
        self.reader: Reader = self.card.input.open(others)
        for cut in (False, True):
            self._session = open_graph(
                self._graph, self.card.output, key=key, provider=self.provider, cut=cut
            )
            self._inputs = self._session.get_inputs()
            # such as one that nothing reads, or the past of a decoder
            if len(self._inputs) == 1 or not self._lacks_inputs():
                break
        self._batch: int | None = None
        self.fixed: int | None = self._only_batch()
        self._pooling = read_pooling(self.card.pooling)
        self._dim = self.card.dim
        if self._dim is None and self._pooling.channels_last:
            self.card = replace(self.card, channel_axis=self._channel_axis())
        if self.card.optimized is not None and self.card.optimized.weight_bits == 8:
            self._require_canary()

    def __repr__(self) -> str:
        return f"Backbone({self.card.name!r})"

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def fingerprint(self) -> str:
        """64 hex digits over everything that decides a number in a row.

        It is the card's; where another provider than the card's computes in a lesser precision, it is another.
        """
        own = is_cards_own(self.card, self.provider)
        return self.card.fingerprint if own else self.cache_key

    @property
    def cache_key(self) -> str:
        """The key of its rows in the cache: the card's fingerprint and, but for the CPU, the provider."""
        key = self._plain_key
        # rows that were kept before this was known may be others
        if self.batch and self.card.batch is None:
            return hashlib.sha256(f"{key}\0batch {self.batch}".encode()).hexdigest()
        return key

    @property
    def _plain_key(self) -> str:
        plain, named = self.card.fingerprint, f"{self.card.fingerprint}\0{self.provider}"
        return plain if self.provider == CPU else hashlib.sha256(named.encode()).hexdigest()

    @property
    def chunk_size(self) -> int:
        """Samples that one worker takes at a time, at least: enough to make its round worth while."""
        return self.reader.chunk_size

    @property
    def batch_size(self) -> int:
        """Samples that go through the graph together where nobody says; not fewer than it insists on."""
        if self.batch:
            return self.batch
        return self.provider.kind.batch_size or max(self.reader.batch_size, self.fixed or 1)

    @property
    def batch(self) -> int | None:
        """Samples of one run, always, filled up with copies where there are fewer; None is any number.

        The card says it, or else it is found by running the graph, once on each machine: 1 where a row
        would depend on its neighbours, or what the graph insists on though its input does not say so.

        Raises
        ------
        BadGraph
            The graph gives other rows each time, or takes its samples neither alone nor together.
        """
        if self._batch is None:
            if self.card.batch is not None:
                self._batch = self.card.batch
            elif is_shipped(self.card):
                self._batch = 0
            else:
                # neither this nor admission is loaded for what featx ships
                from featx.backbones.independence import known_batch

                self._batch = known_batch(self, self._plain_key)
        return self._batch or None

    @property
    def dim(self) -> int:
        """Columns of one row; for a variant found by running it once."""
        if self._dim is None:
            self._dim = self.embed_items([self._canary()]).shape[1]
        return self._dim

    def embed(self, samples: Iterable[Any], batch_size: int | None = None) -> FloatArray:
        """Return one row for each sample, in the calling thread.

        ``Engine`` and ``FeatureExtractor`` make the same rows on every core.

        Parameters
        ----------
        samples : iterable of paths, bytes, images, arrays, texts or Sample
            Whatever the backbone's modality reads, and ``featx.make_samples`` takes.
        batch_size : int, default=None
            Samples that go through the graph together; None is the backbone's own.

        Returns
        -------
        ndarray of shape (n, dim), float32, C-ordered
            Row order is sample order.

        Raises
        ------
        BadSource
            ``samples`` is one thing and not a list of them.
        BadSample
            A sample cannot be read.
        """
        known = make_samples(samples)
        rows = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(known), self.chunk_size):
            chunk = known[start : start + self.chunk_size]
            items = [self._item(sample) for sample in chunk]
            rows.append(self.embed_items(items, batch_size))
            for sample, row in zip(chunk, rows[-1], strict=True):
                if not np.isfinite(row).all():
                    raise BadSample(f"{sample.id}: the backbone gives a row that is not finite")
        return np.concatenate(rows)

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return one row for each item that ``reader.read`` gave.

        Returns
        -------
        ndarray of shape (len(items), dim), float32, C-ordered
            Row order is item order.

        Raises
        ------
        BadOption
            Something is not an item.
        BadGraph
            The graph cannot take the items, or its tap gives no rows of them.
        """
        if not items:
            return np.empty((0, self.dim), np.float32)
        rows, item_index = [], []
        for batch, values in self._run(items, batch_size):
            # whoever asks for rows looks whether they are finite
            with np.errstate(all="ignore"):
                rows.append(self._pool(values, batch))
            item_index.append(batch.item_index)
        if len({part.shape[1] for part in rows}) > 1:
            what = "rows of different lengths; 'flatten' needs inputs of one length"
            raise BadGraph(f"{self.card.name}: {what}")
        with np.errstate(all="ignore"):
            merged = self.reader.merge(np.concatenate(rows), np.concatenate(item_index), len(items))
            if self.card.normalize:
                merged = merged / np.maximum(np.linalg.norm(merged, axis=1, keepdims=True), 1e-12)
        if self._dim is not None and merged.shape[1] != self._dim:
            found = f"rows have {merged.shape[1]} columns, its card says {self._dim}"
            raise BadGraph(f"{self.card.name}: {found}")
        return np.ascontiguousarray(merged, np.float32)

    def embed_maps(
        self, samples: Iterable[Any], batch_size: int | None = None
    ) -> Iterator[SampleMaps]:
        """Give the maps or tokens of each sample that pooling would swallow, and where they are in it.

        Maps are large: they come a sample at a time, in input order. Parameters and refusals are
        those of ``embed``; the tap must give more than a row.

        Examples
        --------
        >>> backbone = Backbone("featx-image-nano", tap="last-map", pooling="mean")
        >>> [found] = backbone.embed_maps([np.zeros((80, 100, 3), np.uint8)])
        >>> [features] = found.maps
        >>> features.shape
        (7, 7, 512)
        >>> found.geometry.locate((0, 6), (7, 7))
        (78.57142857142857, 0.0, 90.0, 11.428571428571429)
        """
        known = make_samples(samples)
        size = batch_size or self.batch_size
        for start in range(0, len(known), size):
            chunk = known[start : start + size]
            pairs = [self._item(sample, geometry=True) for sample in chunk]
            maps: list[dict[int, FloatArray]] = [{} for _ in chunk]
            for batch, values in self._run([item for item, _ in pairs], batch_size):
                for k, owner in enumerate(batch.item_index):
                    windows = maps[owner]
                    number = len(windows) if batch.window_index is None else batch.window_index[k]
                    windows[int(number)] = self._map(values, batch, k)
            for sample, windows, (_, geometry) in zip(chunk, maps, pairs, strict=True):
                ordered = tuple(windows[number] for number in sorted(windows))
                yield SampleMaps(sample.id, ordered, geometry)

    def entry_rows(self, batch: Batch) -> FloatArray:
        """Return the row of each entry of a batch that goes through the graph together, not normalised.

        Raises
        ------
        BadGraph
            As ``embed_items``.
        """
        n = len(batch.item_index)
        return self._pool(self._values(batch, self.fixed or n), batch)

    def tap_values(self, batch: Batch) -> FloatArray:
        """Return what the tap gives of each entry of a batch, before it is pooled.

        Raises
        ------
        BadGraph
            As ``embed_items``.
        """
        return self._values(batch, self.fixed or self.batch or len(batch.item_index))

    def feeds(self, batch: Batch) -> dict[str, npt.NDArray[Any]]:
        """Return the batch's tensors by the names and in the types that the graph wants.

        Raises
        ------
        BadGraph
            The graph wants an input that the modality does not feed, or one of another shape.
        """
        feeds = batch.feeds
        missing = [wanted.name for wanted in self._inputs if wanted.name not in feeds]
        main = batch.main or (next(iter(feeds)) if len(feeds) == 1 else None)
        if len(missing) == 1 and main is not None:
            given = feeds[main]
            if not any(feeds.get(wanted.name) is given for wanted in self._inputs):
                feeds = {**feeds, missing.pop(): given}
        if missing:
            raise BadGraph(
                f"{self.card.name}: the graph wants an input {missing[0]!r}; "
                f"{self.card.modality} cards feed {', '.join(feeds)}"
            )
        for wanted in self._inputs:
            self._check_shape(wanted.name, wanted.shape, feeds[wanted.name].shape)
        return {
            wanted.name: feeds[wanted.name].astype(DTYPES.get(wanted.type, np.float32), copy=False)
            for wanted in self._inputs
        }

    def _item(self, sample: Sample, *, geometry: bool = False) -> Any:
        """Return the item of a sample, with its geometry where asked; refusals name the sample."""
        try:
            content = self.reader.load(sample.data)
            return (self.reader.read_with_geometry if geometry else self.reader.read)(content)
        except BadSample as error:
            raise BadSample(f"{sample.id}: {error}") from error

    def _run(
        self, items: Sequence[Any], batch_size: int | None
    ) -> Iterator[tuple[Batch, FloatArray]]:
        """Give each batch of items and what the tap gives of it."""
        if batch_size is not None and (
            not isinstance(batch_size, (int, np.integer)) or batch_size < 1
        ):
            raise BadOption(f"batch_size = {batch_size!r}: expected 1 or more")
        for index, item in enumerate(items):
            if not self.reader.is_item(item):
                raise BadOption(
                    f"item {index} is a {type(item).__name__}: expected what the reader of "
                    f"{self.card.name} gives; embed takes paths, bytes, arrays and the like"
                )
        limit, size = self.batch, batch_size or self.batch_size
        if limit and size > limit:
            warnings.warn(
                f"{self.card.name}: batch_size = {size} is not used: its graph takes {limit} at a time",
                FeatxWarning,
                stacklevel=3,
            )
            size = limit
        for batch in self.reader.batches(items, size):
            yield batch, self.tap_values(batch)

    def _values(self, batch: Batch, fixed: int) -> FloatArray:
        """Return what the tap gives of a batch, in runs of ``fixed`` samples."""
        parts = [
            self._compute(part, fixed)[:size]
            for part, size in filled_parts(self.feeds(batch), len(batch.item_index), fixed)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _compute(self, feeds: Mapping[str, npt.NDArray[Any]], n: int) -> FloatArray:
        try:
            [values] = run_session(self._session, feeds)
        except BadGraph as error:
            hint = "; batch_size=1, or batch = 1 under [graph] in its card, may do" if n > 1 else ""
            raise BadGraph(f"{self.card.name}: {error}{hint}") from error
        if not isinstance(values, np.ndarray) or values.ndim < 2 or len(values) != n:
            raise BadGraph(
                f"{self.card.name}: the tap gives shape {np.shape(values)} for {n} samples, "
                f"expected one entry a sample on the first axis; choose another tap"
            )
        # of float64: what float32 does not hold is infinite, and the row is rejected
        with np.errstate(over="ignore"):
            return values.astype(np.float32, copy=False)

    def _pool(self, values: FloatArray, batch: Batch) -> FloatArray:
        """Return one row for each entry of a batch."""
        try:
            return self._pooling.rows(values, batch.mask, self.card.channel_axis)
        except BadGraph as error:
            raise BadGraph(f"{self.card.name}: {error}") from None

    def _map(self, values: FloatArray, batch: Batch, k: int) -> FloatArray:
        """Return the map of one entry of a batch."""
        mask = None if batch.mask is None else batch.mask[k : k + 1]
        try:
            return to_map(values[k : k + 1], mask, self.card.channel_axis)
        except BadGraph as error:
            raise BadGraph(f"{self.card.name}: {error}") from None

    def _check_shape(self, name: str, wanted: Sequence[Any], given: tuple[int, ...]) -> None:
        """Raise BadGraph where an input's known dimensions, the batch apart, are not those given."""
        fits = len(wanted) == len(given) and all(
            not isinstance(dim, int) or dim == side
            for dim, side in zip(wanted[1:], given[1:], strict=True)
        )
        if wanted and not fits:
            known = " × ".join(str(dim) if isinstance(dim, int) else "?" for dim in wanted[1:])
            sides = " × ".join(map(str, given[1:]))
            raise BadGraph(
                f"{self.card.name}: the graph takes {name!r} of {known} a sample, its card's "
                f"[{self.card.modality}] table makes {sides}"
            )

    def _require_canary(self) -> None:
        """Raise WrongCanary where the row of the built-in sample is not the card's canary."""
        again = "make it again here with `featx optimize`, or for any machine"
        if not self.card.canary:
            raise WrongCanary(
                f"{self.card.name}: was made for one machine, and without a canary nothing tells whether this "
                f"one is like it: expected its own tap, pooling, normalisation and options; or {again}"
            )
        deviation, limit = canary_deviation(self.card, self.embed_items([self._canary()])[0])
        if not deviation <= limit:
            raise WrongCanary(
                f"{self.card.name}: was made for another machine: its row differs from the canary by "
                f"{deviation:.2g}, allowed {limit:.2g}; {again}"
            )

    def _lacks_inputs(self) -> bool:
        """Return whether the graph wants an input that the modality does not feed."""
        try:
            batch = next(iter(self.reader.batches([self._canary()], 1)))
        except FeatxError:
            # whoever embeds a sample is told
            return False
        try:
            self.feeds(batch)
        except BadGraph:
            return True
        return False

    def _channel_axis(self) -> int | None:
        """Return the axis of the channels of a tap that is perhaps laid out unlike the card's own."""
        shape = self._session.get_outputs()[0].shape
        if self.card.modality != "image" or len(shape) != 4:
            return self.card.channel_axis
        picture = (1, 1)
        with suppress(FeatxError):
            batch = next(iter(self.reader.batches([self._canary()], 1)))
            [pixels] = batch.feeds.values()
            first = 1 if getattr(self.card.input, "layout", "") == "NHWC" else 2
            picture = (pixels.shape[first], pixels.shape[first + 1])
            if not all(isinstance(side, int) for side in shape[1:]):
                # a graph's own arithmetic with sizes hides them
                shape = self._values(batch, self.fixed or 1).shape
        return fitting_axis(shape, self.card.channel_axis, picture)

    def _canary(self) -> Any:
        return self.reader.read(self.reader.load(self.card.input.canary()))

    def _only_batch(self) -> int | None:
        """Return the only batch that the graph takes, or None where it takes any."""
        sizes = {i.shape[0] for i in self._inputs if i.shape and isinstance(i.shape[0], int)}
        return sizes.pop() if len(sizes) == 1 else None


def canary_deviation(card: Card, row: npt.NDArray[Any]) -> tuple[float, float]:
    """Return by how much a row differs from a card's canary at most, and how much it may differ."""
    expected = np.array(card.canary)
    deviation = float(np.abs(row[: len(expected)] - expected).max())
    return deviation, CANARY_TOLERANCE * max(1.0, float(np.abs(expected).max()))


@lru_cache(maxsize=4)
def open_backbone(card: Card, provider: Provider = CPU) -> Backbone:
    """Return a shared Backbone: clones and pipelines in one process load each graph once."""
    return Backbone(card, provider=provider)


# a session does not survive a fork: the child opens its own
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=open_backbone.cache_clear)


def graph_key(card: Card, read: str | Sequence[str] | None) -> str:
    """Return a key for the bytes of a card's graph, and of the files beside it, and what is read of it."""
    files = {file.name: file.sha256 for file in card.files}
    return json.dumps([card.graph.sha256, files, read], sort_keys=True)
