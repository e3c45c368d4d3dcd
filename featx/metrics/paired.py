"""Differences between the scores of two predictors on the same samples, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from featx._typing import Doubles
from featx.metrics.intervals import wilson
from featx.metrics.resampling import Resampling, bootstrap

__all__ = ["Difference", "paired_difference"]

# Samples or groups below which no order can be told: all five on one side are chance in 1 of 16 cases.
LEAST_UNITS = 6


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of one score from another that was measured on the same samples.

    Attributes
    ----------
    value : float
    low, high : float or None
        The 95 % interval; None where it cannot be told, as with fewer than six samples or groups.

    Examples
    --------
    >>> Difference(0.012, 0.003, 0.021).tells, Difference(0.012, -0.003, 0.027).tells
    (True, False)
    >>> print(Difference(0.012, 0.003, 0.021).reversed())
    -1.2 points, 95 % -2.1 to -0.3
    """

    value: float
    low: float | None
    high: float | None

    @property
    def tells(self) -> bool:
        """Tell whether the interval excludes 0, so that one of the two is better beyond chance."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def reversed(self) -> Difference:
        """Return by how much the other score is above this one."""
        if self.low is None or self.high is None:
            return Difference(-self.value, None, None)
        return Difference(-self.value, -self.high, -self.low)

    def __str__(self) -> str:
        points = f"{100 * self.value:+.1f} points"
        if self.low is None or self.high is None:
            return points
        return f"{points}, 95 % {100 * self.low:.1f} to {100 * self.high:.1f}"


def paired_difference(
    first: Callable[[Doubles], Doubles],
    second: Callable[[Doubles], Doubles],
    resampling: Resampling,
    random_state: int = 0,
) -> Difference | None:
    """Return by how much a first score is above a second one, on the same samples; None if one is undefined.

    Parameters
    ----------
    first, second : callable
        Each takes what each sample counts, shape (draws, n), and returns its score, shape (draws,).
    resampling : Resampling
        The samples, or the groups of samples, that are drawn for both alike.
    random_state : int, default=0

    Examples
    --------
    >>> import numpy as np
    >>> right, other = np.ones(50), np.arange(50) % 5 > 0
    >>> mean = lambda values: lambda weights: weights @ values / weights.sum(axis=1)
    >>> found = paired_difference(mean(right), mean(other), Resampling(50))
    >>> round(found.value, 2), found.tells
    (0.2, True)
    """
    if resampling.n == 0:
        return None
    whole = resampling.whole()
    value = float(first(whole)[0] - second(whole)[0])
    if not math.isfinite(value):
        return None
    if resampling.n_units < LEAST_UNITS:
        return Difference(value, None, None)
    _, [(low, high)] = bootstrap(
        lambda weights: (first(weights) - second(weights))[:, None], resampling, random_state
    )
    if low == high and value:
        # Each draw says the same, because each sample does: how sure that is, their number says.
        least = 2 * wilson(resampling.n_units, resampling.n_units)[0] - 1
        low, high = sorted((value, value * least))
    return Difference(value, float(low), float(high))
