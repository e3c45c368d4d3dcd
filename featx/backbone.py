"""Tensors in, rows out: one frozen graph in one ONNX Runtime session."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.catalog import Card, get_card, prove
from featx.errors import BadGraph, WrongCanary, first_line
from featx.inputs import Batch, FloatArray, Reader
from featx.providers import CPU, Provider, read_provider
from featx.sessions import FAILURES, open_graph

__all__ = ["CANARY_TOLERANCE", "Backbone", "canary_deviation", "open_backbone"]

# Of the largest canary value, or of 1 where that is smaller. Resizing and cropping in one pass rounds a
# hundredth of the pixels the other way, which moves the most sensitive backbone known here by 0.009;
# swapped colours move the least sensitive one by 0.04.
CANARY_TOLERANCE = 0.01

_DTYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


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
        Another pooling: ``none, mean, max, cls, last, masked-mean, flatten``.
    normalize : bool, default=None
        Whether rows are scaled to unit L2 norm.
    options : mapping, default=None
        Entries of the modality's table in the card to change, such as ``{"resize": 128}``.
    provider : str or Provider, default="cpu"
        Where it is computed, as ``featx.providers.read_provider`` reads it.

    Raises
    ------
    UnknownBackbone, MissingWeights, WrongDigest, BadGraph, UnknownTap, BadOption
    WrongCanary
        Its integer weights take eight bits, and it gives other rows here than on the machine it was
        made for; or it is asked for other rows than its canary is of, so that this cannot be known.

    Examples
    --------
    >>> backbone = Backbone("featx-image-nano")
    >>> image = np.zeros((80, 100, 3), np.uint8)
    >>> backbone.embed([backbone.reader.read(image)]).shape
    (1, 384)
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
        named = get_card(card) if isinstance(card, str) else card
        self.card: Card = named.variant(
            tap=tap, pooling=pooling, normalize=normalize, options=options
        )
        files = prove(self.card)
        self._graph = files[self.card.graph.name]
        self.provider = read_provider(provider) if isinstance(provider, str) else provider
        self._session = open_graph(
            self._graph, self.card.output, key=_graph_key(self.card), provider=self.provider
        )
        self._inputs = self._session.get_inputs()
        self._fixed = self._fixed_batch()
        others = {name: path for name, path in files.items() if path != self._graph}
        self.reader: Reader = self.card.input.open(others)
        self._dim = self.card.dim
        if self.card.optimized is not None and self.card.optimized.weight_bits == 8:
            self._require_canary()

    def __repr__(self) -> str:
        return f"Backbone({self.card.name!r})"

    @property
    def fingerprint(self) -> str:
        """64 hex digits over everything that decides a number in a row.

        The card's, and where the provider computes in a lesser precision one of its own.
        """
        return self.card.fingerprint if self.provider.exact else self.kept_as

    @property
    def kept_as(self) -> str:
        """What its rows are cached under: the card's fingerprint and, but for the CPU, the provider."""
        plain = self.card.fingerprint
        if self.provider == CPU:
            return plain
        return hashlib.sha256(f"{plain}\0{self.provider}".encode()).hexdigest()

    @property
    def chunk(self) -> int:
        """Samples that one worker takes at a time, at least: enough to make its round worth while."""
        return self.reader.chunk

    @property
    def batch(self) -> int:
        """Samples that go through the graph together where nobody says; not fewer than it insists on."""
        return self.provider.kind.batch or max(self.reader.batch, self._fixed or 1)

    @property
    def dim(self) -> int:
        """Columns of one row; for a variant found by running it once."""
        if self._dim is None:
            item = self.reader.read(self.reader.load(self.card.input.canary()))
            self._dim = self.embed([item]).shape[1]
        return self._dim

    def embed(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """One row for each item that ``reader.read`` made.

        Returns
        -------
        ndarray of shape (len(items), dim), float32, C-ordered
            Row order is item order.
        """
        if not items:
            return np.empty((0, self.dim), np.float32)
        rows, owners = [], []
        for batch in self.reader.batches(items, batch_size or self.batch):
            rows.append(self._run(batch))
            owners.append(batch.owners)
        if len({part.shape[1] for part in rows}) > 1:
            raise BadGraph(
                f"{self.card.name}: rows of different lengths; 'flatten' needs inputs of one length"
            )
        merged = self.reader.merge(np.concatenate(rows), np.concatenate(owners), len(items))
        if self.card.normalize:
            merged = merged / np.maximum(np.linalg.norm(merged, axis=1, keepdims=True), 1e-12)
        if self._dim is not None and merged.shape[1] != self._dim:
            raise BadGraph(
                f"{self.card.name}: rows have {merged.shape[1]} columns, its card says {self._dim}"
            )
        return np.ascontiguousarray(merged, np.float32)

    def _run(self, batch: Batch) -> FloatArray:
        feeds = self.feeds(batch)
        n, fixed = len(batch.owners), self._fixed or len(batch.owners)
        parts = []
        for start in range(0, n, fixed):
            part = {name: feed[start : start + fixed] for name, feed in feeds.items()}
            size = min(fixed, n - start)
            if size < fixed:  # the graph insists on its batch: fill it up with copies
                part = {name: _filled(feed, fixed) for name, feed in part.items()}
            parts.append(self._values(part, fixed)[:size])
        values = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self._pool(values, batch.mask)

    def feeds(self, batch: Batch) -> dict[str, npt.NDArray[Any]]:
        """The batch's tensors by the names and in the types that the graph wants."""
        feeds = batch.feeds
        if len(self._inputs) == 1 and len(feeds) == 1:
            feeds = {self._inputs[0].name: next(iter(feeds.values()))}
        if missing := [wanted.name for wanted in self._inputs if wanted.name not in feeds]:
            raise BadGraph(
                f"{self.card.name}: the graph wants an input {missing[0]!r}; "
                f"{self.card.modality} cards feed {', '.join(feeds)}"
            )
        return {
            wanted.name: feeds[wanted.name].astype(_DTYPES.get(wanted.type, np.float32), copy=False)
            for wanted in self._inputs
        }

    def _values(self, feeds: Mapping[str, npt.NDArray[Any]], n: int) -> FloatArray:
        try:
            [values] = self._session.run(None, feeds)
        except FAILURES as error:
            raise BadGraph(f"{self.card.name}: the graph failed: {first_line(error)}") from error
        if not isinstance(values, np.ndarray) or values.ndim < 2 or len(values) != n:
            raise BadGraph(
                f"{self.card.name}: the tap gives shape {np.shape(values)} for {n} samples, "
                f"expected one entry a sample on the first axis; choose another tap"
            )
        return values.astype(np.float32, copy=False)

    def _pool(self, values: FloatArray, mask: npt.NDArray[np.bool_] | None) -> FloatArray:
        """One row a sample from a tensor of any rank."""
        kind, n = self.card.pooling, len(values)
        if values.ndim == 2:
            return values
        if kind == "flatten" and mask is None:
            return values.reshape(n, -1)
        if kind == "flatten":
            raise BadGraph(
                f"{self.card.name}: pooling 'flatten' would give rows of several lengths; "
                f"choose one of mean, max, cls, last, masked-mean"
            )
        axis = self.card.channel_axis
        if axis is None:
            axis = 1 if values.ndim == 4 else -1
        places = np.moveaxis(values, axis, -1).reshape(n, -1, values.shape[axis])
        if kind == "none" and places.shape[1] > 1:
            raise BadGraph(
                f"{self.card.name}: the tap gives {values.shape[1:]} a sample and pooling is "
                f"'none'; choose one of mean, max, cls, last, masked-mean, flatten"
            )
        if mask is None:
            return _POOL[kind](places, np.ones(places.shape[:2], bool))
        if mask.shape != places.shape[:2]:
            raise BadGraph(
                f"{self.card.name}: the tap gives {places.shape[1]} places for {mask.shape[1]} "
                f"of the input; choose a tap that gives one each"
            )
        return _POOL["masked-mean" if kind == "mean" else kind](places, mask)

    def _require_canary(self) -> None:
        """Raise WrongCanary where the row of the built-in sample is not the card's canary."""
        again = "make it again here, or without --for-this-machine"
        if not self.card.canary:
            raise WrongCanary(
                f"{self.card.name}: was made for one machine, and without a canary nothing tells whether this "
                f"one is like it: expected its own tap, pooling, normalisation and options; or {again}"
            )
        [row] = self.embed([self.reader.read(self.reader.load(self.card.input.canary()))])
        deviation, limit = canary_deviation(self.card, row)
        if not deviation <= limit:
            raise WrongCanary(
                f"{self.card.name}: was made for another machine: its row differs from the canary by "
                f"{deviation:.2g}, allowed {limit:.2g}; {again}"
            )

    def _fixed_batch(self) -> int | None:
        """The only batch that the graph takes, or None when it takes any."""
        sizes = {i.shape[0] for i in self._inputs if i.shape and isinstance(i.shape[0], int)}
        return sizes.pop() if len(sizes) == 1 else None


def canary_deviation(card: Card, row: npt.NDArray[Any]) -> tuple[float, float]:
    """Return by how much a row differs from a card's canary at most, and how much it may differ."""
    expected = np.array(card.canary)
    deviation = float(np.abs(row[: len(expected)] - expected).max())
    return deviation, CANARY_TOLERANCE * max(1.0, float(np.abs(expected).max()))


@lru_cache(maxsize=4)
def open_backbone(card: Card, provider: Provider = CPU) -> Backbone:
    """A shared Backbone: clones and pipelines in one process load each graph once."""
    return Backbone(card, provider=provider)


if hasattr(os, "register_at_fork"):  # a session does not survive a fork: the child opens its own
    os.register_at_fork(after_in_child=open_backbone.cache_clear)


def _graph_key(card: Card) -> str:
    """Stands for the bytes of a card's graph, and of the files beside it, and its tap."""
    files = {file.name: file.sha256 for file in card.files}
    return json.dumps([card.graph.sha256, files, card.output], sort_keys=True)


def _filled(feed: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    return np.concatenate([feed, np.repeat(feed[-1:], n - len(feed), axis=0)])


def _masked_mean(places: FloatArray, mask: npt.NDArray[np.bool_]) -> FloatArray:
    counts = np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(np.float32)
    return np.asarray(np.einsum("npd,np->nd", places, mask.astype(np.float32)) / counts)


def _last(places: FloatArray, mask: npt.NDArray[np.bool_]) -> FloatArray:
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    return np.asarray(places[np.arange(len(places)), last])


def _masked_max(places: FloatArray, mask: npt.NDArray[np.bool_]) -> FloatArray:
    seen = np.where(mask[:, :, None], places, -np.inf).max(axis=1)
    return np.where(np.isfinite(seen), seen, 0).astype(np.float32)


_POOL: Mapping[str, Callable[[FloatArray, npt.NDArray[np.bool_]], FloatArray]] = MappingProxyType(
    {
        "none": lambda places, mask: places[:, 0],
        "cls": lambda places, mask: places[:, 0],
        "mean": lambda places, mask: np.asarray(places.mean(axis=1)),
        "max": _masked_max,
        "masked-mean": _masked_mean,
        "last": _last,
    }
)
