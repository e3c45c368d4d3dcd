"""Scores of rows that need no search and hardly any time: by them backbones, layers and heads are ranked.

Each sample is judged by the others, without those of its group. Where a design names a part to choose by, or
times, the samples that it measures are judged by those that it trains on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from featx._typing import Doubles, FloatArray, Integers, Mask
from featx.errors import BadLabels
from featx.selection.evidence import log_evidence
from featx.selection.quick_ridge import LargeRidge, suits_large_ridge
from featx.tuning.problem import Evaluation, TuningProblem
from featx.tuning.splits import Splits, make_splits
from featx.tuning.threads import one_thread_each

if TYPE_CHECKING:
    from featx.heads import HeadSpec
    from featx.tuning.candidates import CandidateScore

__all__ = [
    "QuickScores",
    "centroid_evaluation",
    "neighbor_evaluation",
    "quick_scores",
    "ridge_evaluation",
    "ridge_predictions",
]

# Neighbours that vote on a sample, and the most samples of a part that are judged by theirs.
NEIGHBORS, _JUDGED = 5, 500
# Folds where samples cannot be left out in turn.
_FOLDS = 4
# The distance to a class or a label of which nothing is left, and the weight that is nothing.
_NOWHERE, _LEAST = 1e6, 1e-9


@dataclass(frozen=True, slots=True)
class QuickScores:
    """The scores of rows by methods that are measured in closed form; more is better.

    Attributes
    ----------
    ridge : float
        The score of ridge with each sample left out in turn, by the best of its penalties: accuracy, micro F1,
        or R².
    knn : float
        The same score by the five nearest other samples.
    centroid : float or None
        The same score by the nearest mean of a class, or of the samples with and without a label; None where
        targets are numbers.
    ridge_loss : float
        The loss of ridge after calibration; less is better.
    logme : float or None
        The logarithm of the evidence of a linear model, a sample; None where it was not asked for.

    Examples
    --------
    >>> QuickScores(ridge=0.9, knn=0.8, centroid=0.85, ridge_loss=0.3).logme is None
    True
    """

    ridge: float
    knn: float
    centroid: float | None
    ridge_loss: float
    logme: float | None = None

    @property
    def rank(self) -> float:
        """The number by which rows are ranked; more is better."""
        return self.ridge


def quick_scores(rows: FloatArray, problem: TuningProblem, *, logme: bool = False) -> QuickScores:
    """Return all quick scores of some rows.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
        At most some thousands: the time grows with the square of the smaller of ``n`` and ``d``.
    problem : TuningProblem
        Their targets, with groups and weights.
    logme : bool, default=False
        Whether to compute the evidence too.

    Raises
    ------
    BadLabels
        There is nothing to judge a sample by: no other sample, or none of another group.

    Examples
    --------
    >>> from featx.tasks import get_task
    >>> from featx.tuning import HeadConfig
    >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 8, axis=0).astype(np.float32)
    >>> labels = np.repeat(["cat", "dog"], 8)
    >>> problem = get_task("classification").tuning_problem(labels, HeadConfig())
    >>> scores = quick_scores(rows, problem)
    >>> scores.ridge, scores.knn, scores.centroid
    (1.0, 1.0, 1.0)
    """
    # Tables are small: threads within the linear algebra would wait for each other.
    with one_thread_each():
        table = _standardized(rows)
        ridge = _best_ridge(rows, problem, table)[0].evaluation
        centroid = _centroid_evaluation(table, problem)
        neighbors = neighbor_evaluation(rows, problem)
        evidence = log_evidence(rows, problem) if logme else None
    return QuickScores(
        ridge=_share(ridge, centroid is None),
        knn=_share(neighbors, centroid is None),
        centroid=None if centroid is None else centroid.score,
        ridge_loss=ridge.loss,
        logme=evidence,
    )


def _share(evaluation: Evaluation, of_numbers: bool) -> float:
    """Return a score of which 1 is the best: of numbers the share of their variance that is told."""
    return 1 - evaluation.score**2 if of_numbers else evaluation.score


def ridge_evaluation(rows: FloatArray, problem: TuningProblem) -> Evaluation:
    """Return the evaluation of ridge with its best penalty, each sample left out in closed form.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    problem : TuningProblem

    Raises
    ------
    BadLabels
        See ``quick_scores``.
    """
    return _best_ridge(rows, problem)[0].evaluation


def ridge_predictions(rows: FloatArray, problem: TuningProblem) -> tuple[FloatArray, Integers]:
    """Return what ridge with its best penalty predicts of samples left out, and which samples those are.

    Parameters and refusals are those of ``ridge_evaluation``.

    Returns
    -------
    predictions : ndarray of shape (n_tested, n_columns), float32
        Calibrated.
    tested : ndarray of shape (n_tested,), integers
    """
    best, tested = _best_ridge(rows, problem)
    assert best.scores is not None
    predictions = best.evaluation.calibrator.apply(best.scores.astype(np.float64))
    return predictions.astype(np.float32), tested


def _best_ridge(
    rows: FloatArray, problem: TuningProblem, table: FloatArray | None = None
) -> tuple[CandidateScore, Integers]:
    """Return the best penalty with its scores, and the samples that they are of.

    ``table`` has the rows standardised, where they are at hand.
    """
    from featx.tuning.candidates import best_candidate, score_candidates

    [head] = problem.choose_heads("ridge", random_state=0)
    if not problem.can_leave_out_each:
        splits = _splits(problem)
        return best_candidate(score_candidates(head, rows, problem, splits, map)), splits.tested
    _check_units(problem.design.units(len(problem)))
    every = np.arange(len(problem))
    if suits_large_ridge(rows, problem) and head.standardizes and not _is_balanced(head):
        table = _standardized(rows) if table is None else table
        return _ridge_of_a_large_table(head, table, problem), every
    scored, places = problem.leave_out_each(head, rows), list(range(len(head.grid)))
    some = _at_most(every, _JUDGED)
    if len(some) < len(every):
        # To evaluate a penalty takes longer than to solve for it.
        tried = _evaluated(head, places, (scores[some] for scores in scored), problem, some)
        place = _place_of_the_least_loss(tried)
        places = places[max(place - 1, 0) : place + 2]
    found = (scored[place] for place in places)
    return best_candidate(_evaluated(head, places, found, problem, every)), every


def _evaluated(
    head: HeadSpec,
    places: Sequence[int],
    found: Iterable[Doubles],
    problem: TuningProblem,
    judged: Integers,
) -> list[CandidateScore]:
    """Return the evaluations of scores of some samples by some penalties of a head's grid."""
    from featx.tuning.candidates import CandidateScore

    return [
        CandidateScore(
            head, head.grid[place], problem.evaluate(scores, judged), scores.astype(np.float32)
        )
        for place, scores in zip(places, found, strict=True)
    ]


