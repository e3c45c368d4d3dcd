"""Logistic regression along a path of penalties, every fold at once.

The problem is scikit-learn's, the way to its solution is not: all folds share one copy of the rows, in float32,
and are solved together; each penalty starts from the solution of a stronger one, with what was learned there
of the curvature; and L-BFGS is preconditioned with the curvature that the rows have by themselves, so that it
needs a few steps where plain L-BFGS needs dozens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from featx._typing import ClassWeight, Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import ALL, MapFn, ProblemIndex, Spectrum
from featx.tuning.solvers.losses import class_shares, mean_curvature, one_hot, softmax_loss
from featx.tuning.solvers.path import PenaltyPath, WarmStart, add_penalty
from featx.tuning.solvers.standardization import BLOCK, SharedRows, part_weights

__all__ = ["LogisticPath"]


class LogisticPath(PenaltyPath):
    """Regressions with ever weaker penalties on each training part of rows that are split in several ways.

    What is minimised is, for each split, what ``LogisticRegression(C=C)`` minimises on the training part
    after a ``StandardScaler`` that was fitted on it: multinomial for three or more classes, one column for
    two, the intercept without a penalty.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    y : ndarray of shape (n,), integers
        Classes, 0 … k - 1.
    trains : sequence of p integer arrays
        Rows of each training part, all of which have all classes.
    class_weight : "balanced" or None
        The class weight of ``LogisticRegression``.
    gap : float
        Share of the loss that a regression may still have to gain when it is done: half of Newton's
        decrement, with the curvature as L-BFGS knows it (Boyd and Vandenberghe, Convex Optimization,
        9.5.1). Unlike a bound on the gradient it means the same at every penalty: where the penalty is
        weak, slopes are small far from the solution too.
    map_fn : callable, default=map
        ``map``, or that of a pool of threads. It never changes a bit of the answer.
    max_steps : int, default=500
        Steps after which a regression is taken as it is, with scikit-learn's ConvergenceWarning.
    warm_start : WarmStart, default=None
        Where all splits start: at what another path found on rows like these.
    sample_weight : ndarray of shape (n,), float64, default=None
        What each sample weighs, 0 or more, in the loss and in the standardisation: a weight of 2 is the same
        as the sample given twice. In each training part every class has some weight.
    standardize : bool, default=True
        False leaves columns the scale that they have: it says how much each counts.
    """

    def __init__(
        self,
        rows: FloatArray,
        y: Integers,
        trains: Sequence[Integers],
        *,
        class_weight: ClassWeight,
        gap: float,
        map_fn: MapFn = map,
        max_steps: int = 500,
        warm_start: WarmStart | None = None,
        sample_weight: Doubles | None = None,
        standardize: bool = True,
    ) -> None:
        n, d = rows.shape
        self._map_fn = map_fn
        shared = SharedRows.of(rows, trains, map_fn, sample_weight, standardize=standardize)
        self._rows, self._stretch, self._shift = shared.table, shared.stretch, shared.shift
        self._one_hot = one_hot(y)
        weights = part_weights(n, trains, sample_weight)
        self._shares = class_shares(weights, y, class_weight)
        # Rows that every split leaves out cost nothing where they fill a block.
        self._starts = [k for k in range(0, n, BLOCK) if self._shares[k : k + BLOCK].any()]
        start = np.zeros((len(trains), d + 1, self._one_hot.shape[1]), np.float32)
        spectrum = None
        if warm_start is not None:
            start[:], spectrum = warm_start.weights, warm_start.spectrum
        self._spectrum = spectrum or Spectrum.of(self._rows, map_fn)
        super().__init__(start, weights.sum(axis=0), gap=gap, max_steps=max_steps)

    @property
    def weights(self) -> FloatArray:
        """Weights of standardised columns, and last the intercepts; shape (p, d + 1, m), float32.

        m is the number of classes, or 1 for two.
        """
        return self._variables

    def warm_start(self) -> WarmStart:
        """Return the mean solution of the splits, as a start for others."""
        mean = self.weights.mean(axis=0)
        return WarmStart(lambda: mean, self._spectrum)

    def scores(self, split: int, indices: Integers) -> Doubles:
        """Return the scores of some rows by the regression of one split; shape (n, k), float64."""
        coef, offset = self._shared_weights(self.weights, ALL)
        products = np.concatenate(
            [
                self._rows[indices[start : start + BLOCK]] @ coef[split]
                for start in range(0, max(len(indices), 1), BLOCK)
            ]
        )
        values = np.asarray(products + offset[split], np.float64)
        return values if values.shape[1] > 1 else np.hstack([np.zeros_like(values), values])

    def _shared_weights(
        self, weights: FloatArray, splits: ProblemIndex
    ) -> tuple[FloatArray, FloatArray]:
        """Return weights (p, d, m) and intercepts (p, m) of some splits for the shared rows."""
        coef = weights[:, :-1]
        offset = weights[:, -1] + (coef * self._shift[splits]).sum(axis=1)
        return coef * self._stretch[splits], offset

    def _evaluate(
        self, weights: FloatArray, penalty: FloatArray, splits: ProblemIndex
    ) -> tuple[Doubles, FloatArray]:
        """Return the loss of each of some splits, and its gradient."""
        coef, offset = self._shared_weights(weights, splits)
        p, d, m = coef.shape
        flat = np.ascontiguousarray(coef.transpose(1, 0, 2)).reshape(d, p * m)
        task = partial(self._evaluate_block, flat, offset, splits)
        losses = np.zeros(p)
        coef_slope, offset_slope = np.zeros((d, p * m), np.float32), np.zeros((p, m))
        for block_losses, block_coef, block_offset in self._map_fn(task, self._starts):
            losses += block_losses
            coef_slope += block_coef
            offset_slope += block_offset
        slope = coef_slope.reshape(d, p, m).transpose(1, 0, 2)
        gradient = np.empty_like(weights)
        gradient[:, :-1] = (
            slope * self._stretch[splits] + self._shift[splits] * offset_slope[:, None]
        )
        gradient[:, -1] = offset_slope
        return add_penalty(losses, gradient, weights, penalty)

    def _evaluate_block(
        self, coef: FloatArray, offset: FloatArray, splits: ProblemIndex, start: int
    ) -> tuple[Doubles, FloatArray, FloatArray]:
        """Return loss and gradient of a few rows, which are read once."""
        part = slice(start, start + BLOCK)
        rows = self._rows[part]
        values = (rows @ coef).reshape(len(rows), *offset.shape)
        values += offset
        shares = self._shares[part, splits]
        losses, slopes = softmax_loss(values, self._one_hot[part, None], shares)
        return losses, rows.T @ slopes.reshape(len(rows), -1), slopes.sum(axis=0)

    def _curvature(self, weights: FloatArray) -> float:
        """Return the curvature of the loss per column of scores: a mean over some rows."""
        coef, offset = self._shared_weights(weights, ALL)
        few = self._rows[:: max(1, len(self._rows) // BLOCK)]
        values = np.stack([few @ own for own in coef], axis=1) + offset
        return mean_curvature(values)

    def _precondition(
        self,
        gradient: FloatArray,
        problems: ProblemIndex,
        penalty: FloatArray,
        curvature: float | FloatArray,
    ) -> FloatArray:
        """Return gradients of splits times the inverse of a curvature that is the same for every row."""
        return self._spectrum.precondition(gradient, curvature, penalty[problems])
