"""Several labels a sample, or one, or none."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from featx._typing import FloatArray, Labels, Mask
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.heads.conformity import check_share
from featx.heads.names import LABEL_HEAD_NAMES
from featx.sources.label_sets import (
    NO_LABELS_REMEDY,
    count_labels,
    indicator_matrix,
    read_label_sets,
    unknown_among,
)
from featx.sources.labels import list_names, match_labels
from featx.tasks.certainty import Certainty, join_labels
from featx.tasks.label_decisions import LabelDecisions
from featx.tasks.multilabel_problem import MultilabelProblem, report_label_sets
from featx.tasks.ranked import probability_cells, probability_column, ranked_labels
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.metrics.multilabel import MultilabelReport
    from featx.metrics.report import Report
    from featx.tasks.output_tensor import OutputTensor
    from featx.tuning import HeadConfig

__all__ = ["LabelSets", "LabelSetsPrediction", "Multilabel"]

# Samples with a label, and without, that it needs.
_LEAST = 2


@dataclass(frozen=True, slots=True)
class LabelSetsPrediction:
    """What a predictor of several labels says of one sample.

    Attributes
    ----------
    id : str
    labels : tuple of str
        The labels that are given, the most probable first.
    top : tuple of (str, float)
        Labels with their probabilities, the most probable first.
    certainty : Certainty or None
        What was asked beside: labels that are not excluded, those that are open, whether the sample is new.

    Examples
    --------
    >>> prediction = LabelSetsPrediction("a", ("red",), (("red", 0.75), ("round", 0.25)))
    >>> prediction.to_dict()["labels"], prediction.to_cells()
    (['red'], {'id': 'a', 'labels': 'red', 'probability_red': 0.75, 'probability_round': 0.25})
    """

    id: str
    labels: tuple[str, ...]
    top: tuple[tuple[str, float], ...]
    certainty: Certainty | None = None

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return labels and top as JSON values; numbers rounded to ``digits``."""
        table = {"labels": list(self.labels), "top": ranked_labels(self.top, digits)}
        return table | (self.certainty.to_dict(digits) if self.certainty else {})

    def to_cells(self) -> dict[str, str | float | bool]:
        """Return id, labels with ";" between them, and the probability of each; six digits."""
        own: dict[str, str | float | bool] = {"id": self.id, "labels": join_labels(self.labels)}
        return (
            own
            | probability_cells(self.top)
            | (self.certainty.to_cells() if self.certainty else {})
        )


