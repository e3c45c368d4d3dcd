"""A head tuned and trained, and how good such a one is on samples that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray, Integers
from featx.embedding.engine import count_workers
from featx.heads import HeadSpec, TrainedHead
from featx.heads.own_heads import tell_deployment, with_grid
from featx.metrics.report import Report
from featx.tuning.problem import TuningProblem
from featx.tuning.search import HeadConfig, LeftOut, SearchResult, fit_choice, tune
from featx.tuning.threads import one_thread_each, threads

__all__ = [
    "FOLDS",
    "ValidationResult",
    "check_own_head",
    "cross_validate",
    "heads_for",
    "is_nested",
    "train",
    "train_and_validate",
    "validate_baseline",
]

# Folds of the outer cross-validation; one of them is the hold-out.
FOLDS = 5
# Up to so many samples, and up to so much work, the search is run five times more.
_NESTED_SAMPLES = 1000
# Samples x columns x outputs.
_NESTED_WORK = 20_000_000
# Folds of which some together are a share that a user asked for.
_FINE_FOLDS = 20
# Up to so many samples the last search assigns samples to folds three times.
_REPEATED_SAMPLES = 500


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The score to report to a user, and how it was measured.

    Attributes
    ----------
    method : str
        "nested cross-validation" or "hold-out".
    n_folds : int
        Outer folds, each with a search of its own; 1 for a hold-out.
    report : Report
        The report on samples that neither trained nor chose what predicted them.
    tested : ndarray of shape (n_tested,), integers
        Which samples those are.
    predictions : ndarray of shape (n_tested, n_columns), float32
        What was predicted of them.
    """

    method: str
    n_folds: int
    report: Report
    tested: Integers = field(repr=False, compare=False)
    predictions: FloatArray = field(repr=False, compare=False)


def train(
    rows: FloatArray,
    problem: TuningProblem,
    config: HeadConfig,
    *,
    heads: Sequence[HeadSpec] | None = None,
    once: bool = False,
) -> tuple[SearchResult, TrainedHead]:
    """Tune a head and train it on all rows, without measuring it; see ``fit_head``.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    problem : TuningProblem
        The targets of the rows.
    config : HeadConfig
    heads : sequence of HeadSpec, default=None
        The heads to choose among; None is the config's choice for these targets.
    once : bool, default=False
        Whether few samples, too, are assigned to folds only once.
    """
    repeats = 1 if once or len(problem) > _REPEATED_SAMPLES else 3
    heads = heads or heads_for(problem, config)
    choice = tune(heads, rows, problem, config=config, repeats=repeats)
    return choice, _fit(choice, rows, problem, config)


def train_and_validate(
    rows: FloatArray, problem: TuningProblem, config: HeadConfig
) -> tuple[SearchResult, TrainedHead, ValidationResult]:
    """Tune a head, train it on all rows, and measure how good such a one is; see ``fit_head``.

    Where one fold is held out, the search runs once, on the others, and the head that it chose is trained
    twice: on the others, to be measured, and on all.
    """
    if is_nested(rows, problem, config):
        choice, head = train(rows, problem, config)
        return choice, head, cross_validate(rows, problem, config)
    held_out = _hold_out(rows, problem, config)
    head = _fit(held_out.choice, rows, problem, config)
    return held_out.all_left_out(), head, held_out.validation


def cross_validate(
    rows: FloatArray, problem: TuningProblem, config: HeadConfig, *, nested: bool | None = None
) -> ValidationResult:
    """Measure how good the head would be, without training it on all rows; see ``fit_head``.

    ``nested`` says whether all samples are measured in turn, or a part of them alone; None is what ``fit``
    does with these rows.
    """
    if not (is_nested(rows, problem, config) if nested is None else nested):
        return _hold_out(rows, problem, config).validation
    folds = _outer_folds(problem, config)
    predictions = np.full((len(problem), problem.n_columns), np.nan, np.float32)
    heads = heads_for(problem, config)
    n_folds = min(FOLDS, problem.max_folds)
    # The folds are the progress; each has a search of its own.
    quiet = replace(config, progress=None)
    for fold in range(n_folds):
        _tell(config, "measuring", fold, n_folds)
        known, test = folds != fold, folds == fold
        if test.any():
            _, head = train(rows[known], problem.subset(known), quiet, heads=heads, once=True)
            predictions[test] = head.predict_outputs(rows[test])
    tested = np.flatnonzero(folds >= 0)
    predictions = predictions[tested]
    report = problem.report(predictions, tested, random_state=config.random_state)
    return ValidationResult("nested cross-validation", n_folds, report, tested, predictions)


