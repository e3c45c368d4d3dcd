"""A head tuned and trained, and how good such a one is on samples that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import FloatArray
from featx.heads import HeadSpec, TrainedHead
from featx.metrics.report import Report
from featx.tuning.problem import TuningProblem
from featx.tuning.search import HeadConfig, SearchResult, fit_choice, tune

__all__ = ["FOLDS", "ValidationResult", "cross_validate", "heads_for", "train"]

# Folds of the outer cross-validation; one of them is the hold-out.
FOLDS = 5
# Up to so many samples, and up to so much work, the search is run five times more.
_NESTED_SAMPLES = 1000
# Samples x columns x outputs.
_NESTED_WORK = 20_000_000
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
    """

    method: str
    n_folds: int
    report: Report


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
    return choice, fit_choice(choice, rows, problem, n_jobs=config.n_jobs)


def cross_validate(
    rows: FloatArray, problem: TuningProblem, config: HeadConfig
) -> ValidationResult:
    """Measure how good the head would be, without training it on all rows; see ``fit_head``."""
    n, work = len(problem), rows.size * problem.n_outputs
    n_folds = min(FOLDS, problem.max_folds)
    folds = problem.make_folds(n_folds, np.random.default_rng(config.random_state + 1))
    nested = n <= _NESTED_SAMPLES and work <= _NESTED_WORK
    predictions = np.full((n, problem.n_outputs), np.nan, np.float32)
    heads = heads_for(problem, config)
    for fold in range(n_folds if nested else 1):
        known, test = folds != fold, folds == fold
        if test.any():
            _, head = train(rows[known], problem.subset(known), config, heads=heads, once=nested)
            predictions[test] = head.predict_proba(rows[test])
    tested = np.flatnonzero(folds >= 0 if nested else folds == 0)
    report = problem.report(predictions[tested], tested, random_state=config.random_state)
    return ValidationResult(
        method="nested cross-validation" if nested else "hold-out",
        n_folds=n_folds if nested else 1,
        report=report,
    )


def heads_for(problem: TuningProblem, config: HeadConfig) -> Sequence[HeadSpec]:
    """Return the heads that a config stands for, with these targets."""
    return problem.choose_heads(config.head, random_state=config.random_state)
