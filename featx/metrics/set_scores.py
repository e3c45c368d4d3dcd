"""The scores of predicted sets of labels, of many weightings of the same samples at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx._typing import Doubles, Mask
from featx.metrics.quotients import ratio

__all__ = ["SET_SCORES", "SetMeasure", "best_constants"]

# The columns of what a ``SetMeasure`` returns.
SET_SCORES = (
    "micro_f1",
    "macro_f1",
    "weighted_f1",
    "mean_average_precision",
    "subset_accuracy",
    "hamming_loss",
)


@dataclass(frozen=True, eq=False)
class SetMeasure:
    """Predicted sets of labels beside the true ones; called with weights it returns its scores.

    Attributes
    ----------
    targets, predicted : ndarray of shape (n, n_labels), bool
    probabilities : ndarray of shape (n, n_labels), float64, or None

    Examples
    --------
    >>> sets = np.array([[True, False], [True, True]])
    >>> SetMeasure(sets, sets)(np.ones((1, 2)))
    array([[ 1.,  1.,  1., nan,  1.,  0.]])
    """

    targets: Mask
    predicted: Mask
    probabilities: Doubles | None = None

    def __call__(self, weights: Doubles) -> Doubles:
        """Return the scores of ``SET_SCORES``, shape (b, 6), of weights of shape (b, n)."""
        correct, true, predicted = self._counts(weights)
        seen = true + predicted
        f1 = ratio(2 * correct, seen)
        average = self.average_precisions(weights)
        known = ~np.isnan(average)
        total = weights.sum(axis=1)
        wrong = self.targets != self.predicted
        return np.stack(
            [
                ratio(2 * correct.sum(axis=1), seen.sum(axis=1)),
                ratio(f1.sum(axis=1), (seen > 0).sum(axis=1)),
                ratio((f1 * true).sum(axis=1), true.sum(axis=1)),
                ratio(np.where(known, average, 0.0).sum(axis=1), known.sum(axis=1), np.nan),
                ratio(weights @ ~wrong.any(axis=1), total),
                ratio(weights @ wrong.mean(axis=1), total),
            ],
            axis=1,
        )

    def by_label(self, weights: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Return precision, recall and F1 of each label, shape (b, n_labels); 0 where not defined."""
        correct, true, predicted = self._counts(weights)
        return (
            ratio(correct, predicted),
            ratio(correct, true),
            ratio(2 * correct, true + predicted),
        )

    def average_precisions(self, weights: Doubles) -> Doubles:
        """Return the average precision of each label, shape (b, n_labels); NaN where no sample has it.

        ``sklearn.metrics.average_precision_score`` is the same for one weighting.
        """
        average = np.full((len(weights), self.targets.shape[1]), np.nan)
        if self.probabilities is None:
            return average
        for column in range(self.targets.shape[1]):
            values, positive = self.probabilities[:, column], self.targets[:, column]
            order = np.argsort(-values, kind="stable")
            # Samples of one probability are above a threshold together: each counts to its last.
            last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
            places = np.flatnonzero(positive[order])
            ends = last[np.searchsorted(last, places)]
            ordered = weights[:, order]
            gained = ordered[:, places]
            correct = np.cumsum(gained, axis=1)
            precision = ratio(
                correct[:, np.searchsorted(places, ends, side="right") - 1],
                np.cumsum(ordered, axis=1, out=ordered)[:, ends],
            )
            area = np.einsum("ij,ij->i", gained, precision)
            average[:, column] = ratio(area, gained.sum(axis=1), np.nan)
        return average

    def _counts(self, weights: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Return what samples count that are rightly predicted, have, and are predicted to have a label."""
        together = self.targets & self.predicted
        return weights @ together, weights @ self.targets, weights @ self.predicted


def best_constants(targets: Mask, weights: Doubles) -> dict[str, float]:
    """Return the best of each score that one set of labels, or one row of probabilities, could have.

    Notes
    -----
    A label of prevalence p that is always predicted has F1 = 2 p / (1 + p) and average precision p. The
    set with the best micro F1 holds the most frequent labels.

    Examples
    --------
    >>> best = best_constants(np.array([[True, False], [True, False], [False, True]]), np.ones(3))
    >>> round(best["micro_f1"], 3), round(best["subset_accuracy"], 3)
    (0.667, 0.667)
    """
    total = weights.sum()
    prevalence = weights @ targets / total
    occurs = prevalence > 0
    always = 2 * prevalence / (1 + prevalence)
    correct = np.cumsum(np.sort(prevalence)[::-1])
    sizes = np.arange(1, len(prevalence) + 1)
    [_, places] = np.unique(targets, axis=0, return_inverse=True)
    return {
        "micro_f1": float((2 * correct / (sizes + prevalence.sum())).max()),
        "macro_f1": float(always[occurs].mean()) if occurs.any() else 0.0,
        "weighted_f1": float(ratio(always @ prevalence, prevalence.sum())),
        "mean_average_precision": float(prevalence[occurs].mean()) if occurs.any() else 0.0,
        "subset_accuracy": float(np.bincount(places.ravel(), weights).max() / total),
        "hamming_loss": float(np.minimum(prevalence, 1 - prevalence).mean()),
    }
