"""Scores of samples drawn again and again, by group where there are groups: the intervals of any score."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Integers
from featx.errors import BadLabels, FeatxWarning

__all__ = ["Resampling", "bootstrap", "check_weights", "group_codes", "percentile_interval"]

# Draws of one interval: fewer, but at least the least, where they would hold more numbers than these.
_DRAWS, _LEAST_DRAWS, _DRAWN_NUMBERS = 1000, 200, 20_000_000
# Weights that are in memory at once.
_BLOCK = 2_000_000


def check_weights(sample_weight: Sequence[float] | Doubles | None, n: int) -> Doubles | None:
    """Return what each of ``n`` samples counts, float64; None where each counts the same.

    Raises
    ------
    BadLabels
        There are not ``n`` of them, one is negative or no number, or all are zero.

    Examples
    --------
    >>> check_weights([1, 2], 2)
    array([1., 2.])
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float64)
    if weights.shape != (n,):
        raise BadLabels(
            f"sample_weight=: expected {n} numbers, one a sample; found shape {weights.shape}"
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise BadLabels(
            f"sample_weight=: expected finite numbers of at least 0; found {weights[wrong[0]]:g} "
            f"for sample {wrong[0] + 1}"
        )
    largest = float(weights.max(initial=0.0))
    if not largest:
        raise BadLabels("sample_weight=: expected a number above 0; found zeros alone")
    # Their ratios alone count, and sums of enormous ones would overflow.
    return weights if 1e-100 < largest < 1e100 else weights / largest


def group_codes(groups: Sequence[Any] | npt.NDArray[Any] | None, n: int) -> Integers | None:
    """Return the number of each sample's group, from 0 on; None where there are no groups.

    Raises
    ------
    BadLabels
        There are not ``n`` of them.

    Examples
    --------
    >>> group_codes(["ann", "bob", "ann"], 3)
    array([0, 1, 0])
    """
    if groups is None:
        return None
    if len(groups) != n:
        raise BadLabels(f"groups=: expected {n}, one a sample; found {len(groups)}")
    _, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    return np.asarray(codes, np.intp)


@dataclass(frozen=True, slots=True)
class Resampling:
    """The units that are drawn when a score is measured again: samples, or groups with all their samples.

    Attributes
    ----------
    n : int
        Samples.
    codes : ndarray of shape (n,), integers, or None
        The number of each sample's group; None draws single samples.
    weights : ndarray of shape (n,), float64, or None
        What each sample counts; None counts each once.
    """

    n: int
    codes: Integers | None = None
    weights: Doubles | None = None

    @classmethod
    def of(
        cls,
        n: int,
        groups: Sequence[Any] | npt.NDArray[Any] | None = None,
        sample_weight: Sequence[float] | Doubles | None = None,
    ) -> Resampling:
        """Return the resampling of ``n`` samples; warn where one group holds them all.

        Raises
        ------
        BadLabels
            Groups or weights are not ``n``, or no weights.
        """
        codes = group_codes(groups, n)
        if codes is not None and n > 1 and not codes.any():
            warnings.warn(
                "groups: expected two or more, found one alone; the intervals are those of single "
                "samples and say nothing of other groups",
                FeatxWarning,
                stacklevel=3,
            )
            codes = None
        return cls(n, codes, check_weights(sample_weight, n))

    @property
    def n_units(self) -> int:
        """The number of groups, or of samples where there are none: what is drawn with replacement."""
        return self.n if self.codes is None else int(self.codes.max()) + 1

    def whole(self) -> Doubles:
        """Return what each sample counts where nothing is drawn; shape (1, n)."""
        return np.ones((1, self.n)) if self.weights is None else self.weights[None]

    def draw(self, n_draws: int, rng: np.random.Generator) -> Iterator[Doubles]:
        """Give what each sample counts in each draw, in blocks of shape (draws, n)."""
        units, rows = self.n_units, max(1, _BLOCK // self.n)
        for start in range(0, n_draws, rows):
            size = min(rows, n_draws - start)
            drawn = rng.integers(units, size=(size, units)) + np.arange(size)[:, None] * units
            counts = np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units)
            block = counts if self.codes is None else counts[:, self.codes]
            yield block * self.weights if self.weights is not None else block.astype(np.float64)


def bootstrap(
    measure: Callable[[Doubles], Doubles],
    resampling: Resampling,
    random_state: int = 0,
    *,
    effort: int = 1,
) -> tuple[Doubles, Doubles]:
    """Return scores of all samples, and their 95 % intervals by Efron's bootstrap.

    Parameters
    ----------
    measure : callable
        Takes what each sample counts, shape (draws, n), and returns the scores, shape (draws, n_scores);
        NaN where a score is not defined.
    resampling : Resampling
    random_state : int, default=0
    effort : int, default=1
        How many times as long as with one score ``measure`` takes.

    Returns
    -------
    scores : ndarray of shape (n_scores,)
    intervals : ndarray of shape (n_scores, 2)
        NaN where the score is.

    Notes
    -----
    Percentiles of 1000 draws; of fewer, at least 200, above 20 000 samples of effort 1.

    Examples
    --------
    >>> numbers = np.arange(100.0)
    >>> scores, [interval] = bootstrap(lambda w: w @ numbers[:, None] / 100, Resampling(100))
    >>> scores.tolist(), interval.round().tolist()
    ([49.5], [44.0, 55.0])
    """
    [scores] = measure(resampling.whole())
    rng = np.random.default_rng(random_state)
    n_draws = int(np.clip(_DRAWN_NUMBERS // (resampling.n * effort), _LEAST_DRAWS, _DRAWS))
    draws = np.concatenate([measure(weights) for weights in resampling.draw(n_draws, rng)])
    intervals = np.full((len(scores), 2), np.nan)
    for column, score in enumerate(scores):
        defined = draws[~np.isnan(draws[:, column]), column]
        if len(defined) and not np.isnan(score):
            intervals[column] = percentile_interval(defined, resampling.n_units)
    return scores, intervals


def percentile_interval(draws: Doubles, n_units: int) -> tuple[float, float]:
    """Return the 95 % interval of a score from its values in draws of ``n_units`` samples or groups.

    Percentiles of a bootstrap are too near to each other where few units are drawn: with six speakers by a
    third. The expanded percentiles of Hesterberg, "What teachers should know about the bootstrap", 2015,
    section 5.3, use Student's t in place of the normal distribution.

    >>> draws = np.linspace(0, 1, 1001)
    >>> [round(bound, 3) for bound in percentile_interval(draws, 10_000)]
    [0.025, 0.975]
    >>> [round(bound, 3) for bound in percentile_interval(draws, 6)]
    [0.002, 0.998]
    """
    # only measuring needs to wait for scipy
    from scipy.special import ndtr, stdtrit

    if n_units < 2:
        raise BadLabels("samples: expected two or more to draw from, found one")
    level = float(ndtr(np.sqrt(n_units / (n_units - 1)) * stdtrit(n_units - 1, 0.025)))
    low, high = np.quantile(draws, [level, 1 - level])
    return float(low), float(high)
