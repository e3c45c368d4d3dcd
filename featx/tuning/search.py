"""The best candidate of one head or of several, and its training on all rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from featx._typing import ClassWeight, FloatArray, Integers
from featx.embedding.engine import count_workers
from featx.errors import BadOption, wrong_type
from featx.heads import Calibrator, HeadSpec, TrainedHead, fit_labels
from featx.heads._sklearn_compat import adopt_label_regressions, adopt_regression
from featx.heads.prescaled import prescaled, with_scaling
from featx.heads.support_vectors import fit_by_kernel
from featx.inputs.scaling import BlockScaling
from featx.tuning.block_weights import BlockWeights
from featx.tuning.candidates import (
    PATHS,
    VAST_WORK,
    CandidateScore,
    best_candidate,
    leave_out_each,
    open_path,
    score_candidates,
    start_curvature,
)
from featx.tuning.fit_warnings import collect_warnings
from featx.tuning.problem import TuningProblem
from featx.tuning.progress import Progress
from featx.tuning.solvers.lbfgs import MapFn
from featx.tuning.solvers.path import WarmStart
from featx.tuning.splits import Splits, make_splits
from featx.tuning.threads import one_thread_each, threads

__all__ = ["HeadConfig", "LeftOut", "SearchResult", "check_seed", "fit_choice", "tune"]

FOLDS = 4
# Races among heads: the number of samples, and how many heads go on.
RACES = ((1500, 4), (4500, 2))
# Share of the loss that may be left unfinished when what was chosen is trained, from so much work on (samples x
# columns x outputs): of vast work as much as in the search, for which the calibration is.
_GAPS = {0: 1e-6, 50_000_000: 1e-4, VAST_WORK: 1e-2}
_LABEL_GAP = 1e-5
# Samples x columns x outputs below which threads cost more than they save.
_SMALL = 5_000_000


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """The settings of a training that a user decides, besides the rows.

    Attributes
    ----------
    head : str, scikit-learn estimator or None, default=None
        None is the first head of the task.
    class_weight : "balanced" or None, default=None
        With "balanced" every class weighs the same, however many samples it has.
    log_target : bool, default=False
        Whether the logarithm of numbers is predicted.
    threshold : float or None, default=None
        The probability from which a label is given; None: one a label, chosen on samples left out.
    target_error : float or None, default=None
        The share of answers that may be wrong; None answers all.
    test_size : float or None, default=None
        The share of the samples on which the head is measured; None: what their number suggests.
    random_state : int, default=0
        Decides the folds, and what is random in an estimator.
    n_jobs : int, default=None
        Threads; None is one a core. It never changes the answer.
    param_grid : mapping of str to sequence, or a sequence of them, default=None
        What is searched of an estimator; None: nothing.
    progress : Progress, default=None
        Called with the stage, and how many of its parts are done.
    blocks : BlockWeights or None, default=None
        What chooses the weights of the columns of each input; None for rows of one input.
    measure_inputs : bool, default=True
        Whether the score without each of several inputs is measured as well.
    """

    head: str | BaseEstimator | None = None
    class_weight: ClassWeight = None
    log_target: bool = False
    threshold: float | None = None
    target_error: float | None = None
    test_size: float | None = None
    random_state: int = 0
    n_jobs: int | None = None
    param_grid: Any = None
    progress: Progress | None = field(default=None, repr=False, compare=False)
    blocks: BlockWeights | None = field(default=None, repr=False, compare=False)
    measure_inputs: bool = True

    def check(self) -> None:
        """Raise BadOption where a weighting, a seed or a share is none."""
        weight, seed, share = self.class_weight, self.random_state, self.test_size
        # A word that nothing knows would train without weights.
        if weight is not None and weight != "balanced":
            raise BadOption(f"class_weight = {weight!r}: expected 'balanced' or None")
        check_seed(seed)
        if self.threshold is not None and not isinstance(self.threshold, (int, float, np.number)):
            raise wrong_type("threshold", self.threshold, "a number between 0 and 1")
        if share is not None and not (isinstance(share, float) and 0 < share < 1):
            raise BadOption(f"test_size = {share!r}: expected a share between 0 and 1, such as 0.2")


def check_seed(value: object) -> None:
    """Refuse a random_state that is no whole number from 0 on.

    Raises
    ------
    BadOption
    """
    if not isinstance(value, (int, np.integer)) or int(value) < 0:
        raise BadOption(f"random_state = {value!r:.60}: expected a whole number, 0 or more")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A head, its parameters and its calibrator, as cross-validation chose them.

    Attributes
    ----------
    head : HeadSpec
    params : mapping of str to value
    calibrator : Calibrator
    score : float
        The score of the samples left out; NaN where none were. It was optimised, so it is not one to quote.
    folds : int
        0 where there were too few samples to leave any out; as many as samples where each was in turn.
    repeats : int
    n_candidates : int
    left_out : LeftOut or None
        The scores of the chosen candidate on samples left out; None where there were none.
    warm_start : WarmStart or None
        Where its training may start from; None from the beginning.
    scaling : BlockScaling or None
        The scale of the blocks of joint rows, as the training samples chose it; None for rows of one input.
    """

    head: HeadSpec
    params: Mapping[str, Any]
    calibrator: Calibrator
    score: float
    folds: int
    repeats: int
    n_candidates: int
    left_out: LeftOut | None = field(default=None, repr=False, compare=False)
    warm_start: WarmStart | None = field(default=None, repr=False, compare=False)
    scaling: BlockScaling | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The scores that the chosen candidate gave to each sample when it was left out of its training.

    Attributes
    ----------
    folds : ndarray of shape (n,), intp
        The fold of the first repeat that left the sample out; -1 where none did.
    scores : ndarray of shape (n, n_outputs), float32
        Uncalibrated; NaN where no fold left the sample out.
    """

    folds: Integers
    scores: FloatArray


def tune(
    heads: Sequence[HeadSpec],
    rows: FloatArray,
    problem: TuningProblem,
    *,
    config: HeadConfig,
    repeats: int = 1,
) -> SearchResult:
    """Return the best of the candidates of ``heads``, by cross-validation in four folds.

    The score decides; among candidates within half of its standard error, the loss after calibration does.
    The answer is the same, bit for bit, whatever ``n_jobs``. A ridge that has no rival is tuned with every
    sample left out in turn, in closed form. Several heads on thousands of rows race first on a part of
    them: the four best of 1500 rows go on, and of those the two best of 4500.

    Parameters
    ----------
    heads : sequence of HeadSpec
    rows : ndarray of shape (n, d), float32
    problem : TuningProblem
        The targets of the rows.
    config : HeadConfig
        Its random state and its number of threads.
    repeats : int, default=1
        How often samples are assigned to folds anew; more is steadier.
    """
    if config.blocks is not None:
        return _tune_joint(heads, rows, problem, config.blocks, config, repeats)
    if not problem.design.is_plain and problem.design.groups is None:
        # There is one way only to leave samples out.
        repeats = 1
    heads = _race(heads, rows, problem, config)
    candidates, splits = _search(heads, rows, problem, config, repeats)
    if not candidates:
        head = heads[0]
        grid = head.candidates(len(problem))
        middle = grid[len(grid) // 2]
        return SearchResult(head, middle, problem.default_calibrator(), float("nan"), 0, 0, 1)
    best = best_candidate(candidates)
    in_turn = _leaves_out_each(heads, problem)
    # The fold of each sample where samples, or groups of them, are left out one after the other.
    units = problem.design.units(len(problem))
    return SearchResult(
        best.head,
        best.params,
        best.evaluation.calibrator,
        best.evaluation.score,
        folds=int(units.max()) + 1 if in_turn else splits.n_folds,
        repeats=1 if in_turn else repeats,
        n_candidates=sum(candidate.n_tried for candidate in candidates),
        left_out=LeftOut(units, best.scores)
        if in_turn and best.scores is not None
        else _left_out(best, splits, len(problem), repeats),
        warm_start=best.warm_start,
    )


def _tune_joint(
    heads: Sequence[HeadSpec],
    rows: FloatArray,
    problem: TuningProblem,
    blocks: BlockWeights,
    config: HeadConfig,
    repeats: int,
) -> SearchResult:
    """Choose the weights of blocks, then the head on rows that they scale."""
    with one_thread_each():
        weights = blocks.choose(rows, problem, random_state=config.random_state)
    scaling = BlockScaling.fit(rows, blocks.blocks, weights, problem.design.weights)
    scaled, plain = scaling.apply(rows), replace(config, blocks=None)
    choice = tune(list(map(prescaled, heads)), scaled, problem, config=plain, repeats=repeats)
    return replace(choice, scaling=scaling)


def _race(
    heads: Sequence[HeadSpec], rows: FloatArray, problem: TuningProblem, config: HeadConfig
) -> Sequence[HeadSpec]:
    """Return the heads that are best on a part of the rows; all of them where there are few."""
    for size, n_best in RACES:
        if len(heads) > n_best and len(problem) > 1.5 * size:
            rng = np.random.default_rng(config.random_state)
            folds = problem.make_folds(-(-len(problem) // size), rng)
            some = np.flatnonzero(folds == 0)
            candidates = _search(heads, rows[some], problem.subset(some), config, 1)[0]
            heads = _best_heads(heads, candidates, n_best)
    return heads


def _left_out(best: CandidateScore, splits: Splits, n: int, repeats: int) -> LeftOut | None:
    """Return the scores of the first repeat by sample."""
    if best.scores is None:
        return None
    folds = np.full(n, -1, np.intp)
    scores = np.full((n, best.scores.shape[1]), np.nan, np.float32)
    first = splits.tested[: len(splits.tested) // repeats]
    scores[first] = best.scores[: len(first)]
    start = 0
    for fold, (_, test) in enumerate(splits.pairs):
        if start < len(first):
            folds[test] = fold
        start += len(test)
    return LeftOut(folds, scores)


def fit_choice(
    choice: SearchResult, rows: FloatArray, problem: TuningProblem, *, n_jobs: int | None = None
) -> TrainedHead:
    """Train what ``tune`` chose on all rows.

    Parameters
    ----------
    n_jobs : int, default=None
        Threads; they never change the answer.

    Raises
    ------
    BadOption
        A user's own estimator gives no scores: neither ``decision_function`` nor ``predict_proba``.
    """
    if choice.scaling is not None:
        scaling = choice.scaling.refit(rows, problem.design.weights)
        plain = replace(choice, scaling=None)
        trained = fit_choice(plain, scaling.apply(rows), problem, n_jobs=n_jobs)
        return with_scaling(trained, scaling.mean, scaling.scale)
    head = choice.head
    estimator = head.build().set_params(**choice.params)
    workers = 0 if rows.size < _SMALL else count_workers(n_jobs)
    with collect_warnings(own=head.shipped), one_thread_each(), threads(workers) as map_fn:
        weights = problem.design.weights
        if head.search in PATHS:
            _fit_by_path(choice, estimator, rows, problem, map_fn)
        elif head.search == "kernel":
            own = {} if weights is None else {"standardscaler__sample_weight": weights}
            scaled = estimator[:-1].fit_transform(rows, **own)
            _in_thread(
                map_fn, lambda: fit_by_kernel(estimator[-1], scaled, problem.targets, weights)
            )
        else:
            estimator = _in_thread(
                map_fn, lambda: fit_labels(estimator, rows, problem.targets, weights)
            )
    return TrainedHead.from_estimator(head.name, estimator, choice.calibrator, problem.output_names)


def _in_thread(map_fn: MapFn, task: Callable[[], Any]) -> Any:
    """Run a task so that Ctrl-C is heard meanwhile: code of a library keeps the main thread from it."""
    [result] = map_fn(lambda _: task(), [None])
    return result


def _fit_by_path(
    choice: SearchResult,
    estimator: Pipeline,
    rows: FloatArray,
    problem: TuningProblem,
    map_fn: MapFn,
) -> None:
    """Give the estimator featx's solution of what scikit-learn's own solver would minimise."""
    scaler, last = estimator
    weights, multilabel = problem.design.weights, choice.head.search == "label-path"
    n_columns = 1 if problem.n_outputs == 2 and not multilabel else problem.n_outputs
    warm_start = choice.warm_start
    known = None if warm_start is None else warm_start.weights
    if known is not None and known.shape != (rows.shape[1] + 1, n_columns):
        warm_start = None
    every = [np.arange(len(problem))]
    work = rows.size * problem.n_outputs
    gap = _LABEL_GAP if multilabel else [gap for least, gap in _GAPS.items() if work >= least][-1]
    # From the solutions of the splits, which fit almost everything there, it takes longer than from zero.
    is_cold = gap == _GAPS[VAST_WORK]
    if is_cold and warm_start is not None:
        warm_start = warm_start.without_weights()
    path = open_path(choice.head, rows, problem, every, map_fn, gap=gap, warm_start=warm_start)
    strength = last.estimator.C if multilabel else last.C
    if is_cold:
        path.solve(strength, start_curvature(choice.head, problem))
    else:
        list(path.solve_path([strength]))
    coef = np.ascontiguousarray(path.weights[0, :-1].T)
    intercept = path.weights[0, -1].copy()
    scaler.fit(rows, sample_weight=weights)
    if multilabel:
        adopt_label_regressions(last, coef, intercept)
    else:
        adopt_regression(last, np.unique(problem.targets), coef, intercept)


def _search(
    heads: Sequence[HeadSpec],
    rows: FloatArray,
    problem: TuningProblem,
    config: HeadConfig,
    repeats: int,
) -> tuple[list[CandidateScore], Splits]:
    """Evaluate every candidate of every head; none where there are too few samples to leave any out."""
    n_folds = min(FOLDS, problem.max_folds)
    splits = make_splits(problem, n_folds, repeats=repeats, random_state=config.random_state)
    candidates: list[CandidateScore] = []
    if not splits.pairs:
        return candidates, splits
    small = rows.size * problem.n_outputs < _SMALL
    workers = 0 if small else count_workers(config.n_jobs)
    with (
        collect_warnings(own=all(head.shipped for head in heads)),
        one_thread_each(),
        threads(workers) as map_fn,
    ):
        for head in heads:
            if _leaves_out_each(heads, problem):
                candidates += leave_out_each(head, rows, problem)
            else:
                tick = (
                    partial(config.progress, f"searching, {head.name}") if config.progress else None
                )
                candidates += score_candidates(head, rows, problem, splits, map_fn, tick)
            candidates = _without_scores_of_the_beaten(candidates)
    return candidates, splits


def _without_scores_of_the_beaten(candidates: list[CandidateScore]) -> list[CandidateScore]:
    """Drop the scores, which are large, of candidates that can no longer be the best."""
    best = best_candidate(candidates)
    return [
        c if c is best or c.evaluation.score >= best.evaluation.score else replace(c, scores=None)
        for c in candidates
    ]


def _leaves_out_each(heads: Sequence[HeadSpec], problem: TuningProblem) -> bool:
    """Return whether every sample is left out in turn, in closed form.

    Beside other heads no head may learn from one sample more than they do.
    """
    if len(heads) != 1 or heads[0].search != "leave-one-out":
        return False
    return problem.can_leave_out_each


def _best_heads(
    heads: Sequence[HeadSpec], candidates: Sequence[CandidateScore], n_best: int
) -> list[HeadSpec]:
    """Return the heads of the best candidates, in the order of ``heads``."""
    best = {
        head.name: max(c.evaluation.score for c in candidates if c.head is head) for head in heads
    }
    names = sorted(best, key=best.__getitem__, reverse=True)[:n_best]
    return [head for head in heads if head.name in names]
