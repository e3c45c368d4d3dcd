"""Sets of classes that cover the truth: the least ambiguous ones (LAC), and adaptive ones (APS)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Mask
from featx.tasks.answer_sets import LAC, METHODS, refuse_method
from featx.tasks.certainty import UNSURE, Certainty

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.heads import Calibrator, TrainedHead
    from featx.heads.conformity import Conformity
    from featx.tasks.classification_problem import ClassificationProblem

__all__ = ["ClassSets", "class_scores"]


def class_scores(probabilities: FloatArray, method: str) -> Doubles:
    """Return how little each class conforms to the probabilities; shape (n, n_classes), between 0 and 1.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float32
    method : {"lac", "aps"}
        "lac" is 1 minus the probability of the class, "aps" the probability of all classes that are more
        probable.

    Notes
    -----
    Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", 2019;
    Romano, Sesia and Candès, "Classification with valid and adaptive coverage", 2020, without their random
    numbers: the most probable class is in every set.

    Examples
    --------
    >>> shares = np.array([[0.5, 0.125, 0.375]], np.float32)
    >>> class_scores(shares, "lac").tolist(), class_scores(shares, "aps").tolist()
    ([[0.5, 0.875, 0.625]], [[0.0, 0.875, 0.5]])
    """
    shares = probabilities.astype(np.float64)
    if method == LAC:
        return np.asarray(1 - shares)
    order = np.argsort(-shares, axis=1, kind="stable")
    ordered = np.take_along_axis(shares, order, axis=1)
    before = np.zeros_like(shares)
    before[:, 1:] = np.cumsum(ordered, axis=1)[:, :-1]
    scores = np.empty_like(shares)
    np.put_along_axis(scores, order, before, axis=1)
    return scores


class ClassSets:
    """The sets of a classification; see ``featx.tasks.answer_sets.AnswerSets``."""

    columns = ("set",)
    abstains = True

    def shape(self, n_classes: int) -> tuple[int, int, int]:
        """Return a score a method, and a stratum a class."""
        return len(METHODS), 1, n_classes

    def measure(
        self, problem: ClassificationProblem, scores: Doubles, calibrator: Calibrator
    ) -> tuple[FloatArray, npt.NDArray[np.int32]]:
        """Return the scores of the true classes, and their indices."""
        outputs = calibrator.apply(scores).astype(np.float32)
        rows, codes = np.arange(len(outputs)), problem.codes
        columns = [class_scores(outputs, method)[rows, codes] for method in METHODS]
        return np.stack(columns, axis=1).astype(np.float32), codes[:, None].astype(np.int32)

    def confidence(self, outputs: FloatArray) -> Doubles:
        """Return the greatest probability."""
        return np.asarray(outputs.max(axis=1), np.float64)

    def wrong(self, problem: ClassificationProblem, outputs: FloatArray) -> Mask:
        """Return whether the most probable class is another than the true one."""
        return np.asarray(outputs.argmax(axis=1) != problem.codes)

    def thresholds(
        self, conformity: Conformity, coverage: float, n_classes: int, method: str, per_class: bool
    ) -> Doubles:
        """Return a threshold a class, the same for all where they are not told apart."""
        refuse_method(method)
        column = METHODS.index(method)
        if not per_class:
            return np.full(n_classes, conformity.threshold(column, coverage))
        return np.array(
            [conformity.threshold(column, coverage, stratum) for stratum in range(n_classes)]
        )

    def with_thresholds(
        self, head: TrainedHead, thresholds: Doubles, coverage: float
    ) -> TrainedHead:
        """Return the head: its probabilities stay as they are."""
        return head

    def members(self, outputs: FloatArray, thresholds: Doubles, method: str) -> Mask:
        """Return which classes are in each set; shape (n, n_classes)."""
        # What was kept of the samples left out was rounded like this.
        scores = class_scores(outputs, method).astype(np.float32)
        return np.asarray(scores <= thresholds)

    def covers(self, targets: Sequence[str], members: Mask, classes: Sequence[str]) -> Mask:
        """Return whether each set holds the true class; shape (n,). No set holds an unknown one."""
        columns = {label: index for index, label in enumerate(classes)}
        codes = np.array([columns.get(target, -1) for target in targets], np.intp)
        return np.asarray((codes >= 0) & members[np.arange(len(members)), codes])

    def is_wrong(self, prediction: Any, target: str) -> bool:
        """Return whether the label is another than the true one."""
        return bool(prediction.label != target)

    def certainties(
        self, outputs: FloatArray, members: Mask, classes: Sequence[str]
    ) -> list[Certainty]:
        """Return each set, the most probable class first; one of a single class is an answer."""
        orders = np.argsort(-outputs, axis=1, kind="stable")
        sets = [
            tuple(classes[i] for i in order[inside[order]].tolist())
            for order, inside in zip(orders, members, strict=True)
        ]
        return [
            Certainty(
                set=one, answered=single, probability=float(shares[inside][0]) if single else None
            )
            for one, inside, shares in zip(sets, members, outputs, strict=True)
            for single in [len(one) == 1]
        ]

    def withhold(self, prediction: Any, certainty: Certainty, *, abstain: bool) -> Any:
        """Return the prediction, with "unsure" for its label where it is to abstain and does."""
        if abstain and certainty.answered is False:
            return replace(prediction, label=UNSURE, certainty=certainty)
        if abstain and certainty.set and certainty.probability is not None:
            # With a threshold a class the one label that is left need not be the most probable.
            return replace(
                prediction,
                label=certainty.set[0],
                probability=certainty.probability,
                certainty=certainty,
            )
        return replace(prediction, certainty=certainty)

    def add_nodes(self, graph: GraphBuilder, outputs: str, thresholds: Doubles, method: str) -> str:
        """Add ``set``, 1 for each class in it, float32 of shape (n, n_classes)."""
        from featx.graphs.builder import DOUBLE, FLOAT

        shares = graph.cast(graph.to_float32(outputs), DOUBLE)
        scores = graph.add("Sub", graph.constant(1.0), shares)
        if method != LAC:
            count = graph.int_const(len(thresholds))
            # The last output is the order, the other the values.
            order = graph.add("TopK", shares, count, outputs=2, axis=1, largest=1, sorted=1)
            ordered = graph.add("GatherElements", shares, order, axis=1)
            before = graph.add("CumSum", ordered, graph.constant(1, np.int64), exclusive=1)
            scores = graph.add("ScatterElements", shares, order, before, axis=1)
        limits = graph.constant(thresholds, np.float32)
        inside = graph.add("LessOrEqual", graph.to_float32(scores), limits)
        graph.named("set", "Cast", inside, to=FLOAT)
        size = graph.reduce("ReduceSum", "set", 1, keep=False)
        return graph.add("Equal", size, graph.float_const(1.0))

    def add_confidence(self, graph: GraphBuilder, outputs: str, n_classes: int) -> str:
        """Add the greatest probability."""
        from featx.graphs.builder import DOUBLE

        shares = graph.cast(graph.to_float32(outputs), DOUBLE)
        return graph.reduce("ReduceMax", shares, 1, keep=False)