def _place_of_the_least_loss(tried: Sequence[CandidateScore]) -> int:
    """Return the place of a penalty among all of a grid; of few samples the loss tells more than the score."""
    return int(np.argmin([one.evaluation.loss for one in tried]))


def _is_balanced(head: HeadSpec) -> bool:
    """Return whether classes that have fewer samples count more in training."""
    from featx.heads import last_step

    return getattr(last_step(head.build()), "class_weight", None) is not None


def _ridge_of_a_large_table(
    head: HeadSpec, table: FloatArray, problem: TuningProblem
) -> CandidateScore:
    """Return ridge on a standardised table, with the penalty that some of the samples choose."""
    from featx.tuning.candidates import CandidateScore

    every, places = np.arange(len(problem)), list(range(len(head.grid)))
    alphas = [value for params in head.grid for value in params.values()]
    weights, groups = problem.design.counts(len(problem)), problem.design.groups
    ridge = LargeRidge(table, problem.neighbor_targets(every), weights, groups)
    some, place = ridge.some(), len(alphas) // 2
    # Of few groups, some samples may be of one alone.
    if len(np.unique(problem.design.units(len(problem))[some])) > 1:
        found = ridge.left_out_of_some(some, alphas)
        place = _place_of_the_least_loss(_evaluated(head, places, found, problem, some))
    [left_out] = ridge.left_out([alphas[place]])
    evaluation = problem.evaluate(left_out, every)
    return CandidateScore(head, head.grid[place], evaluation, left_out.astype(np.float32))


