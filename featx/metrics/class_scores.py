"""The scores of predicted classes and their intervals, from counts by class or from single samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Integers, Labels
from featx.metrics.intervals import wilson
from featx.metrics.quotients import ratio
from featx.metrics.resampling import Resampling, bootstrap

__all__ = [
    "calibration_error",
    "counted_intervals",
    "known_log_loss",
    "label_ranks",
    "macro_scores",
    "resampled_intervals",
    "resampled_top_k",
]

_DRAWS = 2000
_BINS = 10
_NAMES = ("accuracy", "balanced_accuracy", "macro_f1")

Counts = npt.NDArray[np.int64]
Amounts = npt.NDArray[Any]


def macro_scores(correct: Amounts, true: Amounts, predicted: Amounts) -> tuple[Doubles, Doubles]:
    """Return balanced accuracy and macro F1 of counts by class, which lie on the last axis.

    >>> macro_scores(np.array([2, 1]), np.array([2, 2]), np.array([3, 1]))[0]
    np.float64(0.75)
    """
    occurs, seen = true > 0, (true + predicted) > 0
    recall = ratio(correct, true)
    f1 = ratio(2 * correct, true + predicted)
    return (
        (recall * occurs).sum(axis=-1) / occurs.sum(axis=-1),
        (f1 * seen).sum(axis=-1) / seen.sum(axis=-1),
    )


def counted_intervals(
    confusion: Counts, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return the 95 % intervals of accuracy, balanced accuracy and macro F1 of single samples.

    Drawing samples is drawing confusion matrices from a multinomial; accuracy has Wilson's interval.

    >>> sorted(counted_intervals(np.array([[2, 0], [1, 1]]), np.random.default_rng(0)))
    ['accuracy', 'balanced_accuracy', 'macro_f1']
    """
    n, correct = int(confusion.sum()), int(np.trace(confusion))
    accuracy = wilson(correct, n)
    if correct == n:
        return dict.fromkeys(_NAMES, accuracy)
    true, predicted = np.nonzero(confusion)
    cells = rng.multinomial(n, confusion[true, predicted] / n, size=_DRAWS)
    k, right = len(confusion), true == predicted
    hits = _sums_by(cells[:, right], true[right], k)
    draws = macro_scores(hits, _sums_by(cells, true, k), _sums_by(cells, predicted, k))
    bounds = [np.quantile(draw, [0.025, 0.975]).tolist() for draw in draws]
    return {
        "accuracy": accuracy,
        "balanced_accuracy": (bounds[0][0], bounds[0][1]),
        "macro_f1": (bounds[1][0], bounds[1][1]),
    }


def _sums_by(cells: Counts, classes: Counts, n_classes: int) -> Counts:
    """Return the sums of the columns that belong to each class, shape (n, n_classes)."""
    sums = np.zeros((len(cells), n_classes), np.int64)
    order = np.argsort(classes, kind="stable")
    found, starts = np.unique(classes[order], return_index=True)
    if len(found):
        sums[:, found] = np.add.reduceat(cells[:, order], starts, axis=1)
    return sums


def resampled_intervals(
    true: Integers, predicted: Integers, resampling: Resampling, random_state: int
) -> dict[str, tuple[float, float]]:
    """Return the same intervals where whole groups are drawn, or samples of different weight.

    Where all or none of the predictions are right a bootstrap has no variance; Wilson's interval of as
    many groups, or samples, stands in.

    Parameters
    ----------
    true, predicted : ndarray of shape (n,), integers
        The number of each sample's class.
    resampling : Resampling
    random_state : int

    Examples
    --------
    >>> codes = np.array([0, 0, 1, 1])
    >>> resampled_intervals(codes, codes, Resampling(4, codes), 0)["accuracy"]
    (0.342..., 1.0)
    """
    # only measuring needs to wait for scipy
    from scipy.sparse import csr_array

    n_units, right = resampling.n_units, true == predicted
    if right.all() or not right.any():
        accuracy = wilson(n_units * bool(right.all()), n_units)
        return dict.fromkeys(_NAMES, accuracy)
    if n_units < 2:
        return dict.fromkeys(_NAMES, (0.0, 1.0))
    k, samples = int(max(true.max(), predicted.max())) + 1, np.arange(len(true))

    def by_class(codes: Integers, amounts: Amounts) -> Any:
        return csr_array((amounts, (codes, samples)), shape=(k, len(true)))

    ones = np.ones(len(true))
    sums = by_class(true, right * 1.0), by_class(true, ones), by_class(predicted, ones)

    def measure(weights: Doubles) -> Doubles:
        correct, own, said = ((table @ weights.T).T for table in sums)
        balanced, macro = macro_scores(correct, own, said)
        return np.stack([correct.sum(axis=1) / own.sum(axis=1), balanced, macro], axis=1)

    _, bounds = bootstrap(measure, resampling, random_state)
    return {
        name: (float(low), float(high)) for name, (low, high) in zip(_NAMES, bounds, strict=True)
    }


