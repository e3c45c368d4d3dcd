"""What an engine drives: a backbone, or a baseline in its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from featx._typing import FloatArray
from featx.modalities import Reader, Settings

__all__ = ["Baseline", "Embedder"]


class Embedder(Protocol):
    """What the engine drives: a backbone, or a baseline in its place."""

    @property
    def fingerprint(self) -> str:
        """Decides, with a sample's content, its row."""

    @property
    def cache_key(self) -> str:
        """What its rows are cached under."""

    @property
    def chunk(self) -> int:
        """Samples that one worker takes at a time, at least."""

    @property
    def batch(self) -> int:
        """Samples that go through it together where nobody says."""

    @property
    def dim(self) -> int:
        """Columns of a row."""

    @property
    def reader(self) -> Reader:
        """From data to items."""

    def embed(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """One row an item, in order."""


class Baseline:
    """Rows without a backbone: what samples say by themselves, such as a few raw pixels."""

    def __init__(self, settings: Settings) -> None:
        self.reader = settings.baseline()
        described = {"baseline": 1, settings.modality: asdict(self.reader)}  # type: ignore[call-overload]
        self.fingerprint = hashlib.sha256(json.dumps(described).encode()).hexdigest()
        self.cache_key, self.chunk = self.fingerprint, self.reader.chunk
        self.batch = self.reader.batch
        self.dim = len(self.reader.read(self.reader.load(settings.canary())))

    def embed(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """The items as they are, stacked: shape (len(items), dim), float32."""
        return np.stack(items) if items else np.empty((0, self.dim), np.float32)
