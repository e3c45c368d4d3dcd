"""The labels of samples, one a sample, as what a head is tuned for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import ClassWeight, Doubles, FloatArray, Integers, Labels
from featx.heads import Calibrator, TemperatureScaling, robust_log_loss
from featx.heads.calibrators import ClassCalibrator, softmax
from featx.heads.names import HEAD_NAMES
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.heads import HeadSpec
    from featx.metrics.classification import ClassificationReport
    from featx.tuning.problem import Evaluation
    from featx.tuning.solvers.lbfgs import MapFn
    from featx.tuning.solvers.streamed_sums import RowTargets


__all__ = ["ClassificationProblem", "report_labels", "stratified_folds"]

# What the linear discriminant of a baseline may choose from.
_SHRINKAGES = (0.01, 0.03, 0.1, 0.3, 0.9)


@dataclass(frozen=True, eq=False)
class ClassificationProblem:
    """Labels of samples, one a sample; see ``TuningProblem`` for what tuning does with them.

    Attributes
    ----------
    targets : ndarray of shape (n,), str
    class_weight : "balanced" or None, default=None
        With "balanced" every class counts the same in training, accuracy, log-loss and calibration.
    calibrator : type of ClassCalibrator, default=TemperatureScaling
    design : SampleDesign
    known_classes : ndarray of shape (n_classes,), str, default=None
        All labels, sorted, where some may have no sample here; None: those of the targets.
    """

    targets: Labels
    class_weight: ClassWeight = None
    calibrator: type[ClassCalibrator] = TemperatureScaling
    design: SampleDesign = field(default_factory=SampleDesign)
    known_classes: Labels | None = None

    @cached_property
    def _encoded(self) -> tuple[Labels, Integers]:
        if self.known_classes is not None:
            return self.known_classes, np.searchsorted(self.known_classes, self.targets)
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
        return np.bincount(self.codes, minlength=self.n_outputs)

    @cached_property
    def weights(self) -> Doubles:
        """What each sample counts in a score; shape (n,)."""
        own = self.design.weights
        if self.class_weight == "balanced":
            counts = self.counts if own is None else np.bincount(self.codes, own)
            shares = np.asarray((1 / np.maximum(counts, np.finfo(float).tiny))[self.codes])
            return shares if own is None else shares * own
        return np.ones(len(self)) if own is None else own

    @property
    def output_names(self) -> tuple[str, ...]:
        """The labels, sorted."""
        return tuple(self.classes.tolist())

    @property
    def n_columns(self) -> int:
        """Columns of probabilities: one a class."""
        return self.n_outputs

    @property
    def n_outputs(self) -> int:
        """Columns of scores: one a class."""
        return len(self.classes)

    @property
    def score_name(self) -> str:
        """The accuracy."""
        return "accuracy"

    @property
    def max_folds(self) -> int:
        """The number of samples of the largest class, or of the groups of the class that is in most of them."""
        if self.design.groups is None:
            return int(self.counts.max())
        pairs = np.unique(np.stack([self.targets, self.design.groups]), axis=1)
        return int(np.unique(pairs[0], return_counts=True)[1].max())

    def __len__(self) -> int:
        return len(self.targets)

    def subset(self, indices: npt.NDArray[Any]) -> ClassificationProblem:
        """Return the problem of some samples, by their indices or by a mask."""
        design = self.design.subset(indices)
        return replace(self, targets=self.targets[indices], design=design)

    def part(self, known: Integers, indices: Integers) -> ClassificationProblem:
        """Return the problem of some samples, with the classes of all; ``known`` are those trained on."""
        return replace(self.subset(indices), known_classes=self.classes)

    def row_targets(self) -> RowTargets:
        """Return the targets as sums over rows take them; balanced classes count the same in training."""
        from featx.tuning.solvers.streamed_sums import RowTargets

        own, n = self.design.counts(len(self)), len(self)
        factors = np.ones(n)
        if self.class_weight == "balanced":
            totals = np.bincount(self.codes, own, self.n_outputs)
            n_classes = np.count_nonzero(totals)
            factors = (own.sum() / n_classes / np.where(totals > 0, totals, 1))[self.codes]
        return RowTargets(own, factors, self.codes, None, self.n_outputs)

    def without_groups(self) -> ClassificationProblem:
        """Return the problem as if every sample were a group of its own."""
        return replace(self, design=self.design.without_groups())

    def make_folds(self, n_folds: int, rng: np.random.Generator) -> Integers:
        """Return the fold of each sample, with the classes spread evenly; see ``stratified_folds``."""
        if self.design.groups is not None:
            from featx.tuning.folds import group_folds

            return group_folds(self.targets, self.design.groups, n_folds, rng)
        return stratified_folds(self.targets, n_folds, rng)

    def choose_heads(self, head: Any, *, random_state: int) -> tuple[HeadSpec, ...]:
        """Return the heads that a user's choice stands for; see ``featx.heads.choose_heads``."""
        # Not above: a saved linear head answers without scikit-learn, which this imports.
        from featx.heads import choose_heads

        return choose_heads(
            HEAD_NAMES[0] if head is None else head,
            largest=int(self.counts.max()),
            class_weight=self.class_weight,
            random_state=random_state,
        )

    @property
    def can_leave_out_each(self) -> bool:
        """Tell whether the design of the samples allows it."""
        return self.design.allows_leaving_out_each

    def leave_out_each(self, head: HeadSpec, rows: FloatArray) -> list[Doubles]:
        """Return the scores of every sample by ridge with each penalty, left out in turn."""
        from featx.heads import last_step
        from featx.tuning.solvers.ridge import leave_one_out

        class_weight = last_step(head.build()).class_weight
        alphas = [value for params in head.grid for value in params.values()]
        return list(
            leave_one_out(
                rows,
                self.codes,
                alphas,
                class_weight=class_weight,
                groups=self.design.groups,
                sample_weight=self.design.weights,
                standardize=head.standardizes,
            )
        )

    def neighbor_targets(self, indices: Integers) -> Doubles:
        """Return 1 in the column of each sample's class and 0 elsewhere."""
        return np.eye(self.n_outputs)[self.codes[indices]]

    def scores_of_averages(self, averages: Doubles) -> Doubles:
        """Return the floored logarithm of votes."""
        from featx.heads.score_forms import floored_log

        return floored_log(averages)

    def default_calibrator(self) -> Calibrator:
        """Return temperature 1: probabilities are the softmax of scores."""
        return TemperatureScaling()

    def predict_baseline(
        self, rows: FloatArray, known: Integers, test: Integers, map_fn: MapFn
    ) -> tuple[str, FloatArray]:
        """Return the probabilities of a linear discriminant, whose shrinkage a fourth of ``known`` decides."""
        from featx.tuning.solvers.discriminant import discriminant_scores

        solve = partial(discriminant_scores, class_weight=self.class_weight, map_fn=map_fn)
        some = self.subset(known)
        folds = some.make_folds(4, np.random.default_rng(0))
        train, left_out = known[folds != 0], known[folds == 0]

        def score(
            own: Integers, others: Integers, shrinkages: Sequence[float]
        ) -> Iterator[Doubles]:
            weights = self.design.subset(own).weights
            return solve(
                rows[own], self.codes[own], rows[others], shrinkages, sample_weight=weights
            )

        # Where every sample stays in training, or nothing there weighs, there is nothing to decide by.
        shrinkage = _SHRINKAGES[len(_SHRINKAGES) // 2]
        if self.weights[train].any() and self.weights[left_out].any():
            tried = score(train, left_out, _SHRINKAGES)
            scored = [self.evaluate(scores, left_out).score for scores in tried]
            shrinkage = _SHRINKAGES[int(np.argmax(scored))]
        [scores] = score(known, test, [shrinkage])
        return "a linear discriminant", softmax(scores).astype(np.float32)

    def evaluate(self, scores: Doubles, indices: Integers) -> Evaluation:
        """Return the accuracy of scores, and their log-loss with the calibrator that suits them."""
        from featx.tuning.problem import Evaluation

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

    def measure(self, predictions: FloatArray, indices: Integers) -> Callable[[Doubles], Doubles]:
        """Return the function that gives the accuracy of probabilities."""
        right = (predictions.argmax(axis=1) == self.codes[indices]).astype(np.float64)
        return lambda weights: np.asarray(weights @ right / weights.sum(axis=1))

    def report(
        self, predictions: FloatArray, indices: Integers, *, random_state: int
    ) -> ClassificationReport:
        """Return the report on probabilities of some samples."""
        return report_labels(
            self.targets[indices],
            predictions,
            self.classes.tolist(),
            random_state,
            design=self.design.subset(indices),
        )


def report_labels(
    targets: Sequence[Any] | Labels,
    outputs: FloatArray,
    classes: Sequence[str],
    random_state: int,
    *,
    ids: Sequence[str] | None = None,
    design: SampleDesign,
) -> ClassificationReport:
    """Return the report on probabilities of shape (n, n_classes)."""
    # A prediction need not wait for what measures.
    from featx.metrics.classification import evaluate_predictions

    predicted = np.asarray(classes)[outputs.argmax(axis=1)]
    return evaluate_predictions(
        targets,
        predicted,
        outputs,
        classes=classes,
        ids=ids,
        random_state=random_state,
        groups=design.groups,
        sample_weight=design.weights,
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
