"""Folds that keep groups together, and those of several labels and of numbers."""

from __future__ import annotations

import numpy as np

from featx._typing import Integers, Labels

__all__ = ["group_folds"]


def group_folds(labels: Labels, groups: Labels, n_folds: int, rng: np.random.Generator) -> Integers:
    """Return a fold for each sample, no group in two of them."""
    names, codes = np.unique(groups, return_inverse=True)
    order = rng.permutation(len(names))
    return np.asarray((np.argsort(order) % n_folds)[codes], np.intp)
