"""Samples dealt into folds, class by class."""

from __future__ import annotations

import numpy as np

from featx._typing import Integers, Labels

__all__ = ["Deals", "Integers", "Labels", "make_folds"]


_GRAM = 8000  # training samples of which a whole kernel matrix is kept in memory, 8 bytes a pair


def make_folds(labels: Labels, k: int, rng: np.random.Generator) -> Integers:
    """A fold for each sample, with the classes spread evenly.

    The members of a class differ in number by at most one between folds, and so do whole folds. A class
    with a single member gets -1: it stays in every training part. So each training part has all classes.

    Returns
    -------
    ndarray of shape (n,), intp
        0 … k-1, or -1.

    Examples
    --------
    >>> folds = make_folds(np.array(list("aaaabbbbc")), 2, np.random.default_rng(0))
    >>> [int(sum(folds == fold)) for fold in (-1, 0, 1)]
    [1, 4, 4]
    """
    folds = np.full(len(labels), -1, np.intp)
    turn = 0
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            folds[rng.permutation(members)] = (np.arange(len(members)) + turn) % k
            turn += len(members)
    return folds


class Deals:
    """Samples dealt into folds once or several times: what each training part has, and what it leaves out.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    k : int
        Folds a deal.
    repeats : int
    seed : int
    """

    def __init__(self, labels: Labels, k: int, *, repeats: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        folds = np.stack([make_folds(labels, k, rng) for _ in range(repeats)])
        self.splits = [
            (np.flatnonzero(deal != fold), np.flatnonzero(deal == fold))
            for deal in folds
            for fold in range(k)
            if (deal == fold).any()
        ]
        self.k, self.repeats = k, repeats

    @property
    def tested(self) -> Integers:
        """Samples in the order in which splits leave them out."""
        return np.concatenate([test for _, test in self.splits])

    @property
    def least(self) -> int:
        """Samples of the smallest training part."""
        return min(len(train) for train, _ in self.splits)

    @property
    def gram(self) -> bool:
        """Whether training parts are small enough for a kernel matrix of each that is under way."""
        return self.fits(max(len(train) for train, _ in self.splits))

    @staticmethod
    def fits(n: int) -> bool:
        """Whether a kernel matrix of ``n`` training samples is small enough."""
        return n <= _GRAM
