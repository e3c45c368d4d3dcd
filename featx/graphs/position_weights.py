"""Poolings as weighted sums over positions, where they are that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from featx._typing import Doubles, FloatArray, Mask
from featx.errors import NoExactSum
from featx.graphs.pooling import Pooling, to_channels_last

__all__ = ["NOT_SUMS", "POSITION_WEIGHTS", "pull_pooling"]

# A mask of shape (positions,) and the parameters of the pooling, to a weight a position.
_Weights = Callable[..., Doubles]


def _alike(mask: Mask) -> Doubles:
    return mask / max(int(mask.sum()), 1)


def _by_root(mask: Mask) -> Doubles:
    return np.asarray(mask / np.sqrt(max(int(mask.sum()), 1)))


def _by_number(mask: Mask) -> Doubles:
    weights = np.where(mask, np.arange(1.0, len(mask) + 1), 0.0)
    return np.asarray(weights / max(float(weights.sum()), 1e-9))


def _but_first(mask: Mask, first: float) -> Doubles:
    # as ``patch-mean``: all of them where there are no more
    kept = mask & (np.arange(len(mask)) >= int(first))
    return _alike(kept)


def _only_first(mask: Mask, count: float) -> Doubles:
    return _alike(mask & (np.arange(len(mask)) < int(count)))


POSITION_WEIGHTS: Mapping[str, _Weights] = MappingProxyType(
    {
        "mean": _alike,
        "masked-mean": _alike,
        "mean-sqrt": _by_root,
        "weighted-mean": _by_number,
        "patch-mean": _but_first,
        "first-mean": _only_first,
    }
)
_TOKEN = "the row is one token, which has read all the others"
# Poolings whose rows are no sum over positions, and why.
NOT_SUMS: Mapping[str, str] = MappingProxyType(
    {
        "none": "the tap gives a row",
        "cls": _TOKEN,
        "first": _TOKEN,
        "last": _TOKEN,
        "cls+mean": "a part of the row is one token, which has read all the others",
        "gem": "a generalised mean is no sum of positions",
    }
)


def pull_pooling(
    pooling: Pooling,
    values: FloatArray,
    mask: Mask | None,
    channel_axis: int | None,
    weights: Doubles,
) -> tuple[Doubles, Doubles]:
    """Return the weights of a map, and the part of each position in the row, of a weighted sum of the row.

    Parameters
    ----------
    pooling : Pooling
    values : ndarray of shape (1, ...)
        What a tap gives of one sample.
    mask : ndarray of shape (1, positions), or None
        False where a position is padding.
    channel_axis : int or None
    weights : ndarray of shape (columns,)
        The weight of each column of the row.

    Returns
    -------
    weights : ndarray of shape (positions, channels), float64
    shares : ndarray of shape (positions,), float64
        They add up to 1.

    Raises
    ------
    NoExactSum
        The row is no sum over the positions.

    Examples
    --------
    >>> from featx.graphs.pooling import read_pooling
    >>> tokens = np.zeros((1, 4, 1), np.float32)
    >>> pull_pooling(read_pooling("mean"), tokens, None, None, np.array([2.0]))[0].ravel()
    array([0.5, 0.5, 0.5, 0.5])
    """
    [moved] = to_channels_last(values, channel_axis)
    positions = np.asarray(moved.reshape(-1, moved.shape[-1]), np.float64)
    inside = np.ones(len(positions), np.bool_) if mask is None else mask[0]
    if pooling.name == "flatten":
        cut = _padded(pooling, weights, values.size).reshape(values.shape)
        return to_channels_last(cut, channel_axis).reshape(positions.shape), _alike(inside)
    parts = pooling.parts or (pooling,)
    cut = _padded(pooling, weights, positions.shape[1] * len(parts))
    whole, shares = np.zeros_like(positions), np.zeros(len(positions))
    for part, own in zip(parts, np.split(cut, len(parts)), strict=True):
        by_position = _of_one(part, positions, inside)
        whole += by_position * own
        shares += by_position.mean(axis=1)
    total = shares.sum()
    return whole, shares / total if total else _alike(inside)


def _padded(pooling: Pooling, weights: Doubles, columns: int) -> Doubles:
    """Return weights of all columns, of those that are kept; refuse a pooling of another number."""
    for one in pooling.parts or (pooling,):
        if one.name in NOT_SUMS:
            raise NoExactSum(f"pooling {str(one)!r}: {NOT_SUMS[one.name]}")
    if pooling.columns is None and len(weights) != columns:
        raise NoExactSum(f"pooling {str(pooling)!r}: gives other columns than channels")
    return np.concatenate([weights, np.zeros(columns - len(weights))])


def _of_one(pooling: Pooling, positions: Doubles, inside: Mask) -> Doubles:
    """Return the weight of each position, of shape (positions, 1), or with max that of each channel."""
    if pooling.name in POSITION_WEIGHTS:
        return POSITION_WEIGHTS[pooling.name](inside, *pooling.parameters)[:, None]
    if pooling.name != "max":
        raise NoExactSum(f"pooling {str(pooling)!r}: is not known as a sum over positions")
    # each channel counts at the position that it was taken from
    chosen = np.zeros_like(positions)
    largest = np.where(inside[:, None], positions, -np.inf).argmax(axis=0)
    chosen[largest, np.arange(positions.shape[1])] = 1.0
    return chosen
