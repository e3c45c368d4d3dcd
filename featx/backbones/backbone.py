"""Tensors in, rows out: one frozen graph in one ONNX Runtime session."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.backbones.providers import CPU, Provider, read_provider
from featx.backbones.session import FAILURES, open_graph
from featx.catalog import Card, get_card, verify_files
from featx.errors import BadGraph, first_line
from featx.graphs.pooling import read_pooling
from featx.modalities import Batch, Reader

__all__ = ["Backbone", "open_backbone"]

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
        Another pooling, by its name in ``featx.graphs.pooling.POOLINGS``.
    normalize : bool, default=None
        Whether rows are scaled to unit L2 norm.
    options : mapping, default=None
        Entries of the modality's table in the card to change, such as ``{"resize": 128}``.
    provider : str or Provider, default="cpu"
        Where it is computed, as ``featx.backbones.providers.read_provider`` reads it.

    Raises
    ------
    UnknownBackbone, MissingWeights, WrongDigest, BadGraph, UnknownTap, BadOption

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
        files = verify_files(self.card)
        self._graph = files[self.card.graph.name]
        self.provider = read_provider(provider) if isinstance(provider, str) else provider
        self._session = open_graph(
            self._graph, self.card.output, key=_graph_key(self.card), provider=self.provider
        )
        self._inputs = self._session.get_inputs()
        self._fixed = self._fixed_batch()
        others = {name: path for name, path in files.items() if path != self._graph}
        self.reader: Reader = self.card.input.open(others)
        self._pooling = read_pooling(self.card.pooling)
        self._dim = self.card.dim

    def __repr__(self) -> str:
        return f"Backbone({self.card.name!r})"

    @property
    def fingerprint(self) -> str:
        """64 hex digits over everything that decides a number in a row.

        The card's, and where the provider computes in a lesser precision one of its own.
        """
        return self.card.fingerprint if self.provider.exact else self.cache_key

    @property
    def cache_key(self) -> str:
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
        rows, item_index = [], []
        for batch in self.reader.batches(items, batch_size or self.batch):
            rows.append(self._run(batch))
            item_index.append(batch.item_index)
        if len({part.shape[1] for part in rows}) > 1:
            raise BadGraph(
                f"{self.card.name}: rows of different lengths; 'flatten' needs inputs of one length"
            )
        merged = self.reader.merge(np.concatenate(rows), np.concatenate(item_index), len(items))
        if self.card.normalize:
            merged = merged / np.maximum(np.linalg.norm(merged, axis=1, keepdims=True), 1e-12)
        if self._dim is not None and merged.shape[1] != self._dim:
            raise BadGraph(
                f"{self.card.name}: rows have {merged.shape[1]} columns, its card says {self._dim}"
            )
        return np.ascontiguousarray(merged, np.float32)

    def _run(self, batch: Batch) -> FloatArray:
        feeds = self.feeds(batch)
        n, fixed = len(batch.item_index), self._fixed or len(batch.item_index)
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
        """Return one row a sample of a tensor of any rank."""
        try:
            return self._pooling.rows(values, mask, self.card.channel_axis)
        except BadGraph as error:
            raise BadGraph(f"{self.card.name}: {error}") from None

    def _fixed_batch(self) -> int | None:
        """The only batch that the graph takes, or None when it takes any."""
        sizes = {i.shape[0] for i in self._inputs if i.shape and isinstance(i.shape[0], int)}
        return sizes.pop() if len(sizes) == 1 else None


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