def validate_baseline(
    rows: FloatArray, problem: TuningProblem, config: HeadConfig, *, nested: bool | None = None
) -> tuple[str, ValidationResult]:
    """Measure a baseline on rows without a backbone, for a fraction of what the head costs.

    It is the same head where the search is nested, for there are few samples. Otherwise it is what the
    problem has in closed form, trained and measured on the samples on which the head was.

    Returns
    -------
    name : str
        "the same head", or that of the one in closed form.
    validation : ValidationResult
    """
    if is_nested(rows, problem, config) if nested is None else nested:
        quiet = replace(config, progress=None)
        return "the same head", cross_validate(rows, problem, quiet, nested=True)
    folds = _outer_folds(problem, config)
    known, test = np.flatnonzero(folds != 0), np.flatnonzero(folds == 0)
    _tell(config, "measuring the baseline", 0, 1)
    with one_thread_each(), threads(count_workers(config.n_jobs)) as map_fn:
        name, predictions = problem.predict_baseline(rows, known, test, map_fn)
    report = problem.report(predictions, test, random_state=config.random_state)
    return name, ValidationResult("hold-out", 1, report, test, predictions)


@dataclass(frozen=True, slots=True, eq=False)
class _HoldOut:
    """A head that was tuned and trained on some folds, and measured on the one that was held out."""

    choice: SearchResult
    validation: ValidationResult
    known: npt.NDArray[np.bool_]
    scores: FloatArray

    def all_left_out(self) -> SearchResult:
        """Return the choice with scores of all samples: the fold held out is one more fold."""
        left_out = self.choice.left_out
        if left_out is None:
            return self.choice
        n = len(self.known)
        folds = np.full(n, left_out.folds.max() + 1, np.intp)
        folds[self.known] = left_out.folds
        scores = np.empty((n, self.scores.shape[1]), np.float32)
        scores[self.known], scores[~self.known] = left_out.scores, self.scores
        return replace(self.choice, left_out=LeftOut(folds, scores))


def _hold_out(rows: FloatArray, problem: TuningProblem, config: HeadConfig) -> _HoldOut:
    """Tune and train on all folds but the first, and measure on the first."""
    known = _outer_folds(problem, config) != 0
    test, heads = np.flatnonzero(~known), heads_for(problem, config)
    choice, head = train(rows[known], problem.subset(known), config, heads=heads, once=True)
    scores = head.scorer.scores(np.ascontiguousarray(rows[test], np.float32))
    predictions = np.asarray(choice.calibrator.apply(scores), np.float32)
    report = problem.report(predictions, test, random_state=config.random_state)
    validation = ValidationResult("hold-out", 1, report, test, predictions)
    return _HoldOut(choice, validation, known, scores.astype(np.float32))


def _fit(
    choice: SearchResult, rows: FloatArray, problem: TuningProblem, config: HeadConfig
) -> TrainedHead:
    _tell(config, f"training on {len(problem)} samples", 0, 1)
    head = fit_choice(choice, rows, problem, n_jobs=config.n_jobs)
    _tell(config, f"training on {len(problem)} samples", 1, 1)
    return head


def _tell(config: HeadConfig, stage: str, done: int, total: int) -> None:
    if config.progress:
        config.progress(stage, done, total)


def _outer_folds(problem: TuningProblem, config: HeadConfig) -> Integers:
    """Return the fold of each sample, of which 0 is held out where only one is; -1 is always trained on."""
    design, rng = problem.design, np.random.default_rng(config.random_state + 1)
    share = config.test_size or 1 / FOLDS
    if design.times is not None:
        return np.where(design.latest(share), 0, -1)
    # A part to choose by is never measured on.
    some = np.arange(len(problem))
    if design.validation is not None:
        some = np.flatnonzero(~design.validation)
    measured = problem.subset(some)
    folds = np.full(len(problem), -1, np.intp)
    if config.test_size is None:
        folds[some] = measured.make_folds(min(FOLDS, measured.max_folds), rng)
        return folds
    n_folds = min(_FINE_FOLDS, measured.max_folds)
    fine = measured.make_folds(n_folds, rng)
    n_test = min(max(1, round(share * n_folds)), n_folds - 1)
    folds[some] = np.where((fine >= 0) & (fine < n_test), 0, -1)
    return folds


def is_nested(rows: FloatArray, problem: TuningProblem, config: HeadConfig) -> bool:
    """Return whether ``fit`` measures all samples in turn: where there are few, and no times."""
    if config.test_size is not None or problem.design.times is not None:
        return False
    work = rows.size * problem.n_outputs
    return len(problem) <= _NESTED_SAMPLES and work <= _NESTED_WORK


def heads_for(problem: TuningProblem, config: HeadConfig) -> Sequence[HeadSpec]:
    """Return the heads that a config stands for, with these targets."""
    head = config.head if config.param_grid is None else with_grid(config.head, config.param_grid)
    return problem.choose_heads(head, random_state=config.random_state)


def check_own_head(task: Any, config: HeadConfig, samples: Sequence[Any]) -> None:
    """Refuse an estimator of one's own that cannot be trained or kept, before any sample is embedded.

    Parameters
    ----------
    task : Task
    config : HeadConfig
    samples : sequence of Sample
        All have a target.

    Raises
    ------
    BadOption
        Its kind is another, its grid names what it has not, or it could not be saved.

    Warns
    -----
    FeatxNotice
        Something of save, export and serve will not work, or not without trust.
    """
    if config.param_grid is None and (config.head is None or isinstance(config.head, str)):
        return
    targets = task.encode_targets([one.label for one in samples], [one.id for one in samples])
    heads_for(task.tuning_problem(targets, config), config)
    tell_deployment(config.head)
