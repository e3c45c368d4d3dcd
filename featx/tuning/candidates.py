"""The scores of each candidate of a head on samples left out.

What the candidates of a split share is done once: how depends on the head's ``search``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline

from featx._typing import Doubles, FloatArray, Integers, Numbers
from featx.heads import HeadSpec, fit_labels, last_step, scores
from featx.heads.support_vectors import kernel_matrix, scale_gamma
from featx.heads.weighting import weight_parameters
from featx.tuning.problem import Evaluation, TuningProblem
from featx.tuning.solvers.lbfgs import MapFn
from featx.tuning.solvers.logistic import LogisticPath
from featx.tuning.solvers.multilabel import MultilabelPath
from featx.tuning.solvers.path import WarmStart
from featx.tuning.solvers.row_space import RowSpacePath, suits_row_space
from featx.tuning.splits import Splits

__all__ = [
    "PATHS",
    "VAST_WORK",
    "CandidateScore",
    "best_candidate",
    "leave_out_each",
    "open_path",
    "score_candidates",
    "split_scores",
]

# How heads are compared along one path of penalties.
PATHS = ("path", "label-path")

Path = LogisticPath | MultilabelPath | RowSpacePath

# Told how many parts are done, of how many.
Tick = Callable[[int, int], object]

# Share of the loss that a path may leave unfinished: scores are then within some hundredths of the solutions'.
# Below so much work (samples x columns x outputs) it is a tenth of that, and below a tenth of so much work
# the last value: that costs little there.
_GAPS = {"path": 1e-3, "label-path": 1e-4}
_LITTLE_WORK, _LEAST_GAP = 5_000_000, 1e-6
# From so much work on a path may leave ten times as much, and the splits that are solved for the choice alone
# from half of it on.
VAST_WORK = 1_000_000_000
# Samples from which on one split is enough to choose a penalty by, and samples x columns x outputs below which
# the others cost little.
_MANY = 4000
_MUCH_WORK = 50_000_000
# Standard errors of the score within which the loss decides.
_CLOSE = 0.5
# Weights (columns x outputs x splits) that are solved for at once: L-BFGS remembers some tables of them.
_NUMBERS_AT_ONCE = 2_000_000
# Steps in which the loss only grows, after which a path is left. From so much work on, where each step takes
# seconds, it is left as soon as a step gains less than this share of the loss.
_PATIENCE = 2
_HUGE_WORK, _LITTLE_GAIN = 10_000_000_000, 2e-3
# The strongest penalties of a grid, and how long it is at least for them to wait: they are tried where the best
# of the others is among the first of these alone.
_STRONGEST, _LONG_GRID = 4, 10


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """The evaluation of one candidate on samples left out.

    Attributes
    ----------
    head : HeadSpec
    params : mapping of str to value
    evaluation : Evaluation
    scores : ndarray of shape (n_tested, n_outputs), float32, or None
        The scores of the samples left out, in the order of ``Splits.tested``; None once a better one is known.
    warm_start : WarmStart, default=None
        Where training on more rows may start from.
    n_tried : int, default=1
        The number of candidates of which this one was chosen before.
    """

    head: HeadSpec
    params: Mapping[str, Any]
    evaluation: Evaluation
    scores: FloatArray | None = None
    warm_start: WarmStart | None = field(default=None, repr=False)
    n_tried: int = 1


def score_candidates(
    head: HeadSpec,
    rows: FloatArray,
    problem: TuningProblem,
    splits: Splits,
    map_fn: MapFn,
    progress: Tick | None = None,
) -> list[CandidateScore]:
    """Evaluate the candidates of a head on what each split leaves out; the last of a path may be missing.

    ``progress`` is called with the number of parts that are done, and that of all.
    """
    tick = progress or _ignore
    if head.search in PATHS:
        return _score_path(head, rows, problem, splits, map_fn, tick)
    grid = head.candidates(splits.smallest_train)

    def score_split(split: tuple[Integers, Integers]) -> list[Doubles]:
        return split_scores(head, grid, rows, problem, split, gram=splits.gram)

    parts: list[list[Doubles]] = []
    tick(0, len(splits.pairs))
    for part in map_fn(score_split, splits.pairs):
        parts.append(part)
        tick(len(parts), len(splits.pairs))
    return [
        _candidate(head, params, problem, np.concatenate(candidate), splits.tested)
        for params, candidate in zip(grid, zip(*parts, strict=True), strict=True)
    ]


def _candidate(
    head: HeadSpec,
    params: Mapping[str, Any],
    problem: TuningProblem,
    scores: Doubles,
    tested: Integers,
) -> CandidateScore:
    evaluation = problem.evaluate(scores, tested)
    return CandidateScore(head, params, evaluation, scores.astype(np.float32))


def leave_out_each(
    head: HeadSpec, rows: FloatArray, problem: TuningProblem
) -> list[CandidateScore]:
    """Evaluate the candidates of ridge with every sample left out in turn."""
    scored = problem.leave_out_each(head, rows)
    indices = np.arange(len(problem))
    return [
        _candidate(head, params, problem, values, indices)
        for params, values in zip(head.grid, scored, strict=True)
    ]


def open_path(
    head: HeadSpec,
    rows: FloatArray,
    problem: TuningProblem,
    trains: Sequence[Integers],
    map_fn: MapFn,
    *,
    gap: float,
    warm_start: WarmStart | None = None,
) -> Path:
    """Return the path of a logistic head on some training parts."""
    kind: type[Path] = LogisticPath
    if head.search == "label-path":
        kind = MultilabelPath
    elif suits_row_space(trains, rows.shape[1]):
        kind = RowSpacePath
    estimator = last_step(head.build())
    return kind(
        rows,
        problem.codes,
        trains,
        class_weight=getattr(estimator, "estimator", estimator).class_weight,
        gap=gap,
        map_fn=map_fn,
        warm_start=warm_start,
        sample_weight=problem.design.weights,
        standardize=head.standardizes,
    )


def _ignore(done: int, total: int) -> None:
    pass


def _score_path(
    head: HeadSpec,
    rows: FloatArray,
    problem: TuningProblem,
    splits: Splits,
    map_fn: MapFn,
    tick: Tick,
) -> list[CandidateScore]:
    """Evaluate candidates from the strongest penalty on, until the loss only grows.

    Of many samples the first split leaves out enough to choose by; the other splits are solved for what it
    chose alone.
    """
    work = rows.size * problem.n_outputs
    gap = _path_gap(head, work)
    if len(problem) < _MANY or work < _MUCH_WORK or len(splits.pairs) == 1:
        path = open_path(head, rows, problem, splits.trains, map_fn, gap=gap)
        tests = [test for _, test in splits.pairs]
        return list(_walk(head, path, problem, tests, tick))
    first = splits.pairs[0]
    path = open_path(head, rows, problem, [first[0]], map_fn, gap=gap)

    def tick_half(done: int, total: int) -> None:
        tick(done, 2 * total)

    gain = _LITTLE_GAIN if work >= _HUGE_WORK else None
    tried = list(_walk(head, path, problem, [first[1]], tick_half, gain))
    # The copy of the rows is no longer needed.
    del path
    return [_score_others(tried, rows, problem, splits, map_fn, tick)]


def _path_gap(head: HeadSpec, work: int) -> float:
    """Return the share of the loss that a path may leave; ``work`` is samples x columns x outputs."""
    gap = _GAPS[head.search]
    if work < _LITTLE_WORK:
        return _LEAST_GAP if work < _LITTLE_WORK / 10 else gap / 10
    return 10 * gap if head.search == "path" and work >= VAST_WORK else gap


def _score_others(
    tried: Sequence[CandidateScore],
    rows: FloatArray,
    problem: TuningProblem,
    splits: Splits,
    map_fn: MapFn,
    tick: Tick,
) -> CandidateScore:
    """Return the best of what was tried on the first split, evaluated on all splits.

    Each is solved from the beginning: the solution of the first split knows the samples that the others leave
    out, and would make their scores too good. What was tried was the first half of the progress.
    """
    best, others = best_candidate(tried), splits.pairs[1:]
    head, start = best.head, best.warm_start
    known = None if start is None else start.without_weights()
    numbers = rows.shape[1] * problem.n_outputs
    gap = _path_gap(head, 2 * len(rows) * numbers)
    at_once = max(1, min(len(others), _NUMBERS_AT_ONCE // numbers))
    parts = [] if best.scores is None else [best.scores.astype(np.float64)]
    for begin in range(0, len(others), at_once):
        some = others[begin : begin + at_once]
        path = open_path(
            head,
            rows,
            problem,
            [train for train, _ in some],
            map_fn,
            gap=gap,
            warm_start=known,
        )
        told = partial(
            _tick_part, tick, len(head.grid), begin / len(others), len(some) / len(others)
        )
        path.solve(_only_value(best.params), start_curvature(head, problem), told)
        parts += [path.scores(index, test) for index, (_, test) in enumerate(some)]
        own = path.warm_start()
        count = 1 + begin + len(some)
        start = own if start is None else start.averaged(own, len(some) / count)
        # The copy of the rows is no longer needed.
        del path
    chosen = _candidate(head, best.params, problem, np.concatenate(parts), splits.tested)
    return replace(chosen, warm_start=start, n_tried=len(tried))


def _tick_part(tick: Tick, half: int, begun: float, share: float, done: int, total: int) -> None:
    """Tell what is done of a share of the second half of a search, of which something was done before."""
    tick(half + round(half * (begun + share * done / total)), 2 * half)


def start_curvature(head: HeadSpec, problem: TuningProblem) -> float:
    """Return the curvature of a probability where nothing is known; of several labels each has its own."""
    k = problem.n_outputs
    return 1 / 4 if head.search == "label-path" else (k - 1) / k**2


def _walk(
    head: HeadSpec,
    path: Path,
    problem: TuningProblem,
    tests: Sequence[Integers],
    tick: Tick,
    least_gain: float | None = None,
) -> Iterator[CandidateScore]:
    """Yield the evaluation of each candidate, until the loss only grows.

    Parameters
    ----------
    tests : sequence of integer arrays
        The samples that each split leaves out.
    least_gain : float, default=None
        The share of the loss that a step has to gain for the next to be taken.
    """
    tested, n_done = np.concatenate(tests), 0

    def follow(grid: Sequence[Mapping[str, Any]]) -> Iterator[CandidateScore]:
        nonlocal n_done
        losses: list[float] = []
        strengths = [_only_value(params) for params in grid]
        for params, _ in zip(grid, path.solve_path(strengths), strict=True):
            parts = [path.scores(index, test) for index, test in enumerate(tests)]
            candidate = _candidate(head, params, problem, np.concatenate(parts), tested)
            yield replace(candidate, warm_start=path.warm_start())
            losses.append(candidate.evaluation.loss)
            n_done += 1
            tick(n_done, len(head.grid))
            if len(losses) - 1 - int(np.argmin(losses)) >= _PATIENCE:
                return
            if least_gain and losses[-1] > (1 - least_gain) * min(losses[:-1], default=np.inf):
                return

    strongest = _STRONGEST if len(head.grid) >= _LONG_GRID else 0
    found = []
    for candidate in follow(head.grid[strongest:]):
        found.append(candidate.evaluation.loss)
        yield candidate
    if strongest and int(np.argmin(found)) < _PATIENCE:
        path.restart()
        yield from follow(head.grid[:strongest])


def best_candidate(candidates: Sequence[CandidateScore]) -> CandidateScore:
    """Return the candidate of the smallest loss among those with about the best score."""
    top = max((candidate.evaluation for candidate in candidates), key=lambda e: e.score)
    threshold = top.score - (_CLOSE * top.standard_error + 1e-9)
    close = [candidate for candidate in candidates if candidate.evaluation.score >= threshold]
    return min(close, key=lambda candidate: candidate.evaluation.loss)


def _only_value(params: Mapping[str, Any]) -> Any:
    [value] = params.values()
    return value


def split_scores(
    head: HeadSpec,
    grid: Sequence[Mapping[str, Any]],
    rows: FloatArray,
    problem: TuningProblem,
    split: tuple[Integers, Integers],
    *,
    gram: bool,
) -> list[Doubles]:
    """Return the scores of the samples that a split leaves out, by each candidate of a grid.

    The steps before the last are fitted once; support vectors share one kernel matrix, and all numbers of
    neighbours the search for the largest.

    Parameters
    ----------
    gram : bool
        Whether there is memory for a kernel matrix of the training samples: 8 bytes a pair.

    Returns
    -------
    list of ndarray of shape (n_test, n_outputs), float64
    """
    train, test = split
    estimator, prefix = head.build(), ""
    fitted, left_out, targets = rows[train], rows[test], problem.targets[train]
    weights = None if problem.design.weights is None else problem.design.weights[train]
    if isinstance(estimator, Pipeline) and _shares_steps(estimator, grid):
        before, prefix = estimator[:-1], f"{estimator.steps[-1][0]}__"
        own = weight_parameters(estimator, weights)
        estimator = estimator[-1]
        steps = {key: value for key, value in own.items() if not key.startswith(prefix)}
        fitted, left_out = (
            before.fit_transform(fitted, targets, **steps),
            before.transform(left_out),
        )
    own_params = [{k.removeprefix(prefix): v for k, v in params.items()} for params in grid]
    if head.search == "neighbors":
        neighbors = _Neighbors(fitted, problem.neighbor_targets(train), left_out)
        return [problem.scores_of_averages(a) for a in neighbors.averages(estimator, own_params)]
    # libsvm drops samples of no weight, and would number those of a kernel matrix among the rest.
    if head.search == "kernel" and gram and (weights is None or np.all(weights > 0)):
        kernel, gamma = estimator.kernel, scale_gamma(fitted)
        estimator.set_params(kernel="precomputed")
        matrix = kernel_matrix(kernel, fitted, fitted, gamma)
        beside = kernel_matrix(kernel, left_out, fitted, gamma)
        return _fit_scores(estimator, own_params, (matrix, targets, weights), beside)
    return _fit_scores(estimator, own_params, (fitted, targets, weights), left_out)


def _shares_steps(pipeline: Pipeline, grid: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether candidates differ in the last step alone, so that those before it are fitted once."""
    prefix = f"{pipeline.steps[-1][0]}__"
    return len(pipeline) > 1 and all(key.startswith(prefix) for params in grid for key in params)


