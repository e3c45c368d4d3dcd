"""Several taps of one graph: rows of all of them in one pass over the samples."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from featx._typing import FloatArray, Mask
from featx.backbones.backbone import Backbone, graph_key
from featx.backbones.filling import filled_parts
from featx.backbones.maps import fitting_axis
from featx.backbones.session import open_session, run_session
from featx.catalog import is_shipped, names_beside, verify_files
from featx.errors import BadGraph, FeatxWarning
from featx.graphs import cut_at
from featx.graphs.pooling import read_pooling
from featx.modalities import Batch
from featx.storage.blob import Blob

__all__ = ["SeveralTaps", "TapView", "own_tap"]

# Columns of all taps side by side: 2000 rows of them take 320 MB.
_MOST_COLUMNS = 40_000
# Positions before those of the patches of a picture: a class token and registers.
_MOST_TOKENS = 16
# Patches below which there is no telling them from tokens.
_LEAST_PATCHES = 9


@dataclass(frozen=True, slots=True)
class TapView:
    """One way to make rows of a tap.

    Attributes
    ----------
    tap : str
    pooling : str
    shape : tuple of int
        What the tap gives of the built-in sample, without the batch.
    parts : tuple of (int, int)
        Where its columns begin and end in the rows of all taps.
    """

    tap: str
    pooling: str
    shape: tuple[int, ...]
    parts: tuple[tuple[int, int], ...]


class SeveralTaps:
    """An embedder of one session with several outputs: a row holds those of all taps side by side.

    Each is pooled, and merged over the windows of a sample, as ``Backbone`` does it for another tap. ``rows``
    takes those of one view out, and normalises them where the card says so.

    Parameters
    ----------
    backbone : Backbone
        Its card, reader, batches and provider are used; its own tap is one of the taps, with its own pooling.
    taps : sequence of str
        Names of further tensors. Those of which no rows can be made are left out with a FeatxWarning.

    Raises
    ------
    BadGraph
        The graph fails, or no tap gives rows.

    Examples
    --------
    >>> several = SeveralTaps(Backbone("featx-text-nano"), ["token_sum"])
    >>> [(view.tap, view.pooling) for view in several.views]
    [('token_sum', 'none'), ('embedding', 'none')]
    """

    def __init__(self, backbone: Backbone, taps: Sequence[str]) -> None:
        self.backbone, self.reader = backbone, backbone.reader
        self.chunk_size, self.batch_size = backbone.chunk_size, backbone.batch_size
        self.own = own_tap(backbone)
        self._taps = [*dict.fromkeys(tap for tap in taps if tap != self.own), self.own]
        self._open()
        kept, widths = self._examine()
        self._stored = [(tap, pooling) for tap, poolings in kept.items() for pooling in poolings]
        self.dim = sum(widths[key] for key in self._stored)
        ends = np.cumsum([0, *(widths[key] for key in self._stored)]).tolist()
        self._spans = dict(zip(self._stored, pairwise(ends), strict=True))
        self.views = tuple(view for tap in kept for view in self._views(tap, kept[tap]))
        described = json.dumps(self._stored)
        self.name = f"{len(kept)} taps of {backbone.name}"
        self.fingerprint = _digest(backbone.fingerprint, described)
        self.cache_key = _digest(backbone.cache_key, described)

    def rows(self, wide: FloatArray, view: TapView) -> FloatArray:
        """Return the rows of one view out of those of all taps, as ``Backbone`` gives them.

        Parameters
        ----------
        wide : ndarray of shape (n, dim), float32

        Returns
        -------
        ndarray of shape (n, n_columns), float32, C-ordered
        """
        rows = np.concatenate([wide[:, start:end] for start, end in view.parts], axis=1)
        if self.backbone.card.normalize:
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return np.ascontiguousarray(rows, np.float32)

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return one row for each item, in order; shape (len(items), dim), float32."""
        if not items:
            return np.empty((0, self.dim), np.float32)
        limit = self.backbone.batch
        size = min(batch_size or self.batch_size, limit) if limit else batch_size or self.batch_size
        blocks: dict[tuple[str, str], list[FloatArray]] = {key: [] for key in self._stored}
        owners = []
        for batch in self.reader.batches(items, size):
            outputs = self._outputs(batch)
            owners.append(batch.item_index)
            with np.errstate(all="ignore"):
                for tap, pooling in self._stored:
                    blocks[tap, pooling].append(self._pool(outputs[tap], batch.mask, pooling))
        index, n = np.concatenate(owners), len(items)
        with np.errstate(all="ignore"):
            merged = [
                self.reader.merge(np.concatenate(block), index, n) for block in blocks.values()
            ]
        return np.ascontiguousarray(np.concatenate(merged, axis=1), np.float32)

    def _open(self) -> None:
        """Open a session with the taps as its outputs."""
        card = self.backbone.card
        graph = verify_files(card)[card.graph.name]
        if not is_shipped(card):
            from featx.graphs.admission import admit

            key = graph_key(card, self._taps)
            admit(graph, *self._taps, key=key, files=names_beside(card))
        try:
            self._session = self._session_of(graph, self._taps)
        except BadGraph:
            # A tensor may be of a type that inference does not find: each is tried by itself.
            self._taps = [tap for tap in self._taps if tap == self.own or self._opens(graph, tap)]
            self._session = self._session_of(graph, self._taps)
        self._wanted = [one.name for one in self._session.get_inputs()]
        self._feeder = self.backbone

    def _session_of(self, graph: Blob, taps: Sequence[str]) -> Any:
        data = cut_at(graph, taps, beside=graph.path is not None)
        return open_session(data, graph, self.backbone.provider)

    def _opens(self, graph: Blob, tap: str) -> bool:
        """Return whether a session can give a tensor; say that it is left out otherwise."""
        try:
            self._session_of(graph, [tap])
        except BadGraph as error:
            self._warn(f"{tap} is left out: {error}")
            return False
        return True

    def _feeds(self, batch: Batch) -> dict[str, Any]:
        feeds = self._feeder.feeds(batch)
        if self._feeder is self.backbone and not feeds.keys() >= {*self._wanted}:
            # A deeper tap may read an input that the card's own does not.
            self._feeder = Backbone(
                self.backbone.card, tap=self._taps[-2], provider=self.backbone.provider
            )
            feeds = {**feeds, **self._feeder.feeds(batch)}
        if missing := [name for name in self._wanted if name not in feeds]:
            raise BadGraph(f"{self.backbone.name}: the graph wants an input {missing[0]!r}")
        return {name: feeds[name] for name in self._wanted}

    def _outputs(self, batch: Batch) -> dict[str, FloatArray]:
        """Return what each tap gives of a batch."""
        feeds, n = self._feeds(batch), len(batch.item_index)
        fixed = self.backbone.fixed or self.backbone.batch or n
        parts: list[list[Any]] = [[] for _ in self._taps]
        for part, size in filled_parts(feeds, n, fixed):
            for found, values in zip(parts, run_session(self._session, part), strict=True):
                fits = isinstance(values, np.ndarray) and values.shape[:1] == (fixed,)
                found.append(values[:size] if fits else None)
        return {tap: _joined(found) for tap, found in zip(self._taps, parts, strict=True)}

    def _pool(self, values: FloatArray, mask: Mask | None, pooling: str) -> FloatArray:
        return read_pooling(pooling).rows(values, mask, self.backbone.card.channel_axis)

    def _examine(self) -> tuple[dict[str, list[str]], dict[tuple[str, str], int]]:
        """Return the poolings of each tap whose rows are kept, and how many columns each has."""
        card, own = self.backbone.card, self.own
        item = self.reader.read(self.reader.load(card.input.canary()))
        batch = next(iter(self.reader.batches([item], 1)))
        outputs = self._outputs(batch)
        self._shapes = {tap: tuple(values.shape[1:]) for tap, values in outputs.items()}
        kept, widths, odd = dict[str, list[str]](), dict[tuple[str, str], int](), list[str]()
        for tap in self._taps:
            poolings = [card.pooling] if tap == own else []
            if tap == own or self._is_laid_out_alike(tap):
                poolings += self._poolings(tap, batch.mask)
            for pooling in dict.fromkeys(poolings):
                if width := self._width(outputs[tap], batch, pooling):
                    kept.setdefault(tap, []).append(pooling)
                    widths[tap, pooling] = width
            if tap not in kept:
                odd.append(tap)
        if not kept:
            raise BadGraph(f"{card.name}: no tap gives rows; choose others")
        if odd:
            self._warn(f"no rows can be made of {_some(odd)}, which are left out")
        return self._thinned(kept, widths), widths

    def _is_laid_out_alike(self, tap: str) -> bool:
        """Return whether the channels of a tap may well stand where the card's are."""
        axis = self.backbone.card.channel_axis
        return fitting_axis((1, *self._shapes[tap]), axis) == axis

    def _thinned(
        self, kept: dict[str, list[str]], widths: dict[tuple[str, str], int]
    ) -> dict[str, list[str]]:
        """Return the taps without every other one, until their rows are not too wide together."""
        dropped: list[str] = []
        while sum(widths[tap, one] for tap in kept for one in kept[tap]) > _MOST_COLUMNS:
            others = [tap for tap in kept if tap != self.own][::-1]
            if not others[1::2]:
                break
            dropped += others[1::2]
            kept = {tap: poolings for tap, poolings in kept.items() if tap not in dropped}
        if dropped:
            self._warn(f"{len(dropped)} taps are left out: all rows together would be too wide")
        return kept

    def _poolings(self, tap: str, mask: Mask | None) -> list[str]:
        """Return the poolings that suit what a tap gives."""
        shape, card = self._shapes[tap], self.backbone.card
        if len(shape) == 1:
            return ["none"] if tap != self.own else []
        if len(shape) != 2 or card.channel_axis == 1:
            return ["mean"]
        mean = "masked-mean" if card.pooling == "masked-mean" else "mean"
        if mask is not None:
            return ["cls", mean]
        before = _tokens_before_patches(shape[0]) if card.modality == "image" else 0
        return ["cls", str(read_pooling(f"patch-mean:{before}"))] if before else ["mean"]

    def _views(self, tap: str, poolings: Sequence[str]) -> list[TapView]:
        """Return the views of a tap: of each pooling, and of the class token and the mean side by side."""
        spans: dict[str, tuple[tuple[int, int], ...]] = {
            pooling: (self._spans[tap, pooling],) for pooling in poolings
        }
        means = [one for one in poolings if one.endswith("mean") or one.startswith("patch-mean")]
        if "cls" in spans and means:
            mean = means[-1]
            name = mean.replace("patch-mean", "cls+mean") if "patch" in mean else f"cls,{mean}"
            spans.setdefault(name, (*spans["cls"], *spans[mean]))
        return [TapView(tap, name, self._shapes[tap], parts) for name, parts in spans.items()]

    def _width(self, values: FloatArray, batch: Batch, pooling: str) -> int | None:
        """Return the columns of a row; None where none can be made, or it is not finite."""
        try:
            with np.errstate(all="ignore"):
                rows = self._pool(values, batch.mask, pooling)
                rows = self.reader.merge(rows, batch.item_index, 1)
        except (BadGraph, IndexError, ValueError):
            return None
        return rows.shape[1] if rows.ndim == 2 and np.isfinite(rows).all() else None

    def _warn(self, text: str) -> None:
        warnings.warn(f"{self.backbone.name}: {text}", FeatxWarning, stacklevel=5)


def own_tap(backbone: Backbone) -> str:
    """Return the name of the tensor that a backbone reads."""
    from featx.graphs.cut import resolve_tap
    from featx.graphs.inspect import load_model

    card = backbone.card
    graph = verify_files(card)[card.graph.name]
    return resolve_tap(load_model(graph, weights=False), card.output, graph)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _joined(found: Sequence[Any]) -> FloatArray:
    """Return the values of all runs; an empty array where a run did not give an entry a sample."""
    if any(values is None for values in found):
        return np.empty((0,), np.float32)
    values = found[0] if len(found) == 1 else np.concatenate(found)
    # of float64: what float32 does not hold is infinite, and the row is rejected
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float32, copy=False)


def _tokens_before_patches(positions: int) -> int:
    """Return how many positions stand before a square of patches; 0 where there are none, or no square."""
    for before in range(_MOST_TOKENS + 1):
        patches = positions - before
        if patches >= _LEAST_PATCHES and math.isqrt(patches) ** 2 == patches:
            return before
    return 1 if positions > _LEAST_PATCHES else 0


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
