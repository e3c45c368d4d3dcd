"""Training and left-out parts of cross-validation, once or several times over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx._typing import Integers
from featx.tuning.problem import TuningProblem

__all__ = ["Splits", "fits_gram", "make_splits"]

# Training samples of which a whole kernel matrix is kept in memory, at 8 bytes a pair.
_LARGEST_GRAM = 8000


@dataclass(frozen=True, slots=True)
class Splits:
    """Training and left-out indices of each split.

    Attributes
    ----------
    pairs : tuple of (train, test)
        Integer arrays.
    n_folds : int
        Folds of one repeat.
    """

    pairs: tuple[tuple[Integers, Integers], ...]
    n_folds: int

    @property
    def trains(self) -> list[Integers]:
        """The indices of each training part."""
        return [train for train, _ in self.pairs]

    @property
    def tested(self) -> Integers:
        """The samples in the order in which splits leave them out."""
        return np.concatenate([test for _, test in self.pairs])

    @property
    def smallest_train(self) -> int:
        """The number of samples of the smallest training part."""
        return min(map(len, self.trains))

    @property
    def gram(self) -> bool:
        """Whether training parts are small enough for a kernel matrix of each that is in work."""
        return fits_gram(max(map(len, self.trains)))


def make_splits(problem: TuningProblem, n_folds: int, *, repeats: int, random_state: int) -> Splits:
    """Assign samples to folds ``repeats`` times; a fold that leaves nothing out gives no split.

    Where there is a part to choose by, it is the only one left out; where there are times, each part that is
    left out is later than what is trained on.
    """
    design = problem.design
    if design.validation is not None and design.validation.any():
        both = np.flatnonzero(~design.validation), np.flatnonzero(design.validation)
        return Splits((both,) if len(both[0]) else (), 1)
    if design.times is not None:
        return Splits(tuple(design.time_splits(n_folds)), n_folds)
    rng = np.random.default_rng(random_state)
    pairs = []
    for _ in range(repeats):
        folds = problem.make_folds(n_folds, rng)
        pairs += [
            (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
            for fold in range(n_folds)
            if (folds == fold).any()
        ]
    return Splits(tuple(pairs), n_folds)


def fits_gram(n: int) -> bool:
    """Return whether a kernel matrix of ``n`` training samples is small enough."""
    return n <= _LARGEST_GRAM
