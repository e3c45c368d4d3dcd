"""Logistic regression of rows that do not fit in memory: L-BFGS whose every evaluation reads them once.

Sums over all rows do not depend on their order, so that rows which lie sorted by class, as a folder gives them,
do no harm. Preconditioned with the curvature of the rows, and started from the solution of a stronger penalty,
it needs a few readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.tuning.solvers.closed_form import LinearSolution
from featx.tuning.solvers.lbfgs import MapFn, ProblemIndex, Spectrum
from featx.tuning.solvers.losses import mean_curvature, softmax_loss
from featx.tuning.solvers.path import PenaltyPath, add_penalty
from featx.tuning.solvers.streamed_sums import CHUNK, RowTargets, StandardizedSums

__all__ = ["StreamedLogistic"]

# Gives the rows to learn from with their targets, block by block, always in the same order.
ReadBlocks = Callable[[], Iterator[tuple[FloatArray, RowTargets]]]


class StreamedLogistic(PenaltyPath):
    """A regression that minimises what ``LogisticRegression(C)`` minimises on standardised rows.

    Parameters
    ----------
    read_blocks : callable
        Gives blocks of rows, float32, with their targets: classes, weights and factors.
    sums : StandardizedSums
        The sums of these rows, with products.
    probe : ndarray of shape (m, d), float32
        Some rows like these, by which the curvature of the loss is judged.
    gap : float
        Share of the loss that may still be to gain at the end.
    map_fn : callable, default=map
        ``map``, or that of a pool of threads. It never changes a bit of the answer.
    start : LinearSolution, default=None
        Where it begins; None at 0.
    max_steps : int, default=200
        Steps after which the solution is taken as it is, with scikit-learn's ConvergenceWarning.

    Attributes
    ----------
    n_reads : int
        How often all rows were read.
    """

    def __init__(
        self,
        read_blocks: ReadBlocks,
        sums: StandardizedSums,
        probe: FloatArray,
        *,
        gap: float,
        map_fn: MapFn = map,
        start: LinearSolution | None = None,
        max_steps: int = 200,
    ) -> None:
        assert sums.products is not None
        self._read_blocks, self._map_fn = read_blocks, map_fn
        self._mean = sums.mean.astype(np.float32)
        # Weights are divided by the scale, once, and not every row.
        self._scale = sums.scale.astype(np.float32)[:, None]
        self._probe = probe - self._mean
        self._k = len(sums.weights)
        self._share = 1 / sums.trained.sum()
        values, vectors = np.linalg.eigh(sums.products * self._share)
        self._spectrum = Spectrum(
            vectors.astype(np.float32), np.maximum(values, 0).astype(np.float32)
        )
        self.n_reads = 0
        weights = np.zeros((1, len(self._mean) + 1, 1 if self._k == 2 else self._k), np.float32)
        super().__init__(weights, np.array([sums.total]), gap=gap, max_steps=max_steps)
        if start is not None:
            self.start_at(start)

    def start_at(self, solution: LinearSolution) -> None:
        """Let the next path begin at a solution of standardised rows."""
        weights = np.vstack([solution.coef.T, solution.intercept])
        self._variables = weights.astype(np.float32)[None]

    @property
    def solution(self) -> LinearSolution:
        """Weights and intercepts of standardised rows: a score a class, or one for two."""
        weights = self._variables[0].astype(np.float64)
        return LinearSolution(weights[:-1].T.copy(), weights[-1].copy())

    def _evaluate(
        self, variables: FloatArray, penalty: FloatArray, problems: ProblemIndex
    ) -> tuple[Doubles, FloatArray]:
        """Return the loss and its gradient, by one reading of the rows."""
        self.n_reads += 1
        coef, offset = variables[0, :-1] / self._scale, variables[0, -1]
        loss, slope = np.zeros(1), np.zeros(variables.shape[1:])
        for rows, targets in self._read_blocks():
            task = partial(self._evaluate_chunk, coef, offset, rows, targets)
            for own_loss, own_coef, own_offset in self._map_fn(task, range(0, len(rows), CHUNK)):
                loss += own_loss
                slope[:-1] += own_coef
                slope[-1] += own_offset
        slope[:-1] /= self._scale
        gradient = slope.astype(np.float32)[None]
        return add_penalty(loss, gradient, variables, penalty)

    def _evaluate_chunk(
        self,
        coef: FloatArray,
        offset: FloatArray,
        rows: FloatArray,
        targets: RowTargets,
        start: int,
    ) -> tuple[Doubles, FloatArray, FloatArray]:
        own = targets.subset(slice(start, start + CHUNK))
        part = rows[start : start + CHUNK] - self._mean
        values = np.asarray(part @ coef, np.float32)
        values += offset
        shares = (own.weights * own.factors * self._share).astype(np.float32)[:, None]
        assert own.codes is not None
        losses, slopes = softmax_loss(values[:, None], own.codes, shares)
        slopes = slopes[:, 0]
        return losses, np.asarray(part.T @ slopes), np.asarray(slopes.sum(axis=0))

    def _curvature(self, variables: FloatArray) -> float:
        values = self._probe @ (variables[0, :-1] / self._scale) + variables[0, -1]
        return mean_curvature(values[:, None])

    def _precondition(
        self,
        gradient: FloatArray,
        problems: ProblemIndex,
        penalty: FloatArray,
        curvature: float | FloatArray,
    ) -> FloatArray:
        """Return the gradient times the inverse of a curvature that is the same for every row."""
        return self._spectrum.precondition(gradient, curvature, penalty[problems], self._map_fn)
