"""Power laws of learning curves: error = floor + scale · labels^-rate, and what more labels would bring.

Errors of classifiers and regressions fall so over wide ranges of sizes (Cortes et al., "Learning curves:
asymptotic values and rate of convergence", 1994; Viering and Loog, "The shape of learning curves: a
review", 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles

__all__ = ["PowerLaw", "fit_power_law"]

# Rates of the fall, and floors as shares of the least error.
_RATES = np.geomspace(0.05, 2.0, 28)
_FLOORS = np.linspace(0.0, 1.0, 21)
# Resamplings of the draws.
_RESAMPLED = 200
# What a power law is off by, beside the chance of draws: a share of the error, and in all.
_OFF, _OFF_LEAST = 0.02, 0.001
# The usual rate, and the standard deviation of its logarithm; that of a mean would be a half.
_USUAL_RATE, _RATE_SPREAD = 0.4, 0.7
# A size of a part of the largest counts by this power of that part: the end of a curve tells most.
_NEAR = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class PowerLaw:
    """Power laws that may all be behind the scores of some draws, each as probable as another.

    Attributes
    ----------
    floors, scales, rates : ndarray of shape (n_laws,), float64
    """

    floors: Doubles
    scales: Doubles
    rates: Doubles

    def scores(self, sizes: npt.ArrayLike) -> Doubles:
        """Return scores at numbers of labels; shape (n_laws, n_sizes).

        Examples
        --------
        >>> law = PowerLaw(np.array([0.1]), np.array([1.0]), np.array([0.5]))
        >>> law.scores([25, 100]).round(6).tolist()
        [[0.7, 0.8]]
        """
        powers = np.asarray(sizes, np.float64) ** -self.rates[:, None]
        return np.asarray(1 - self.floors[:, None] - self.scales[:, None] * powers)

    def labels_for(self, scores: npt.ArrayLike) -> Doubles:
        """Return how many labels reach a score, by each law; infinity where none do.

        Parameters
        ----------
        scores : float, or array of shape (n_laws,)

        Examples
        --------
        >>> law = PowerLaw(np.array([0.1]), np.array([1.0]), np.array([0.5]))
        >>> law.labels_for(0.8).round(6).tolist(), law.labels_for(0.95).tolist()
        ([100.0], [inf])
        """
        above = 1 - np.asarray(scores, np.float64) - self.floors
        reachable = (above > 0) & (self.scales > 0)
        with np.errstate(over="ignore"):
            found = (self.scales / np.where(reachable, above, 1.0)) ** (1 / self.rates)
        return np.where(reachable, found, np.where(above >= 0, 0.0, np.inf))


def fit_power_law(sizes: Sequence[float], scores: Doubles, rng: np.random.Generator) -> PowerLaw:
    """Return power laws that fit the means of resampled draws, as many as are likely.

    Parameters
    ----------
    sizes : sequence of m floats
        Numbers of labels, ascending; three or more.
    scores : ndarray of shape (n_draws, m), float64
        At most 1, which is perfect.
    rng : numpy.random.Generator

    Examples
    --------
    >>> sizes = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    >>> noise = np.random.default_rng(0).normal(0, 0.002, (10, 5))
    >>> law = fit_power_law(sizes, 1 - 0.9 * sizes**-0.5 + noise, np.random.default_rng(0))
    >>> float(law.scores([320.0]).mean().round(2))
    0.95
    """
    n_draws, errors = len(scores), 1 - scores
    chosen = rng.integers(n_draws, size=(_RESAMPLED, n_draws))
    means = errors[chosen].mean(axis=1)
    whole = errors.mean(axis=0)
    chance = errors.std(axis=0, ddof=1) ** 2 / n_draws if n_draws > 1 else np.zeros(len(sizes))
    variances = chance + (_OFF * whole) ** 2 + _OFF_LEAST**2
    weights = (np.asarray(sizes, np.float64) / sizes[-1]) ** _NEAR / variances
    floors, rates = (grid.ravel() for grid in np.meshgrid(_FLOORS, _RATES, indexing="ij"))
    floors = floors * max(float(whole.min()), 0.0)
    powers = np.asarray(sizes, np.float64)[None] ** -rates[:, None]
    # The best scale of each floor and rate, for each resampling: shape (n_resampled, n_grid).
    above = (means * weights) @ powers.T - (powers * weights).sum(axis=1) * floors
    scales = np.maximum(above / (powers**2 * weights).sum(axis=1), 0.0)
    fitted = floors[None, :, None] + scales[:, :, None] * powers[None]
    misfit = (weights * (means[:, None] - fitted) ** 2).sum(axis=2)
    misfit += (np.log(rates / _USUAL_RATE) / _RATE_SPREAD) ** 2
    likely = np.exp(-(misfit - misfit.min(axis=1, keepdims=True)) / 2)
    cumulated = np.cumsum(likely, axis=1)
    drawn = rng.random((_RESAMPLED, 1)) * cumulated[:, -1:]
    best = (cumulated < drawn).sum(axis=1)
    return PowerLaw(floors[best], scales[np.arange(_RESAMPLED), best], rates[best])
