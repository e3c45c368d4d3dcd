"""Ridge, linear discriminants and centroids from sums over rows, every penalty from one decomposition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import Doubles, FloatArray
from featx.tuning.solvers.streamed_sums import StandardizedSums

__all__ = [
    "LinearSolution",
    "PrincipalAxes",
    "principal_axes",
    "solve_centroids",
    "solve_discriminants",
    "solve_ridge",
]


@dataclass(frozen=True, slots=True, eq=False)
class LinearSolution:
    """A linear model of standardised rows: a score a class or number, or one for two classes.

    Attributes
    ----------
    coef : ndarray of shape (n_scores, d), float64
    intercept : ndarray of shape (n_scores,), float64
    """

    coef: Doubles
    intercept: Doubles

    def scores(self, rows: FloatArray, sums: StandardizedSums) -> Doubles:
        """Return the scores of rows that are not standardised yet; of two classes the first has 0."""
        coef = self.coef / sums.scale
        offset = self.intercept - coef @ sums.mean
        values = np.asarray(rows @ coef.T.astype(np.float32), np.float64) + offset
        if sums.of_classes and values.shape[1] < len(sums.weights):
            return np.hstack([np.zeros_like(values), values])
        return values


def solve_ridge(sums: StandardizedSums, alphas: Sequence[float]) -> Iterator[LinearSolution]:
    """Yield, for each penalty, what ``Ridge`` or ``RidgeClassifier`` finds on standardised rows.

    Parameters
    ----------
    sums : StandardizedSums
        With products.
    alphas : sequence of float
        Above 0.
    """
    assert sums.products is not None
    total = sums.trained.sum() if sums.of_classes else sums.trained[0]
    if sums.of_classes:
        # Targets are 1 for the own class and -1 for the others.
        first = sums.crossed.sum(axis=0)
        targets = 2 * sums.crossed - first
        target_mean = 2 * sums.trained / total - 1
        if len(targets) == 2:
            targets, target_mean = targets[1:], target_mean[1:]
    else:
        first = np.zeros(len(sums.mean))
        targets, target_mean = sums.crossed, sums.numbers / total
    mean = first / total
    gram = sums.products - total * np.outer(mean, mean)
    values, vectors = np.linalg.eigh(gram)
    inner = vectors.T @ (targets - total * np.outer(target_mean, mean)).T
    for alpha in alphas:
        coef = (vectors @ (inner / (np.maximum(values, 0) + alpha)[:, None])).T
        yield LinearSolution(coef, target_mean - coef @ mean)


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalAxes:
    """The directions in which standardised rows vary most.

    Attributes
    ----------
    components : ndarray of shape (r, d), float64
    variances, shares : ndarray of shape (r,), float64
        The variance along each, and its share of the whole.
    noise : float
        The mean variance along all others.
    """

    components: Doubles
    variances: Doubles
    shares: Doubles
    noise: float


def principal_axes(sums: StandardizedSums, share: float) -> PrincipalAxes:
    """Return as many axes as explain a share of the variance, as ``PCA(share, svd_solver="full")`` does."""
    assert sums.products is not None
    values, vectors = np.linalg.eigh(sums.products / (sums.total - 1))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    shares = values / values.sum()
    r = int(np.searchsorted(np.cumsum(shares), share, side="right")) + 1
    r = min(r, len(values))
    components = vectors[:, :r].T
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(r), largest])[:, None]
    noise = float(values[r:].mean()) if r < len(values) else 0.0
    return PrincipalAxes(components, values[:r], shares[:r], noise)


def solve_discriminants(
    sums: StandardizedSums, axes: PrincipalAxes, shrinkages: Sequence[float]
) -> Iterator[LinearSolution]:
    """Yield, for each shrinkage, the linear discriminants of rows along the axes; coef has shape (k, r).

    It is what ``LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s)`` finds, before it makes one score of
    those of two classes.
    """
    assert sums.products is not None
    means = sums.class_means @ axes.components.T
    priors = sums.weights / sums.total
    within = axes.components @ sums.products @ axes.components.T / sums.total
    within -= (means * priors[:, None]).T @ means
    level = float(within.trace() / len(within))
    # A class without rows is never the answer.
    with np.errstate(divide="ignore"):
        log_priors = np.log(priors)
    for shrinkage in shrinkages:
        covariance = (1 - shrinkage) * within
        covariance.flat[:: len(within) + 1] += shrinkage * level
        coef = np.asarray(np.linalg.lstsq(covariance, means.T)[0].T, np.float64)
        yield LinearSolution(coef, log_priors - (coef * means).sum(axis=1) / 2)


def solve_centroids(sums: StandardizedSums) -> LinearSolution:
    """Return the model whose scores are minus half the squared distances to the centroids, but for |x|²/2."""
    means = sums.class_means
    return LinearSolution(means, -(means**2).sum(axis=1) / 2)
