"""What samples left out say of numbers and labels: widths of intervals, probabilities, thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Integers, Mask
from featx.errors import BadOption

__all__ = ["best_thresholds", "conformal_quantile", "describe_coverage", "label_calibration"]

# Steps of Newton's method, of which a logistic function of one score needs some ten.
_STEPS, _HALVINGS = 50, 30
# How much a slope is held near that of all labels: what as many samples would say of its logarithm.
_PRIOR = 1.0
# Spreads from the median beyond which a score is taken to be there: a single row would else decide.
_FAR = 30.0
# Samples with a label below which its threshold is mostly that of all labels.
_FEW = 20.0
# Thresholds are not nearer to 0 and 1 than this: their logits are mixed.
_EDGE = 1e-6


def conformal_quantile(
    residuals: Doubles,
    coverage: float = 0.9,
    groups: Sequence[Any] | npt.NDArray[Any] | None = None,
    sample_weight: Doubles | None = None,
    *,
    beyond: float | None = None,
) -> float:
    """Return the absolute residual that covers a new sample with a chance of at least ``coverage``.

    It is the ceil((n + 1) coverage)-th smallest. With groups, a new sample is of a new group: every group
    counts the same, its samples as parts of it, and n is the number of groups.

    Parameters
    ----------
    residuals : ndarray of shape (n,), 0 or more
        Of samples left out in training, or what they are divided by where widths differ.
    coverage : float between 0 and 1, default=0.9
    groups : sequence of length n, default=None
    sample_weight : ndarray of shape (n,), default=None
        What each sample counts, with groups within its own; a new sample counts what they do on average.
    beyond : float, default=None
        What is returned where there are too few samples or groups: None is the largest residual.

    Returns
    -------
    float
        ``describe_coverage`` says whether there are too few of them.

    Raises
    ------
    BadOption
        ``coverage`` is not between 0 and 1.

    Notes
    -----
    Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005. For groups Lee, Barber and
    Willett, "Distribution-free inference with hierarchical data", 2023: the distribution that gives each of
    K groups 1 / (K + 1) and as much to infinity. For weights Tibshirani et al., "Conformal prediction under
    covariate shift", 2019.

    Examples
    --------
    >>> conformal_quantile(np.arange(1.0, 20.0))
    18.0
    >>> conformal_quantile(np.array([1.0, 1.0, 1.0, 5.0]), 0.5, groups=["a", "a", "a", "b"])
    5.0
    """
    if not 0 < coverage < 1:
        raise BadOption(f"coverage = {coverage!r}: expected a number between 0 and 1")
    weights = _amounts(sample_weight, len(residuals))
    kept = weights > 0
    residuals, weights = np.asarray(residuals, np.float64)[kept], weights[kept]
    if not len(residuals) and beyond is not None:
        return beyond
    if groups is None:
        codes: Integers = np.zeros(len(residuals), np.intp)
        n_units, masses = len(residuals), weights / weights.mean()
    else:
        _, codes = np.unique(np.asarray(groups)[kept], return_inverse=True)
        sums = np.bincount(codes, weights)
        n_units, masses = len(sums), weights / sums[codes]
    order = np.argsort(residuals, kind="stable")
    reached = np.cumsum(masses[order])
    wanted = coverage * (n_units + 1)
    # Sums of masses and products of a share are right but for rounding.
    index = int(np.searchsorted(reached, wanted - 1e-9 * (n_units + 1)))
    if index < len(order):
        return float(residuals[order[index]])
    return float(residuals[order[-1]]) if beyond is None else beyond


def describe_coverage(n: int, what: str, coverage: float = 0.9) -> str:
    """Return what to say where ``n`` samples or groups are too few for a coverage; '' where they are not.

    >>> describe_coverage(9, "samples")
    ''
    >>> describe_coverage(6, "groups")
    'intervals: 6 groups are too few for a coverage of 90%, expected 9 or more; the largest residual of ...'
    """
    least = math.ceil(round(coverage / (1 - coverage), 9))
    if n >= least:
        return ""
    return (
        f"intervals: {n} {what} are too few for a coverage of {coverage:.0%}, expected {least} or more; the "
        f"largest residual of those left out is taken, which covers about {n / (n + 1):.0%} of new {what}"
    )


def label_calibration(
    scores: Doubles, members: Mask, sample_weight: Doubles | None = None
) -> tuple[Doubles, Doubles]:
    """Return the slope and the offset of the logistic function of each label's score.

    The likelihood of samples left out is maximised by Newton's method, for all labels at once, with Platt's
    targets: as if one sample more had the label, and one more had not. The slope of a label that few samples
    have is held near that of all labels. A score that is far from all others is taken to be nearer: a single
    row with an enormous one would decide. Slopes are positive, so that no order is turned around.

    Parameters
    ----------
    scores : ndarray of shape (n, L), float64
    members : ndarray of shape (n, L), bool
    sample_weight : ndarray of shape (n,), default=None
        What each sample counts; None counts each once.

    Returns
    -------
    slopes, offsets : ndarray of shape (L,)

    Notes
    -----
    Platt, "Probabilistic outputs for support vector machines", 1999.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(0, 2, (5000, 1))
    >>> slopes, offsets = label_calibration(logits / 3 + 1, rng.random((5000, 1)) < 1 / (1 + np.exp(-logits)))
    >>> round(slopes[0]), round(offsets[0])
    (3, -3)
    """
    weights = _amounts(sample_weight, len(scores))
    center = np.median(scores, axis=0)
    sizes = np.abs(scores - center)
    # Of votes more than half may be the same.
    spread, mean_size = np.median(sizes, axis=0), sizes.mean(axis=0)
    spread = np.where(spread > 0, spread, np.where(mean_size > 0, mean_size, 1.0))
    x = np.clip((scores - center) / spread, -_FAR, _FAR)
    positive = weights @ members
    negative = weights.sum() - positive
    high, low = (positive + 1) / (positive + 2), 1 / (negative + 2)
    wanted = np.where(members, high, low)
    # Around 1 first, and then around the mean of all labels, to which frequent ones add most.
    slopes, offsets = _platt(x, wanted, weights, np.ones(scores.shape[1]))
    mean = np.average(np.maximum(slopes, 1e-3), weights=positive + 1e-9)
    slopes, offsets = _platt(x, wanted, weights, np.full(scores.shape[1], mean))
    slopes = np.maximum(slopes, 1e-3) / spread
    return slopes, offsets - slopes * center


def _platt(
    x: Doubles, wanted: Doubles, weights: Doubles, prior: Doubles
) -> tuple[Doubles, Doubles]:
    """Return slopes near ``prior`` and offsets, shape (L,), that make ``wanted`` most likely."""
    share = np.clip(np.average(wanted, axis=0, weights=weights), 1e-12, 1 - 1e-12)
    held = _PRIOR / prior**2
    slopes, offsets = prior.copy(), np.log(share / (1 - share))
    loss = _platt_loss(x, wanted, weights, prior, slopes, offsets)
    for _ in range(_STEPS):
        shares = 0.5 * (1 + np.tanh((x * slopes + offsets) / 2))
        errors = (shares - wanted) * weights[:, None]
        curved = shares * (1 - shares) * weights[:, None]
        towards = (errors * x).sum(axis=0) + held * (slopes - prior), errors.sum(axis=0)
        aa = (curved * x * x).sum(axis=0) + held
        ab, bb = (curved * x).sum(axis=0), curved.sum(axis=0) + 1e-9
        determinant = aa * bb - ab * ab
        determinant = np.where(determinant > 0, determinant, aa * bb)
        steps = (
            (bb * towards[0] - ab * towards[1]) / determinant,
            (aa * towards[1] - ab * towards[0]) / determinant,
        )
        # Newton's steps are halved, for each label by itself, until they lead down.
        length = np.ones(len(slopes))
        for _ in range(_HALVINGS):
            tried = slopes - length * steps[0], offsets - length * steps[1]
            losses = _platt_loss(x, wanted, weights, prior, *tried)
            worse = losses > loss + 1e-12 * np.abs(loss)
            if not worse.any():
                break
            length = np.where(worse, length / 2, length)
        better = ~worse
        slopes, offsets = np.where(better, tried[0], slopes), np.where(better, tried[1], offsets)
        loss = np.where(better, losses, loss)
        if max(np.abs(length * step * better).max() for step in steps) < 1e-8:
            break
    return slopes, offsets


def _platt_loss(
    x: Doubles, wanted: Doubles, weights: Doubles, prior: Doubles, slopes: Doubles, offsets: Doubles
) -> Doubles:
    logits = x * slopes + offsets
    losses = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - wanted * logits
    return np.asarray(weights @ losses + _PRIOR / 2 * (slopes / prior - 1) ** 2)


def best_thresholds(
    members: Mask, probabilities: Doubles, sample_weight: Doubles | None = None
) -> Doubles:
    """Return the probability from which each label is given so that its F1 is best on samples left out.

    A threshold lies in the middle between two probabilities, or at 0.5 where that is between them. Of several
    that are as good the one nearest to 0.5 is taken. The threshold of a label that few samples have is drawn
    towards the one that is best for all labels together: chosen on a handful it would be chance. Of a label
    that n samples have, n / (n + 20) of the logit is its own.

    Parameters
    ----------
    members : ndarray of shape (n, L), bool
    probabilities : ndarray of shape (n, L)
    sample_weight : ndarray of shape (n,), default=None
        What each sample counts; None counts each once.

    Returns
    -------
    ndarray of shape (L,)
        Between 0 and 1; 0.5 where no sample has any label.

    Notes
    -----
    Lipton, Elkan and Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", 2014.

    Examples
    --------
    >>> shares = np.linspace(0, 1, 101)[:, None].repeat(50, axis=0)
    >>> float(best_thresholds(shares > 0.295, shares)[0].round(2))
    0.3
    """
    weights = _amounts(sample_weight, len(members))
    shares = np.asarray(probabilities, np.float64)
    common = _best_threshold(members.ravel(), shares.ravel(), weights.repeat(members.shape[1]))
    own = np.array(
        [_best_threshold(*pair, weights) for pair in zip(members.T, shares.T, strict=True)]
    )
    counts = members.sum(axis=0)
    part = counts / (counts + _FEW)
    logit = part * _logit(own) + (1 - part) * _logit(np.asarray(common))
    return np.asarray(0.5 * (1 + np.tanh(logit / 2)))


def _amounts(sample_weight: Doubles | None, n: int) -> Doubles:
    """Return what each sample counts, 1 on average; the same where nothing is said, or all are zero."""
    if sample_weight is None or not np.any(sample_weight):
        return np.ones(n)
    weights = np.asarray(sample_weight, np.float64)
    return np.asarray(weights * (n / weights.sum()))


def _logit(shares: Doubles) -> Doubles:
    clipped = np.clip(shares, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _best_threshold(members: Mask, shares: Doubles, weights: Doubles) -> float:
    """Return the threshold with the best F1; 0.5 where no sample has the label."""
    order = np.argsort(-shares, kind="stable")
    ordered = shares[order]
    # Samples of one probability are given the label together, down to the last of them.
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    given = np.cumsum(weights[order])[last]
    right = np.cumsum(weights[order] * members[order])[last]
    if not right[-1]:
        return 0.5
    f1 = 2 * right / (given + right[-1])
    lower = np.append(ordered[last[1:]], 0.0)
    upper = ordered[last]
    middle = np.where((lower < 0.5) & (upper >= 0.5), 0.5, (lower + upper) / 2)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(middle[best[np.argmin(np.abs(middle[best] - 0.5))]])
