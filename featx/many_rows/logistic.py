"""The logistic head on rows on disk: ever weaker penalties, as long as rows that taught nothing gain by it.

The path begins where the penalty outweighs the rows, so that its first solutions take one or two readings, and
each of the next begins at the one before. It mostly ends before the penalties that take many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx._typing import FloatArray, Mask
from featx.heads import HeadSpec
from featx.many_rows.heads import ClosedForm
from featx.many_rows.passes import RowPasses
from featx.tuning.problem import Evaluation
from featx.tuning.solvers.closed_form import LinearSolution
from featx.tuning.solvers.streamed_logistic import StreamedLogistic
from featx.tuning.solvers.streamed_sums import StandardizedSums

__all__ = ["LogisticChoice", "search_penalty", "solve_all"]

# The share of the loss that may be left to gain.
_GAP = 1e-3
# The share of the loss that the next penalty must gain: one that gains less is the last.
_LEAST_GAIN = 1e-4
# The curvature of the loss of all rows at the beginning, as a share of the penalty there.
_BEGIN = 0.1
# How much stronger the strongest penalty is than the first.
_STRONGER = 100
# Rows by which the curvature of the loss is judged.
_PROBE = 2048

Evaluate = Callable[[Any], Evaluation]


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

    Where the first is the best, the stronger ones follow.

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
        Judges the scores of the latter.
    """
    [key] = spec.grid[0]
    strengths, first = _strengths(spec, form.standardized)
    best: LogisticChoice | None = None
    n_tried = 0
    for side in (strengths[first:], strengths[:first][::-1]):
        solver = _solver(form, passes, train, tune, best.solution if best else None)
        for strength in solver.solve_path(side):
            n_tried += 1
            scores = form.scores(solver.solution, tune)
            evaluation = evaluate(scores)
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


def _strengths(spec: HeadSpec, sums: StandardizedSums) -> tuple[list[float], int]:
    """Return the values of C, the strongest penalty first, and which of them is the first to try.

    Where rows are many or classes few, penalties that are strong for them lie beyond those of the grid.
    """
    strengths = [next(iter(params.values())) for params in spec.grid]
    k = len(sums.weights)
    begin = _BEGIN / (sums.total * (1 - 1 / k) / k)
    while strengths[0] > begin / _STRONGER:
        strengths.insert(0, float(f"{strengths[0] / np.sqrt(10):.2g}"))
    return strengths, min(bisect_left(strengths, begin), len(strengths) - 1)


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
    solver = _solver(form, passes, None, probe, start)
    strengths: Sequence[float] = list(choice.params.values())
    for _ in solver.solve_path(strengths):
        pass
    return solver.solution


def _solver(
    form: ClosedForm,
    passes: RowPasses,
    train: Mask | None,
    probe: FloatArray,
    start: LinearSolution | None,
) -> StreamedLogistic:
    stage = "training on all rows" if train is None else "training on the rows to measure by"
    return StreamedLogistic(
        lambda: passes.read(train, stage),
        form.standardized,
        probe[:_PROBE],
        gap=_GAP,
        map_fn=passes.map_fn,
        start=start,
    )
