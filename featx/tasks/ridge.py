"""Ridge on targets that are numbers, or can be taken for such: left out in turn, and as a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from featx._typing import Doubles, FloatArray, Integers
from featx.tuning.design import SampleDesign, some_samples

if TYPE_CHECKING:
    from featx.heads import HeadSpec
    from featx.tuning.problem import Evaluation, TuningProblem

__all__ = ["leave_out_by_ridge", "predict_by_ridge"]

P = TypeVar("P", bound="TuningProblem")


def leave_out_by_ridge(
    head: HeadSpec, rows: FloatArray, targets: Doubles, design: SampleDesign
) -> list[Doubles]:
    """Return the scores of every sample by ridge with each penalty of a head, its group left out in turn.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    targets : ndarray of shape (n, k), float64
    """
    from featx.tuning.solvers.ridge import leave_one_out_numbers

    alphas = [value for params in head.grid for value in params.values()]
    return list(
        leave_one_out_numbers(
            rows,
            targets,
            alphas,
            groups=design.groups,
            sample_weight=design.weights,
            standardize=head.standardizes,
        )
    )


def predict_by_ridge(
    problem: P,
    numbers: Callable[[P], Doubles],
    rows: FloatArray,
    parts: tuple[Integers, Integers],
    alphas: Sequence[float],
    merit: Callable[[Evaluation], float],
) -> FloatArray:
    """Return what ridge predicts of some samples, its penalty decided by leaving others out in turn.

    Parameters
    ----------
    problem : TuningProblem
        It evaluates what is left out, and calibrates.
    numbers : callable
        Gives the targets of a part of the problem as numbers; shape (n, k), float64.
    rows : ndarray of shape (n, d), float32
    parts : (known, test)
        The samples that it may learn from, of which ten thousand are enough, and those that it predicts.
    alphas : sequence of float
    merit : callable
        Takes an evaluation; the penalty of the greatest merit is taken.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from featx.heads.weighting import weight_parameters
    from featx.tuning.solvers.ridge import leave_one_out_numbers

    known, test = some_samples(parts[0]), parts[1]
    some, every = problem.subset(known), np.arange(len(known))
    targets, design = numbers(some), some.design
    tried = leave_one_out_numbers(
        rows[known], targets, alphas, groups=design.groups, sample_weight=design.weights
    )
    scored = [some.evaluate(scores, every) for scores in tried]
    best = int(np.argmax([merit(one) for one in scored]))
    ridge = make_pipeline(StandardScaler(), Ridge(alphas[best]))
    ridge.fit(rows[known], targets, **weight_parameters(ridge, design.weights))
    scores = np.asarray(ridge.predict(rows[test]), np.float64).reshape(len(test), -1)
    return scored[best].calibrator.apply(scores).astype(np.float32)
