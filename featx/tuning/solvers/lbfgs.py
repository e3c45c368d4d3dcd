"""L-BFGS for several problems of one shape at once: preconditioner, two-loop recursion, line search.

Tables have shape (p, d, m): p problems (splits of the same rows), d variables a column, m columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from sklearn.exceptions import ConvergenceWarning

from featx._typing import Doubles, FloatArray, Integers

__all__ = [
    "ALL",
    "LbfgsHistory",
    "LossPoint",
    "MapFn",
    "Preconditioner",
    "ProblemIndex",
    "Spectrum",
    "dot",
    "eigh",
    "minimize",
]

MapFn = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
# Which problems are meant: their indices, or all of them.
ProblemIndex = Integers | slice
# From the gradients of some problems, and which they are, to directions.
Preconditioner = Callable[[FloatArray, ProblemIndex], FloatArray]
# From the weights of some problems, their penalties, and which they are, to their losses and gradients.
Evaluate = Callable[[FloatArray, FloatArray, ProblemIndex], tuple[Doubles, FloatArray]]

ALL = slice(None)

# Rows of one part of their outer product; fixed, so that threads do not change the sum.
_CHUNK = 2048
# Columns that a thread multiplies by the eigenvectors at a time; fixed, so that threads do not change a bit.
_COLUMNS = 128
# Share of the largest eigenvalue: a direction below it holds no row.
_RANK = 1e-6
# Leading eigenvalues that are found, of as many random directions and some more.
_LEADING, _MORE = 32, 16
# Steps that are remembered of one column, and of a table of several, in which the curvature between columns
# changes so much on the way that older steps do not help.
_MEMORY = 20
_MEMORY_OF_TABLES = 5
# Columns at most by which the preconditioner is scaled to the last step.
_SCALED_BY = 8
# Least product of a step and its change of the gradient: below it a pair tells nothing of the curvature.
_SMALLEST_CURVATURE = 1e-10
# Up to so many problems, or where most are not done, picking them costs more than the directions of all.
_FEW = 16
# Share of the decrease that the slope promises which a step must reach (Armijo's condition of the line search).
_SUFFICIENT_DECREASE = 1e-4
# Step length of the line search below which a step is taken as it is.
_SHORTEST_STEP = 1e-6
# Share of the loss: of two steps in a row that gain less the second is the last.
_STALLED = 1e-7
# Share of the loss: float32 cannot tell a smaller decrease.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Eigenvectors and eigenvalues of the mean outer product of rows, all of them or the leading ones.

    Attributes
    ----------
    vectors : ndarray of shape (d, r), float32
    values : ndarray of shape (r,), float32
    rest : float
        The mean eigenvalue of the space of the rows outside these vectors.
    """

    vectors: FloatArray
    values: FloatArray
    rest: float = 0.0

    @classmethod
    def of(cls, rows: FloatArray, map_fn: MapFn) -> Spectrum:
        """Return the spectrum of rows of shape (n, d)."""
        n, d = rows.shape
        if n < d:
            values, left = eigh(rows @ rows.T / np.float32(n))
            is_large = values > values[-1] * _RANK
            values, left = values[is_large], left[:, is_large]
            return cls(rows.T @ (left / np.sqrt(n * values)), values)
        gram = np.zeros((d, d), np.float32)
        for part in map_fn(lambda start: _gram(rows[start : start + _CHUNK]), range(0, n, _CHUNK)):
            gram += part
        values, vectors = eigh(gram / np.float32(n))
        return cls(vectors, np.maximum(values, 0))

    @classmethod
    def leading(cls, rows: FloatArray) -> Spectrum:
        """Return the leading part of the spectrum of more than some dozen rows.

        It is found by randomised subspace iteration (Halko, Martinsson and Tropp, 2011).
        """
        n, d = rows.shape
        directions = np.random.default_rng(0).standard_normal((_LEADING + _MORE, n), np.float32)
        basis, _ = np.linalg.qr((directions @ rows).T)
        basis, _ = np.linalg.qr(rows.T @ (rows @ basis))
        coordinates = rows @ basis
        values, turned = eigh(coordinates.T @ coordinates / np.float32(n))
        values, turned = np.maximum(values[-_LEADING:], 0), turned[:, -_LEADING:]
        total = float(np.einsum("nd,nd->n", rows, rows).sum(dtype=np.float64)) / n
        rest = max(total - float(values.sum()), 0.0) / (min(n, d) - _LEADING)
        return cls(np.ascontiguousarray(basis @ turned), values, rest)

    def solve(
        self,
        table: FloatArray,
        curvature: float | FloatArray,
        penalty: FloatArray,
        map_fn: MapFn = map,
    ) -> FloatArray:
        """Return ``table`` times the inverse of curvature x outer product + penalty.

        Parameters
        ----------
        table : ndarray of shape (p, d, m)
        curvature : float or ndarray of shape (p, 1)
        penalty : ndarray of shape (p, 1, 1)
        map_fn : callable, default=map
            ``map``, or that of a pool of threads. It never changes a bit of the answer.
        """
        p, d, m = table.shape
        flat = table.transpose(1, 0, 2).reshape(d, p * m)
        own_curvature = np.asarray(curvature, np.float32).reshape(-1)
        own_penalty = penalty[:, 0, 0]
        inverse = 1 / (own_curvature * self.values[:, None] + own_penalty)
        # Outside the span of the rows there is nothing but the penalty.
        outside = np.zeros(p, np.float32)
        if len(self.values) < d:
            rest = own_curvature * np.float32(self.rest) + own_penalty
            outside = np.asarray(1 / rest, np.float32)
        inside, owner = inverse - outside, np.arange(p * m) // m

        def solve_columns(start: int) -> FloatArray:
            part = slice(start, start + _COLUMNS)
            own = owner[part]
            inner = (self.vectors.T @ flat[:, part]) * inside[:, own]
            solved = self.vectors @ inner
            if len(self.values) < d:
                solved += flat[:, part] * outside[own]
            return np.asarray(solved)

        solved = np.concatenate(list(map_fn(solve_columns, range(0, p * m, _COLUMNS))), axis=1)
        return np.asarray(solved.reshape(d, p, m).transpose(1, 0, 2), np.float32)

    def precondition(
        self,
        gradient: FloatArray,
        curvature: float | FloatArray,
        penalty: FloatArray,
        map_fn: MapFn = map,
    ) -> FloatArray:
        """Solve for gradients, shape (p, d + 1, m), whose last line is of intercepts, without a penalty."""
        direction = np.empty_like(gradient)
        direction[:, :-1] = self.solve(gradient[:, :-1], curvature, penalty, map_fn)
        direction[:, -1] = gradient[:, -1] / curvature
        return direction


