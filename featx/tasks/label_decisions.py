"""Decisions on each of several labels that cover the truth: it has the label, has it not, or one cannot say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Mask
from featx.sources.label_sets import indicator_matrix, read_label_sets
from featx.tasks.answer_sets import LAC, refuse_method
from featx.tasks.certainty import Certainty

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.heads import Calibrator, TrainedHead
    from featx.heads.conformity import Conformity
    from featx.tasks.multilabel_problem import MultilabelProblem

__all__ = ["LabelDecisions"]


class LabelDecisions:
    """The sets of each label by itself, of "no" and "yes"; see ``featx.tasks.answer_sets.AnswerSets``.

    Each label's set covers with the chance that was asked for; with ``per_class`` also of the samples that have
    the label, and of those that have it not.
    """

    columns = ("set", "unsure")
    abstains = True

    def shape(self, n_classes: int) -> tuple[int, int, int]:
        """Return a score a label, and whether the sample has each."""
        return n_classes, n_classes, 2

    def measure(
        self, problem: MultilabelProblem, scores: Doubles, calibrator: Calibrator
    ) -> tuple[FloatArray, npt.NDArray[np.int32]]:
        """Return 1 minus the probability of what is true of each label, and whether the sample has it."""
        shares = calibrator.apply(scores)[:, : problem.n_outputs].astype(np.float32)
        members = problem.members
        doubts = np.where(members, 1 - shares.astype(np.float64), shares)
        return doubts.astype(np.float32), members.astype(np.int32)

    def confidence(self, outputs: FloatArray) -> Doubles:
        """Return the smallest probability of a label to be as is said of it."""
        shares, given = np.split(outputs.astype(np.float64), 2, axis=1)
        return np.asarray(np.where(given > 0, shares, 1 - shares).min(axis=1))

    def wrong(self, problem: MultilabelProblem, outputs: FloatArray) -> Mask:
        """Return whether any label is given that the sample has not, or the other way round."""
        given = outputs[:, problem.n_outputs :] > 0
        return np.asarray((given != problem.members).any(axis=1))

    def thresholds(
        self, conformity: Conformity, coverage: float, n_classes: int, method: str, per_class: bool
    ) -> Doubles:
        """Return the thresholds of "no" and of "yes" for each label; shape (2, L)."""
        refuse_method(method, (LAC,))
        strata = (0, 1) if per_class else (None,)
        found = [
            [conformity.threshold(label, coverage, stratum) for label in range(n_classes)]
            for stratum in strata
        ]
        return np.array(found if per_class else 2 * found)

    def with_thresholds(
        self, head: TrainedHead, thresholds: Doubles, coverage: float
    ) -> TrainedHead:
        """Return the head: its probabilities stay as they are."""
        return head

    def members(self, outputs: FloatArray, thresholds: Doubles, method: str) -> Mask:
        """Return whether "no" and "yes" are in the set of each label; shape (n, 2, L)."""
        shares = outputs[:, : outputs.shape[1] // 2]
        doubts = np.stack([shares, (1 - shares.astype(np.float64)).astype(np.float32)], axis=1)
        return np.asarray(doubts <= thresholds)

    def covers(self, targets: Sequence[str], members: Mask, classes: Sequence[str]) -> Mask:
        """Return whether the set of each label holds the truth; shape (n, L)."""
        truth = indicator_matrix(read_label_sets(targets), classes).astype(bool)
        return np.asarray(np.where(truth, members[:, 1], members[:, 0]))

    def is_wrong(self, prediction: Any, target: str) -> bool:
        """Return whether the labels are others than the true ones."""
        [truth] = read_label_sets([target])
        return frozenset(prediction.labels) != truth

    def certainties(
        self, outputs: FloatArray, members: Mask, classes: Sequence[str]
    ) -> list[Certainty]:
        """Return the labels that are not excluded, and those of which one cannot say."""
        shares = outputs[:, : len(classes)]
        orders = np.argsort(-shares, axis=1, kind="stable")
        open_ones = members[:, 0] == members[:, 1]
        found = []
        for order, possible, unsure in zip(orders, members[:, 1], open_ones, strict=True):
            labels = tuple(classes[i] for i in order[(possible | unsure)[order]].tolist())
            doubted = tuple(classes[i] for i in order[unsure[order]].tolist())
            found.append(Certainty(set=labels, unsure=doubted, answered=not doubted))
        return found

    def withhold(self, prediction: Any, certainty: Certainty, *, abstain: bool) -> Any:
        """Return the prediction; where it is to abstain, with those labels alone of which it is sure."""
        if not abstain:
            return replace(prediction, certainty=certainty)
        if certainty.set is None or certainty.unsure is None:
            labels = () if certainty.answered is False else prediction.labels
            return replace(prediction, labels=labels, certainty=certainty)
        doubted = frozenset(certainty.unsure)
        labels = tuple(label for label in certainty.set if label not in doubted)
        if certainty.novel or (certainty.answered is False and not doubted):
            labels = ()
        return replace(prediction, labels=labels, certainty=certainty)

    def add_nodes(self, graph: GraphBuilder, outputs: str, thresholds: Doubles, method: str) -> str:
        """Add ``set``, 1 for each label that is not excluded, and ``unsure``; float32 of shape (n, L)."""
        from featx.graphs.builder import DOUBLE, FLOAT

        n = thresholds.shape[1]
        bounds = graph.int_const(0), graph.int_const(n), graph.int_const(1)
        shares = graph.add("Slice", graph.to_float32(outputs), *bounds)
        doubts = graph.add("Sub", graph.constant(1.0), graph.cast(shares, DOUBLE))
        no = graph.add("LessOrEqual", shares, graph.constant(thresholds[0], np.float32))
        limits = graph.constant(thresholds[1], np.float32)
        yes = graph.add("LessOrEqual", graph.to_float32(doubts), limits)
        unsure = graph.add("Equal", graph.cast(no, FLOAT), graph.cast(yes, FLOAT))
        graph.named("set", "Cast", graph.add("Or", yes, unsure), to=FLOAT)
        graph.named("unsure", "Cast", unsure, to=FLOAT)
        open_ones = graph.reduce("ReduceSum", "unsure", 1, keep=False)
        return graph.add("Equal", open_ones, graph.float_const(0.0))

    def add_confidence(self, graph: GraphBuilder, outputs: str, n_classes: int) -> str:
        """Add the smallest probability of a label to be as is said of it."""
        from featx.graphs.builder import DOUBLE

        floats = graph.cast(graph.to_float32(outputs), DOUBLE)
        step, parts = graph.int_const(1), []
        for start in (0, n_classes):
            bounds = graph.int_const(start), graph.int_const(start + n_classes), step
            parts.append(graph.add("Slice", floats, *bounds))
        shares, given = parts
        without = graph.add("Sub", graph.constant(1.0), shares)
        is_given = graph.add("Greater", given, graph.constant(0.0))
        sure = graph.add("Where", is_given, shares, without)
        return graph.reduce("ReduceMin", sure, 1, keep=False)
