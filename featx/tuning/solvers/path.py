"""A path of penalties: each is solved from the solution of a stronger one, and what was learned there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.tuning.solvers.lbfgs import LbfgsHistory, LossPoint, ProblemIndex, Spectrum, minimize

__all__ = ["PenaltyPath", "WarmStart", "add_penalty"]

# How much weaker each penalty is than the one before on the way to a single one, and the share of the loss
# that those on the way may leave unfinished.
_STRIDE = 10.0
_ROUGH_GAP = 1e-2


class WarmStart:
    """What a path on some rows knows that helps another one on rows like them.

    Parameters
    ----------
    compute_weights : callable or None
        Gives ``weights`` when they are asked for; None where there is no solution to start from.
    spectrum : Spectrum or None
        The curvature that the rows have by themselves, where the path has computed it.
    """

    def __init__(
        self, compute_weights: Callable[[], FloatArray] | None, spectrum: Spectrum | None = None
    ) -> None:
        self._compute_weights = compute_weights
        self.spectrum = spectrum

    @cached_property
    def weights(self) -> FloatArray | None:
        """A solution, for standardised columns, and last the intercept; shape (d + 1, m), float32, or None."""
        return None if self._compute_weights is None else self._compute_weights()

    def without_weights(self) -> WarmStart:
        """Return what is known of the rows, without what was learned from their targets."""
        return WarmStart(None, self.spectrum)

    def averaged(self, other: WarmStart, share: float) -> WarmStart:
        """Return the mean of two solutions, of which the other's counts so much."""
        if self.weights is None or other.weights is None:
            return self.without_weights()
        weights = (1 - share) * self.weights + np.float32(share) * other.weights
        return WarmStart(lambda: weights, self.spectrum)


class PenaltyPath(ABC):
    """Several problems with an L2 penalty on all variables but the last, solved for ever weaker penalties.

    Parameters
    ----------
    start : ndarray of shape (p, d + 1, m), float32
        Where the p problems start; the last of the d + 1 is the intercept.
    totals : ndarray of shape (p,)
        The number of samples of each problem, or the sum of their weights: ``C`` times that divides the
        penalty of a mean loss.
    gap : float
        Share of the loss that a problem may still have to gain when it is done.
    max_steps : int
        Steps after which problems are taken as they are, with scikit-learn's ConvergenceWarning.
    """

    def __init__(self, start: FloatArray, totals: Doubles, *, gap: float, max_steps: int) -> None:
        self._start = self._variables = start
        self._totals = totals
        self._gap, self._max_steps = gap, max_steps

    def solve_path(self, strengths: Iterable[float]) -> Iterator[float]:
        """Solve for each C in turn and yield it; scores are its solution's until the next is asked for."""
        return self._follow((strength, self._gap) for strength in strengths)

    def restart(self) -> None:
        """Go back to where the path started."""
        self._variables = self._start

    def solve(
        self, strength: float, curvature: float, tick: Callable[[int, int], object] | None = None
    ) -> None:
        """Solve for one C from the beginning: over stronger penalties, each solved roughly.

        Parameters
        ----------
        strength : float
        curvature : float
            The curvature of a sample's loss by a score at the beginning. From a penalty that outweighs it on
            there is nothing to approach.
        tick : callable, default=None
            Told how many penalties are solved, of how many.
        """
        strides = [strength]
        while strides[0] * float(self._totals.max(initial=0)) * curvature > 1:
            strides.insert(0, strides[0] / _STRIDE)
        gaps = [max(_ROUGH_GAP, self._gap)] * (len(strides) - 1) + [self._gap]
        for done, _ in enumerate(self._follow(zip(strides, gaps, strict=True)), 1):
            if tick is not None:
                tick(done, len(strides))

    def _follow(self, penalties: Iterable[tuple[float, float]]) -> Iterator[float]:
        """Solve for each C, up to a share of its loss, and yield it.

        At a solution the gradient under the next penalty is known without an evaluation, and the first step
        from it, by what is known of the curvature, follows the path's tangent.
        """
        point, history, before = None, None, np.zeros((1, 1, 1), np.float32)
        for strength, gap in penalties:
            if not len(self._variables):
                yield strength
                continue
            penalty = (1 / (strength * self._totals)).astype(np.float32)[:, None, None]
            if point is None:
                point = LossPoint.of(self._evaluate, self._variables, penalty)
            else:
                point = point.with_penalty_added(penalty - before)
            precondition = partial(
                self._precondition, penalty=penalty, curvature=self._curvature(point.weights)
            )
            if history:
                history = history.with_penalty_added(precondition, penalty - before)
            else:
                history = LbfgsHistory(precondition)
            point = minimize(
                self._evaluate, point, penalty, history, gap=gap, max_steps=self._max_steps
            )
            self._variables, before = point.weights, penalty
            yield strength

    @abstractmethod
    def _evaluate(
        self, variables: FloatArray, penalty: FloatArray, problems: ProblemIndex
    ) -> tuple[Doubles, FloatArray]:
        """Return the loss of each of some problems, and its gradient."""

    @abstractmethod
    def _curvature(self, variables: FloatArray) -> float | FloatArray:
        """Return the curvature of the loss per score: one of all problems, or theirs, of shape (p, 1)."""

    @abstractmethod
    def _precondition(
        self,
        gradient: FloatArray,
        problems: ProblemIndex,
        penalty: FloatArray,
        curvature: float | FloatArray,
    ) -> FloatArray:
        """Return gradients of some problems times the inverse of a curvature that is the same for every row."""


def add_penalty(
    losses: Doubles, gradient: FloatArray, variables: FloatArray, penalty: FloatArray
) -> tuple[Doubles, FloatArray]:
    """Return losses and gradients with the penalty of all variables but the last; the gradient is changed."""
    gradient[:, :-1] += penalty * variables[:, :-1]
    squares = (variables[:, :-1].astype(np.float64) ** 2).sum(axis=(1, 2))
    return losses + penalty[:, 0, 0] / 2 * squares, gradient
