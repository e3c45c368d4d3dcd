"""Embedders: what an engine drives, a backbone or a baseline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from featx._typing import FloatArray
from featx.modalities import DoubtfulReader, ItemReader, Settings, fingerprint_entries

__all__ = ["BaselineEmbedder", "Embedder", "ReaderEmbedder", "describe_doubts"]


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


class ReaderEmbedder:
    """An embedder without a backbone: the items of its reader are rows.

    Parameters
    ----------
    name : str
    reader : ItemReader
        A dataclass, whose items are float32 of one length.
    canary : object
        A sample that it can read.
    described : mapping of str to int, default=None
        What the fingerprint says beside the reader's own entries.
    """

    def __init__(
        self, name: str, reader: Any, canary: Any, described: Mapping[str, Any] | None = None
    ) -> None:
        self.name, self.reader = name, reader
        entries = {"reader": type(reader).__name__, "settings": fingerprint_entries(reader)}
        text = json.dumps(entries if described is None else dict(described))
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()
        self.cache_key, self.chunk_size = self.fingerprint, reader.chunk_size
        self.batch_size = reader.batch_size
        self.dim = len(reader.read(reader.load(canary)))

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return the items as they are, stacked: shape (len(items), dim), float32."""
        return np.stack(items) if items else np.empty((0, self.dim), np.float32)


class BaselineEmbedder(ReaderEmbedder):
    """An embedder of what samples say by themselves, such as a few raw pixels."""

    def __init__(self, settings: Settings) -> None:
        reader = settings.baseline()
        described = {"baseline": 1, settings.modality: fingerprint_entries(reader)}
        super().__init__(settings.baseline_name, reader, settings.canary(), described)
