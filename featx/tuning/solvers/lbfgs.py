"""What makes a descent short: the curvature that rows have by themselves, and that of the last steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from featx._typing import FloatArray

__all__ = ["History", "MapFn", "Spectrum", "dot"]

MapFn = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]

_CHUNK = (
    2048  # rows for one part of their outer product; fixed, so that threads do not change the sum
)
_RANK = 1e-6  # of the largest eigenvalue, below which a direction holds no row
_MEMORY = 20  # steps that are remembered, or fewer where they are long
_ROOM = 20_000_000  # numbers in them; with each goes one change of the gradient


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Eigenvectors and eigenvalues of the mean outer product of rows."""

    vectors: FloatArray  # (d, r)
    values: FloatArray  # (r,)

    @classmethod
    def of(cls, rows: FloatArray, map_fn: MapFn) -> Spectrum:
        """Of a table of shape (n, d)."""
        n, d = rows.shape
        if n < d:
            values, left = np.linalg.eigh((rows @ rows.T / n).astype(np.float64))
            kept = values > values[-1] * _RANK
            values, left = values[kept], left[:, kept].astype(np.float32)
            vectors = rows.T @ left / np.sqrt(n * values).astype(np.float32)
            return cls(vectors, values.astype(np.float32))
        gram = np.zeros((d, d))
        for part in map_fn(lambda start: _gram(rows[start : start + _CHUNK]), range(0, n, _CHUNK)):
            gram += part
        values, vectors = np.linalg.eigh(gram / n)
        return cls(vectors.astype(np.float32), np.maximum(values, 0).astype(np.float32))

    def solve(self, table: FloatArray, curvature: float, penalty: FloatArray) -> FloatArray:
        """``table`` times the inverse of curvature x outer product + penalty; shape (p, d, m) stays."""
        p, d, m = table.shape
        flat = table.transpose(1, 0, 2).reshape(d, p * m)
        inner = (self.vectors.T @ flat).reshape(-1, p, m)
        soft = 1 / (curvature * self.values[:, None, None] + penalty[:, 0, 0, None])
        if len(self.values) == d:
            made = self.vectors @ (inner * soft).reshape(d, p * m)
        else:  # outside the span of the rows there is nothing but the penalty
            stiff = 1 / penalty[:, 0, 0, None]
            made = (flat.reshape(d, p, m) * stiff).reshape(d, p * m)
            made += self.vectors @ (inner * (soft - stiff)).reshape(-1, p * m)
        return np.asarray(made.reshape(d, p, m).transpose(1, 0, 2), np.float32)


class History:
    """The last steps and what they did to the gradient, of every split."""

    def __init__(self, precondition: Callable[[FloatArray], FloatArray]) -> None:
        self._soften = precondition
        self._pairs: list[tuple[FloatArray, FloatArray, FloatArray]] = []

    def moved(self, precondition: Callable[[FloatArray], FloatArray], more: FloatArray) -> History:
        """These steps under another penalty: ``more`` than before, of all but the last entry of d."""
        there = History(precondition)
        for step, change, _ in self._pairs:
            changed = change.copy()
            changed[:, :-1] += more * step[:, :-1]
            there.add(step, changed)
        return there

    def add(self, step: FloatArray, change: FloatArray) -> None:
        """A step, and the gradient behind it less the one before it."""
        along = dot(step, change)
        useful = along > 1e-10
        inverse = np.where(useful, 1 / np.where(useful, along, 1), 0).astype(np.float32)
        most = min(_MEMORY, max(4, _ROOM // step.size))
        self._pairs = [*self._pairs[1 - most :], (step, change, inverse)]

    def turn(self, gradient: FloatArray) -> FloatArray:
        """The gradient through the inverse curvature as far as it is known."""
        turned = gradient.copy()
        parts = []
        for step, change, inverse in reversed(self._pairs):
            part = inverse * dot(step, turned)
            turned -= part * change
            parts.append(part)
        turned = self._soften(turned)
        if self._pairs:
            _, change, inverse = self._pairs[-1]
            norm = dot(change, self._soften(change)) * inverse
            turned *= np.where(norm > 0, 1 / np.where(norm > 0, norm, 1), 1)
        for (step, change, inverse), part in zip(self._pairs, reversed(parts), strict=True):
            turned += (part - inverse * dot(change, turned)) * step
        return turned


def _gram(rows: FloatArray) -> FloatArray:
    return np.asarray(rows.T @ rows)


def dot(one: FloatArray, other: FloatArray) -> FloatArray:
    """Of each split; shape (p, 1, 1)."""
    return np.asarray(np.einsum("pdm,pdm->p", one, other))[:, None, None]