def neighbor_evaluation(
    rows: FloatArray, problem: TuningProblem, n_neighbors: int = NEIGHBORS
) -> Evaluation:
    """Return the evaluation of the nearest other samples by the cosine of centred rows.

    Of more than 500 samples so many are judged, each by its neighbours among all.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    problem : TuningProblem
    n_neighbors : int, default=5
        Fewer where there are fewer others.

    Raises
    ------
    BadLabels
        See ``quick_scores``.
    """
    table, weights = _unit_rows(rows), problem.design.counts(len(problem))
    units, judged, votes = problem.design.units(len(problem)), [], []
    for train, test in _parts(problem):
        # A sample of no weight is nobody's neighbour.
        train = train[weights[train] > 0]
        some = _at_most(test, _JUDGED)
        alike = units[some, None] == units[train] if len(test) == len(problem) else None
        found = _nearest(table[some], table[train], n_neighbors, alike)
        judged.append(some)
        votes.append(_votes(found, problem, train, weights))
    tested = np.concatenate(judged)
    return problem.evaluate(problem.scores_of_averages(np.concatenate(votes)), tested)


def centroid_evaluation(rows: FloatArray, problem: TuningProblem) -> Evaluation | None:
    """Return the evaluation of the nearest mean of standardised rows; None where targets are numbers.

    Of several labels each has two means: of the samples with it, and of those without.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    problem : TuningProblem

    Raises
    ------
    BadLabels
        See ``quick_scores``.
    """
    return _centroid_evaluation(_standardized(rows), problem)


def _centroid_evaluation(table: FloatArray, problem: TuningProblem) -> Evaluation | None:
    """Return the evaluation of the nearest mean of rows that are standardised."""
    members = problem.neighbor_targets(np.arange(len(problem)))
    if not np.isin(members, (0.0, 1.0)).all():
        return None
    exclusive = bool((members.sum(axis=1) == 1).all())
    weights = problem.design.counts(len(problem))
    units, parts = problem.design.units(len(problem)), _parts(problem)
    scores = np.empty(members.shape)
    for train, test in parts:
        kinds = [members[train]] if exclusive else [members[train], 1 - members[train]]
        first, *others = (
            _distances(table, (train, test), kind * weights[train][:, None], units)
            for kind in kinds
        )
        scores[test] = others[0] - first if others else -first
    tested = np.concatenate([test for _, test in parts])
    return problem.evaluate(scores[tested], tested)


def _parts(problem: TuningProblem) -> list[tuple[Integers, Integers]]:
    """Return pairs of samples to learn from and to judge; a sample never learns from its own unit."""
    if problem.design.allows_leaving_out_each:
        _check_units(problem.design.units(len(problem)))
        every = np.arange(len(problem))
        return [(every, every)]
    return list(_splits(problem).pairs)


def _splits(problem: TuningProblem) -> Splits:
    splits = make_splits(problem, min(_FOLDS, problem.max_folds), repeats=1, random_state=0)
    if not splits.pairs:
        raise BadLabels("samples: expected some to train on and some to measure, found too few")
    return splits


def _check_units(units: Integers) -> None:
    n_units = len(np.unique(units))
    if n_units < 2:
        raise BadLabels(
            "samples: expected two or more, of two groups where there are groups, to judge each by the "
            f"others; found {n_units}"
        )


def _unit_rows(rows: FloatArray) -> FloatArray:
    """Return rows less their mean, each of length 1; those that are the mean stay 0."""
    centered = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", centered, centered))[:, None]
    return np.asarray(centered / np.maximum(lengths, np.finfo(np.float32).tiny))


def _at_most(samples: Integers, most: int) -> Integers:
    """Return samples, or so many of them that are drawn evenly, in their order."""
    if len(samples) <= most:
        return samples
    return samples[np.sort(np.random.default_rng(0).permutation(len(samples))[:most])]