def _fit_scores(
    estimator: BaseEstimator,
    grid: Sequence[Mapping[str, Any]],
    training: tuple[Numbers, npt.NDArray[Any], Doubles | None],
    left_out: Numbers,
) -> list[Doubles]:
    """Return the scores by a fit for each candidate, on rows with their targets and weights."""
    return [
        scores(fit_labels(clone(estimator).set_params(**params), *training), left_out)
        for params in grid
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Neighbors:
    """Rows with their targets, and the rows whose neighbours among them are averaged."""

    fitted: FloatArray
    targets: Doubles
    left_out: FloatArray

    def averages(
        self, estimator: BaseEstimator, grid: Sequence[Mapping[str, Any]]
    ) -> Iterator[Doubles]:
        """Give the mean target of every number of neighbours in the grid, from one search."""
        numbers = [params["n_neighbors"] for params in grid]
        nearest = NearestNeighbors(n_neighbors=max(numbers), metric=estimator.metric, n_jobs=1)
        found = nearest.fit(self.fitted).kneighbors(self.left_out, return_distance=False)
        total, done = np.zeros((len(found), self.targets.shape[1])), 0
        sums = {}
        for number in sorted(set(numbers)):
            for column in range(done, number):
                total += self.targets[found[:, column]]
            sums[number], done = total / number, number
        return (sums[number] for number in numbers)
