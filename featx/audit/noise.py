"""Probably wrong labels, from probabilities of samples left out: confident learning, and which are mixed.

Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels, 2021. Their confident
joint tells how often a label stands for another class. From there on we go further: with the rates at which
each class is given each label, the probability that a label is wrong follows from Bayes' rule, and the rates
from these probabilities in turn (expectation maximisation), so that a class which is often taken for one other
class is suspected more than one that a head merely cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx._typing import Doubles, Integers, Mask

__all__ = ["LabelDoubts", "confident_joint", "doubt_labels"]

# Rounds in which rates are estimated anew, and steps of each that take the rates out of the probabilities.
_ROUNDS, _STEPS = 5, 15
_LEAST = 1e-12
# The exponent of what neighbours say, beside 1 of what the head says.
_SAY = 0.5
# What is added to the count of each pair of classes, so that no rate is 0.
_PRIOR = 1e-3


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
        p = p * _votes(labels, neighbors[known], n_classes) ** _SAY
    p = p / p.sum(axis=1, keepdims=True)
    joint = confident_joint(p, given)
    posterior = p if n_classes == 2 else _posterior(p, given, joint)
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


def _posterior(p: Doubles, labels: Integers, joint: Doubles) -> Doubles:
    """Return the probability of each class, given the label too."""
    rates = (joint / np.maximum(joint.sum(axis=0), _LEAST)).T
    unlikely = rates.sum(axis=1) == 0
    rates[unlikely] = np.eye(len(rates))[unlikely]
    for _ in range(_ROUNDS):
        posterior = _bayes(_true_classes(p, rates), rates, labels)
        sums = np.stack([np.bincount(labels, column, len(rates)) for column in posterior.T])
        rates = (sums + _PRIOR) / (sums + _PRIOR).sum(axis=1, keepdims=True)
    return posterior


def _true_classes(p: Doubles, rates: Doubles) -> Doubles:
    """Return the probabilities of classes whose labels, given at these rates, have the probabilities ``p``."""
    classes = p.copy()
    for _ in range(_STEPS):
        labels = np.maximum(classes @ rates, _LEAST)
        classes *= (p / labels) @ rates.T
        classes /= np.maximum(classes.sum(axis=1, keepdims=True), _LEAST)
    return classes


def _bayes(classes: Doubles, rates: Doubles, labels: Integers) -> Doubles:
    """Return the probability of each class where the label is known."""
    both = classes * rates[:, labels].T
    result: Doubles = both / np.maximum(both.sum(axis=1, keepdims=True), _LEAST)
    return result
