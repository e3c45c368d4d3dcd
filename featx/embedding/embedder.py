"""Embedders: what an engine drives, a backbone or a baseline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from featx._typing import FloatArray
from featx.modalities import ItemReader, Settings

__all__ = ["BaselineEmbedder", "Embedder"]


class Embedder(Protocol):
    """What the engine drives: a backbone, or a baseline in its place."""

    @property
    def fingerprint(self) -> str:
        """What decides, with a sample's content, its row."""

    @property
    def cache_key(self) -> str:
        """What its rows are cached under."""

    @property
    def chunk_size(self) -> int:
        """Samples that one worker takes at a time, at least."""

    @property
    def batch_size(self) -> int:
        """Samples that go through it together where nobody says."""

    @property
    def dim(self) -> int:
        """Columns of a row."""

    @property
    def reader(self) -> ItemReader:
        """What makes items of samples."""

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return one row for each item, in order."""


class BaselineEmbedder:
    """Rows without a backbone: what samples say by themselves, such as a few raw pixels."""

    def __init__(self, settings: Settings) -> None:
        self.reader = settings.baseline()
        described = {"baseline": 1, settings.modality: asdict(self.reader)}  # type: ignore[call-overload]
        self.fingerprint = hashlib.sha256(json.dumps(described).encode()).hexdigest()
        self.cache_key, self.chunk_size = self.fingerprint, self.reader.chunk_size
        self.batch_size = self.reader.batch_size
        self.dim = len(self.reader.read(self.reader.load(settings.canary())))

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return the items as they are, stacked: shape (len(items), dim), float32."""
        return np.stack(items) if items else np.empty((0, self.dim), np.float32)