def eigh(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return eigenvalues, from the smallest on, and eigenvectors of a symmetric table, in float32.

    That is enough for products of rows and for a preconditioner, and NumPy's takes twice as long in float32.
    """
    values, vectors = scipy.linalg.eigh(table, driver="evd", check_finite=False)
    return values, vectors


class LbfgsHistory:
    """The last steps and the changes of the gradient along them, of every problem.

    Parameters
    ----------
    precondition : callable
        Multiplies a gradient by an approximate inverse of the curvature.
    """

    def __init__(self, precondition: Preconditioner) -> None:
        self._precondition = precondition
        # Steps, changes of the gradient, and 1 / (step · change), or 0 where that tells nothing.
        self._pairs: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        # Of each problem the last change that tells something, in some columns: others may have gone on
        # without it.
        self._last: tuple[FloatArray, FloatArray] | None = None

    def with_penalty_added(self, precondition: Preconditioner, added: FloatArray) -> LbfgsHistory:
        """Return the history of the same steps under a penalty that is larger by ``added``.

        The last of the d variables, the intercept, has no penalty.
        """
        history = LbfgsHistory(precondition)
        for step, change, _ in self._pairs:
            changed = change.copy()
            changed[:, :-1] += added * step[:, :-1]
            history.append(step, changed)
        return history

    def append(self, step: FloatArray, change: FloatArray) -> None:
        """Remember a step, and the gradient after it less the one before it."""
        product = dot(step, change)
        useful = product > _SMALLEST_CURVATURE
        inverse = np.where(useful, 1 / np.where(useful, product, 1), 0).astype(np.float32)
        most = _MEMORY if step.shape[2] == 1 else _MEMORY_OF_TABLES
        self._pairs = [*self._pairs[1 - most :], (step, change, inverse)]
        some = slice(None, None, -(-step.shape[2] // _SCALED_BY))
        step, change = step[:, :, some], change[:, :, some]
        product = dot(step, change)
        useful = product > _SMALLEST_CURVATURE
        inverse = np.where(useful, 1 / np.where(useful, product, 1), 0).astype(np.float32)
        if self._last is not None:
            old_change, old_inverse = self._last
            change = np.where(useful, change, old_change)
            inverse = np.where(useful, inverse, old_inverse)
        self._last = change, inverse

    def two_loop_recursion(self, gradient: FloatArray, problems: ProblemIndex = ALL) -> FloatArray:
        """Return the gradient of some problems times the inverse curvature as far as it is known.

        Nocedal and Wright, Numerical Optimization, algorithm 7.4, with a preconditioner that is scaled to
        the last step in place of a multiple of the identity.
        """
        direction = gradient.copy()
        coefficients = []
        pairs = [tuple(table[problems] for table in pair) for pair in self._pairs]
        for step, change, inverse in reversed(pairs):
            coefficient = inverse * dot(step, direction)
            direction -= coefficient * change
            coefficients.append(coefficient)
        direction = self._precondition(direction, problems)
        if self._last:
            change, inverse = (table[problems] for table in self._last)
            norm = dot(change, self._precondition(change, problems)) * inverse
            direction *= np.where(norm > 0, 1 / np.where(norm > 0, norm, 1), 1)
        for (step, change, inverse), coefficient in zip(pairs, reversed(coefficients), strict=True):
            direction += (coefficient - inverse * dot(change, direction)) * step
        return direction


def _gram(rows: FloatArray) -> FloatArray:
    return np.asarray(rows.T @ rows)


def dot(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the scalar product of each problem's tables; shape (p, 1, 1)."""
    return np.asarray(np.einsum("pdm,pdm->p", one, other))[:, None, None]


@dataclass(frozen=True, slots=True, eq=False)
class LossPoint:
    """The weights of every problem, the loss there and its gradient.

    Attributes
    ----------
    weights : ndarray of shape (p, d, m), float32
    loss : ndarray of shape (p,), float64
    gradient : ndarray of shape (p, d, m), float32
    """

    weights: FloatArray
    loss: Doubles
    gradient: FloatArray

    @classmethod
    def of(cls, evaluate: Evaluate, weights: FloatArray, penalty: FloatArray) -> LossPoint:
        """Return the point of some weights, by one evaluation."""
        return cls(weights, *evaluate(weights, penalty, ALL))

    def with_penalty_added(self, added: FloatArray) -> LossPoint:
        """Return the point of the same weights under a penalty that is larger by ``added``.

        The last of the d variables, the intercept, has no penalty.
        """
        squares = (self.weights[:, :-1].astype(np.float64) ** 2).sum(axis=(1, 2))
        gradient = self.gradient.copy()
        gradient[:, :-1] += added * self.weights[:, :-1]
        return LossPoint(self.weights, self.loss + added[:, 0, 0] / 2 * squares, gradient)


def minimize(
    evaluate: Evaluate,
    start: LossPoint,
    penalty: FloatArray,
    history: LbfgsHistory,
    *,
    gap: float,
    max_steps: int,
) -> LossPoint:
    """Run L-BFGS on all problems at once, each with a step of its own, until the last is done.

    Parameters
    ----------
    evaluate : callable
        From the weights of some problems, their penalties, and their indices (``ALL`` for all of them) to
        the loss of each, shape (p,), and its gradient, of the shape of the weights.
    start : LossPoint
        Where to start, under this penalty.
    penalty : ndarray of shape (p, 1, 1)
    history : LbfgsHistory
        It is continued.
    gap : float
        Share of the loss that a problem may still have to gain when it is done.
    max_steps : int
        Steps after which weights are taken as they are, with scikit-learn's ConvergenceWarning.
    """
    point = start
    # Steps one after the other in which float32 sees no decrease: one alone may be a bad one.
    done, was_idle = np.zeros((2, *penalty.shape), bool)
    problems: ProblemIndex = ALL
    for _ in range(max_steps):
        step, slope = np.zeros_like(point.weights), np.zeros_like(penalty)
        step[problems] = -history.two_loop_recursion(point.gradient[problems], problems)
        slope[problems] = dot(point.gradient[problems], step[problems])
        done |= -slope / 2 <= gap * point.loss[:, None, None]
        if done.all():
            return point
        active = ~done
        if _FEW < len(active) >= 2 * np.count_nonzero(active):
            problems = np.flatnonzero(active)
        following = _line_search(evaluate, point, step * active, slope * active, penalty)
        history.append(following.weights - point.weights, following.gradient - point.gradient)
        gained = point.loss - following.loss
        gains_nothing = (gained < min(_STALLED, gap) * np.abs(point.loss))[:, None, None] & active
        done |= gains_nothing & was_idle
        was_idle = gains_nothing
        point = following
    message = f"the logistic path stopped after {max_steps} steps, before it converged"
    warnings.warn(message, ConvergenceWarning, stacklevel=2)
    return point


def _line_search(
    evaluate: Evaluate, start: LossPoint, step: FloatArray, slope: FloatArray, penalty: FloatArray
) -> LossPoint:
    """Halve each problem's step until its loss decreases enough.

    Parameters
    ----------
    step : ndarray of shape (p, d, m)
        0 in problems that are done; they are not evaluated, for each costs.
    slope : ndarray of shape (p, 1, 1)
        The scalar product of gradient and step, negative in problems that are not done.
    """
    length = np.ones_like(penalty)
    weights, loss, gradient = (start.weights.copy(), start.loss.copy(), start.gradient.copy())
    searching = np.flatnonzero(slope)
    while len(searching) and length.min() >= _SHORTEST_STEP:
        weights[searching] = start.weights[searching] + length[searching] * step[searching]
        loss[searching], gradient[searching] = evaluate(
            weights[searching], penalty[searching], searching
        )
        promised = (_SUFFICIENT_DECREASE * length * slope)[:, 0, 0]
        allowed = start.loss + promised + _ROUNDING * np.abs(start.loss)
        searching = np.flatnonzero(loss > allowed)
        length[searching] /= 2
    return LossPoint(weights, loss, gradient)
