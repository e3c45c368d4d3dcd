"""How samples belong together and how much each counts: groups, weights, a part to choose by, and times."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Integers, Labels, Mask

__all__ = ["SampleDesign", "some_samples"]

# Samples that are enough for a baseline.
_ENOUGH = 10_000


def some_samples(indices: Integers) -> Integers:
    """Return at most 10 000 of the indices, drawn by chance, in their order.

    >>> len(some_samples(np.arange(25_000)))
    10000
    """
    if len(indices) <= _ENOUGH:
        return indices
    return np.sort(np.random.default_rng(0).choice(indices, _ENOUGH, replace=False))


@dataclass(frozen=True, slots=True, eq=False)
class SampleDesign:
    """How the samples of a problem belong together, and how much each counts.

    Attributes
    ----------
    groups : ndarray of shape (n,), str, or None
        Samples of one group are never on both sides of a split.
    weights : ndarray of shape (n,), float64, or None
        How often each sample counts, in training and in every score; 1 on average.
    validation : ndarray of shape (n,), bool, or None
        The samples by which candidates are compared, in place of folds.
    times : ndarray of shape (n,), float64, or None
        Where given, what is trained on is always older than what is measured.

    Examples
    --------
    >>> design = SampleDesign(groups=np.array(["a", "a", "b"]))
    >>> design.subset(np.array([0, 2])).groups.tolist()
    ['a', 'b']
    """

    groups: Labels | None = None
    weights: Doubles | None = None
    validation: Mask | None = None
    times: Doubles | None = None

    def subset(self, indices: npt.NDArray[Any]) -> Self:
        """Return the design of some samples, by their indices or by a mask."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        some = {key: None if array is None else array[indices] for key, array in values.items()}
        return type(self)(**some)

    def without_groups(self) -> SampleDesign:
        """Return the design as if every sample were a group of its own."""
        return SampleDesign(None, self.weights, self.validation, self.times)

    @property
    def allows_leaving_out_each(self) -> bool:
        """Tell whether no part of the samples is to choose by, and none is later than another."""
        return self.validation is None and self.times is None

    def counts(self, n: int) -> Doubles:
        """Return how often each of the ``n`` samples counts."""
        return np.ones(n) if self.weights is None else self.weights

    def units(self, n: int) -> Integers:
        """Return the number of each sample's group, of ``n`` samples; of each sample where there are none."""
        if self.groups is None:
            return np.arange(n)
        return np.asarray(np.unique(self.groups, return_inverse=True)[1], np.intp)

    @property
    def is_plain(self) -> bool:
        """Whether folds may be drawn at random: there are no groups, no times and no part to choose by."""
        return self.groups is None and self.allows_leaving_out_each

    def latest(self, share: float) -> Mask:
        """Return which samples are the latest, about a share of all; those of one time stay together.

        >>> SampleDesign(times=np.arange(10.0)).latest(0.2).sum()
        np.int64(2)
        """
        assert self.times is not None
        first = np.sort(self.times)[-max(1, round(share * len(self.times)))]
        latest = self.times >= first
        # Where all have one time, the earliest of them are as good as any other.
        return np.asarray(self.times > first if latest.all() else latest, np.bool_)

    def time_splits(self, n_folds: int) -> list[tuple[Integers, Integers]]:
        """Return pairs of training and later left-out samples, ``n_folds`` or fewer of them.

        Bergmeir et al., "On the use of cross-validation for time series predictor evaluation", 2012.
        """
        assert self.times is not None
        order = np.argsort(self.times, kind="stable")
        edges = np.linspace(0, len(order), n_folds + 2).round().astype(int)[1:]
        pairs = []
        for start, stop in pairwise(edges.tolist()):
            test = order[start:stop]
            if start and len(test):
                train = order[self.times[order] < self.times[test].min()]
                if len(train):
                    pairs.append((train, test))
        return pairs
