"""The logistic head on rows on disk: its penalty is chosen on a sample, and then by what all rows give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx._typing import FloatArray, Integers, Mask
from featx.heads import HeadSpec
from featx.many_rows.heads import ClosedForm
from featx.many_rows.passes import RowPasses
from featx.tuning.candidates import CandidateScore, best_candidate, score_candidates
from featx.tuning.problem import Evaluation, TuningProblem
from featx.tuning.solvers.closed_form import LinearSolution
from featx.tuning.solvers.standardization import fit_scaler
from featx.tuning.solvers.streamed_logistic import StreamedLogistic
from featx.tuning.splits import Splits

__all__ = ["LogisticChoice", "choose_on_sample", "search_penalty", "solve_all"]

# The share of the loss that may be left to gain.
_GAP = 1e-4
# The share of the loss by which a stronger penalty may be worse without an end of the search.
_PLATEAU = 1e-3
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


def choose_on_sample(
    spec: HeadSpec,
    problem: TuningProblem,
    parts: tuple[Integers, Integers],
    rows: tuple[FloatArray, FloatArray],
    passes: RowPasses,
) -> tuple[CandidateScore, int, LinearSolution]:
    """Return the best penalty on a sample, how many were tried, and the solution for plain rows.

    Parameters
    ----------
    parts : (sample, tune)
        Indices in the problem.
    rows : (sample, tune)
        Their rows.
    """
    both = np.concatenate(parts)
    inner = np.arange(len(parts[0])), np.arange(len(parts[0]), len(both))
    tick = None
    if passes.progress:
        progress = passes.progress

        def tick(done: int, total: int) -> object:
            return progress("choosing a penalty on a sample", done, total)

    tried = score_candidates(
        spec,
        np.concatenate(rows),
        problem.subset(both),
        Splits((inner,), 1),
        passes.map_fn,
        tick,
    )
    best = best_candidate(tried)
    assert best.warm_start is not None
    assert best.warm_start.weights is not None
    weights = best.warm_start.weights.astype(np.float64)
    scaler = fit_scaler(rows[0], np.arange(len(rows[0])), _weights(problem, parts[0]))
    coef = (weights[:-1] / scaler.scale_[:, None]).T
    return best, len(tried), LinearSolution(coef, weights[-1] - coef @ scaler.mean_)


def _weights(problem: TuningProblem, indices: Integers) -> Any:
    weights = problem.design.weights
    return None if weights is None else weights[indices]


def search_penalty(
    spec: HeadSpec,
    params: Any,
    start: LinearSolution,
    form: ClosedForm,
    passes: RowPasses,
    train: Mask,
    tune: FloatArray,
    evaluate: Evaluate,
) -> LogisticChoice:
    """Return the best of a penalty and those beside it, as long as each is better than the one before.

    What a sample chose may be too weak for more rows, or too strong. Stronger penalties are tried first: they
    take fewer readings, and more rows of the same kind mostly bear them.
    """
    strengths = [next(iter(own.values())) for own in spec.grid]
    key, first = next(iter(params)), strengths.index(next(iter(params.values())))
    best: LogisticChoice | None = None
    n_tried = 0
    for side in (strengths[first::-1], strengths[first + 1 :]):
        solver = _solver(
            form, passes, train, tune[:_PROBE], best.solution if best else start, plain=not best
        )
        begun = best
        for strength in solver.solve_path(side):
            n_tried += 1
            scores = form.scores(solver.solution, tune)
            evaluation = evaluate(scores)
            if best is None or evaluation.loss < best.evaluation.loss:
                best = LogisticChoice(
                    {key: strength}, solver.solution, evaluation, scores.astype(np.float32), n_tried
                )
            elif begun or evaluation.loss > best.evaluation.loss * (1 + _PLATEAU):
                # Penalties too weak to matter differ by chance alone: a stronger one may matter.
                break
        assert best is not None
        if begun is None and best.params[key] != strengths[first]:
            # A stronger one was better: weaker ones are not.
            break
    assert best is not None
    return replace(best, n_tried=n_tried)


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
    solver = _solver(form, passes, None, probe[:_PROBE], start, plain=False)
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
    *,
    plain: bool = True,
) -> StreamedLogistic:
    sums = form.standardized
    if plain:
        start = LinearSolution(start.coef * sums.scale, start.intercept + start.coef @ sums.mean)
    stage = "training on all rows" if train is None else "training on the rows to measure by"
    return StreamedLogistic(
        lambda: passes.read(train, stage),
        sums,
        probe,
        gap=_GAP,
        map_fn=passes.map_fn,
        start=start,
    )