def _nearest(
    queries: FloatArray, others: FloatArray, k: int, alike: Mask | None = None
) -> Integers:
    """Return which others are nearest to each query by products in float32, the nearest first.

    Rounding may decide between neighbours that are about as near, which a score does not feel.

    Parameters
    ----------
    queries : ndarray of shape (n, d), float32
    others : ndarray of shape (m, d), float32
    k : int
    alike : ndarray of shape (n, m), default=None
        Which others are no neighbours of a query.

    Returns
    -------
    ndarray of shape (n, min(k, m)), intp
        -1 where there are fewer.
    """
    products = queries @ others.T
    if alike is not None:
        products[alike] = -np.inf
    found, every = np.empty((len(queries), min(k, len(others))), np.intp), np.arange(len(queries))
    for place in range(found.shape[1]):
        # For a few neighbours faster than to sort or to part all others; of ties the first.
        nearest = products.argmax(axis=1)
        found[:, place] = np.where(products[every, nearest] > -np.inf, nearest, -1)
        products[every, nearest] = -np.inf
    return found


def _standardized(rows: FloatArray) -> FloatArray:
    from sklearn.preprocessing import StandardScaler

    return np.asarray(StandardScaler().fit_transform(rows), np.float32)


def _average(problem: TuningProblem, train: Integers, weights: Doubles) -> Doubles:
    """Return what some samples are on average: who has no neighbour is told that; shape (n_outputs,)."""
    return np.asarray(np.average(problem.neighbor_targets(train), axis=0, weights=weights[train]))


def _votes(found: Integers, problem: TuningProblem, train: Integers, weights: Doubles) -> Doubles:
    """Return the weighted mean target of neighbours; -1 is none."""
    targets = problem.neighbor_targets(train)
    counted = np.where(found >= 0, weights[train][found], 0.0)
    total = counted.sum(axis=1, keepdims=True)
    sums = np.einsum("ij,ijk->ik", counted, targets[found])
    mean = _average(problem, train, weights)
    return np.where(total > 0, sums / np.where(total > 0, total, 1), mean)


def _distances(
    table: FloatArray,
    part: tuple[Integers, Integers],
    amounts: Doubles,
    units: Integers,
) -> Doubles:
    """Return the mean squared difference of each sample to the mean of each kind, without its own unit.

    Parameters
    ----------
    table : ndarray of shape (n, d), float32
    part : (train, test)
    amounts : ndarray of shape (n_train, k)
        How much each training sample counts for each kind.
    units : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (n_test, k), float64
    """
    train, test = part
    learned = table if len(train) == len(table) else table[train]
    # In float32 no amount may be too large or too small.
    counts, largest = amounts.sum(axis=0), max(float(amounts.max()), _LEAST)
    sums = ((amounts.T / largest).astype(np.float32) @ learned).astype(np.float64) * largest
    distances, alone = np.empty((len(test), len(sums))), np.ones(len(test), np.bool_)
    for unit, own in _members(units[train]).items():
        places = np.flatnonzero(units[test] == unit)
        alone[places] = False
        left = counts - amounts[own].sum(axis=0)
        means = (sums - amounts[own].T @ table[train[own]]) / np.maximum(left, _LEAST)[:, None]
        distances[places] = _far(_squares(table[test[places]], means), left)
    if alone.any():
        judged = test[alone]
        # A sample that is the only one of its unit moves a mean along the line between them.
        own_amounts = np.zeros((len(table), len(sums)))
        own_amounts[train] = amounts
        left = counts - own_amounts[judged]
        away = counts / np.maximum(left, _LEAST)
        squares = _squares(table[judged], sums / np.maximum(counts, _LEAST)[:, None])
        distances[alone] = _far(squares * away**2, left)
    return distances


def _squares(rows: FloatArray, means: Doubles) -> Doubles:
    """Return the mean squared difference of each row to each mean."""
    products = (rows @ means.T.astype(np.float32)).astype(np.float64)
    lengths = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    squares = lengths[:, None] - 2 * products + (means**2).sum(axis=1)[None]
    return np.asarray(np.maximum(squares, 0.0) / rows.shape[1])


def _far(distances: Doubles, left: Doubles) -> Doubles:
    """Return distances, with those to a kind of which nothing is left far beyond all others."""
    return np.where(left > _LEAST, distances, _NOWHERE)


def _members(units: Integers) -> dict[int, Integers]:
    """Return the places of each unit that has several."""
    order = np.argsort(units, kind="stable")
    names, starts, counts = np.unique(units[order], return_index=True, return_counts=True)
    several = counts > 1
    ends = (starts + counts)[several].tolist()
    return {
        name: order[start:end]
        for name, start, end in zip(
            names[several].tolist(), starts[several].tolist(), ends, strict=True
        )
    }
