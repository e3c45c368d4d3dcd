"""The scale of each input's block of columns in a joint row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from featx._typing import Doubles, FloatArray

__all__ = ["BlockScaling", "InputBlock"]

# What a block of weight 0 weighs: nothing that a float32 sum would notice, and still a number to divide by.
_NOTHING = 1e-12
# Rows that are converted at a time.
_ROWS = 4096


@dataclass(frozen=True, slots=True)
class InputBlock:
    """The columns of one input in a joint row.

    Attributes
    ----------
    name : str
        The input's.
    start, stop : int
        Its columns are those from ``start`` up to ``stop``.

    Examples
    --------
    >>> InputBlock("price", 384, 386).width
    2
    """

    name: str
    start: int
    stop: int

    @property
    def width(self) -> int:
        """The number of its columns."""
        return self.stop - self.start

    @property
    def columns(self) -> slice:
        """Its columns as a slice."""
        return slice(self.start, self.stop)

    @classmethod
    def of_widths(cls, names: Sequence[str], widths: Sequence[int]) -> tuple[Self, ...]:
        """Return the blocks of inputs that stand beside each other.

        >>> InputBlock.of_widths(["a", "b"], [2, 3])[1]
        InputBlock(name='b', start=2, stop=5)
        """
        stops = np.cumsum(widths).tolist()
        parts = zip(names, widths, stops, strict=True)
        return tuple(cls(name, stop - width, stop) for name, width, stop in parts)


@dataclass(frozen=True, slots=True, eq=False)
class BlockScaling:
    """Joint rows with each block standardised, divided by the root of its number of columns, and weighed.

    All blocks together have the variance of as many standardised columns, so that a penalty means what it
    means for one input.

    Attributes
    ----------
    blocks : tuple of InputBlock
    weights : tuple of float
        0 or more, one a block; they matter relative to each other.
    mean, scale : ndarray of shape (d,), float64
        A scaled row is ``(row - mean) / scale``.

    Examples
    --------
    >>> rows = np.array([[0, 0, 5], [2, 4, 5]], np.float32)
    >>> blocks = InputBlock.of_widths(["a", "b"], [1, 2])
    >>> BlockScaling.fit(rows, blocks).apply(rows).round(2).tolist()
    [[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]
    """

    blocks: tuple[InputBlock, ...]
    weights: tuple[float, ...]
    mean: Doubles
    scale: Doubles

    @classmethod
    def fit(
        cls,
        rows: FloatArray,
        blocks: Sequence[InputBlock],
        weights: Sequence[float] | None = None,
        sample_weight: Doubles | None = None,
    ) -> Self:
        """Return the scaling of training rows.

        Parameters
        ----------
        rows : ndarray of shape (n, d), float32
        blocks : sequence of InputBlock
        weights : sequence of float, default=None
            None: every block weighs the same.
        sample_weight : ndarray of shape (n,), float64, default=None
            How often each sample counts.
        """
        return cls.of_moments(*_moments(rows, sample_weight), blocks, weights)

    @classmethod
    def of_moments(
        cls,
        mean: Doubles,
        deviation: Doubles,
        blocks: Sequence[InputBlock],
        weights: Sequence[float] | None = None,
    ) -> Self:
        """Return the scaling of training rows whose columns have these means and standard deviations."""
        weights = (1.0,) * len(blocks) if weights is None else tuple(map(float, weights))
        # What hardly varies beside its own size is constant but for rounding.
        varies = deviation > 1e-6 * np.abs(mean)
        scale = np.where(varies, deviation, 1.0)
        norm = np.sqrt(sum(weight**2 for weight in weights) / max(1, int(varies.sum()))) or 1.0
        for block, weight in zip(blocks, weights, strict=True):
            width = max(1, int(varies[block.columns].sum()))
            scale[block.columns] *= np.sqrt(width) * norm / max(weight, _NOTHING)
        return cls(tuple(blocks), weights, mean, scale)

    def refit(self, rows: FloatArray, sample_weight: Doubles | None = None) -> Self:
        """Return the scaling of other training rows, with the same weights."""
        return self.fit(rows, self.blocks, self.weights, sample_weight)

    def apply(self, rows: FloatArray) -> FloatArray:
        """Return scaled rows; shape (n, d), float32."""
        scaled = np.empty(rows.shape, np.float32)
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            scaled[part] = (rows[part] - self.mean) / self.scale
        return scaled


def _moments(rows: FloatArray, sample_weight: Doubles | None) -> tuple[Doubles, Doubles]:
    """Return the weighted mean and standard deviation of each column, float64."""
    n, d = rows.shape
    weights = np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    total, mean, squares = weights.sum(), np.zeros(d), np.zeros(d)
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        mean += weights[part] @ rows[part].astype(np.float64)
    mean /= total
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        squares += weights[part] @ (rows[part] - mean) ** 2
    return mean, np.sqrt(squares / total)
