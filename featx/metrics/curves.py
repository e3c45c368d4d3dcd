"""Curves of probabilities and errors: how often a confidence is right, and what is won by answering less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Mask
from featx.metrics.intervals import wilson

__all__ = ["CalibrationBin", "SelectivePoint", "calibration_bins", "selective_curve"]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Answers of about the same probability, and how many of them are right.

    Attributes
    ----------
    probability : float
        Mean of what was predicted.
    share : float
        Share of them that is right.
    low, high : float
        Wilson's 95 % interval of the share.
    count : int

    Examples
    --------
    >>> [one] = calibration_bins(np.array([0.5, 0.5]), np.array([True, False]))
    >>> one.probability, one.share, one.count
    (0.5, 0.5, 2)
    """

    probability: float
    share: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class SelectivePoint:
    """The share that is right of the answers of which a predictor is surest.

    Attributes
    ----------
    coverage : float
        Share of the samples that are answered.
    accuracy : float
        Share of these answers that is right.
    low, high : float
        Wilson's 95 % interval of the accuracy.
    threshold : float
        The least confidence among them.

    Examples
    --------
    >>> first, last = selective_curve(np.array([0.6, 0.9]), np.array([False, True]))
    >>> (first.coverage, first.accuracy, first.threshold), (last.coverage, last.accuracy)
    ((0.5, 1.0, 0.9), (1.0, 0.5))
    """

    coverage: float
    accuracy: float
    low: float
    high: float
    threshold: float


def calibration_bins(
    probabilities: npt.NDArray[Any], right: Mask, most: int = 10
) -> list[CalibrationBin]:
    """Return bins of about equally many answers, the least probable first; equal ones are never parted.

    Parameters
    ----------
    probabilities : ndarray of shape (n,)
        What was predicted of each answer.
    right : ndarray of shape (n,), bool
        Whether it is right.
    most : int, default=10
        Bins, of at least five answers each where there are as many.

    Examples
    --------
    >>> p = np.linspace(0.0, 1.0, 100)
    >>> [one.count for one in calibration_bins(p, p > 0.5, most=4)]
    [25, 25, 25, 25]
    """
    values = np.asarray(probabilities, np.float64)
    if not len(values):
        return []
    n_bins = int(np.clip(len(values) // 5, 1, most))
    edges = np.unique(np.quantile(values, np.arange(1, n_bins) / n_bins, method="lower"))
    bins = np.searchsorted(edges, values, side="left")
    found = []
    for number in np.unique(bins):
        part = bins == number
        count, hits = int(part.sum()), int(right[part].sum())
        mean = float(values[part].mean())
        found.append(CalibrationBin(mean, hits / count, *wilson(hits, count), count))
    return found


def selective_curve(
    confidence: npt.NDArray[Any], right: Mask, most: int = 40
) -> list[SelectivePoint]:
    """Return how accurate the surest answers are, from the fewest to all; equally sure ones are never parted.

    El-Yaniv and Wiener, "On the foundations of noise-free selective classification", 2010.

    Parameters
    ----------
    confidence : ndarray of shape (n,)
    right : ndarray of shape (n,), bool
    most : int, default=40
        Points.

    Examples
    --------
    >>> sure = np.array([0.9, 0.9, 0.5])
    >>> [round(one.coverage, 2) for one in selective_curve(sure, np.array([True, True, False]))]
    [0.67, 1.0]
    """
    values: Doubles = np.asarray(confidence, np.float64)
    order = np.argsort(-values, kind="stable")
    ordered, hits = values[order], np.cumsum(right[order])
    # the last answer of each confidence
    last = np.append(ordered[1:] != ordered[:-1], True)[: len(values)]
    ends = np.flatnonzero(last)
    if len(ends) > most:
        ends = np.unique(ends[np.linspace(0, len(ends) - 1, most).round().astype(int)])
    return [
        SelectivePoint(
            (end + 1) / len(values),
            int(hits[end]) / (end + 1),
            *wilson(int(hits[end]), end + 1),
            float(ordered[end]),
        )
        for end in ends.tolist()
    ]
