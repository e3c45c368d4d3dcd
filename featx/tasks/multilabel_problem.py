"""The labels of samples as what a head is tuned for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import ClassWeight, Doubles, FloatArray, Integers, Mask
from featx.heads.label_calibration import LabelCalibration
from featx.heads.names import LABEL_HEAD_NAMES
from featx.tasks.ridge import leave_out_by_ridge, predict_by_ridge
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.heads import HeadSpec
    from featx.metrics.multilabel import MultilabelReport
    from featx.tuning.problem import Evaluation
    from featx.tuning.solvers.lbfgs import MapFn


__all__ = ["MultilabelProblem", "report_label_sets"]

# Penalties of the ridge that is the head of the baseline.
_ALPHAS = (1e5, 1e4, 1e3, 1e2, 1e1)


@dataclass(frozen=True, eq=False)
class MultilabelProblem:
    """Labels of samples, any number a sample; see ``TuningProblem`` for what tuning does with them.

    Attributes
    ----------
    names : tuple of L str
    members : ndarray of shape (n, L), bool
    class_weight : "balanced" or None, default=None
        With "balanced" samples with a label count as much as those without, for each label.
    threshold : float or None, default=None
        The probability from which a label is given; None: one a label, chosen on samples left out.
    design : SampleDesign
    """

    names: tuple[str, ...]
    members: Mask
    class_weight: ClassWeight = None
    threshold: float | None = None
    design: SampleDesign = field(default_factory=SampleDesign)

    @property
    def targets(self) -> npt.NDArray[Any]:
        """The labels as 0 and 1; shape (n, L)."""
        return self.codes

    @cached_property
    def codes(self) -> npt.NDArray[Any]:
        """The labels as 0 and 1; shape (n, L)."""
        return self.members.astype(np.intp)

    @property
    def signs(self) -> Doubles:
        """1 for each label that a sample has and -1 for the others; shape (n, L)."""
        return np.where(self.members, 1.0, -1.0)

    @cached_property
    def _weights(self) -> Doubles:
        return self.design.counts(len(self))

    @property
    def output_names(self) -> tuple[str, ...]:
        """The labels."""
        return self.names

    @property
    def n_outputs(self) -> int:
        """Columns of scores: one a label."""
        return len(self.names)

    @property
    def n_columns(self) -> int:
        """Columns of outputs: a probability a label, and whether it is given."""
        return 2 * self.n_outputs

    @property
    def score_name(self) -> str:
        """The micro F1."""
        return "micro_f1"

    @property
    def max_folds(self) -> int:
        """The number of samples of the most frequent label, or of the groups that have it."""
        counts = self.members.sum(axis=0)
        groups = self.design.groups
        if groups is None:
            return int(counts.max())
        return len(np.unique(groups[self.members[:, int(counts.argmax())]]))

    def __len__(self) -> int:
        return len(self.members)

    def subset(self, indices: npt.NDArray[Any]) -> MultilabelProblem:
        """Return the problem of some samples, by their indices or by a mask."""
        return replace(self, members=self.members[indices], design=self.design.subset(indices))

    def without_groups(self) -> MultilabelProblem:
        """Return the problem as if every sample were a group of its own."""
        return replace(self, design=self.design.without_groups())

    def make_folds(self, n_folds: int, rng: np.random.Generator) -> Integers:
        """Return the fold of each sample, with every label spread evenly."""
        from featx.tuning.folds import iterative_folds

        return iterative_folds(self.members, n_folds, rng, self.design.groups)

    def choose_heads(self, head: Any, *, random_state: int) -> tuple[HeadSpec, ...]:
        """Return the heads that a user's choice stands for."""
        from featx.heads import choose_heads
        from featx.heads.label_heads import label_heads

        return choose_heads(
            LABEL_HEAD_NAMES[0] if head is None else head,
            largest=len(self),
            class_weight=self.class_weight,
            random_state=random_state,
            table={one.name: one for one in label_heads()},
            kind="multilabel",
        )

    @property
    def can_leave_out_each(self) -> bool:
        """Tell whether the design of the samples allows it, and labels are not weighed."""
        return self.design.allows_leaving_out_each and self.class_weight is None

    def leave_out_each(self, head: HeadSpec, rows: FloatArray) -> list[Doubles]:
        """Return the scores of every sample by ridge with each penalty, its group left out in turn."""
        return leave_out_by_ridge(head, rows, self.signs, self.design)

    def neighbor_targets(self, indices: Integers) -> Doubles:
        """Return 1 in the column of each label that a sample has, and 0 elsewhere."""
        return self.members[indices].astype(np.float64)

    def scores_of_averages(self, averages: Doubles) -> Doubles:
        """Return the logits of votes."""
        from featx.heads.score_forms import label_logits

        return label_logits(averages)

    def default_calibrator(self) -> LabelCalibration:
        """Return the calibration that takes scores for logits."""
        n = self.n_outputs
        threshold = self.threshold if self.threshold is not None else 0.5
        return LabelCalibration((1.0,) * n, (0.0,) * n, (threshold,) * n)

    def predict_baseline(
        self, rows: FloatArray, known: Integers, test: Integers, map_fn: MapFn
    ) -> tuple[str, FloatArray]:
        """Return the labels of a ridge, whose penalty ``known`` decides in closed form."""
        outputs = predict_by_ridge(
            self,
            lambda some: some.signs,
            rows,
            (known, test),
            _ALPHAS,
            lambda one: one.score,
        )
        return "ridge", outputs

    def evaluate(self, scores: Doubles, indices: Integers) -> Evaluation:
        """Return the micro F1 of scores, and their log-loss with the calibration that suits them."""
        from featx.heads.conformal import best_thresholds, label_calibration
        from featx.tuning.problem import Evaluation

        members, weights = self.members[indices], self._weights[indices]
        slopes, offsets = label_calibration(scores, members, weights)
        plain = LabelCalibration(
            tuple(map(float, slopes)), tuple(map(float, offsets)), (0.5,) * self.n_outputs
        )
        probabilities = plain.probabilities(scores)
        if self.threshold is None:
            chosen = np.asarray(best_thresholds(members, probabilities, weights))
        else:
            chosen = np.full(self.n_outputs, self.threshold)
        calibrator = replace(plain, thresholds=tuple(map(float, chosen)))
        given = calibrator.apply(scores)[:, self.n_outputs :] > 0
        right = float((weights[:, None] * (given & members)).sum())
        total = float((weights[:, None] * (given.astype(float) + members)).sum())
        score = 2 * right / total if total else 0.0
        true = np.clip(np.where(members, probabilities, 1 - probabilities), 1e-6, 1)
        losses = -np.log(true).mean(axis=1)
        return Evaluation(
            score=score,
            standard_error=float(np.sqrt(score * (1 - score) / max(1, members.sum()))),
            loss=float(np.average(losses, weights=weights)),
            calibrator=calibrator,
        )

    def measure(self, predictions: FloatArray, indices: Integers) -> Callable[[Doubles], Doubles]:
        """Return the function that gives the micro F1 of given labels."""
        from featx.metrics.set_scores import SetMeasure

        given = np.split(predictions, 2, axis=1)[1] > 0
        measure = SetMeasure(self.members[indices], given)
        return lambda weights: measure(weights)[:, 0]

    def report(
        self, predictions: FloatArray, indices: Integers, *, random_state: int
    ) -> MultilabelReport:
        """Return the report on the outputs of some samples."""
        design = self.design.subset(indices)
        return report_label_sets(
            self.members[indices], predictions, self.names, random_state, design
        )


def report_label_sets(
    members: Mask,
    outputs: FloatArray,
    names: Sequence[str],
    random_state: int,
    design: SampleDesign,
) -> MultilabelReport:
    """Return the report on probabilities and given labels of shape (n, 2 L)."""
    # A prediction need not wait for what measures.
    from featx.metrics.multilabel import evaluate_label_sets

    probabilities, given = np.split(outputs, 2, axis=1)
    return evaluate_label_sets(
        members,
        given > 0,
        probabilities,
        labels=names,
        groups=design.groups,
        sample_weight=design.weights,
        random_state=random_state,
    )
