"""Ridge with every sample, or every group of samples, left out in turn, in closed form.

One decomposition of the rows serves all penalties, and no sample is really left out: with leverages h the
residual of a left-out sample is its residual divided by 1 - h (Allen, "The relationship between variable
selection and data augmentation and a method for prediction", 1974), and the residuals of a group are theirs
times the inverse of I - H, with the group's block of the hat matrix H. ``RidgeClassifierCV`` does the former
and keeps only squared errors, which do not tell the class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from featx._typing import ClassWeight, Doubles, FloatArray, Integers, Mask
from featx.errors import BadOption

__all__ = ["leave_one_out", "leave_one_out_numbers", "left_out_predictions", "spectrum"]


# Share of the largest eigenvalue: a direction below it holds no sample.
_RANK = 1e-10


def leave_one_out(
    rows: FloatArray,
    y: Integers,
    alphas: Sequence[float],
    *,
    class_weight: ClassWeight,
    groups: npt.NDArray[Any] | None = None,
    sample_weight: Doubles | None = None,
    standardize: bool = True,
) -> Iterator[Doubles]:
    """Yield the scores that ``RidgeClassifier(alpha)``, trained on all samples but one, gives to that one.

    Columns are standardised once, by all samples: labels have no part in that. Balanced weights, too, count
    classes with every sample in.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    y : ndarray of shape (n,), integers
        Classes, 0 … k - 1.
    class_weight : "balanced" or None
        The class weight of ``RidgeClassifier``.
    groups : ndarray of shape (n,), default=None
        The group of each sample, in any type that sorts: all of its group are left out with it.
    sample_weight : ndarray of shape (n,), float64, default=None
        What each sample weighs, 0 or more: a weight of 2 is the same as the sample given twice and left out
        twice.
    standardize : bool, default=True
        False leaves columns the scale that they have: it says how much each counts.

    Yields
    ------
    ndarray of shape (n, k), float64
        Decision values for each alpha; with two classes 0 and that of the second.

    Raises
    ------
    BadOption
        Nothing of any weight would be left.
    """
    _check_something_is_left(len(y), groups, sample_weight)
    k = int(y.max()) + 1
    weights = _class_weights(y, class_weight, sample_weight)
    targets = np.where(y[:, None] == np.arange(k), 1.0, -1.0)[:, (1 if k == 2 else 0) :]
    table = _standardize(rows, sample_weight) if standardize else rows.astype(np.float64)
    for left_out in left_out_predictions(table, targets, weights, alphas, groups):
        yield left_out if k > 2 else np.hstack([np.zeros_like(left_out), left_out])


def leave_one_out_numbers(
    rows: FloatArray,
    targets: Doubles,
    alphas: Sequence[float],
    *,
    groups: npt.NDArray[Any] | None = None,
    sample_weight: Doubles | None = None,
    standardize: bool = True,
) -> Iterator[Doubles]:
    """Yield what ``Ridge(alpha)``, trained on all samples but one, predicts for that one.

    Columns are standardised once, by all samples; the intercept is each training's own.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    targets : ndarray of shape (n, k), float64
        Numbers, k a sample, with one ridge each.
    alphas : sequence of float
        Above 0.
    groups : ndarray of shape (n,), default=None
        The group of each sample, in any type that sorts: all of its group are left out with it.
    sample_weight : ndarray of shape (n,), float64, default=None
        What each sample weighs, 0 or more: a weight of 2 is the same as the sample given twice and left out
        twice.
    standardize : bool, default=True
        False leaves columns the scale that they have: it says how much each counts.

    Yields
    ------
    ndarray of shape (n, k), float64
        Predictions for each alpha.

    Raises
    ------
    BadOption
        Nothing of any weight would be left.

    Examples
    --------
    >>> rows = np.arange(4, dtype=np.float32)[:, None]
    >>> [left_out] = leave_one_out_numbers(rows, np.array([[0.0], [1.0], [2.0], [3.0]]), [1e-9])
    >>> left_out[:, 0].round(6).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    _check_something_is_left(len(rows), groups, sample_weight)
    weights = np.ones(len(rows)) if sample_weight is None else sample_weight
    table = _standardize(rows, sample_weight) if standardize else rows.astype(np.float64)
    yield from left_out_predictions(table, targets, weights, alphas, groups)


def _class_weights(
    y: Integers, class_weight: ClassWeight, sample_weight: Doubles | None
) -> Doubles:
    """Return what each sample weighs; balanced classes add up to the same."""
    own = np.ones(len(y)) if sample_weight is None else sample_weight
    if class_weight != "balanced":
        return own
    totals = np.bincount(y, sample_weight)
    n_classes = np.count_nonzero(totals)
    if sample_weight is None:
        return np.asarray(len(y) / (n_classes * totals)[y])
    # A class of no weight divides nothing by it.
    share = totals.sum() / (n_classes * np.where(totals > 0, totals, 1))
    return np.asarray(own * share[y])


def _standardize(rows: FloatArray, sample_weight: Doubles | None) -> Doubles:
    wide = rows.astype(np.float64)
    if sample_weight is None:
        return np.asarray(StandardScaler().fit_transform(wide))
    return np.asarray(StandardScaler().fit(wide, sample_weight=sample_weight).transform(wide))


