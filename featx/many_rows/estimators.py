"""Fitted estimators of scikit-learn, as a head of their name would be, from sums over rows and solutions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from featx._typing import Labels
from featx.heads._sklearn_compat import complete_ridge
from featx.tuning.solvers.closed_form import LinearSolution, PrincipalAxes
from featx.tuning.solvers.streamed_sums import StandardizedSums

__all__ = ["adopt_axes", "adopt_centroids", "adopt_discriminants", "adopt_linear", "adopt_scaling"]


def adopt_scaling(pipeline: Pipeline, sums: StandardizedSums) -> None:
    """Give the StandardScaler at the beginning of a pipeline what it would learn of the rows."""
    scaler = pipeline[0]
    scaler.mean_, scaler.var_, scaler.scale_ = sums.mean, sums.variance, sums.scale
    scaler.n_features_in_ = len(sums.mean)
    whole = float(sums.total).is_integer()
    scaler.n_samples_seen_ = int(sums.total) if whole else np.float64(sums.total)


def adopt_linear(last: Any, solution: LinearSolution, classes: Labels | None) -> None:
    """Give a linear classifier, or a ridge of numbers, its coefficients.

    Parameters
    ----------
    last : LogisticRegression, RidgeClassifier or Ridge
    classes : ndarray of shape (k,), str, or None
        None where it gives numbers.
    """
    last.coef_, last.intercept_ = solution.coef, solution.intercept
    last.n_features_in_ = solution.coef.shape[1]
    if hasattr(last, "C"):
        last.n_iter_ = np.array([0], np.int32)
    if classes is None:
        if len(solution.coef) == 1:
            last.coef_, last.intercept_ = solution.coef[0], float(solution.intercept[0])
    elif hasattr(last, "alpha"):
        vars(last)["classes_"] = classes
        complete_ridge(last)
    else:
        last.classes_ = classes


def adopt_axes(pca: Any, axes: PrincipalAxes, sums: StandardizedSums) -> None:
    """Give a PCA its axes."""
    n = round(sums.total)
    pca.components_, pca.mean_ = axes.components, np.zeros(len(sums.mean))
    pca.explained_variance_, pca.explained_variance_ratio_ = axes.variances, axes.shares
    pca.singular_values_ = np.sqrt(axes.variances * (n - 1))
    pca.noise_variance_, pca.n_components_ = axes.noise, len(axes.components)
    pca.n_samples_, pca.n_features_in_ = n, len(sums.mean)


def adopt_discriminants(
    last: Any,
    solution: LinearSolution,
    axes: PrincipalAxes,
    sums: StandardizedSums,
    classes: Labels,
) -> None:
    """Give a LinearDiscriminantAnalysis its discriminants, which stand behind the axes."""
    coef, intercept = solution.coef, solution.intercept
    if len(classes) == 2:
        coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
    last.coef_, last.intercept_, last.classes_ = coef, intercept, classes
    last.priors_ = sums.weights / sums.total
    last.means_ = sums.class_means @ axes.components.T
    last.n_features_in_ = coef.shape[1]


def adopt_centroids(last: Any, sums: StandardizedSums, classes: Labels) -> None:
    """Give a NearestCentroid its centroids."""
    last.centroids_, last.classes_ = sums.class_means, classes
    last.class_prior_ = sums.weights / sums.total
    within = sums.total * (sums.variance > 0) - sums.weights @ sums.class_means**2
    spread = np.sqrt(np.maximum(within, 0) / max(sums.total - len(classes), 1))
    last.within_class_std_dev_, last.n_features_in_ = spread, sums.class_means.shape[1]
