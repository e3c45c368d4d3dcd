"""The evidence of a linear model on rows, LogME: how probable the targets are, whatever the coefficients."""

from __future__ import annotations

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.tuning.problem import TuningProblem
from featx.tuning.solvers.ridge import spectrum

__all__ = ["log_evidence"]

# Steps in which the evidence is maximised, and the change that ends them.
_STEPS, _TOLERANCE = 100, 1e-5


def log_evidence(rows: FloatArray, problem: TuningProblem) -> float:
    """Return the maximum of the evidence of a linear model on rows: LogME, a sample and an output.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    problem : TuningProblem
        Groups and weights have no part in it.

    Notes
    -----
    You et al., "LogME: practical assessment of pre-trained models for transfer learning", 2021. Targets are
    a Gaussian around a linear function whose coefficients are a Gaussian around 0; the precisions of both are
    those that make the targets most probable. A class is 1 for its samples and 0 for the others; numbers are
    standardised.
    """
    targets = problem.neighbor_targets(np.arange(len(problem)))
    if not rows.any():
        rows = np.ones_like(rows)
    squares, basis = spectrum(np.asarray(rows, np.float64))
    projected = basis.T @ targets
    evidences = [
        _evidence(squares, projected[:, k] ** 2, float(targets[:, k] @ targets[:, k]), len(rows))
        for k in range(targets.shape[1])
    ]
    return float(np.mean(evidences))


def _evidence(squares: Doubles, along: Doubles, norm: float, n: int) -> float:
    """Return the largest evidence of one column of targets, a sample.

    Parameters
    ----------
    squares : ndarray of shape (r,)
        Squared singular values of the rows.
    along : ndarray of shape (r,)
        Squares of the column along the left singular vectors.
    norm : float
        The sum of the squares of the column.
    n : int
        Samples.
    """
    tiny = float(np.finfo(np.float64).tiny)
    outside = max(norm - float(along.sum()), 0.0)
    alpha = beta = 1.0
    for _ in range(_STEPS):
        shares = squares / (squares + alpha / beta)
        size = max(float((shares**2 * along / np.maximum(squares, tiny)).sum()), 1e-12 * norm, tiny)
        rest = max(float(((1 - shares) ** 2 * along).sum()) + outside, 1e-12 * norm, tiny)
        effective = float(shares.sum())
        before, alpha = alpha / beta, effective / size
        beta = (n - effective) / rest
        if abs(alpha / beta - before) <= _TOLERANCE * before:
            break
    shares = squares / (squares + alpha / beta)
    size = float((shares**2 * along / np.maximum(squares, tiny)).sum())
    rest = float(((1 - shares) ** 2 * along).sum()) + outside
    whole = n * np.log(beta) + len(squares) * np.log(alpha) - n * np.log(2 * np.pi)
    whole -= beta * rest + alpha * size + np.log(alpha + beta * squares).sum()
    return float(whole / (2 * n))