@dataclass(frozen=True, slots=True, eq=False)
class _Leverages:
    """The hat matrix of weighted samples for one penalty, of which only blocks are ever computed.

    Attributes
    ----------
    basis : ndarray of shape (n, r), float64
        Left singular vectors of the weighted rows.
    shrunk : ndarray of shape (r,), float64
        The share of each of them that the penalty leaves.
    roots : ndarray of shape (n, 1), float64
        Square roots of the shares of weight: the part of the intercept.
    """

    basis: Doubles
    shrunk: Doubles
    roots: Doubles

    def residuals_left_out(self, residuals: Doubles, groups: Sequence[Integers]) -> Doubles:
        """Return weighted residuals of shape (n, k) as they are with each group left out."""
        left_out = residuals.copy()
        by_size: dict[int, list[Integers]] = {}
        for members in groups:
            by_size.setdefault(len(members), []).append(members)
        n_factors = len(self.shrunk) + 1
        for size, alike in by_size.items():
            # Blocks of one size at once, as many as have so many numbers as the basis.
            at_once = max(1, len(self.basis) // size) if size <= n_factors else 1
            for start in range(0, len(alike), at_once):
                members = np.stack(alike[start : start + at_once])
                left_out[members] = self._solve(members, residuals[members])
        return left_out

    def _solve(self, members: Integers, residuals: Doubles) -> Doubles:
        """Return residuals of shape (g, size, k) times the inverses of I - H of the blocks of g groups."""
        root = np.sqrt(self.shrunk)
        factors = np.concatenate([self.basis[members] * root, self.roots[members]], axis=2)
        transposed = factors.transpose(0, 2, 1)
        if factors.shape[1] <= factors.shape[2]:
            blocks = np.eye(factors.shape[1]) - factors @ transposed
            return np.asarray(np.linalg.solve(blocks, residuals))
        # The identity of Sherman, Morrison and Woodbury: a group larger than the rank.
        inner = np.eye(factors.shape[2]) - transposed @ factors
        return np.asarray(residuals + factors @ np.linalg.solve(inner, transposed @ residuals))


def left_out_predictions(
    table: Doubles,
    targets: Doubles,
    weights: Doubles,
    alphas: Sequence[float],
    groups: npt.NDArray[Any] | None,
) -> Iterator[Doubles]:
    """Yield the predictions of each sample, left out alone or with its group, for each penalty.

    The columns of ``table``, of shape (n, d), are as they are to be penalised; it is changed.
    """
    heavy = weights > 0
    table -= np.average(table, axis=0, weights=weights)
    mean_target = np.average(targets, axis=0, weights=weights)
    own_weights, own_targets, own, light = weights, targets, table, table[:0]
    if not heavy.all():
        own_weights, own_targets = weights[heavy], targets[heavy]
        own, light = table[heavy], table[~heavy]
    root = np.sqrt(own_weights)[:, None]
    own *= root
    values, basis = spectrum(own)
    projected = basis.T @ (root * (own_targets - mean_target))
    squares = basis**2
    # Samples of no weight are in no training; what they are to the basis is all that is needed.
    beside = light @ (own.T @ (basis / values))
    for alpha in alphas:
        shrunk = values / (values + alpha)
        fitted = mean_target + (basis @ (shrunk[:, None] * projected)) / root
        others = mean_target + beside @ (shrunk[:, None] * projected)
        if groups is None:
            leverages = (own_weights / own_weights.sum() + squares @ shrunk)[:, None]
            left_out = own_targets - (own_targets - fitted) / np.maximum(
                1 - leverages, np.finfo(float).eps
            )
        else:
            hat = _Leverages(basis, shrunk, root / np.sqrt(own_weights.sum()))
            inside, outside = groups[heavy], groups[~heavy]
            residuals = hat.residuals_left_out(root * (own_targets - fitted), _members(inside))
            left_out = own_targets - residuals / root
            for i, group in enumerate(outside):
                same = np.flatnonzero(inside == group)
                influence = hat.roots[same, 0] / np.sqrt(own_weights.sum())
                influence = influence + basis[same] @ (shrunk * beside[i])
                others[i] -= influence @ residuals[same]
        yield _join(heavy, left_out, others)


def _members(groups: npt.NDArray[Any]) -> list[Integers]:
    """Return the indices of the samples of each group."""
    codes, counts = np.unique(groups, return_inverse=True, return_counts=True)[1:]
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])


def _join(heavy: Mask, left_out: Doubles, others: Doubles) -> Doubles:
    """Return the predictions of samples with and without weight in the order of the samples."""
    if not len(others):
        return left_out
    joined = np.empty((len(heavy), left_out.shape[1]))
    joined[heavy], joined[~heavy] = left_out, others
    return joined


def _check_something_is_left(
    n: int, groups: npt.NDArray[Any] | None, sample_weight: Doubles | None
) -> None:
    """Refuse samples of which a single one, or a single group, has any weight."""
    names = np.arange(n) if groups is None else groups
    if sample_weight is not None:
        names = names[sample_weight > 0]
    n_names = len(np.unique(names))
    if n_names < 2:
        what = "samples" if groups is None else "groups"
        raise BadOption(
            f"{what}: expected two or more that weigh something, to leave each out in turn, found {n_names}"
        )


def spectrum(table: Doubles) -> tuple[Doubles, Doubles]:
    """Return squared singular values and left singular vectors of a table, but for those of rounding alone.

    >>> values, vectors = spectrum(np.array([[3.0, 0.0], [0.0, 0.0]]))
    >>> values.tolist(), abs(vectors).tolist()
    ([9.0], [[1.0], [0.0]])
    """
    n, d = table.shape
    if n <= d:
        values, basis = np.linalg.eigh(table @ table.T)
        is_large = values > max(values[-1], 0) * _RANK
        return values[is_large], basis[:, is_large]
    values, directions = np.linalg.eigh(table.T @ table)
    is_large = values > max(values[-1], 0) * _RANK
    return values[is_large], table @ (directions[:, is_large] / np.sqrt(values[is_large]))
