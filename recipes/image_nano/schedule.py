"""The laps of training: what is seen at which size and rate, by the share of the time that is over."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["GROUP", "LAPS", "NARROW_LAPS", "SIDE", "Lap", "lap_at", "plan_batch", "total_minutes"]

# Side of the pictures that the shipped backbone sees, in pixels; training ends with it.
SIDE = 112
# Views that share their crop, flip and coarseness.
GROUP = 8


@dataclass(frozen=True)
class Lap:
    """One stretch of training, from the averaged weights of the one before.

    Attributes
    ----------
    minutes : float
    rate : float
        The highest learning rate; it falls to zero.
    sides : tuple of (int, float)
        Side of the views in pixels, and until which part of the lap it holds.
    first, last : dict of str to float
        Share of each kind of picture in a batch, at the start and at the end.
    within_kind : float
        Weight of the loss that tells pictures of one kind apart.
    """

    minutes: float
    rate: float
    sides: tuple[tuple[int, float], ...]
    first: dict[str, float]
    last: dict[str, float]
    within_kind: float = 0.0


ALL_KINDS = {"small": 0.25, "large": 0.375, "scans": 0.125, "pets": 0.25}
LAPS = (
    Lap(
        108,
        2.5e-3,
        ((48, 0.3), (64, 0.7), (80, 0.88), (96, 9.0)),
        {"small": 0.75, "large": 0.25},
        {"small": 0.5, "large": 0.5},
    ),
    Lap(
        120,
        2e-3,
        ((64, 0.5), (80, 0.8), (96, 9.0)),
        {"small": 0.625, "large": 0.375},
        {"small": 0.5, "large": 0.5},
    ),
    Lap(95, 1.2e-3, ((96, 0.2), (SIDE, 9.0)), ALL_KINDS, ALL_KINDS, within_kind=1.5),
)
NARROW_KINDS = {"small": 0.28, "large": 0.44, "scans": 0.09, "pets": 0.19}
# What follows when the network has been made narrower.
NARROW_LAPS = (
    Lap(86, 1.5e-3, ((96, 0.3), (SIDE, 9.0)), NARROW_KINDS, NARROW_KINDS, within_kind=0.7),
)


def total_minutes(laps: Sequence[Lap]) -> float:
    """Return the time of all laps."""
    return sum(lap.minutes for lap in laps)


def lap_at(laps: Sequence[Lap], done: float) -> tuple[int, float]:
    """Return which lap it is when ``done`` of all the time is over, and how much of it is."""
    passed = done * total_minutes(laps)
    for number, lap in enumerate(laps[:-1]):
        if passed < lap.minutes:
            return number, passed / lap.minutes
        passed -= lap.minutes
    return len(laps) - 1, passed / laps[-1].minutes


def plan_batch(lap: Lap, done: float, batch: int) -> tuple[int, float, dict[str, int]]:
    """Return side, learning rate and pictures of each kind when ``done`` of a lap is over."""
    side = next(side for side, until in lap.sides if done < until)
    warm_up = min(1, done / 0.02 + 0.02)
    rate = lap.rate * warm_up * (0.4985 * (1 + np.cos(np.pi * done)) + 0.003)
    shares = {kind: lap.first[kind] * (1 - done) + lap.last[kind] * done for kind in lap.first}
    counts = {kind: int(batch * share) for kind, share in shares.items()}
    counts["small"] += batch - sum(counts.values())
    return side, float(rate), counts
