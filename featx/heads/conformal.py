"""What samples left out say of numbers and labels: widths of intervals, probabilities, thresholds."""

from __future__ import annotations

import numpy as np

from featx._typing import Doubles, Labels, Mask

__all__ = ["best_thresholds", "conformal_quantile", "label_calibration"]

# Steps of Newton's method, of which a logistic function of one score needs some ten.
_STEPS = 30
# How much a slope is held near 1, in samples.
_PRIOR = 1.0
# Samples with a label below which its threshold is partly that of all labels.
_FEW = 20.0
# Candidate thresholds.
_GRID = np.linspace(0.05, 0.95, 91)


def conformal_quantile(residuals: Doubles, coverage: float, groups: Labels | None = None) -> float:
    """Return the absolute residual that covers a new sample with a chance of at least ``coverage``.

    It is the ceil((n + 1) coverage)-th smallest, or the greatest where there are too few. With groups, a new
    sample is of a new group: every group counts the same, its samples as parts of it, and n is the number of
    groups.

    Parameters
    ----------
    residuals : ndarray of shape (n,), 0 or more
    coverage : float between 0 and 1
    groups : ndarray of shape (n,), default=None

    Notes
    -----
    Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005; for groups Dunn, Wasserman and
    Ramdas, "Distribution-free prediction sets for two-layer hierarchical models", 2022, the pooled quantile.

    Examples
    --------
    >>> conformal_quantile(np.arange(1.0, 20.0), 0.9)
    18.0
    >>> conformal_quantile(np.array([1.0, 2.0, 9.0]), 0.9)
    9.0
    """
    order = np.argsort(residuals, kind="stable")
    ordered = residuals[order]
    if groups is None:
        n = len(ordered)
        rank = int(np.ceil((n + 1) * coverage))
        return float(ordered[min(rank, n) - 1])
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights = (1 / counts)[codes][order]
    reached = np.cumsum(weights) / (len(counts) + 1)
    index = int(np.searchsorted(reached, coverage - 1e-12))
    return float(ordered[min(index, len(ordered) - 1)])


def label_calibration(scores: Doubles, members: Mask) -> tuple[Doubles, Doubles]:
    """Return the slope and the offset of the logistic function of each label's score.

    The likelihood of samples left out is maximised, with one sample more that holds each slope near 1 and each
    offset near 0, by Newton's method for all labels at once.

    Parameters
    ----------
    scores : ndarray of shape (n, L), float64
    members : ndarray of shape (n, L), bool

    Returns
    -------
    slopes, offsets : ndarray of shape (L,)

    Notes
    -----
    Platt, "Probabilistic outputs for support vector machines", 1999.

    Examples
    --------
    >>> scores = np.linspace(-4, 4, 200)[:, None]
    >>> slopes, offsets = label_calibration(scores, scores + np.sin(99 * scores) > 0)
    >>> bool(slopes[0] > 0), bool(abs(offsets[0]) < 1)
    (True, True)
    """
    scale = np.maximum(np.abs(scores).mean(axis=0), 1e-12)
    x = scores / scale
    slopes, offsets = scale.copy(), np.zeros(scores.shape[1])
    center = slopes.copy()
    for _ in range(_STEPS):
        logits = np.clip(x * slopes + offsets, -35, 35)
        shares = 1 / (1 + np.exp(-logits))
        errors, weights = shares - members, shares * (1 - shares)
        gradient = np.stack(
            [(errors * x).sum(axis=0) + _PRIOR * (slopes - center) / center**2, errors.sum(axis=0)]
        )
        aa = (weights * x * x).sum(axis=0) + _PRIOR / center**2
        ab, bb = (weights * x).sum(axis=0), weights.sum(axis=0) + 1e-9
        determinant = np.maximum(aa * bb - ab * ab, 1e-300)
        steps = np.stack(
            [
                (bb * gradient[0] - ab * gradient[1]) / determinant,
                (aa * gradient[1] - ab * gradient[0]) / determinant,
            ]
        )
        # Long steps overshoot where a label is almost separable.
        steps = np.clip(steps, -4, 4)
        slopes, offsets = slopes - steps[0], offsets - steps[1]
        if np.abs(steps).max() < 1e-8:
            break
    # A score that says nothing, or the contrary, must not turn the order around.
    slopes = np.maximum(slopes / scale, 1e-3 / scale)
    return slopes, offsets


def best_thresholds(members: Mask, probabilities: Doubles) -> Doubles:
    """Return the probability from which each label is given so that its F1 is best on samples left out.

    Of thresholds that are as good the one nearest to the mean of all labels is taken. The threshold of a label
    that few samples have is drawn towards the one that is best for all labels together, by n / (n + 20) of its
    own: chosen on a handful it would be chance.

    Parameters
    ----------
    members : ndarray of shape (n, L), bool
    probabilities : ndarray of shape (n, L)

    Returns
    -------
    ndarray of shape (L,), from 0.05 to 0.95

    Notes
    -----
    Lipton, Elkan and Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", 2014.

    Examples
    --------
    >>> shares = np.linspace(0, 1, 101)[:, None]
    >>> float(best_thresholds(shares > 0.295, shares)[0].round(2))
    0.3
    """
    counts = members.sum(axis=0)
    given = np.empty((len(_GRID), members.shape[1]))
    right = np.empty_like(given)
    for index, threshold in enumerate(_GRID):
        chosen = probabilities >= threshold
        given[index], right[index] = chosen.sum(axis=0), (chosen & members).sum(axis=0)
    overall = 2 * right.sum(axis=1) / np.maximum(given.sum(axis=1) + counts.sum(), 1)
    common = _GRID[int(overall.argmax())]
    f1 = 2 * right / np.maximum(given + counts, 1)
    near = np.abs(_GRID - common)
    own = np.empty(members.shape[1])
    for label, column in enumerate(f1.T):
        best = np.flatnonzero(column >= column.max() - 1e-12)
        own[label] = _GRID[best[np.argmin(near[best])]]
    share = counts / (counts + _FEW)
    return np.asarray(share * own + (1 - share) * common)