def label_ranks(probabilities: Doubles, truth: Labels, classes: Labels) -> Integers:
    """Return how many classes are more probable than each sample's own; ``n_classes`` for an unknown one.

    >>> label_ranks(np.array([[0.3, 0.7], [0.3, 0.7]]), np.array(["b", "owl"]), np.array(["a", "b"]))
    array([0, 2])
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    hits = classes[order] == truth[:, None]
    return np.where(hits.any(axis=1), hits.argmax(axis=1), len(classes))


def resampled_top_k(
    ranks: Integers, n_classes: int, resampling: Resampling, random_state: int
) -> tuple[tuple[float, float, float], ...]:
    """Return, for each k from 1 on, the share of samples among whose k first classes theirs is.

    Each stands with the bounds of its 95 % interval, of whole groups or of samples of different weight.

    >>> resampled_top_k(np.array([0, 1]), 2, Resampling(2, None, np.array([1.0, 3.0])), 0)[1]
    (1.0, 0.342..., 1.0)
    """
    from scipy.sparse import csr_array

    samples, known = np.arange(len(ranks)), ranks < n_classes
    place = (ranks[known], samples[known])
    table = csr_array((np.ones(known.sum()), place), shape=(n_classes, len(ranks)))

    def measure(weights: Doubles) -> Doubles:
        hits = np.asarray((table @ weights.T).T)
        return np.asarray(hits.cumsum(axis=1) / weights.sum(axis=1, keepdims=True))

    n_units = resampling.n_units
    [shares] = measure(resampling.whole())
    bounds = np.tile([0.0, 1.0], (n_classes, 1))
    if n_units > 1:
        bounds = bootstrap(measure, resampling, random_state)[1]
    for k in range(n_classes):
        hits = int((ranks <= k).sum())
        if hits in (0, len(ranks)):
            shares[k] = hits / len(ranks)
            bounds[k] = wilson(n_units * (hits > 0), n_units)
    return tuple(
        (float(share), float(low), float(high))
        for share, (low, high) in zip(shares, bounds, strict=True)
    )


def known_log_loss(
    probabilities: Doubles, truth: Labels, classes: Labels, weights: Doubles | None = None
) -> float | None:
    """Return the mean log-loss of samples whose label is among the classes; None where none is.

    >>> known_log_loss(np.array([[0.5, 0.5]]), np.array(["a"]), np.array(["a", "b"]))
    0.693...
    """
    column = {label: i for i, label in enumerate(classes.tolist())}
    known = [i for i, label in enumerate(truth.tolist()) if label in column]
    true = probabilities[known, [column[label] for label in truth[known].tolist()]]
    losses = -np.log(np.maximum(true, np.finfo(np.float32).tiny))
    if not known:
        return None
    return float(losses.mean() if weights is None else np.average(losses, weights=weights[known]))


def calibration_error(
    probabilities: Doubles, truth: Labels, classes: Labels, weights: Doubles | None = None
) -> float:
    """Return the expected calibration error of the most probable class, in ten bins of equal width.

    >>> calibration_error(np.array([[0.75, 0.25]]), np.array(["a"]), np.array(["a", "b"]))
    0.25
    """
    confidence, predicted = probabilities.max(axis=1), classes[probabilities.argmax(axis=1)]
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    differences = (predicted == truth) - confidence
    if weights is None:
        gaps = np.bincount(bins, differences, minlength=_BINS)
        return float(np.abs(gaps).sum() / len(truth))
    gaps = np.bincount(bins, differences * weights, minlength=_BINS)
    return float(np.abs(gaps).sum() / weights.sum())
