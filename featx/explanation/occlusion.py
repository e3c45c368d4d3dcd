"""Hide one place of a sample after the other, and embed what is left, in batches and on every core."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone
from featx.embedding.engine import Engine, count_workers, embed_chunk
from featx.errors import BadOption, BadSample
from featx.modalities import Occlusions, ShownSamples, shown_samples
from featx.predictor import Predictor
from featx.sources import Sample

__all__ = ["MOST_PLACES", "HiddenRows", "Occluder"]

# Places of one sample: each costs a prediction.
MOST_PLACES = 1024


@dataclass(frozen=True, slots=True, eq=False)
class HiddenRows:
    """The row of a sample, and its rows with a place hidden.

    Attributes
    ----------
    row : ndarray of shape (dim,), float32
    rows : ndarray of shape (n_places, dim), float32
    places : tuple of tuple of float
    extent : tuple of float
    """

    row: FloatArray
    rows: FloatArray
    places: tuple[tuple[float, ...], ...]
    extent: tuple[float, ...]


class Occluder:
    """Hides places of samples.

    Parameters
    ----------
    predictor : Predictor
    places : int or None
        How many, about; None leaves it to the modality.
    engine : Engine
        Embeds what is left; nothing of it is cached.

    Raises
    ------
    BadOption
        ``places`` is no whole number from 1 to 1024.
    """

    def __init__(self, predictor: Predictor, places: int | None, engine: Engine) -> None:
        fine = isinstance(places, int | np.integer) and not isinstance(places, bool)
        if places is not None and not (fine and 1 <= places <= MOST_PLACES):
            raise BadOption(f"places = {places!r:.60}: expected a number from 1 to {MOST_PLACES}")
        self._predictor, self._places = predictor, places
        self._engine = replace(engine, cache=None, on_error="fail", progress=None)

    @property
    def places(self) -> int:
        """The number of places of a sample that are hidden, about."""
        return self._places or self._shown.most_places

    @property
    def _shown(self) -> ShownSamples:
        return shown_samples(self._predictor.card.modality, self._predictor.open().reader)

    def hide(self, sample: Sample) -> HiddenRows:
        """Return the rows of a sample whose places are hidden one after the other.

        Raises
        ------
        BadSample
            It cannot be read, or has no places to hide.
        """
        backbone = self._predictor.open()
        reader = backbone.reader
        try:
            hidden = self._shown.occlusions(reader.load(sample.data), self.places)
        except BadSample as error:
            raise BadSample(f"{sample.id}: {error}") from error
        indices = [None, *range(len(hidden.places))]
        samples = [Sample(sample.id, _Hidden(hidden, index)) for index in indices]
        rows = self._embed(samples, _HidingEmbedder(backbone))
        return HiddenRows(rows[0], rows[1:], hidden.places, hidden.extent)

    def _embed(self, samples: list[Sample], embedder: _HidingEmbedder) -> FloatArray:
        """Return the rows, computed in this thread where the engine has one worker: it can be interrupted."""
        if count_workers(self._engine.n_jobs) > 1:
            return self._engine.embed(samples, embedder).embeddings
        size = embedder.chunk_size
        chunks = (samples[start : start + size] for start in range(0, len(samples), size))
        blocks = [embed_chunk(chunk, embedder) for chunk in chunks]
        if rejects := [reject for block in blocks for reject in block.rejects]:
            raise rejects[0].failure()
        return np.concatenate([block.embeddings for block in blocks])


@dataclass(frozen=True, slots=True, eq=False)
class _Hidden:
    """A sample with one place hidden, which is made when its turn comes."""

    occlusions: Occlusions
    index: int | None


class _HidingReader:
    """A reader of samples with a place hidden."""

    def __init__(self, backbone: Backbone) -> None:
        self.chunk_size, self.batch_size = backbone.chunk_size, backbone.batch_size

    def load(self, data: _Hidden) -> _Hidden:
        return data

    def digest(self, content: _Hidden) -> bytes:
        return hashlib.sha256(repr(content.index).encode()).digest()

    def read(self, content: _Hidden) -> Any:
        return content.occlusions.hide(content.index)


class _HidingEmbedder:
    """A backbone that the engine gives samples with a place hidden."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self.reader = _HidingReader(backbone)
        self.name, self.fingerprint = backbone.name, backbone.fingerprint
        self.cache_key, self.dim = backbone.cache_key, backbone.dim
        self.chunk_size, self.batch_size = backbone.chunk_size, backbone.batch_size

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        return self._backbone.embed_items(items, batch_size)
