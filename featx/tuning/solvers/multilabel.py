"""Logistic regressions of several labels along a path of penalties, every label and every fold at once.

Each label is a problem of its own, as in ``OneVsRestClassifier(LogisticRegression())``; what they share is
done once: the standardised rows, their spectrum, and one product of the rows with the weights of all labels
and folds that are not done yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from featx._typing import ClassWeight, Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import MapFn, ProblemIndex, Spectrum
from featx.tuning.solvers.path import PenaltyPath, WarmStart, add_penalty
from featx.tuning.solvers.standardization import BLOCK, SharedRows, part_weights

__all__ = ["MultilabelPath"]

# Curvature below which a label's is taken for it: where all probabilities are 0 or 1.
_LEAST_CURVATURE = 1e-6


class MultilabelPath(PenaltyPath):
    """Independent regressions of L labels with ever weaker penalties on each training part of rows.

    What is minimised is, for each split and label, what ``LogisticRegression(C=C)`` minimises on the
    training part after a ``StandardScaler`` that was fitted on it, the intercept without a penalty. A label
    that all samples of a part have, or none, has no solution there: its weights are 0, and its intercept the
    logarithm of the odds with a weight of a half added on each side; ``is_constant`` says where.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    targets : ndarray of shape (n, L), integers or bool
        1 where a sample has a label, 0 where it has not.
    trains : sequence of p integer arrays
        Rows of each training part.
    class_weight : "balanced" or None
        With "balanced" the samples that have a label weigh as much as those that have not, for each label.
    gap : float
        Share of the loss that a regression may still have to gain when it is done; see ``LogisticPath``.
    map_fn : callable, default=map
        ``map``, or that of a pool of threads. It never changes a bit of the answer.
    max_steps : int, default=500
        Steps after which regressions are taken as they are, with scikit-learn's ConvergenceWarning.
    warm_start : WarmStart, default=None
        Where all splits start: at what another path found on rows like these.
    sample_weight : ndarray of shape (n,), float64, default=None
        What each sample weighs, 0 or more, in the loss and in the standardisation: a weight of 2 is the same
        as the sample given twice.
    standardize : bool, default=True
        False leaves columns the scale that they have: it says how much each counts.

    Attributes
    ----------
    is_constant : ndarray of shape (p, L), bool
        Whether all samples of a part, or none, have the label.
    """

    def __init__(
        self,
        rows: FloatArray,
        targets: Integers,
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
        weights = part_weights(n, trains, sample_weight)
        self._rows = SharedRows.of(rows, weights, map_fn, standardize=standardize)
        self._targets = targets.astype(np.float32)
        totals = weights.sum(axis=0)
        shares = weights / totals
        self._shares = shares.astype(np.float32)
        # Rows that every split leaves out cost nothing where they fill a block.
        self._starts = [k for k in range(0, n, BLOCK) if self._shares[k : k + BLOCK].any()]
        prevalence = shares.T @ targets
        has_weight = (weights > 0).astype(np.float64)
        n_positive = has_weight.T @ targets
        self.is_constant = (n_positive == 0) | (n_positive == has_weight.sum(axis=0)[:, None])
        positive, total = weights.T @ targets, totals[:, None]
        self._constants = np.log(positive + 0.5) - np.log(total - positive + 0.5)
        # The split and the label of each problem, split by split.
        self._splits, self._labels = np.nonzero(~self.is_constant)
        share = prevalence[~self.is_constant]
        # What a sample's weight is multiplied with, where it lacks a label and where it has it.
        self._factors: tuple[FloatArray, FloatArray] | None = None
        odds = share / (1 - share)
        if class_weight == "balanced":
            self._factors = (
                (0.5 / (1 - share)).astype(np.float32),
                (0.5 / share).astype(np.float32),
            )
            odds = np.ones_like(share)
        start = np.zeros((len(share), d + 1, 1), np.float32)
        start[:, -1, 0] = np.log(odds)
        self._curvatures = (odds / (1 + odds) ** 2).astype(np.float32)
        spectrum = None
        if warm_start is not None:
            spectrum = warm_start.spectrum
            if warm_start.weights is not None:
                start[:, :, 0] = warm_start.weights.T[self._labels]
        self._spectrum = spectrum or Spectrum.of(self._rows.table, map_fn)
        super().__init__(start, totals[self._splits], gap=gap, max_steps=max_steps)

    @property
    def weights(self) -> FloatArray:
        """Weights of standardised columns, and last the intercepts; shape (p, d + 1, L), float32."""
        p, n_labels = self.is_constant.shape
        weights = np.zeros((p, n_labels, self._variables.shape[1]), np.float32)
        weights[:, :, -1] = self._constants
        weights[~self.is_constant] = self._variables[:, :, 0]
        return weights.transpose(0, 2, 1)

    def warm_start(self) -> WarmStart:
        """Return the mean solution of the splits, as a start for others."""
        mean = self.weights.mean(axis=0)
        return WarmStart(lambda: mean, self._spectrum)

    def scores(self, split: int, indices: Integers) -> Doubles:
        """Return the logarithms of the odds of each label by one split's regressions; shape (n, L), float64."""
        weights = self.weights[split]
        coef = weights[:-1] * self._rows.stretch[split]
        offset = weights[-1] + (weights[:-1] * self._rows.shift[split]).sum(axis=0)
        products = [
            self._rows.table[indices[start : start + BLOCK]] @ coef
            for start in range(0, max(len(indices), 1), BLOCK)
        ]
        return np.asarray(np.concatenate(products) + offset, np.float64)

    def _evaluate(
        self, weights: FloatArray, penalty: FloatArray, problems: ProblemIndex
    ) -> tuple[Doubles, FloatArray]:
        """Return the loss of each of some problems, and its gradient; remember its curvature."""
        splits = self._splits[problems]
        stretch, shift = self._rows.stretch[splits, :, 0], self._rows.shift[splits, :, 0]
        own = weights[:, :-1, 0]
        coef = np.ascontiguousarray((own * stretch).T)
        offset = weights[:, -1, 0] + (own * shift).sum(axis=1)
        task = partial(self._evaluate_block, coef, offset, problems)
        losses, curvatures = np.zeros(len(own)), np.zeros(len(own))
        coef_slope = np.zeros(coef.shape, np.float32)
        offset_slope = np.zeros(len(own))
        for parts in self._map_fn(task, self._starts):
            for total, part in zip(
                (losses, curvatures, coef_slope, offset_slope), parts, strict=True
            ):
                total += part
        self._curvatures[problems] = curvatures
        gradient = np.empty_like(weights)
        gradient[:, :-1, 0] = coef_slope.T * stretch + shift * offset_slope[:, None]
        gradient[:, -1, 0] = offset_slope
        return add_penalty(losses, gradient, weights, penalty)

    def _evaluate_block(
        self, coef: FloatArray, offset: FloatArray, problems: ProblemIndex, start: int
    ) -> tuple[Doubles, Doubles, FloatArray, Doubles]:
        """Return loss, curvature and gradient of a few rows, which are read once."""
        part = slice(start, start + BLOCK)
        rows = self._rows.table[part]
        targets = self._targets[part].take(self._labels[problems], axis=1)
        sample_weights = self._shares[part].take(self._splits[problems], axis=1)
        if self._factors is not None:
            without, with_label = (factor[problems] for factor in self._factors)
            sample_weights *= without + targets * (with_label - without)
        values = rows @ coef
        values += offset
        # The score towards what a sample is not: the loss is its softplus.
        signs = 1 - 2 * targets
        values *= signs
        small = np.exp(-np.abs(values))
        losses = np.log1p(small)
        losses += np.maximum(values, 0)
        losses *= sample_weights
        # The probability of what a sample is not.
        wrong = np.exp(np.minimum(values, 0, out=values), out=values)
        small += 1
        wrong /= small
        sample_weights *= wrong
        slopes = sample_weights * signs
        sample_weights *= 1 - wrong
        return (
            losses.sum(axis=0, dtype=np.float64),
            sample_weights.sum(axis=0, dtype=np.float64),
            rows.T @ slopes,
            slopes.sum(axis=0, dtype=np.float64),
        )

    def _curvature(self, variables: FloatArray) -> FloatArray:
        """Return the curvatures where the problems were evaluated last; shape (p, 1)."""
        return np.asarray(np.maximum(self._curvatures, _LEAST_CURVATURE)[:, None])

    def _precondition(
        self,
        gradient: FloatArray,
        problems: ProblemIndex,
        penalty: FloatArray,
        curvature: float | FloatArray,
    ) -> FloatArray:
        """Return gradients of problems times the inverse of a curvature that is the same for every row."""
        own = np.asarray(curvature)[problems]
        return self._spectrum.precondition(gradient, own, penalty[problems], self._map_fn)
