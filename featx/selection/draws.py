"""Parts of labelled samples, drawn as a task spreads its targets: sets to train on, and one to measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import Integers
from featx.errors import BadLabels
from featx.tuning.problem import TuningProblem

__all__ = ["FOLDS", "Draw", "draw_nested", "draw_part", "nested_sets", "usual_sizes"]

# Folds of which one is left out in turn.
FOLDS = 5
# Parts into which training samples are spread, some of which together are a size.
_PARTS = 64
# Sizes of a curve, and the least numbers of samples of the smallest: in all, and for each output.
_MOST_SIZES, _LEAST, _LEAST_EACH = 7, 10, 2


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Samples to measure on, and sets of others to train on, each of which holds the one before.

    Attributes
    ----------
    trains : tuple of ndarray of integers
        From the smallest to the largest.
    test : ndarray of integers
    """

    trains: tuple[Integers, ...]
    test: Integers


def usual_sizes(problem: TuningProblem) -> tuple[int, ...]:
    """Return numbers of training samples for a curve, each about twice the one before.

    The largest is what a left-out fold leaves. Where there are few samples, each is the one before times the
    root of two.

    Raises
    ------
    BadLabels
        There are too few samples for a curve.

    Examples
    --------
    >>> from featx.tasks import get_task
    >>> from featx.tuning import HeadConfig
    >>> labels = np.repeat(["cat", "dog"], 100)
    >>> usual_sizes(get_task("classification").tuning_problem(labels, HeadConfig()))
    (10, 20, 40, 80, 160)
    """
    n = len(problem)
    largest = n - n // _n_folds(problem)
    least = max(_LEAST, _LEAST_EACH * problem.n_outputs)
    if problem.design.groups is not None:
        # A set of whole groups is no smaller than one.
        least = max(least, -(-largest // max(1, problem.max_folds - 1)))
    for factor in (2.0, 2**0.5):
        steps = np.arange(_MOST_SIZES)[::-1]
        sizes = sorted({round(largest / factor**step) for step in steps.tolist()})
        sizes = [size for size in sizes if size >= least]
        if len(sizes) >= 4:
            break
    if len(sizes) < 2:
        raise BadLabels(
            f"samples: {n} are too few for a curve; expected at least {least * 5 // 2 + 1}, so that "
            f"there are two sizes from {least} on and a fifth to measure on"
        )
    return tuple(sizes)


def draw_nested(
    problem: TuningProblem, sizes: Sequence[int], n_draws: int, rng: np.random.Generator
) -> list[Draw]:
    """Return draws of training sets of some sizes, and of samples to measure on.

    Folds are left out in turn, and spread anew where there are more draws than folds; of the others a set is
    drawn so that it holds targets in the shares of all. Groups are drawn whole and are never on both sides,
    so that sizes are then only about those asked for. Where there are times, the latest fifth is measured.

    Parameters
    ----------
    problem : TuningProblem
    sizes : sequence of int
        Ascending; one that is larger than what a fold leaves is all that it leaves.
    n_draws : int
    rng : numpy.random.Generator
    """
    draws: list[Draw] = []
    while len(draws) < n_draws:
        for train, test in _splits(problem, rng)[: n_draws - len(draws)]:
            draws.append(Draw(nested_sets(problem, train, sizes, rng), test))
    return draws


def draw_part(problem: TuningProblem, n: int, rng: np.random.Generator) -> Integers:
    """Return about ``n`` samples in their order, spread as the task does; all where there are few.

    Groups are taken or left whole, but where there are too few of them.
    """
    every = np.arange(len(problem))
    return every if n >= len(every) else np.sort(nested_sets(problem, every, [n], rng)[0])


def _n_folds(problem: TuningProblem) -> int:
    return max(2, min(FOLDS, problem.max_folds))


def _splits(problem: TuningProblem, rng: np.random.Generator) -> list[tuple[Integers, Integers]]:
    """Return pairs of samples to train and to measure on."""
    if problem.design.times is not None:
        latest = problem.design.latest(1 / FOLDS)
        return [(np.flatnonzero(~latest), np.flatnonzero(latest))]
    folds = problem.make_folds(_n_folds(problem), rng)
    return [
        (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
        for fold in np.unique(folds[folds >= 0])
    ]


def nested_sets(
    problem: TuningProblem, train: Integers, sizes: Sequence[int], rng: np.random.Generator
) -> tuple[Integers, ...]:
    """Return subsets of ``train`` of about these sizes, each of which holds the one before."""
    parts = _parts(problem.subset(train), rng)
    ends = np.cumsum([len(part) for part in parts])
    ordered = train[np.concatenate(parts)]
    whole = problem.design.groups is not None
    sets = []
    for size in sizes:
        nearest = int(ends[np.argmin(np.abs(ends - size))])
        sets.append(ordered[: nearest if whole else min(size, len(ordered))])
    return tuple(sets)


def _parts(problem: TuningProblem, rng: np.random.Generator) -> list[Integers]:
    """Return small parts in random order, each with targets in the shares of all; the first is always in."""
    try:
        folds = problem.make_folds(min(_PARTS, len(problem)), rng)
    except BadLabels:
        # One group is left: samples are drawn of it.
        folds = problem.without_groups().make_folds(min(_PARTS, len(problem)), rng)
    names = rng.permutation(np.unique(folds[folds >= 0]))
    pinned = np.flatnonzero(folds == -1)
    parts = [rng.permutation(np.flatnonzero(folds == name)) for name in names]
    return [pinned, *parts] if len(pinned) else parts
