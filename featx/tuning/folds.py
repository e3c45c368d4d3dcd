"""Folds that spread labels and numbers evenly, and keep the samples of a group together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Integers, Labels, Mask

__all__ = ["group_folds", "iterative_folds", "quantile_folds"]


def group_folds(
    labels: npt.NDArray[np.generic], groups: Labels, n_folds: int, rng: np.random.Generator
) -> Integers:
    """Return a fold for each sample so that no group is in two folds, with the classes spread evenly.

    The groups are taken from the most uneven on, and each is put where the counts of classes then differ least
    among folds, as ``sklearn.model_selection.StratifiedGroupKFold`` does. A class that is in one group only
    stays in every training part: all its groups get -1.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    groups : ndarray of shape (n,)
    n_folds : int
    rng : Generator
        Decides among groups that are alike.

    Returns
    -------
    ndarray of shape (n,), intp
        0 … n_folds - 1, or -1.

    Examples
    --------
    >>> labels, groups = np.array(list("ababab")), np.array(list("xxyyzz"))
    >>> folds = group_folds(labels, groups, 3, np.random.default_rng(0))
    >>> sorted(folds.tolist()), bool(folds[0] == folds[1])
    ([0, 0, 1, 1, 2, 2], True)
    """
    _, codes = np.unique(labels, return_inverse=True)
    names, members = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), codes.max() + 1))
    np.add.at(counts, (members, codes), 1)
    lone = (counts > 0).sum(axis=0) == 1
    fixed: Mask = np.any(counts[:, lone] > 0, axis=1)
    placed = _place(counts / counts.sum(axis=0), n_folds, rng, fixed)
    return placed[members]


def _place(shares: Doubles, n_folds: int, rng: np.random.Generator, fixed: Mask) -> Integers:
    """Return the fold of each group, which makes the sums of its shares alike; -1 where it is ``fixed``."""
    placed = np.full(len(shares), -1, np.intp)
    sums = np.zeros((n_folds, shares.shape[1]))
    # A random order first, so that ties are broken by chance.
    order = rng.permutation(len(shares))
    order = order[np.argsort(-shares[order].std(axis=1), kind="stable")]
    sizes = np.zeros(n_folds)
    for group in order:
        if fixed[group]:
            continue
        uneven = np.empty(n_folds)
        for fold in range(n_folds):
            sums[fold] += shares[group]
            uneven[fold] = sums.std(axis=0).mean()
            sums[fold] -= shares[group]
        # Among folds that are as good the smallest.
        best = np.flatnonzero(uneven <= uneven.min() + 1e-12)
        fold = best[np.argmin(sizes[best])]
        placed[group] = fold
        sums[fold] += shares[group]
        sizes[fold] += shares[group].sum()
    return placed


def quantile_folds(
    numbers: Doubles, n_folds: int, rng: np.random.Generator, groups: Labels | None = None
) -> Integers:
    """Return a fold for each sample, with small and large numbers spread evenly.

    Parameters
    ----------
    numbers : ndarray of shape (n,)
    groups : ndarray of shape (n,), default=None
        No group is in two folds; a group is as large as the mean of its numbers.

    Returns
    -------
    ndarray of shape (n,), intp

    Examples
    --------
    >>> folds = quantile_folds(np.arange(8.0), 2, np.random.default_rng(0))
    >>> [int(sum(folds == fold)) for fold in (0, 1)]
    [4, 4]
    """
    if groups is not None:
        _, members = np.unique(groups, return_inverse=True)
        means = np.bincount(members, numbers) / np.bincount(members)
        return quantile_folds(means, n_folds, rng)[members]
    # Each run of as many neighbours as there are folds has one in every fold.
    order = np.argsort(numbers, kind="stable")
    folds = np.empty(len(numbers), np.intp)
    for start in range(0, len(order), n_folds):
        part = order[start : start + n_folds]
        folds[part] = rng.permutation(n_folds)[: len(part)]
    return folds


def iterative_folds(
    members: Mask, n_folds: int, rng: np.random.Generator, groups: Labels | None = None
) -> Integers:
    """Return a fold for each sample, with every label spread evenly, the rarest first.

    Parameters
    ----------
    members : ndarray of shape (n, L), bool
        The labels of each sample.
    groups : ndarray of shape (n,), default=None
        No group is in two folds; a group has the labels of all its samples.

    Returns
    -------
    ndarray of shape (n,), intp

    Notes
    -----
    Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011.

    Examples
    --------
    >>> members = np.array([[1, 0], [1, 1], [0, 1], [1, 0], [0, 1], [1, 1]], bool)
    >>> folds = iterative_folds(members, 2, np.random.default_rng(0))
    >>> [members[folds == fold].sum(axis=0).tolist() for fold in (0, 1)]
    [[2, 2], [2, 2]]
    """
    if groups is None:
        return _iterate(members.astype(np.float64), np.ones(len(members)), n_folds, rng)
    names, codes = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), members.shape[1]))
    np.add.at(counts, codes, members)
    sizes = np.bincount(codes).astype(np.float64)
    return _iterate(counts, sizes, n_folds, rng)[codes]


def _iterate(counts: Doubles, sizes: Doubles, n_folds: int, rng: np.random.Generator) -> Integers:
    """Return the fold of each thing, which has so many of each label and is of a size."""
    n = len(counts)
    folds = np.full(n, -1, np.intp)
    wanted = np.tile(counts.sum(axis=0) / n_folds, (n_folds, 1))
    room = np.full(n_folds, sizes.sum() / n_folds)
    order = rng.permutation(n)
    left = (counts > 0).sum(axis=0)
    open_labels = set(np.flatnonzero(left > 0).tolist())
    # Ties among folds are broken by chance, in the same way whatever the order of work.
    noise = rng.random((n, n_folds))

    def put(thing: int, label: int | None) -> None:
        need = room if label is None else wanted[:, label]
        best = np.flatnonzero(need >= need.max() - 1e-9)
        if len(best) > 1:
            roomy = room[best]
            best = best[roomy >= roomy.max() - 1e-9]
        fold = best[np.argmax(noise[thing, best])]
        folds[thing] = fold
        wanted[fold] -= counts[thing]
        room[fold] -= sizes[thing]
        left[counts[thing] > 0] -= 1

    while open_labels:
        open_labels = {label for label in open_labels if left[label] > 0}
        if not open_labels:
            break
        rarest = min(open_labels, key=lambda label: (left[label], label))
        of_label = order[(counts[order, rarest] > 0) & (folds[order] < 0)]
        for thing in of_label.tolist():
            put(thing, rarest)
    for thing in order[folds[order] < 0].tolist():
        put(thing, None)
    return folds
