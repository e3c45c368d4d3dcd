"""Probably wrong labels, from probabilities of samples left out: confident learning, and which are mixed.

Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, 2021. Their confident
joint tells how often a label stands for another class. From there on we go further: with the rates at which
each class is given each label, the probability that a label is wrong follows from Bayes' rule, and the rates
from these probabilities in turn (expectation maximisation), so that a class which is often taken for one other
class is suspected more than one that a head merely cannot tell.

Three things keep this from taking the mistakes of the head for those of the labels. The rates begin at what
the head says of the samples of which it is surest (the anchor points of Patrini et al., Making deep neural
networks robust to label noise, 2017): a label that it never gives there is not given by mistake. Where fewer
labels a class are wrong than a rate can be told from, there is one rate for all pairs, and the ranking is that
of the label's own probability. And neighbours have the less of a say the worse they tell the labels beside the
head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx._typing import Doubles, Integers, Mask

__all__ = ["LabelDoubts", "confident_joint", "doubt_labels"]

# Rounds in which rates are estimated anew, and steps of each that take the rates out of the probabilities.
_ROUNDS, _STEPS = 5, 15
_LEAST = 1e-12
# The exponent of what neighbours say where they tell labels as well as the head, whose own is 1; and the power
# of the ratio of its errors to theirs with which it falls.
_SAY, _FALL = 0.5, 2
# The share of the samples of a class that are its surest, and the least samples of which some are.
_SUREST, _FEW = 0.3, 5
# What is added to the count of each pair of classes, so that no rate is 0; and, once they are found, to the
# wrong labels of each class as a whole.
_PRIOR, _PRIOR_WRONG = 1e-2, 3.0
# Wrong labels a class, in the mean, from which rates can be told: the usual least count of a share.
_LEAST_WRONG = 5.0
# Rows whose classes are estimated at a time.
_BLOCK = 8192


@dataclass(frozen=True, slots=True, eq=False)
class LabelDoubts:
    """The probability that each label is wrong.

    Attributes
    ----------
    scores : ndarray of shape (n,), float64
        The probability that the label is wrong, for ranking; 0 where it is not known.
    suggested : ndarray of shape (n,), intp
        The most probable class; the label itself where that is it.
    flagged : ndarray of shape (n,), bool
        The samples that confident learning takes for wrong: as many of the highest scores as the counts of
        the confident joint say, and only where another class is more probable than the label.
    """

    scores: Doubles
    suggested: Integers
    flagged: Mask


def confident_joint(probabilities: Doubles, labels: Integers) -> Doubles:
    """Return how many samples have each label and are of each class, as far as probabilities tell.

    A sample is counted for the class whose probability is at least the mean one of the samples with that label;
    where there are several such classes, for the most probable. Counts of a label add up to its samples.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
        Of samples left out.
    labels : ndarray of shape (n,), integers

    Returns
    -------
    ndarray of shape (n_classes, n_classes), float64
        Labels down, classes across.

    Examples
    --------
    >>> p = np.asarray([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9]])
    >>> confident_joint(p, np.asarray([0, 0, 1, 1, 0])).round(1).tolist()
    [[2.0, 1.0], [0.0, 2.0]]
    """
    n, n_classes = probabilities.shape
    counts = np.bincount(labels, minlength=n_classes)
    own = np.bincount(labels, probabilities[np.arange(n), labels], n_classes)
    least = np.where(counts > 0, own / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= least - _LEAST, probabilities, -1.0)
    best = confident.argmax(axis=1)
    counted = confident[np.arange(n), best] >= 0
    joint = np.zeros((n_classes, n_classes))
    np.add.at(joint, (labels[counted], best[counted]), 1)
    # Samples of a label that are confidently of no class are its own.
    joint[np.diag_indices(n_classes)] += joint.sum(axis=1) == 0
    result: Doubles = joint / joint.sum(axis=1, keepdims=True) * counts[:, None]
    return result


def doubt_labels(
    probabilities: Doubles, labels: Integers, neighbors: Integers | None = None
) -> LabelDoubts:
    """Return how probably each label is wrong.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
        Of samples left out; a row with NaN is of a sample that never was.
    labels : ndarray of shape (n,), integers
        Columns of ``probabilities``.
    neighbors : ndarray of shape (n, k), intp, default=None
        The nearest other samples of each, whose labels have a say; -1 where there is none.

    Examples
    --------
    >>> p = np.asarray([[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 6)
    >>> doubts = doubt_labels(p, np.asarray([0] * 5 + [1] * 5 + [0]))
    >>> np.flatnonzero(doubts.flagged).tolist(), int(doubts.suggested[-1])
    ([10], 1)
    """
    n, n_classes = probabilities.shape
    scores, suggested = np.zeros(n), np.array(labels, np.intp)
    flagged = np.zeros(n, bool)
    known = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    if not len(known) or n_classes < 2:
        return LabelDoubts(scores, suggested, flagged)
    given, p = labels[known], np.maximum(probabilities[known], _LEAST)
    if neighbors is not None:
        votes = _votes(labels, neighbors[known], n_classes)
        p = p * votes ** _say(p, votes, given)
    p = p / p.sum(axis=1, keepdims=True)
    joint = confident_joint(p, given)
    posterior = p if n_classes == 2 else _posterior(p, given)
    at = np.arange(len(known))
    scores[known] = 1 - posterior[at, given]
    suggested[known] = posterior.argmax(axis=1)
    wrong = round(float(joint.sum() - np.trace(joint)))
    unlike = np.flatnonzero(suggested[known] != given)
    order = unlike[np.argsort(-scores[known][unlike], kind="stable")]
    flagged[known[order[:wrong]]] = True
    return LabelDoubts(scores, suggested, flagged)


def _votes(labels: Integers, neighbors: Integers, n_classes: int) -> Doubles:
    """Return the share of each class among the neighbours of some samples, as if two more were of any class."""
    shares = np.bincount(labels, minlength=n_classes) / len(labels)
    there = neighbors >= 0
    votes = np.tile(2 * shares, (len(neighbors), 1))
    rows = np.broadcast_to(np.arange(len(neighbors))[:, None], neighbors.shape)
    np.add.at(votes, (rows[there], labels[neighbors[there]]), 1)
    result: Doubles = votes / votes.sum(axis=1, keepdims=True)
    return result


def _say(p: Doubles, votes: Doubles, labels: Integers) -> float:
    """Return the exponent of what neighbours say: the less, the worse they tell the labels beside the head."""
    head, theirs = (float((one.argmax(axis=1) != labels).mean()) for one in (p, votes))
    return _SAY * float(min(1.0, head / theirs) ** _FALL) if theirs else _SAY


def _posterior(p: Doubles, labels: Integers) -> Doubles:
    """Return the probability of each class, given the label too."""
    n_classes = p.shape[1]
    counts = np.bincount(labels, minlength=n_classes)
    rates = _normalized(_surest_rates(p) * counts[:, None] + _PRIOR)
    for _ in range(_ROUNDS):
        posterior = _bayes(p, rates, labels)
        sums: Doubles = np.stack([np.bincount(labels, column, n_classes) for column in posterior.T])
        rates = _normalized(sums + _PRIOR)
    if sums.sum() - np.trace(sums) < _LEAST_WRONG * n_classes:
        return p
    return _bayes(p, _normalized(sums + _PRIOR_WRONG / (n_classes - 1)), labels)


def _normalized(counts: Doubles) -> Doubles:
    result: Doubles = counts / counts.sum(axis=1, keepdims=True)
    return result


def _surest_rates(p: Doubles) -> Doubles:
    """Return, for each class, the mean probability of each label among the samples that are surest of it."""
    n_classes = p.shape[1]
    rates, best = np.eye(n_classes), p.argmax(axis=1)
    for column in range(n_classes):
        own = np.flatnonzero(best == column)
        if len(own) >= _FEW:
            order = np.argsort(-p[own, column], kind="stable")
            rates[column] = p[own[order[: max(3, int(_SUREST * len(own)))]]].mean(axis=0)
    return rates


def _bayes(p: Doubles, rates: Doubles, labels: Integers) -> Doubles:
    """Return the probability of each class where the label is known."""
    posterior = np.empty_like(p)
    for start in range(0, len(p), _BLOCK):
        some = slice(start, start + _BLOCK)
        both = _true_classes(p[some], rates) * rates[:, labels[some]].T
        posterior[some] = both / np.maximum(both.sum(axis=1, keepdims=True), _LEAST)
    return posterior


def _true_classes(p: Doubles, rates: Doubles) -> Doubles:
    """Return the probabilities of classes whose labels, given at these rates, have the probabilities ``p``."""
    classes = p.copy()
    for _ in range(_STEPS):
        labels = np.maximum(classes @ rates, _LEAST)
        classes *= (p / labels) @ rates.T
        classes /= np.maximum(classes.sum(axis=1, keepdims=True), _LEAST)
    return classes
