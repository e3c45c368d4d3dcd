"""The scores that a training is compared with: baselines, groups not kept apart, and one input less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from featx._typing import FloatArray
from featx.metrics.paired import paired_difference
from featx.metrics.resampling import Resampling
from featx.reporting.contributions import InputContribution
from featx.reporting.fit_report import Baseline
from featx.tasks import Task
from featx.tuning import HeadConfig, SearchResult, TuningProblem
from featx.tuning.block_weights import FEW
from featx.tuning.validation import ValidationResult, cross_validate, validate_baseline

__all__ = ["measure_baselines", "measure_contributions", "measure_without_groups"]


def measure_baselines(
    task: Task,
    measured: ValidationResult,
    plain: FloatArray | None,
    problem: TuningProblem,
    config: HeadConfig,
    rows_name: str,
) -> tuple[Baseline, ...]:
    """Return the trivial baseline and, where there are raw rows, that of a head on them.

    Parameters
    ----------
    plain : ndarray of shape (n, d), float32, or None
        Rows of the samples without any backbone.
    rows_name : str
        What these are, in the plural.
    """
    trivial = Baseline(*task.trivial_baseline(measured.report))
    if plain is None:
        return (trivial,)
    head, measured = validate_baseline(plain, problem, config)
    report, name = measured.report, f"{head} on {rows_name}"
    return (trivial, Baseline(name, task.main_scores(report), report.intervals))


def measure_without_groups(
    task: Task, rows: FloatArray, problem: TuningProblem, config: HeadConfig
) -> Baseline | None:
    """Return what the score would have seemed with groups on both sides; None where there are none."""
    if problem.design.groups is None:
        return None
    quiet = replace(config, progress=None)
    report = cross_validate(rows, problem.without_groups(), quiet).report
    return Baseline("as it would seem without groups", task.main_scores(report), report.intervals)


def measure_contributions(
    rows: FloatArray,
    problem: TuningProblem,
    config: HeadConfig,
    measured: ValidationResult,
    search: SearchResult,
) -> tuple[InputContribution, ...]:
    """Return what each input of joint rows brings: the score without it, on the same samples left out.

    Of more than eight inputs a fifth of the samples is measured, also where all are measured in turn.
    """
    scaling, weights = search.scaling, config.blocks
    if scaling is None or weights is None or not config.measure_inputs or len(weights.blocks) < 2:
        return ()
    # Many searches a fold are for few inputs alone.
    nested, found = measured.n_folds > 1 and len(weights.blocks) <= FEW, []
    for index, block in enumerate(weights.blocks):
        if config.progress:
            config.progress("measuring without each input", index, len(weights.blocks))
        without = measured
        # What weighs nothing where all is chosen once is not missed.
        if measured.n_folds > 1 or scaling.weights[index]:
            own = replace(config, progress=None, blocks=weights.without(index))
            without = cross_validate(rows, problem, own, nested=nested)
        found.append(_compare(block.name, scaling.weights[index], problem, measured, without))
    return tuple(found)


def _compare(
    name: str,
    weight: float,
    problem: TuningProblem,
    measured: ValidationResult,
    without: ValidationResult,
) -> InputContribution:
    # A part of what is measured in turn is measured by the same heads.
    tested, places = without.tested, np.searchsorted(measured.tested, without.tested)
    n = len(tested) if len(tested) < len(measured.tested) else 0
    design = problem.design.subset(tested)
    resampling = Resampling.of(len(tested), design.groups, design.weights)
    first = problem.measure(measured.predictions[places], tested)
    second = problem.measure(without.predictions, tested)
    difference = paired_difference(first, second, resampling)
    score = float(second(resampling.whole())[0])
    return InputContribution(name, weight, problem.score_name, score, difference, n)