@dataclass(frozen=True, slots=True, eq=False)
class LabelSets:
    """The labels of samples.

    Attributes
    ----------
    names : tuple of L str
        Sorted.
    members : ndarray of shape (n, L), bool
    """

    names: tuple[str, ...]
    members: Mask

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True, slots=True)
class Multilabel:
    """The task of predicting any number of labels a sample; see ``featx.tasks.Task``."""

    name: str = "multilabel"
    predictor: str = "featx.predictor:MultilabelClassifier"
    head_names: tuple[str, ...] = LABEL_HEAD_NAMES
    least_outputs: int = 2
    output_noun: tuple[str, str] = ("label", "labels")
    missing_remedy: str = NO_LABELS_REMEDY

    @property
    def answer_sets(self) -> LabelDecisions:
        """Return how sets of each label are made."""
        return LabelDecisions()

    def columns(self, classes: Sequence[str]) -> dict[str, type]:
        """Return id, labels, and a column for the probability of each label."""
        return {"id": str, "labels": str} | dict.fromkeys(map(probability_column, classes), float)

    def check_config(self, config: HeadConfig) -> None:
        """Refuse what is for numbers, and a threshold that is no probability."""
        if config.log_target:
            raise BadOption("log_target=True: only a regression has numbers; leave it out")
        if config.target_error is not None:
            check_share("target_error", config.target_error)
        if config.threshold is not None and not 0 < config.threshold < 1:
            raise BadOption(f"threshold={config.threshold:g}: expected a number between 0 and 1")

    def drop_rare(
        self, targets: Sequence[str | None], least: int | None
    ) -> tuple[list[str | None], str]:
        """Leave out labels that fewer than ``least`` samples have, or all but so many; no sample is."""
        needed = max(_LEAST, least or 0)
        there = [target for target in targets if target is not None]
        sets = read_label_sets(there) if there else []
        counts = count_labels(sets)
        rare = {name for name, n in counts.items() if n < needed or len(sets) - n < _LEAST}
        if not rare:
            return list(targets), ""
        left = iter([json.dumps(sorted(names - rare), ensure_ascii=False) for names in sets])
        kept = [None if target is None else next(left) for target in targets]
        return kept, (
            f"{len(rare)} of {len(counts)} labels are left out, which fewer than {needed} samples have or "
            f"nearly all: {list_names(sorted(rare), 20)}"
        )

    def classes_of(self, targets: Sequence[str | None]) -> list[str | None]:
        """Return None for each: there are no classes."""
        return [None] * len(targets)

    def encode_targets(
        self, targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None
    ) -> LabelSets:
        """Return which labels each sample has; raise BadLabels where there is none to be learned."""
        sets = read_label_sets(targets, ids)
        counts = count_labels(sets)
        names = tuple(sorted(counts))
        if len(names) < self.least_outputs:
            found = f"only {names[0]!r}" if names else "none"
            raise BadLabels(
                f"labels: expected at least {self.least_outputs} labels among {len(sets)} samples, found "
                f"{found}; whether a sample has one label is a classification"
            )
        short = [n for n in names if counts[n] < _LEAST or len(sets) - counts[n] < _LEAST]
        if short:
            raise BadLabels(
                f"labels: expected at least {_LEAST} samples with a label and {_LEAST} without it; not so of "
                f"{list_names(short)}: add samples, or leave the label out"
            )
        return LabelSets(names, indicator_matrix(sets, names))

    def match_targets(
        self,
        targets: Sequence[Any],
        classes: Sequence[str],
        ids: Sequence[str],
        ignore_case: bool = False,
    ) -> list[str]:
        """Return the labels that the predictor knows, as it spells them; warn of the others."""
        sets = [
            frozenset(
                name
                for name in match_labels(sorted(names), classes, ignore_case=ignore_case)
                if name
            )
            for names in read_label_sets(targets, ids)
        ]
        if unknown := unknown_among(sets, classes):
            warnings.warn(unknown, FeatxWarning, stacklevel=3)
        known = frozenset(classes)
        return [json.dumps(sorted(names & known), ensure_ascii=False) for names in sets]

    def tuning_problem(
        self, targets: LabelSets, config: HeadConfig, design: SampleDesign | None = None
    ) -> MultilabelProblem:
        """Return the labels as what a head is tuned for."""
        return MultilabelProblem(
            targets.names,
            targets.members,
            config.class_weight,
            config.threshold,
            design or SampleDesign(),
        )

    def summarize_targets(self, targets: LabelSets) -> dict[str, Any]:
        """Return the number of samples of each label."""
        return dict(zip(targets.names, targets.members.sum(axis=0).tolist(), strict=True))

    def describe_summary(self, summary: Mapping[str, Any]) -> str:
        """Return the number of labels in words."""
        return f"with {len(summary)} labels"

    def is_known(self, targets: Sequence[str], classes: Sequence[str]) -> bool:
        """Return whether every label of every target is one of the predictor's."""
        try:
            sets = read_label_sets(targets)
        except BadLabels:
            return False
        return frozenset().union(*sets) <= frozenset(classes)

    def evaluate(
        self,
        targets: Sequence[Any] | Labels,
        outputs: FloatArray,
        classes: Sequence[str],
        random_state: int,
        *,
        ids: Sequence[str] | None = None,
        design: SampleDesign | None = None,
    ) -> MultilabelReport:
        """Return the report on probabilities and given labels of shape (n, 2 L)."""
        members = indicator_matrix(read_label_sets(targets, ids), classes)
        return report_label_sets(members, outputs, classes, random_state, design or SampleDesign())

    def report_from_dict(self, table: Mapping[str, Any]) -> MultilabelReport:
        """Return the report whose ``to_dict`` gave ``table``."""
        from featx.metrics.multilabel import MultilabelReport

        return MultilabelReport.from_dict(table)

    def trivial_baseline(self, report: Report) -> tuple[str, dict[str, float]]:
        """Return the best scores of one answer for all samples."""
        report = cast("MultilabelReport", report)
        names = ("micro_f1", "macro_f1", "mean_average_precision")
        known = report.prevalence_baseline
        scores = {name: known[name] for name in names if name in known}
        return "one answer for all samples", scores

    def main_scores(self, report: Report) -> dict[str, float]:
        """Return micro F1, macro F1 and mean average precision."""
        report = cast("MultilabelReport", report)
        scores = {"micro_f1": report.micro_f1, "macro_f1": report.macro_f1}
        if report.mean_average_precision is not None:
            scores["mean_average_precision"] = report.mean_average_precision
        return scores

    def hints(self, report: Report, class_weight: str | None) -> list[str]:
        """Return none: the report says what there is to say."""
        return []

    def predictions(
        self, ids: Sequence[str], outputs: FloatArray, classes: Sequence[str], top_k: int
    ) -> Iterator[LabelSetsPrediction]:
        """Give the labels of each row, and the most probable ones."""
        shares, given = np.split(outputs, 2, axis=1)
        orders = np.argsort(-shares, axis=1, kind="stable")
        for id, probabilities, chosen, order in zip(ids, shares, given, orders, strict=True):
            labels = tuple(classes[i] for i in order if chosen[i])
            top = tuple((classes[i], float(probabilities[i])) for i in order[:top_k])
            yield LabelSetsPrediction(id, labels, top)

    def add_graph_outputs(
        self, graph: GraphBuilder, outputs: str, classes: Sequence[str]
    ) -> tuple[OutputTensor, ...]:
        """Add the nodes that give probabilities, and 1 for each label that is given; float32, (n, L)."""
        n = len(classes)
        floats = graph.to_float32(outputs)
        for index, name in enumerate(("probabilities", "labels")):
            start, stop = graph.int_const(index * n), graph.int_const((index + 1) * n)
            graph.named(name, "Slice", floats, start, stop, graph.int_const(1))
        return self.output_tensors(classes)

    def compare_answers(
        self,
        given: Mapping[str, Any],
        expected: FloatArray,
        classes: Sequence[str],
        scale: FloatArray,
    ) -> tuple[float, bool]:
        """Return the largest difference of a probability, and whether other labels are given."""
        probabilities, labels = np.split(expected, 2)
        apart = float(np.abs(given["probabilities"] - probabilities).max())
        return apart, not np.array_equal(given["labels"], labels)

    def output_tensors(self, classes: Sequence[str]) -> tuple[OutputTensor, ...]:
        """Return the probabilities of all labels, and 1 for each that is given."""
        from featx.tasks.output_tensor import OutputTensor

        return tuple(
            OutputTensor(name, "FP32", len(classes)) for name in ("probabilities", "labels")
        )

    def tensor_values(
        self, predictions: Sequence[LabelSetsPrediction], classes: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return the values of the tensors, flattened sample by sample."""
        tables = [dict(prediction.top) for prediction in predictions]
        return {
            "probabilities": [table[label] for table in tables for label in classes],
            "labels": [
                float(label in set(prediction.labels))
                for prediction in predictions
                for label in classes
            ],
        }
