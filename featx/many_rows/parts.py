"""The rows that a head is trained on, those its penalty is chosen by, and those it is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx._typing import Integers, Mask
from featx.errors import BadLabels

__all__ = ["RowParts", "draw_parts"]

# The share of the rows that is measured on, where nothing else is asked, and that by which is chosen.
_TEST_SHARE, _TUNE_SHARE = 0.2, 0.1
# The most bytes that the rows of a part may take in memory, and the most numbers that their scores may be.
_MOST_BYTES = 256 << 20
_MOST_SCORES = 40_000_000


@dataclass(frozen=True, slots=True, eq=False)
class RowParts:
    """The parts of rows, by their indices in ascending order.

    Attributes
    ----------
    train : ndarray of shape (n,), bool
        Which rows the measured head is trained on; what is in no part has a group with one that is.
    tune, test : ndarray of integers
        The rows by which penalties are chosen, and those on which the head is measured.
    """

    train: Mask
    tune: Integers
    test: Integers


def draw_parts(
    codes: Integers,
    n_outputs: int,
    dim: int,
    rng: np.random.Generator,
    *,
    groups: Integers | None = None,
    test_size: float | None = None,
) -> RowParts:
    """Draw the parts at random: each class in its share, and a group on one side alone.

    No more rows are chosen by or measured on than 256 MB hold: their number decides how exact a score is, and
    not their share.

    Parameters
    ----------
    codes : ndarray of shape (n,), integers
        The class of each row; all 0 where targets are numbers.
    n_outputs : int
        Columns of scores.
    dim : int
        Columns of a row.
    rng : Generator
    groups : ndarray of shape (n,), integers, default=None
        The group of each row.
    test_size : float, default=None
        The share of rows to measure on; None: a fifth.

    Raises
    ------
    BadLabels
        There are too few rows, or groups, to leave any out.

    Examples
    --------
    >>> parts = draw_parts(np.arange(100) % 2, 2, 8, np.random.default_rng(0))
    >>> int(parts.train.sum()), len(parts.tune), len(parts.test)
    (72, 8, 20)
    """
    n = len(codes)
    most = max(1, min(_MOST_BYTES // (4 * dim), _MOST_SCORES // n_outputs))
    n_test = min(round(n * (test_size or _TEST_SHARE)), most)
    n_tune = min(round((n - n_test) * _TUNE_SHARE), most)
    if groups is None:
        part = _by_class(codes, (n_test, n_tune), rng)
    else:
        part = _by_group(codes, groups, (n_test, n_tune), rng)
    held = [_at_most(np.flatnonzero(part == number), most, rng) for number in (1, 2)]
    train = part == 0
    if not (train.any() and len(held[0]) and len(held[1])):
        what = "rows" if groups is None else "groups"
        raise BadLabels(
            f"rows: too few {what} to choose a penalty by some and to measure on others; add samples, or "
            "train on them with in_memory=True"
        )
    return RowParts(train, held[1], held[0])


def _by_class(codes: Integers, sizes: tuple[int, int], rng: np.random.Generator) -> Integers:
    """Return 1, 2 or 0 for each row, so many of the first two and of each class in its share."""
    ranks, counts = _ranks(codes, rng)
    part, taken = np.zeros(len(codes), np.intp), np.zeros(len(counts), np.intp)
    for number, size in enumerate(sizes, 1):
        # Sums that are rounded, and not the shares of single classes, so that they add up to the size.
        edges = np.floor(np.cumsum(counts) * (size / len(codes)) + 0.5).astype(np.intp)
        quota = np.minimum(np.diff(edges, prepend=0), np.maximum(counts - 1 - taken, 0))
        chosen = (ranks >= taken[codes]) & (ranks < (taken + quota)[codes])
        part[chosen] = number
        taken += quota
    return part


def _by_group(
    codes: Integers, groups: Integers, sizes: tuple[int, int], rng: np.random.Generator
) -> Integers:
    """Return 1, 2 or 0 for each row, all of a group the same; what is left for training has every class."""
    counts = np.bincount(groups)
    of_group = np.zeros(len(counts), np.intp)
    order = rng.permutation(len(counts))
    for number, size in enumerate(sizes, 1):
        free = order[of_group[order] == 0]
        fits = np.cumsum(counts[free]) <= max(size, int(counts[free].min(initial=0)))
        # The first may be the largest of all: the smallest does as well.
        chosen = free[fits] if fits.any() else free[counts[free].argmin()][None]
        of_group[chosen] = number
    part = of_group[groups]
    missing = np.setdiff1d(codes, codes[part == 0])
    if len(missing):
        of_group[groups[np.isin(codes, missing)]] = 0
    return np.asarray(of_group[groups])


def _ranks(codes: Integers, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Return the place of each row among those of its class, drawn at random, and the rows of each class."""
    counts = np.bincount(codes)
    shuffled = rng.permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    ranks = np.empty(len(codes), np.intp)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    ranks[order] = np.arange(len(codes)) - starts
    return ranks, counts


def _at_most(indices: Integers, most: int, rng: np.random.Generator) -> Integers:
    if len(indices) <= most:
        return indices
    return np.sort(rng.choice(indices, most, replace=False))
