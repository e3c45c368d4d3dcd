"""Embedders: what an engine drives, a backbone or a baseline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from featx._typing import FloatArray
from featx.modalities import DoubtfulReader, ItemReader, Settings, fingerprint_entries

__all__ = ["BaselineEmbedder", "Embedder", "describe_doubts"]


class Embedder(Protocol):
    """The protocol of what the engine drives: a backbone, or a baseline instead."""

    @property
    def name(self) -> str:
        """The name that messages give it."""

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides a row, besides the content of its sample."""

    @property
    def cache_key(self) -> str:
        """The key under which its rows are cached."""

    @property
    def chunk_size(self) -> int:
        """The least number of samples that one worker takes at a time."""

    @property
    def batch_size(self) -> int:
        """The default number of samples that go through it together."""

    @property
    def dim(self) -> int:
        """The number of columns of a row."""

    @property
    def reader(self) -> ItemReader:
        """The reader that makes items of samples."""

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return one row for each item, in order."""


def describe_doubts(embedder: Embedder, doubtful: int, examined: int) -> str | None:
    """Return what to say of samples that an embedder can hardly make sense of; None where there are none."""
    reader = embedder.reader
    if not doubtful or not isinstance(reader, DoubtfulReader):
        return None
    return reader.describe_doubts(doubtful, examined, embedder.name)


class BaselineEmbedder:
    """An embedder without a backbone: its rows are what samples say by themselves, such as a few raw pixels."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.baseline_name
        self.reader = settings.baseline()
        described = {"baseline": 1, settings.modality: fingerprint_entries(self.reader)}
        self.fingerprint = hashlib.sha256(json.dumps(described).encode()).hexdigest()
        self.cache_key, self.chunk_size = self.fingerprint, self.reader.chunk_size
        self.batch_size = self.reader.batch_size
        self.dim = len(self.reader.read(self.reader.load(settings.canary())))

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return the items as they are, stacked: shape (len(items), dim), float32."""
        return np.stack(items) if items else np.empty((0, self.dim), np.float32)
