"""The logistic head on rows on disk: the penalty by which rows that taught nothing are told best.

Ridge, which has a closed form, says where to begin: at the strongest penalty that is nearly as good as any. It
takes a few readings of the rows, and each of the next, from the one before, a few more. Weaker penalties take
ever more, and where rows are many none of them is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx._typing import FloatArray, Integers, Mask
from featx.heads import HeadSpec
from featx.many_rows.heads import ClosedForm
from featx.many_rows.passes import RowPasses
from featx.tuning.problem import Evaluation
from featx.tuning.solvers.closed_form import LinearSolution, solve_ridge
from featx.tuning.solvers.streamed_logistic import StreamedLogistic
from featx.tuning.solvers.streamed_sums import StandardizedSums

__all__ = ["LogisticChoice", "search_penalty", "solve_all"]

# The share of the loss that may be left to gain by each penalty that is tried, and by the last solution. Where
# rows tell little of their classes the former is as much less, but not below so much of it.
_GAP, _LAST_GAP = 1e-3, 1e-4
_LEAST_TOLD = 0.03
# The share of the loss that the next penalty must gain: one that gains less is the last.
_LEAST_GAIN = 1e-4
# The share of what rows tell of their classes that a ridge may miss which is nearly as good as any.
_NEARLY = 5e-3
# The strongest penalty, as a multiple of the curvature that the loss of all rows has at the beginning.
_STRONGEST = 100
# The most numbers that the scores may be by which ridges are compared, for each of them costs.
_COMPARED = 2_000_000
# Rows by which the curvature of the loss is judged.
_PROBE = 2048

# From the scores of some rows to choose by, and their indices.
Evaluate = Callable[[Any, Integers], Evaluation]


@dataclass(frozen=True, slots=True, eq=False)
class LogisticChoice:
    """A penalty with the solution that it has on the rows to train on.

    Attributes
    ----------
    params : mapping
    solution : LinearSolution
        Of rows that are standardised by all rows to train on.
    evaluation : Evaluation
    scores : ndarray of shape (n_tune, n_outputs), float32
    n_tried : int
        Penalties that were tried.
    """

    params: Any
    solution: LinearSolution
    evaluation: Evaluation
    scores: FloatArray
    n_tried: int


def search_penalty(
    spec: HeadSpec,
    form: ClosedForm,
    passes: RowPasses,
    train: Mask,
    tune: FloatArray,
    evaluate: Evaluate,
) -> LogisticChoice:
    """Return the best of a path of ever weaker penalties, which ends where the next is no better.

    Where the first is the best, stronger ones follow.

    Parameters
    ----------
    spec : HeadSpec
    form : ClosedForm
        The sums over the rows to train on.
    passes : RowPasses
    train : ndarray of shape (n,), bool
        The rows to train on.
    tune : ndarray of shape (n_tune, d), float32
        The rows to choose by.
    evaluate : callable
        Judges scores of some of the latter, by their indices.
    """
    [key] = spec.grid[0]
    strengths = _strengths(spec, form.standardized)
    first, start, gap = _choose_first(strengths, form, tune, evaluate)
    solver = _solver(form, passes, train, tune, start, gap)
    best: LogisticChoice | None = None
    n_tried = 0
    for side in (strengths[first:], strengths[:first][::-1]):
        if best is not None:
            solver.start_at(best.solution)
        for strength in solver.solve_path(side):
            n_tried += 1
            scores = form.scores(solver.solution, tune)
            evaluation = evaluate(scores, np.arange(len(tune)))
            least = best.evaluation.loss if best else np.inf
            if evaluation.loss < least:
                best = LogisticChoice(
                    {key: strength}, solver.solution, evaluation, scores.astype(np.float32), n_tried
                )
            if not evaluation.loss < least * (1 - _LEAST_GAIN):
                break
        assert best is not None
        if best.params[key] != strengths[first]:
            break
    assert best is not None
    return replace(best, n_tried=n_tried)


def _strengths(spec: HeadSpec, sums: StandardizedSums) -> list[float]:
    """Return the values of C, the strongest penalty first.

    Where rows are many or classes few, penalties that are strong for them lie beyond those of the grid.
    """
    strengths = [next(iter(params.values())) for params in spec.grid]
    while strengths[0] * _STRONGEST * sums.total * _curvature(sums) > 1:
        strengths.insert(0, float(f"{strengths[0] / np.sqrt(10):.2g}"))
    return strengths


def _curvature(sums: StandardizedSums) -> float:
    """Return the curvature of the loss of a row by a score at the beginning, where all scores are 0."""
    k = len(sums.weights)
    return 1 / 4 if k == 2 else 1 / k


def _choose_first(
    strengths: Sequence[float], form: ClosedForm, tune: FloatArray, evaluate: Evaluate
) -> tuple[int, LinearSolution, float]:
    """Return the first penalty to try, by its index, where to begin, and the share of the loss to leave.

    A ridge is, but for its scale, the first step of Newton's method from 0. The strongest penalty is chosen
    whose ridge is nearly as good as that of any.
    """
    sums = form.standardized
    curvature = _curvature(sums)
    alphas = [1 / (strength * curvature) for strength in strengths]
    some = np.arange(0, len(tune), -(-len(tune) * len(sums.weights) // _COMPARED))
    rows = tune[some]
    losses = [evaluate(form.scores(ridge, rows), some).loss for ridge in solve_ridge(sums, alphas)]
    # Of classes that are as probable as they are frequent.
    priors = np.log(np.maximum(sums.trained / sums.trained.sum(), np.finfo(np.float64).tiny))
    most, least = evaluate(np.tile(priors, (len(some), 1)), some).loss, min(losses)
    limit = least + _NEARLY * max(most - least, 0)
    first = next(i for i, loss in enumerate(losses) if loss <= limit)
    [ridge] = solve_ridge(sums, [alphas[first]])
    # Targets of ridge are 1 and -1. Where the rows outweigh the penalty that step is too long.
    scale = 1 / (2 * curvature) if alphas[first] > sums.total else 0.0
    start = LinearSolution(ridge.coef * scale, ridge.intercept * scale)
    return first, start, _GAP * max(1 - least / most, _LEAST_TOLD)


def solve_all(
    choice: LogisticChoice,
    trained: ClosedForm,
    form: ClosedForm,
    passes: RowPasses,
    probe: FloatArray,
) -> LinearSolution:
    """Return the solution on all rows, from the one on those that the measured head was trained on."""
    old, new = trained.standardized, form.standardized
    coef = choice.solution.coef / old.scale
    intercept = choice.solution.intercept + coef @ (new.mean - old.mean)
    start = LinearSolution(coef * new.scale, intercept)
    solver = _solver(form, passes, None, probe, start, _LAST_GAP)
    strengths: Sequence[float] = list(choice.params.values())
    for _ in solver.solve_path(strengths):
        pass
    return solver.solution


def _solver(
    form: ClosedForm,
    passes: RowPasses,
    train: Mask | None,
    probe: FloatArray,
    start: LinearSolution,
    gap: float,
) -> StreamedLogistic:
    stage = "training on all rows" if train is None else "training on the rows to measure by"
    return StreamedLogistic(
        lambda: passes.read(train, stage),
        form.standardized,
        probe[:_PROBE],
        gap=gap,
        map_fn=passes.map_fn,
        start=start,
    )
