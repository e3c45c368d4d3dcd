"""Folds of cross-validation for each kind of target, with or without groups that must not be split.

Each function returns the fold of each sample, 0 … n_folds - 1, or -1 for samples that stay in every training
part, because without them it would lack a class. The same generator gives the same folds.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Integers, Labels, Mask
from featx.errors import BadLabels
from featx.metrics.resampling import group_codes

__all__ = ["group_folds", "iterative_folds", "quantile_folds"]

Groups = Sequence[Any] | npt.NDArray[Any]
Table = npt.NDArray[np.number[Any]]

# Parts of numbers that folds with groups hold alike.
_QUANTILES = 10


def group_folds(labels: Labels, groups: Groups, n_folds: int, rng: np.random.Generator) -> Integers:
    """Return folds that split no group and spread classes as evenly as groups allow.

    Every class is in every training part: a group that alone holds a class has -1, and so has one whose class
    would else be in a single fold.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    groups : sequence of length n
    n_folds : int
        There are fewer where there are fewer groups.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n,), intp

    Raises
    ------
    BadLabels
        There are not ``n`` groups, or fewer than two could be left out.

    Notes
    -----
    ``sklearn.model_selection.StratifiedGroupKFold`` spreads the groups that can be left out.

    Examples
    --------
    >>> labels, speakers = np.array(list("abababab")), ["ann", "ann", "bob", "bob", "cy", "cy", "di", "di"]
    >>> folds = group_folds(labels, speakers, 2, np.random.default_rng(0))
    >>> [int(sum(folds == fold)) for fold in (0, 1)], all(folds[::2] == folds[1::2])
    ([4, 4], True)
    """
    units = _units(groups, len(labels))
    classes, codes = np.unique(labels, return_inverse=True)
    table = _sums_by_unit(np.eye(len(classes), dtype=np.intp)[codes], units)
    pinned = _alone(table)
    free = np.flatnonzero(~pinned[units])
    _check_units(int((~pinned).sum()))
    folds = np.full(len(table), -1, np.intp)
    folds[~pinned] = _spread_groups(codes[free], units[free], n_folds, rng)
    return _mend(folds, table)[units]


def iterative_folds(
    targets: Mask, n_folds: int, rng: np.random.Generator, groups: Groups | None = None
) -> Integers:
    """Return folds among which the samples of each label are spread evenly.

    The rarest label is spread first, each of its samples to the fold that wants most of it, as Sechidis et
    al. describe in "On the stratification of multi-label data", 2011. What alone has a label, or alone lacks
    it, has -1: every training part holds both kinds.

    Parameters
    ----------
    targets : ndarray of shape (n, n_labels), bool
    n_folds : int
    rng : numpy.random.Generator
    groups : sequence of length n, default=None
        The group of each sample; groups are then spread, whole, and the largest first.

    Returns
    -------
    ndarray of shape (n,), intp

    Raises
    ------
    BadLabels
        There are not ``n`` groups, or fewer than two could be left out.

    Examples
    --------
    >>> targets = np.arange(40)[:, None] % [2, 5] == 0
    >>> folds = iterative_folds(targets, 4, np.random.default_rng(0))
    >>> [targets[folds == fold].sum(axis=0).tolist() for fold in range(4)]
    [[5, 2], [5, 2], [5, 2], [5, 2]]
    """
    n = len(targets)
    units = np.arange(n) if groups is None else _units(groups, n)
    own = np.asarray(targets, np.intp)
    sizes = np.bincount(units)
    table = own if groups is None else _sums_by_unit(own, units)
    both = np.concatenate([table, sizes[:, None] - table], axis=1)
    pinned = _alone(both)
    if groups is not None:
        _check_units(int((~pinned).sum()))
    free = np.flatnonzero(~pinned)
    folds = np.full(len(table), -1, np.intp)
    folds[free] = _spread_labels(table[free], sizes[free], n_folds, rng)
    return _mend(folds, both)[units]


def quantile_folds(
    numbers: npt.ArrayLike, n_folds: int, rng: np.random.Generator, groups: Groups | None = None
) -> Integers:
    """Return folds that hold low and high numbers alike.

    Parameters
    ----------
    numbers : array-like of shape (n,) or (n, n_outputs)
        Several outputs are spread by the sum of their standardised values.
    n_folds : int
        With groups there are fewer where there are fewer groups.
    rng : numpy.random.Generator
    groups : sequence of length n, default=None
        The group of each sample; no group is split, and tenths of the numbers are spread.

    Returns
    -------
    ndarray of shape (n,), intp
        None is -1.

    Raises
    ------
    BadLabels
        There are not ``n`` groups, or one alone.

    Examples
    --------
    >>> folds = quantile_folds(np.arange(12.0), 3, np.random.default_rng(0))
    >>> [int(sum(folds == fold)) for fold in range(3)], sorted(folds[:3].tolist())
    ([4, 4, 4], [0, 1, 2])
    """
    order = np.argsort(_summed(numbers) + 0.0, kind="stable")
    n = len(order)
    places = np.empty(n, np.intp)
    places[order] = np.arange(n)
    if groups is not None:
        units = _units(groups, n)
        _check_units(int(units.max(initial=-1)) + 1)
        return _spread_groups(places * _QUANTILES // n, units, n_folds, rng)[units]
    # Each run of as many numbers as there are folds is dealt out, one to each.
    runs = rng.permuted(np.tile(np.arange(n_folds), (-(-n // n_folds), 1)), axis=1)
    return np.asarray(runs.ravel()[places], np.intp)


def _summed(numbers: npt.ArrayLike) -> Doubles:
    """Return one number a sample, by which samples of one or several outputs are ordered; shape (n,)."""
    values = np.asarray(numbers, np.float64)
    if values.ndim == 1 or values.shape[1] == 1:
        return values.reshape(-1)
    scaled = values / np.maximum(np.abs(values).max(axis=0), np.finfo(float).tiny)
    spread = scaled.std(axis=0)
    return np.asarray((scaled / np.where(spread > 0, spread, 1.0)).sum(axis=1))


def _units(groups: Groups, n: int) -> Integers:
    codes = group_codes(groups, n)
    return np.arange(n) if codes is None else codes


def _check_units(free: int) -> None:
    if free < 2:
        raise BadLabels(
            "groups=: expected two or more groups of which each can be left out, with every class in the "
            f"others; found {free}; a class of one group alone can be learnt and not measured"
        )


def _sums_by_unit(table: Table, units: Integers) -> Table:
    """Return the sums of the rows of each unit; shape (n_units, n_columns)."""
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    return np.asarray(np.add.reduceat(table[order], starts, axis=0))


def _alone(table: Table) -> Mask:
    """Return which units alone hold something of a column; shape (n_units,)."""
    holds = table > 0
    return np.asarray(holds[:, holds.sum(axis=0) == 1].any(axis=1))


def _spread_groups(
    codes: Integers, units: Integers, n_folds: int, rng: np.random.Generator
) -> Integers:
    """Return the fold of each unit, in ascending order of their numbers, with classes spread evenly."""
    # only tuning needs to wait for scikit-learn
    from sklearn.model_selection import StratifiedGroupKFold

    names, numbers = np.unique(units, return_inverse=True)
    largest = int(np.bincount(codes).max())
    # scikit-learn refuses more folds than a class has samples, if it is the largest.
    n_splits = min(n_folds, len(names), largest)
    folds = np.zeros(len(names), np.intp)
    seed = int(rng.integers(2**31))
    if n_splits < 2:
        return np.asarray(rng.permutation(len(names)) % min(n_folds, len(names)), np.intp)
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # Classes with fewer samples than folds are meant to be spread as far as they go.
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, test) in enumerate(splitter.split(codes, codes, numbers)):
            folds[numbers[test]] = fold
    return folds


def _spread_labels(
    table: Table, sizes: Integers, n_folds: int, rng: np.random.Generator
) -> Integers:
    """Return the fold of each unit by iterative stratification.

    Parameters
    ----------
    table : ndarray of shape (n_units, n_labels)
        Samples of each unit that have each label.
    sizes : ndarray of shape (n_units,)
        Samples of each unit.
    """
    folds = np.full(len(table), -1, np.intp)
    # What each fold still wants of each label and, last, of samples.
    amounts = np.concatenate([table, sizes[:, None]], axis=1).astype(np.float64)
    wanted = np.tile(amounts.sum(axis=0) / n_folds, (n_folds, 1))
    left = np.ones(len(table), bool)
    remaining = amounts.sum(axis=0)
    while left.any():
        # The last column, of all samples, is the turn of those that have no label any more.
        some = np.flatnonzero(remaining[:-1] > 0)
        label = int(some[np.argmin(remaining[some])]) if len(some) else -1
        members = rng.permutation(np.flatnonzero(left & (amounts[:, label] > 0)))
        members = members[np.argsort(-amounts[members, label], kind="stable")]
        for member in members.tolist():
            fold = _neediest(wanted[:, label].tolist(), wanted[:, -1].tolist(), rng)
            folds[member] = fold
            wanted[fold] -= amounts[member]
        left[members] = False
        remaining -= amounts[members].sum(axis=0)
    return folds


def _neediest(wanted: list[float], samples: list[float], rng: np.random.Generator) -> int:
    """Return the fold that wants most of a label, then of samples; one by chance where several do."""
    most = max(wanted) - 1e-9
    tied = [fold for fold, amount in enumerate(wanted) if amount >= most]
    if len(tied) > 1:
        most = max(samples[fold] for fold in tied) - 1e-9
        tied = [fold for fold in tied if samples[fold] >= most]
    return tied[0] if len(tied) == 1 else tied[int(rng.integers(len(tied)))]


def _mend(folds: Integers, table: Table) -> Integers:
    """Return folds in which nothing of a column is in a single fold alone; units are pinned to -1 for it.

    Of each such column the smallest unit is kept in every training part.
    """
    holds = table > 0
    mended = folds.copy()
    for column in np.flatnonzero(holds.any(axis=0)):
        members = np.flatnonzero(holds[:, column])
        found = mended[members]
        if found.min() >= 0 and found.max() == found.min():
            mended[members[np.argmin(table[members].sum(axis=1))]] = -1
    return mended
