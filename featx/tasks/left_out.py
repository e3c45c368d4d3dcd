"""What the samples left out in training say of coverage and of the error of answers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from featx._typing import Doubles
from featx.errors import BadOption, FeatxWarning
from featx.heads.conformity import Conformity
from featx.heads.selective import ErrorThreshold, find_error_threshold

if TYPE_CHECKING:
    from featx.heads import TrainedHead
    from featx.tasks.task import Task
    from featx.tuning.problem import TuningProblem
    from featx.tuning.search import LeftOut

__all__ = ["calibrate", "fit_error_threshold"]


def calibrate(
    task: Task,
    problem: TuningProblem,
    left_out: LeftOut | None,
    head: TrainedHead,
    random_state: int,
) -> Conformity | None:
    """Return how the samples that were left out in training conformed; None where there were none."""
    known = _left_out(problem, left_out)
    if known is None:
        return None
    some, scores = known
    conformity, strata = task.answer_sets.measure(some, scores, head.calibrator)
    design = some.design
    return Conformity.of(
        conformity, strata, design.groups, design.weights, random_state=random_state
    )


def fit_error_threshold(
    task: Task,
    problem: TuningProblem,
    left_out: LeftOut | None,
    head: TrainedHead,
    *,
    target: float,
    random_state: int,
) -> ErrorThreshold:
    """Return the confidence from which answers are given so that at most a share ``target`` of them is wrong.

    Raises
    ------
    BadOption
        No sample was left out in training.

    Warns
    -----
    FeatxWarning
        No such confidence is found.
    """
    known = _left_out(problem, left_out)
    if known is None:
        raise BadOption(
            f"target_error={target:g}: no sample was left out in training, so that no error is known; add "
            "samples"
        )
    some, scores = known
    outputs = head.calibrator.apply(scores).astype(np.float32)
    sets, design = task.answer_sets, some.design
    found = find_error_threshold(
        sets.confidence(outputs),
        sets.wrong(some, outputs),
        target,
        groups=design.groups,
        sample_weight=design.weights,
        random_state=random_state,
    )
    if found.threshold is None:
        warnings.warn(f"target_error={target:g}: {found.describe()}", FeatxWarning, stacklevel=4)
    return found


def _left_out(problem: TuningProblem, left_out: LeftOut | None) -> tuple[Any, Doubles] | None:
    """Return the problem of the samples that were left out, with their scores; None where there are none."""
    if left_out is None:
        return None
    known = np.flatnonzero(np.isfinite(left_out.scores).all(axis=1))
    if not len(known):
        return None
    return problem.subset(known), left_out.scores[known].astype(np.float64)
