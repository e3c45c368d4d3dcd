"""What follows from a comparison, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featx.metrics.paired import Difference
from featx.reporting.comparison import Contender
from featx.selection.quick import ridge_evaluation
from featx.selection.ranking import RankedBackbone, RankingSetup

__all__ = ["advise", "against_baselines", "gain_of_doubling"]

# Fine-tuning is worth a thought where twice the samples still bring so much, the best backbone is above raw
# pixels by no more than so much, and there are so many samples.
_STEEP, _NEAR, _ENOUGH = 0.01, 0.10, 500
# Halves of the samples that are drawn, each a score by half of what there is.
_HALVES = 3


def advise(
    best: Contender,
    others: Sequence[Contender],
    baselines: Sequence[Contender],
    *,
    n: int,
    gain: float | None,
) -> list[str]:
    """Return sentences: which is best, whether it is worth its while, and whether tuning it might help.

    Parameters
    ----------
    best : Contender
    others : sequence of Contender
        The other backbones that were measured, the best first.
    baselines : sequence of Contender
    n : int
        Samples there are.
    gain : float or None
        What twice the samples bring by ridge, of a score of which 1 is the best.
    """
    notes = []
    several = len({one.head for one in others} | {best.head}) > 1
    if others:
        notes.append(_compared(best, others[0], several))
        alike = [one for one in others if one.difference is None or not one.difference.tells]
        if note := _faster(best, alike):
            notes.append(note)
    notes += against_baselines(best, baselines)
    if note := _fine_tuning(best, baselines, n, gain):
        notes.append(note)
    return notes


def gain_of_doubling(entry: RankedBackbone, setup: RankingSetup) -> float | None:
    """Return what the quick pass's samples tell above half of them, by ridge; None where there are few.

    It is the mean over halves that are drawn as the task spreads its targets.
    """
    if entry.rows is None:
        return None
    problem = setup.problem(entry.rows)
    rng = np.random.default_rng(setup.config.random_state)
    alone = problem.without_groups()
    if len(problem) < 40 or alone.max_folds < 4 or not problem.can_leave_out_each:
        return None
    scores = []
    for _ in range(_HALVES):
        half = np.flatnonzero(alone.make_folds(2, rng) <= 0)
        some = problem.subset(half)
        if some.n_outputs == problem.n_outputs:
            scores.append(ridge_evaluation(entry.rows.embeddings[half], some).score)
    if not scores:
        return None
    whole, half_score = (
        ridge_evaluation(entry.rows.embeddings, problem).score,
        float(np.mean(scores)),
    )
    if whole < 0 or half_score < 0:
        # Minus the root mean squared error of standardised numbers.
        return half_score**2 - whole**2
    return whole - half_score


def _compared(best: Contender, second: Contender, several: bool) -> str:
    first, other = (f"{one.head} on {one.name}" if several else one.name for one in (best, second))
    if second.difference is None:
        return f"{first} is first; by how much it is above {other} cannot be told."
    if second.difference.tells:
        return f"{first} is better than {other} by {_points(second.difference)}."
    return f"{first} or {other}: no telling ({_points(second.difference)})."


def _points(difference: Difference) -> str:
    return str(difference).removeprefix("+")


def _faster(best: Contender, alike: Sequence[Contender]) -> str | None:
    """Return which of those that are as good, as far as can be told, is much faster than the best."""
    timed = [one for one in alike if one.milliseconds and one.name != best.name]
    if not timed or not best.milliseconds:
        return None
    fastest = min(timed, key=lambda one: one.milliseconds or 0.0)
    times = best.milliseconds / (fastest.milliseconds or best.milliseconds)
    if times < 1.5:
        return None
    return f"Of those that are as good as can be told, {fastest.name} is {times:.1f} times as fast."


def against_baselines(best: Contender, baselines: Sequence[Contender]) -> list[str]:
    """Return what is to be said of baselines that the best backbone does not beat."""
    notes = []
    for one in baselines:
        name, difference = one.name, one.difference
        if one.score is None:
            continue
        if difference is None:
            notes.append(f"Whether {best.name} is above {name} cannot be told.")
        elif difference.high is not None and difference.high < 0:
            notes.append(
                f"Nothing beats {name}: it is better than {best.name} by "
                f"{_points(difference.reversed())}. These backbones hurt here (negative transfer); take one "
                "trained on samples of this kind, or none."
            )
        elif not difference.tells:
            notes.append(
                f"Nothing beats {name} beyond chance ({best.name}: {difference}): no backbone has been "
                "shown to help here; add samples, or take one trained on samples of this kind."
            )
    return notes


def _fine_tuning(
    best: Contender, baselines: Sequence[Contender], n: int, gain: float | None
) -> str | None:
    """Return when fine-tuning is worth a thought; None where nothing speaks for it."""
    scores = [one.score for one in baselines if one.score is not None]
    if gain is None or best.score is None or not scores or n < _ENOUGH:
        return None
    above = best.score - max(scores)
    if gain < _STEEP or above > _NEAR:
        return None
    return (
        f"Fine-tuning a backbone is worth a thought: twice the samples brought {100 * gain:.1f} points, the "
        f"best is only {100 * above:.1f} points above a baseline, and there are {n} samples."
    )
