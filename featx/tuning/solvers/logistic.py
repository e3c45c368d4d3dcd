"""Logistic regression along a path of penalties, every fold at once.

The problem is scikit-learn's, the way to its solution is not: all folds share one copy of the rows, in float32,
and are solved together; each penalty starts from the solution of a stronger one, with what was learned there
of the curvature; and L-BFGS is preconditioned with the curvature that the rows have by themselves, so that it
needs a few steps where plain L-BFGS needs dozens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from featx._typing import ClassWeight, Doubles, FloatArray, Integers, Mask
from featx.tuning.solvers.lbfgs import ALL, MapFn, ProblemIndex, Spectrum
from featx.tuning.solvers.losses import class_shares, mean_curvature, n_score_columns, softmax_loss
from featx.tuning.solvers.path import PenaltyPath, WarmStart, add_penalty
from featx.tuning.solvers.standardization import BLOCK, SharedRows, part_weights

__all__ = ["LogisticPath"]

# Where there are more rows than the first, and fewer than columns, or of more columns than the second fewer
# than their square divided by the third, the leading part of their spectrum is enough: all of it takes longer
# than the steps that it saves.
_FEW_ROWS, _FEW_COLUMNS, _DIVISOR = 200, 500, 256
# Rows by which the curvature of the loss is judged.
_SAMPLED = 256
# Products of the rows of a kind, columns and scores up to which it costs more to keep kinds apart than to
# multiply rows with weights of splits that leave them out.
_LITTLE_WORK = 4_000_000


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
        weights = part_weights(n, trains, sample_weight)
        n_columns = n_score_columns(y)
        order, self._blocks = _blocks_of_parts(weights > 0, d * n_columns)
        self._position = np.argsort(order)
        shared = SharedRows.of(rows, weights, map_fn, standardize=standardize, order=order)
        self._rows, self._stretch, self._shift = shared.table, shared.stretch, shared.shift
        self._codes = y[order]
        self._shares = class_shares(weights, y, class_weight)[order]
        start = np.zeros((len(trains), d + 1, n_columns), np.float32)
        spectrum = None
        if warm_start is not None:
            spectrum = warm_start.spectrum
            if warm_start.weights is not None:
                start[:] = warm_start.weights
        if spectrum is None:
            is_wide = _FEW_ROWS < n < (max(d, d * d // _DIVISOR) if d > _FEW_COLUMNS else d)
            spectrum = Spectrum.leading(self._rows) if is_wide else Spectrum.of(self._rows, map_fn)
        self._spectrum = spectrum
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
        one = np.array([split])
        coef, offset = self._shared_weights(self.weights[one], one)
        positions = self._position[indices]
        products = np.concatenate(
            [
                self._rows[positions[start : start + BLOCK]] @ coef[0]
                for start in range(0, max(len(indices), 1), BLOCK)
            ]
        )
        values = np.asarray(products + offset[0], np.float64)
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
        chosen = np.arange(len(self._variables))[splits]
        tables = self._columns_of_blocks(coef, chosen)

        def evaluate_block(
            block: tuple[slice, Mask],
        ) -> tuple[bytes, Doubles, FloatArray, FloatArray]:
            rows, active = block
            some, flat = tables[active.tobytes()]
            return active.tobytes(), *self._evaluate_block(flat, offset[some], chosen[some], rows)

        losses = np.zeros(p)
        slopes = {key: np.zeros(flat.shape, np.float32) for key, (_, flat) in tables.items()}
        coef_slope, offset_slope = np.zeros((p, d, m), np.float32), np.zeros((p, m))
        # Rows that none of these splits is trained on cost nothing.
        blocks = [block for block in self._blocks if len(tables[block[1].tobytes()][0])]
        for key, block_losses, block_coef, block_offset in self._map_fn(evaluate_block, blocks):
            some = tables[key][0]
            losses[some] += block_losses
            offset_slope[some] += block_offset
            slopes[key] += block_coef
        for key, slope in slopes.items():
            some = tables[key][0]
            coef_slope[some] += slope.reshape(d, len(some), m).transpose(1, 0, 2)
        gradient = np.empty_like(weights)
        gradient[:, :-1] = (
            coef_slope * self._stretch[splits] + self._shift[splits] * offset_slope[:, None]
        )
        gradient[:, -1] = offset_slope
        return add_penalty(losses, gradient, weights, penalty)

    def _columns_of_blocks(
        self, coef: FloatArray, chosen: Integers
    ) -> dict[bytes, tuple[Integers, FloatArray]]:
        """Return, for each kind of block, which of some splits learn from it, and their weights side by side.

        The splits are numbered as in ``coef``, of shape (p, d, m); the weights have shape (d, p x m).
        """
        tables: dict[bytes, tuple[Integers, FloatArray]] = {}
        for _, active in self._blocks:
            if active.tobytes() not in tables:
                some = np.flatnonzero(active[chosen])
                flat = coef[some].transpose(1, 0, 2).reshape(coef.shape[1], -1)
                tables[active.tobytes()] = some, np.ascontiguousarray(flat)
        return tables

    def _evaluate_block(
        self, coef: FloatArray, offset: FloatArray, splits: Integers, part: slice
    ) -> tuple[Doubles, FloatArray, FloatArray]:
        """Return loss and gradient of a few rows, which are read once."""
        rows = self._rows[part]
        values = (rows @ coef).reshape(len(rows), *offset.shape)
        values += offset
        shares = self._shares[part].take(splits, axis=1)
        losses, slopes = softmax_loss(values, self._codes[part], shares)
        return losses, rows.T @ slopes.reshape(len(rows), -1), slopes.sum(axis=0)

    def _curvature(self, weights: FloatArray) -> float:
        """Return the curvature of the loss per column of scores: a mean over some rows."""
        coef, offset = self._shared_weights(weights, ALL)
        few = self._rows[:: max(1, len(self._rows) // _SAMPLED)]
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
        return self._spectrum.precondition(gradient, curvature, penalty[problems], self._map_fn)


def _blocks_of_parts(
    trained: Mask, work: int = _LITTLE_WORK
) -> tuple[Integers, list[tuple[slice, Mask]]]:
    """Return an order of rows, and blocks of rows in it that the same parts are trained on.

    Where there is little to do, all rows are one kind, of every part that has any.

    Parameters
    ----------
    trained : ndarray of shape (n, p), bool
        Whether each row belongs to each part.
    work : int
        The products that a row takes part in, for each part.

    Returns
    -------
    order : ndarray of shape (n,), intp
    blocks : list of (slice, ndarray of shape (p,), bool)
        Places in that order, and the parts; rows of no part are in no block.

    Examples
    --------
    >>> order, blocks = _blocks_of_parts(np.array([[True, False], [True, True], [True, False]]))
    >>> order.tolist(), [(part.start, int(part.stop), parts.tolist()) for part, parts in blocks]
    ([0, 2, 1], [(0, 2, [True, False]), (2, 3, [True, True])])
    """
    kinds, kind_of = np.unique(trained, axis=0, return_inverse=True)
    kind_of = kind_of.reshape(-1)
    if trained.size * work < _LITTLE_WORK * len(kinds):
        kinds, kind_of = np.any(trained, axis=0).reshape(1, -1), np.zeros_like(kind_of)
    order = np.argsort(kind_of, kind="stable")
    ends = np.cumsum(np.bincount(kind_of, minlength=len(kinds)))
    blocks = [
        (slice(start, min(start + BLOCK, end)), parts)
        for parts, begin, end in zip(kinds, [0, *ends], ends, strict=False)
        if parts.any()
        for start in range(begin, end, BLOCK)
    ]
    return order, blocks
