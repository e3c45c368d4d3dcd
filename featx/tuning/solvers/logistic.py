"""Logistic regression along a path of penalties, every fold at once.

The problem is scikit-learn's, the way to its solution is not: all folds share one copy of the rows, in float32,
and are solved together; each penalty starts from the solution of a stronger one, with what was learned there
of the curvature; and L-BFGS is preconditioned with the curvature that the rows have by themselves, so that it
needs a few steps where plain L-BFGS needs dozens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from featx._typing import ClassWeight, Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import (
    ALL,
    LbfgsHistory,
    MapFn,
    ProblemIndex,
    Spectrum,
    minimize,
)
from featx.tuning.solvers.standardization import BLOCK, SharedRows, part_weights

__all__ = ["EXTRAPOLATION", "LogisticPath", "WarmStart"]

# Share of the last step along the path: it is taken once more as the first guess of the next.
EXTRAPOLATION = 0.7


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What a path on some rows knows that helps another one on rows like them.

    Attributes
    ----------
    weights : ndarray of shape (d + 1, m), float32
        A solution, for standardised columns, and last the intercept.
    spectrum : Spectrum
        The curvature that the rows have by themselves.
    """

    weights: FloatArray
    spectrum: Spectrum


class LogisticPath:
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

    Attributes
    ----------
    weights : ndarray of shape (p, d + 1, m), float32
        Weights of standardised columns, and last the intercept; m is k, or 1 for two classes.
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
    ) -> None:
        n, d = rows.shape
        k = int(y.max()) + 1
        self._map_fn, self._gap, self._max_steps = map_fn, gap, max_steps
        shared = SharedRows.of(rows, trains, map_fn, sample_weight)
        self._rows, self._stretch, self._shift = shared.table, shared.stretch, shared.shift
        self._one_hot = (y[:, None] == np.arange(k)).astype(np.float32)[:, (1 if k == 2 else 0) :]
        weights = part_weights(n, trains, sample_weight)
        self._totals = weights.sum(axis=0)
        self._sample_weights = _shares(weights, y, class_weight)
        # Rows that every split leaves out cost nothing where they fill a block.
        self._starts = [k for k in range(0, n, BLOCK) if self._sample_weights[k : k + BLOCK].any()]
        self.weights = np.zeros((len(trains), d + 1, self._one_hot.shape[1]), np.float32)
        if warm_start is None:
            self._spectrum = Spectrum.of(self._rows, map_fn)
        else:
            self._spectrum = warm_start.spectrum
            self.weights[:] = warm_start.weights

    def solve_path(self, strengths: Iterable[float]) -> Iterator[float]:
        """Solve for each C in turn and yield it; ``weights`` are its solution until the next is asked for."""
        last, history, before = self.weights, None, np.zeros((1, 1, 1), np.float32)
        for strength in strengths:
            guess = np.asarray(self.weights + EXTRAPOLATION * (self.weights - last), np.float32)
            penalty = (1 / (strength * self._totals)).astype(np.float32)[:, None, None]
            precondition = partial(
                self._precondition, penalty=penalty, curvature=self._curvature(guess)
            )
            if history:
                history = history.with_penalty_added(precondition, penalty - before)
            else:
                history = LbfgsHistory(precondition)
            solution = minimize(
                self._evaluate,
                guess,
                penalty,
                history,
                gap=self._gap,
                max_steps=self._max_steps,
            )
            last, self.weights = self.weights, solution
            before = penalty
            yield strength

    def warm_start(self) -> WarmStart:
        """Return the first split's solution, as a start for others."""
        return WarmStart(self.weights[0].copy(), self._spectrum)

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
        self, weights: FloatArray, penalty: FloatArray, splits: ProblemIndex = ALL
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
        gradient[:, :-1] += penalty * weights[:, :-1]
        gradient[:, -1] = offset_slope
        squares = (weights[:, :-1].astype(np.float64) ** 2).sum(axis=(1, 2))
        return losses + penalty[:, 0, 0] / 2 * squares, gradient

    def _evaluate_block(
        self, coef: FloatArray, offset: FloatArray, splits: ProblemIndex, start: int
    ) -> tuple[Doubles, FloatArray, FloatArray]:
        """Return loss and gradient of a few rows, which are read once."""
        part = slice(start, start + BLOCK)
        rows, one_hot = self._rows[part], self._one_hot[part, None]
        sample_weights = self._sample_weights[part, splits]
        values = (rows @ coef).reshape(len(rows), *offset.shape)
        values += offset
        top = values.max(axis=2, keepdims=True)
        if values.shape[2] == 1:
            np.maximum(top, 0, out=top)
        true_score = (values * one_hot).sum(axis=2)
        np.exp(values - top, out=values)
        total = values.sum(axis=2, keepdims=True)
        if values.shape[2] == 1:
            total += np.exp(-top)
        losses = (
            sample_weights * (np.log(total) + top)[:, :, 0] - sample_weights * true_score
        ).sum(axis=0, dtype=np.float64)
        values /= total
        values -= one_hot
        values *= sample_weights[:, :, None]
        return losses, rows.T @ values.reshape(len(rows), -1), values.sum(axis=0)

    def _curvature(self, weights: FloatArray) -> float:
        """Return the curvature of the loss per column of scores: a mean over some rows."""
        coef, offset = self._shared_weights(weights, ALL)
        few = self._rows[:: max(1, len(self._rows) // BLOCK)]
        values = np.stack([few @ own for own in coef], axis=1) + offset
        if values.shape[2] == 1:
            values = np.concatenate([np.zeros_like(values), values], axis=2)
        shares = np.exp(values - values.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        return max(float((shares * (1 - shares)).mean()), 1e-6)

    def _precondition(
        self, gradient: FloatArray, splits: ProblemIndex, penalty: FloatArray, curvature: float
    ) -> FloatArray:
        """Return gradients of splits times the inverse of a curvature that is the same for every row."""
        direction = np.empty_like(gradient)
        direction[:, :-1] = self._spectrum.solve(gradient[:, :-1], curvature, penalty[splits])
        direction[:, -1] = gradient[:, -1] / curvature
        return direction


def _shares(weights: Doubles, y: Integers, class_weight: ClassWeight) -> FloatArray:
    """Return the share of each sample in each split, where balanced classes have the same; shape (n, p)."""
    if class_weight != "balanced":
        return np.asarray(weights / weights.sum(axis=0), np.float32)
    totals = np.stack([np.bincount(y, column) for column in weights.T], axis=1)
    # A class of no weight divides nothing by it.
    n_classes, totals = np.count_nonzero(totals, axis=0), np.where(totals > 0, totals, 1)
    return np.asarray(weights / (totals[y] * n_classes), np.float32)
