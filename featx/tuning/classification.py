"""Classification as tuning sees it: stratified folds, accuracy, calibrated log-loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from featx._typing import ClassWeight, Doubles, FloatArray, Integers, Labels
from featx.heads import (
    Calibrator,
    HeadSpec,
    TemperatureScaling,
    argmax_labels,
    choose_heads,
    robust_log_loss,
)
from featx.metrics.classification import Report, evaluate_predictions
from featx.tuning.problem import Evaluation

__all__ = ["ClassificationProblem", "stratified_folds"]


@dataclass(frozen=True, eq=False)
class ClassificationProblem:
    """Labels of samples, one a sample; see ``TuningProblem`` for what tuning does with them.

    Attributes
    ----------
    targets : ndarray of shape (n,), str
    class_weight : "balanced" or None, default=None
        With "balanced" every class counts the same in training, accuracy, log-loss and calibration.
    calibrator : type of Calibrator, default=TemperatureScaling
    """

    targets: Labels
    class_weight: ClassWeight = None
    calibrator: type[Calibrator] = TemperatureScaling

    @cached_property
    def _encoded(self) -> tuple[Labels, Integers]:
        classes, codes = np.unique(self.targets, return_inverse=True)
        return classes, codes

    @property
    def classes(self) -> Labels:
        """The labels, sorted: the columns of scores."""
        return self._encoded[0]

    @property
    def codes(self) -> Integers:
        """The index of each sample's label in ``classes``; shape (n,)."""
        return self._encoded[1]

    @cached_property
    def counts(self) -> Integers:
        """The number of samples of each class; shape (n_classes,)."""
        return np.bincount(self.codes)

    @cached_property
    def weights(self) -> Doubles:
        """What each sample counts in a score; shape (n,)."""
        if self.class_weight == "balanced":
            return np.asarray((1 / self.counts)[self.codes])
        return np.ones(len(self))

    @property
    def n_outputs(self) -> int:
        """Columns of scores: one a class."""
        return len(self.classes)

    @property
    def max_folds(self) -> int:
        """The number of samples of the largest class."""
        return int(self.counts.max())

    def __len__(self) -> int:
        return len(self.targets)

    def subset(self, indices: npt.NDArray[Any]) -> ClassificationProblem:
        """Return the problem of some samples, by their indices or by a mask."""
        return ClassificationProblem(self.targets[indices], self.class_weight, self.calibrator)

    def make_folds(self, n_folds: int, rng: np.random.Generator) -> Integers:
        """Return the fold of each sample, with the classes spread evenly; see ``stratified_folds``."""
        return stratified_folds(self.targets, n_folds, rng)

    def choose_heads(self, head: str | BaseEstimator, *, random_state: int) -> tuple[HeadSpec, ...]:
        """Return the heads that a user's choice stands for; see ``featx.heads.choose_heads``."""
        return choose_heads(
            head,
            largest=self.max_folds,
            class_weight=self.class_weight,
            random_state=random_state,
        )

    def default_calibrator(self) -> Calibrator:
        """Return temperature 1: probabilities are the softmax of scores."""
        return TemperatureScaling()

    def evaluate(self, scores: Doubles, indices: Integers) -> Evaluation:
        """Return the accuracy of scores, and their log-loss with the calibrator that suits them."""
        y, weights = self.codes[indices], self.weights[indices]
        calibrator = self.calibrator.fit(scores, y, weights)
        losses = robust_log_loss(calibrator.apply(scores), y)
        accuracy = float(np.average(scores.argmax(axis=1) == y, weights=weights))
        return Evaluation(
            score=accuracy,
            standard_error=float(np.sqrt(accuracy * (1 - accuracy) / len(self))),
            loss=float(np.average(losses, weights=weights)),
            calibrator=calibrator,
        )

    def report(self, predictions: FloatArray, indices: Integers, *, random_state: int) -> Report:
        """Return accuracy, F1 and calibration error of probabilities, with intervals."""
        names = self.classes.tolist()
        return evaluate_predictions(
            self.targets[indices],
            argmax_labels(names, predictions),
            predictions,
            classes=names,
            seed=random_state,
        )


def stratified_folds(labels: Labels, n_folds: int, rng: np.random.Generator) -> Integers:
    """Return a fold for each sample, with the classes spread evenly.

    The members of a class differ in number by at most one between folds, and so do whole folds. A class
    with a single member gets -1: it stays in every training part, so that each training part has all
    classes. ``sklearn.model_selection.StratifiedKFold`` would leave it out of one, and refuses or warns
    about classes with fewer members than folds; otherwise its folds have the same sizes.

    Returns
    -------
    ndarray of shape (n,), intp
        0 … n_folds - 1, or -1.

    Examples
    --------
    >>> folds = stratified_folds(np.array(list("aaaabbbbc")), 2, np.random.default_rng(0))
    >>> [int(sum(folds == fold)) for fold in (-1, 0, 1)]
    [1, 4, 4]
    """
    folds = np.full(len(labels), -1, np.intp)
    assigned = 0
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            folds[rng.permutation(members)] = (np.arange(len(members)) + assigned) % n_folds
            assigned += len(members)
    return folds
