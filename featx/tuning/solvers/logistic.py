"""Logistic regression along a path of penalties, every fold at once.

The problem is scikit-learn's, the way to its solution is not: all folds share one copy of the rows, in float32,
and go through it together; each penalty starts where a stronger one ended, with what was learned there of the
curvature; and L-BFGS steps through the inverse of the curvature that rows have by themselves, so that it needs
a few steps where plain L-BFGS needs dozens.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from featx._typing import Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import History, MapFn, Spectrum, dot

__all__ = ["LogisticPath"]

_BLOCK = 512  # rows that a thread takes at a time; fixed, so that sums do not depend on the threads
_LEAP = 0.7  # of the last step along the path, taken once more before the descent
_STEPS = 500
_ENOUGH = 1e-4  # of the decrease that the slope promises
_SHORTEST = 1e-6  # step of a line search, after which it is taken as it is
_STUCK = 1e-7  # of the loss: a step that gains less is the last
_ROUNDING = 1e-6  # of the loss, below which float32 cannot tell a decrease

_ALL = slice(None)

Some = Integers | slice  # splits


class LogisticPath:
    """The same rows split in several ways, and on each training part a regression that gets less stiff.

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
    balance : bool
        Classes weigh the same, as by ``class_weight="balanced"``.
    gap : float
        Share of the loss that a regression may still have to gain when it is done: half of Newton's
        decrement, with the curvature as L-BFGS knows it (Boyd and Vandenberghe, Convex Optimization,
        9.5.1). Unlike a bound on the gradient it means the same at every penalty: where the penalty is
        weak, slopes are small far from the solution too.
    share : callable
        ``map``, or that of a pool of threads. It never changes a bit of the answer.

    Attributes
    ----------
    weights : ndarray of shape (p, d + 1, m), float32
        Of standardised columns, and last the intercept; m is k, or 1 for two classes.

    Notes
    -----
    A split's standardisation is a change of variables: with z = (x - M) / S for all rows and m, s of the
    training part, w·(x - m) / s = (w S / s)·z + w·(M - m) / s. So there is one table of rows for all splits.
    """

    def __init__(
        self,
        rows: FloatArray,
        y: Integers,
        trains: Sequence[Integers],
        *,
        balance: bool,
        gap: float,
        map_fn: MapFn = map,
    ) -> None:
        n, d = rows.shape
        k = int(y.max()) + 1
        self._share, self._gap = map_fn, gap
        self._starts = range(0, n, _BLOCK)
        whole = _scaler(rows, np.arange(n))
        scalers = list(map_fn(lambda p: _scaler(rows, trains[p]), range(len(trains))))
        self._rows = np.empty((n, d), np.float32)
        for start in self._starts:
            part = slice(start, start + _BLOCK)
            self._rows[part] = (rows[part] - whole.mean_) / whole.scale_
        # columns that are constant in a training part say nothing there
        varied = np.stack([each.scale_ == np.sqrt(each.var_) for each in scalers])
        scales = np.stack([each.scale_ for each in scalers])
        means = np.stack([each.mean_ for each in scalers])
        self._stretch = (varied * whole.scale_ / scales).astype(np.float32)[:, :, None]
        self._shift = (varied * (whole.mean_ - means) / scales).astype(np.float32)[:, :, None]
        self._truth = (y[:, None] == np.arange(k)).astype(np.float32)[:, (1 if k == 2 else 0) :]
        self._sizes = np.array([len(train) for train in trains])
        self._shares = np.stack([_shares(y, train, balance) for train in trains], axis=1)
        self._spectrum = Spectrum.of(self._rows, map_fn)
        self.weights = np.zeros((len(trains), d + 1, self._truth.shape[1]), np.float32)

    def walk(self, strengths: Iterable[float]) -> Iterator[float]:
        """Solve for each C in turn; ``weights`` are its solution while it is given out."""
        last, history, before = self.weights, None, np.zeros((1, 1, 1), np.float32)
        for strength in strengths:
            ahead = np.asarray(self.weights + _LEAP * (self.weights - last), np.float32)
            penalty = (1 / (strength * self._sizes)).astype(np.float32)[:, None, None]
            precondition = partial(self._soften, penalty=penalty, curvature=self._curvature(ahead))
            history = (
                history.moved(precondition, penalty - before) if history else History(precondition)
            )
            last, self.weights = self.weights, self._descend(ahead, penalty, history)
            before = penalty
            yield strength

    def scores(self, split: int, places: Integers) -> Doubles:
        """What the regression of one split says of some rows; shape (n, k), float64."""
        inside, offset = self._inside(self.weights, _ALL)
        own = np.concatenate(
            [
                self._rows[places[start : start + _BLOCK]] @ inside[split]
                for start in range(0, max(len(places), 1), _BLOCK)
            ]
        )
        values = np.asarray(own + offset[split], np.float64)
        return values if values.shape[1] > 1 else np.hstack([np.zeros_like(values), values])

    def _inside(self, weights: FloatArray, some: Some) -> tuple[FloatArray, FloatArray]:
        """Weights and intercepts of some splits for the shared rows."""
        own = weights[:, :-1]
        return own * self._stretch[some], weights[:, -1] + (own * self._shift[some]).sum(axis=1)

    def _evaluate(
        self, weights: FloatArray, penalty: FloatArray, some: Some = _ALL
    ) -> tuple[Doubles, FloatArray]:
        """The loss of each of some splits, and its gradient."""
        inside, offset = self._inside(weights, some)
        p, d, m = inside.shape
        table = np.ascontiguousarray(inside.transpose(1, 0, 2)).reshape(d, p * m)
        task = partial(self._block, table, offset, some)
        losses, pull, push = np.zeros(p), np.zeros((d, p * m), np.float32), np.zeros((p, m))
        for loss, toward, total in self._share(task, self._starts):
            losses += loss
            pull += toward
            push += total
        slope = pull.reshape(d, p, m).transpose(1, 0, 2)
        gradient = np.empty_like(weights)
        gradient[:, :-1] = slope * self._stretch[some] + self._shift[some] * push[:, None]
        gradient[:, :-1] += penalty * weights[:, :-1]
        gradient[:, -1] = push
        squares = (weights[:, :-1].astype(np.float64) ** 2).sum(axis=(1, 2))
        return losses + penalty[:, 0, 0] / 2 * squares, gradient

    def _block(
        self, table: FloatArray, offset: FloatArray, some: Some, start: int
    ) -> tuple[Doubles, FloatArray, FloatArray]:
        """Loss and gradient of a few rows, read once."""
        part = slice(start, start + _BLOCK)
        rows, truth, shares = self._rows[part], self._truth[part, None], self._shares[part, some]
        values = (rows @ table).reshape(len(rows), *offset.shape)
        values += offset
        top = values.max(axis=2, keepdims=True)
        if values.shape[2] == 1:
            np.maximum(top, 0, out=top)
        own = (values * truth).sum(axis=2)
        np.exp(values - top, out=values)
        total = values.sum(axis=2, keepdims=True)
        if values.shape[2] == 1:
            total += np.exp(-top)
        losses = (shares * (np.log(total) + top)[:, :, 0] - shares * own).sum(
            axis=0, dtype=np.float64
        )
        values /= total
        values -= truth
        values *= shares[:, :, None]
        return losses, rows.T @ values.reshape(len(rows), -1), values.sum(axis=0)

    def _descend(self, at: FloatArray, penalty: FloatArray, history: History) -> FloatArray:
        """L-BFGS on all splits at once, each with a step of its own, until the last is done."""
        loss, gradient = self._evaluate(at, penalty)
        stuck = np.zeros(penalty.shape, bool)  # where float32 sees no way down any more
        for _ in range(_STEPS):
            step = -history.turn(gradient)
            slope, length = dot(gradient, step), np.ones_like(penalty)
            busy = ~stuck & (-slope / 2 > self._gap * loss[:, None, None])
            if not busy.any():
                return at
            step, slope = step * busy, slope * busy
            there, new_loss, new_gradient = at.copy(), loss.copy(), gradient.copy()
            some = np.flatnonzero(busy)  # a round costs what its splits do
            while len(some) and length.min() >= _SHORTEST:
                there[some] = at[some] + length[some] * step[some]
                new_loss[some], new_gradient[some] = self._evaluate(
                    there[some], penalty[some], some
                )
                allowed = loss + (_ENOUGH * length * slope)[:, 0, 0] + _ROUNDING * np.abs(loss)
                some = np.flatnonzero(new_loss > allowed)
                length[some] /= 2
            history.add(there - at, new_gradient - gradient)
            stuck |= (loss - new_loss < _STUCK * np.abs(loss))[:, None, None] & busy
            at, loss, gradient = there, new_loss, new_gradient
        told = f"the logistic path stopped after {_STEPS} steps, before it converged"
        warnings.warn(told, ConvergenceWarning, stacklevel=2)
        return at

    def _curvature(self, weights: FloatArray) -> float:
        """Of the loss, per column of scores: a mean over some rows."""
        inside, offset = self._inside(weights, _ALL)
        few = self._rows[:: max(1, len(self._rows) // _BLOCK)]
        values = np.stack([few @ own for own in inside], axis=1) + offset
        if values.shape[2] == 1:
            values = np.concatenate([np.zeros_like(values), values], axis=2)
        shares = np.exp(values - values.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        return max(float((shares * (1 - shares)).mean()), 1e-6)

    def _soften(self, gradient: FloatArray, penalty: FloatArray, curvature: float) -> FloatArray:
        """The gradient through the inverse of a curvature that is the same for every row."""
        soft = np.empty_like(gradient)
        soft[:, :-1] = self._spectrum.solve(gradient[:, :-1], curvature, penalty)
        soft[:, -1] = gradient[:, -1] / curvature
        return soft


def _scaler(rows: FloatArray, places: Integers) -> StandardScaler:
    scaler = StandardScaler()
    for start in range(0, len(places), _BLOCK):
        scaler.partial_fit(rows[places[start : start + _BLOCK]])
    return scaler


def _shares(y: Integers, train: Integers, balance: bool) -> FloatArray:
    """What each sample weighs in a split, 0 where it is left out; they add up to one."""
    weights = np.zeros(len(y))
    counts = np.bincount(y[train])
    weights[train] = 1 / (counts[y[train]] * len(counts)) if balance else 1 / len(train)
    return weights.astype(np.float32)
