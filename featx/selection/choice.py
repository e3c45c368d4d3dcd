"""The choice among the measured: by what they scored, and where that cannot tell, by all that is known of them.

Two scores of each are known: that of the quick pass, where every sample is left out in turn, and the one that
``fit`` would report, which of many samples measures a fifth alone. Both are of the same samples and estimate
the same thing, so that their mean, weighed by how many samples each was measured on, is nearer to it than the
best of a few noisy numbers. docs/choosing.md has what was tried on training parts, and what either alone loses.
"""

from __future__ import annotations

import math

from featx.selection.finals import Finals, Measured
from featx.selection.ranking import RankedBackbone

__all__ = ["choose_first", "joint_score"]


def joint_score(one: Measured, n_measured: int, n_quick: int) -> float:
    """Return the mean of the measured and the quick score, by how many samples each is of.

    Parameters
    ----------
    one : Measured
        A backbone.
    n_measured, n_quick : int
        Samples that the measured score and the quick score are of.

    Returns
    -------
    float
        The measured score alone where there is no quick one.
    """
    assert one.entry is not None
    quick = _quick_score(one.entry)
    if not math.isfinite(quick) or n_measured + n_quick == 0:
        return one.score
    return (n_measured * one.score + n_quick * quick) / (n_measured + n_quick)


def choose_first(finals: Finals, n_quick: int, random_state: int) -> list[Measured]:
    """Return the backbones that were measured: the one to take, then the others by their measured score.

    That is the one with the best joint score among those that the paired interval of the difference does not
    tell from the best measured one.

    Parameters
    ----------
    finals : Finals
    n_quick : int
        Samples of the quick pass; 0 where its score is another than the measured one.
    random_state : int
        The seed of the intervals.
    """
    backbones = [one for one in finals.measured if one.entry is not None]
    # Of equal scores the quick pass decides: the sort keeps its order.
    ordered = sorted(backbones, key=lambda one: one.score, reverse=True)
    if len(ordered) < 2:
        return ordered
    best, alike = ordered[0], [ordered[0]]
    for one in ordered[1:]:
        difference = finals.difference(best, one, random_state)
        if difference is None or not difference.tells:
            alike.append(one)
    first = max(alike, key=lambda one: joint_score(one, finals.n, n_quick))
    return [first, *(one for one in ordered if one is not first)]


def _quick_score(entry: RankedBackbone) -> float:
    """Return the quick score of a backbone with its head: that of the head, where several were ranked."""
    if (score := entry.quick.get("head")) is None:
        return entry.quick["rank"]
    # Of numbers heads are ranked by minus the root mean squared error of what is standardised.
    return score if score >= 0 else 1 - score**2
