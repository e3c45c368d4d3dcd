"""Intervals of numbers that cover with another chance than that of the head's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Mask
from featx.errors import BadArtifact, BadOption
from featx.heads.number_scaling import NumberScaling
from featx.tasks.answer_sets import LAC
from featx.tasks.certainty import Certainty

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.heads import Calibrator, TrainedHead
    from featx.heads.conformity import Conformity
    from featx.tasks.regression_problem import RegressionProblem

__all__ = ["NumberIntervals"]


class NumberIntervals:
    """The intervals of a regression, which are outputs of its head; see ``AnswerSets``."""

    columns = ()
    abstains = False

    def shape(self, n_classes: int) -> tuple[int, int, int]:
        """Return a residual a number, and one stratum."""
        return n_classes, 1, 1

    def measure(
        self, problem: RegressionProblem, scores: Doubles, calibrator: Calibrator
    ) -> tuple[FloatArray, npt.NDArray[np.int32]]:
        """Return the absolute residuals of standardised numbers."""
        residuals = np.abs(scores - problem.standardized).astype(np.float32)
        return residuals, np.zeros((len(residuals), 1), np.int32)

    def confidence(self, outputs: FloatArray) -> Doubles:
        """Refuse: a number is not right or wrong."""
        raise _no_answers()

    def wrong(self, problem: RegressionProblem, outputs: FloatArray) -> Mask:
        """Refuse: a number is not right or wrong."""
        raise _no_answers()

    def thresholds(
        self, conformity: Conformity, coverage: float, n_classes: int, method: str, per_class: bool
    ) -> Doubles:
        """Return half the width of each interval, in standardised numbers; shape (k,).

        The largest residual is taken where there are too few samples.
        """
        if per_class or method != LAC:
            name = "per_class=True" if per_class else f"method={method!r:.40}"
            raise BadOption(f"{name}: a regression has no classes; leave it out")
        largest = conformity.scores.max(axis=0).astype(np.float64)
        found = [conformity.threshold(index, coverage) for index in range(n_classes)]
        return np.asarray(np.minimum(found, largest))

    def with_thresholds(
        self, head: TrainedHead, thresholds: Doubles, coverage: float
    ) -> TrainedHead:
        """Return the head with intervals of that coverage."""
        if not isinstance(head.calibrator, NumberScaling):
            raise BadArtifact(f"head {head.name}: has no intervals; train it again")
        radius = tuple(map(float, thresholds))
        return replace(head, calibrator=replace(head.calibrator, radius=radius, coverage=coverage))

    def members(self, outputs: FloatArray, thresholds: Doubles, method: str) -> Mask:
        """Refuse: intervals are outputs of the head."""
        raise _no_answers()

    def covers(self, targets: Sequence[str], members: Mask, classes: Sequence[str]) -> Mask:
        """Refuse: intervals are outputs of the head, and its report says how often they cover."""
        raise _no_answers()

    def is_wrong(self, prediction: Any, target: str) -> bool:
        """Return False: a number is not right or wrong."""
        return False

    def certainties(
        self, outputs: FloatArray, members: Mask, classes: Sequence[str]
    ) -> list[Certainty]:
        """Refuse: intervals are outputs of the head."""
        raise _no_answers()

    def withhold(self, prediction: Any, certainty: Certainty, *, abstain: bool) -> Any:
        """Return the prediction with what is known of it; its numbers stay."""
        return replace(prediction, certainty=certainty)

    def add_nodes(self, graph: GraphBuilder, outputs: str, thresholds: Doubles, method: str) -> str:
        """Refuse: intervals are outputs of the head."""
        raise _no_answers()

    def add_confidence(self, graph: GraphBuilder, outputs: str, n_classes: int) -> str:
        """Refuse: a number is not right or wrong."""
        raise _no_answers()


def _no_answers() -> BadOption:
    return BadOption("abstain=True: a number is not right or wrong; coverage= gives intervals")
