"""Classification: one label a sample."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from featx._typing import FloatArray, Labels
from featx.errors import BadOption, FeatxWarning
from featx.heads.conformity import check_share
from featx.heads.names import HEAD_NAMES
from featx.sources.labels import (
    MISSING_REMEDY,
    check_labels,
    list_names,
    match_labels,
    refuse_several,
    unknown_labels,
)
from featx.tasks.class_sets import ClassSets
from featx.tasks.classification_problem import ClassificationProblem, report_labels
from featx.tasks.ranked import probability_cells, probability_column, ranked_labels
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.metrics.classification import ClassificationReport
    from featx.metrics.report import Report
    from featx.tasks.certainty import Certainty
    from featx.tasks.output_tensor import OutputTensor
    from featx.tuning import HeadConfig

__all__ = ["Classification", "LabelPrediction"]

# share of the largest class above which accuracy misleads
_IMBALANCED = 0.7


@dataclass(frozen=True, slots=True)
class LabelPrediction:
    """What a classifier says of one sample.

    Attributes
    ----------
    id : str
    label : str
        The most probable class.
    probability : float
        Its calibrated probability.
    top : tuple of (str, float)
        Classes with their probabilities, the most probable first.
    certainty : Certainty or None
        What was asked beside: the set that covers, whether the sample is new. The label is "unsure" where the
        predictor was to abstain and does.

    Examples
    --------
    >>> prediction = LabelPrediction("a.jpg", "cat", 0.75, (("cat", 0.75), ("dog", 0.25)))
    >>> prediction.to_dict()["top"][1]
    {'label': 'dog', 'probability': 0.25}
    """

    id: str
    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    certainty: Certainty | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The label, alone."""
        return (self.label,)

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return label, probability and top as JSON values; numbers rounded to ``digits``."""
        probability = self.probability if digits is None else round(self.probability, digits)
        top = ranked_labels(self.top, digits)
        table = {"label": self.label, "probability": probability, "top": top}
        return table | (self.certainty.to_dict(digits) if self.certainty else {})

    def to_cells(self) -> dict[str, str | float | bool]:
        """Return id, label, probability, and the probability of each class; numbers have six digits."""
        probability = round(self.probability, 6)
        own: dict[str, str | float | bool] = {"id": self.id, "label": self.label}
        known = self.certainty.to_cells() if self.certainty else {}
        return own | {"probability": probability} | probability_cells(self.top) | known


@dataclass(frozen=True, slots=True)
class Classification:
    """The task of predicting one label a sample; see ``featx.tasks.Task``."""

    name: str = "classification"
    predictor: str = "featx.predictor:Classifier"
    head_names: tuple[str, ...] = HEAD_NAMES
    least_outputs: int = 2
    output_noun: tuple[str, str] = ("class", "classes")
    missing_remedy: str = MISSING_REMEDY

    @property
    def answer_sets(self) -> ClassSets:
        """Return how sets of classes are made."""
        return ClassSets()

    def columns(self, classes: Sequence[str]) -> dict[str, type]:
        """Return id, label, probability, and a column for the probability of each class."""
        own = {"id": str, "label": str, "probability": float}
        return own | dict.fromkeys(map(probability_column, classes), float)

    def check_config(self, config: HeadConfig) -> None:
        """Refuse what is for numbers or for several labels."""
        if config.log_target:
            raise BadOption("log_target=True: only a regression has numbers; leave it out")
        if config.target_error is not None:
            check_share("target_error", config.target_error)
        if config.threshold is not None:
            raise BadOption(
                f"threshold={config.threshold:g}: only a multilabel task has thresholds; leave it out"
            )

    def drop_rare(
        self, targets: Sequence[str | None], least: int | None
    ) -> tuple[list[str | None], str]:
        """Leave out the samples of classes that have fewer than ``least``."""
        counts = Counter(target for target in targets if target is not None)
        rare = {name: n for name, n in counts.items() if n < (least or 0)}
        kept = [None if target in rare else target for target in targets]
        if not rare:
            return kept, ""
        return kept, (
            f"{sum(rare.values())} samples of {len(rare)} rare classes (fewer than {least} each) are left "
            f"out: {list_names(sorted(rare), 20)}"
        )

    def classes_of(self, targets: Sequence[str | None]) -> list[str | None]:
        """Return the labels."""
        return list(targets)

    def encode_targets(
        self, targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None
    ) -> Labels:
        """Return labels as an array of text; shape (n,)."""
        refuse_several(targets)
        return check_labels(targets, ids)

    def match_targets(
        self,
        targets: Sequence[Any],
        classes: Sequence[str],
        ids: Sequence[str],
        ignore_case: bool = False,
    ) -> list[str | None]:
        """Return labels as the classifier spells its classes; warn of those that it does not know."""
        matched = match_labels(targets, classes, ignore_case=ignore_case)
        if unknown := unknown_labels(matched, classes, ids):
            warnings.warn(unknown, FeatxWarning, stacklevel=3)
        return matched

    def tuning_problem(
        self, targets: Labels, config: HeadConfig, design: SampleDesign | None = None
    ) -> ClassificationProblem:
        """Return the encoded targets as what a head is tuned for."""
        if design is None:
            return ClassificationProblem(targets, config.class_weight)
        return ClassificationProblem(targets, config.class_weight, design=design)

    def summarize_targets(self, targets: Labels) -> dict[str, Any]:
        """Return the number of samples of each class."""
        names, counts = np.unique(targets, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def describe_summary(self, summary: Mapping[str, Any]) -> str:
        """Return the number of classes in words."""
        return f"of {len(summary)} classes"

    def is_known(self, targets: Sequence[str], classes: Sequence[str]) -> bool:
        """Return whether every target is a class."""
        return set(targets) <= set(classes)

    def evaluate(
        self,
        targets: Sequence[Any] | Labels,
        outputs: FloatArray,
        classes: Sequence[str],
        random_state: int,
        *,
        ids: Sequence[str] | None = None,
        design: SampleDesign | None = None,
    ) -> ClassificationReport:
        """Return the report on probabilities of shape (n, n_classes)."""
        return report_labels(
            targets, outputs, classes, random_state, ids=ids, design=design or SampleDesign()
        )

    def report_from_dict(self, table: Mapping[str, Any]) -> ClassificationReport:
        """Return the report whose ``to_dict`` gave ``table``."""
        from featx.metrics.classification import ClassificationReport

        return ClassificationReport.from_dict(table)

    def trivial_baseline(self, report: Report) -> tuple[str, dict[str, float]]:
        """Return the scores of always predicting the most frequent class."""
        report = cast("ClassificationReport", report)
        occurring = sum(score.support > 0 for score in report.classes)
        scores = {"accuracy": report.majority_baseline, "balanced_accuracy": 1 / occurring}
        return "always the most frequent class", scores

    def main_scores(self, report: Report) -> dict[str, float]:
        """Return accuracy, balanced accuracy and macro F1."""
        report = cast("ClassificationReport", report)
        return {
            "accuracy": report.accuracy,
            "balanced_accuracy": report.balanced_accuracy,
            "macro_f1": report.macro_f1,
        }

    def hints(self, report: Report, class_weight: str | None) -> list[str]:
        """Return advice where most samples are of one class."""
        report = cast("ClassificationReport", report)
        if report.majority_baseline < _IMBALANCED:
            return []
        advice = "." if class_weight else ", or class_weight='balanced'."
        return [
            f"{report.majority_baseline:.0%} of the samples are of one class, so accuracy says "
            f"little: look at balanced accuracy and F1{advice}"
        ]

    def predictions(
        self, ids: Sequence[str], outputs: FloatArray, classes: Sequence[str], top_k: int
    ) -> Iterator[LabelPrediction]:
        """Give the most probable classes of each row of probabilities."""
        orders = np.argsort(-outputs, axis=1, kind="stable")[:, :top_k]
        for id, probabilities, order in zip(ids, outputs, orders, strict=True):
            top = tuple((classes[i], float(probabilities[i])) for i in order)
            yield LabelPrediction(id, *top[0], top)

    def add_graph_outputs(
        self, graph: GraphBuilder, outputs: str, classes: Sequence[str]
    ) -> tuple[OutputTensor, ...]:
        """Name the probabilities, and add the label of the greatest."""
        from featx.graphs.builder import FLOAT
        from featx.tasks.output_tensor import OutputTensor

        graph.named("probabilities", "Cast", outputs, to=FLOAT)
        greatest = graph.add("ArgMax", "probabilities", axis=1, keepdims=0)
        graph.named("label", "Gather", graph.constant(classes, np.object_), greatest)
        return (
            OutputTensor("label", "BYTES"),
            OutputTensor("probabilities", "FP32", len(classes)),
        )

    def compare_answers(
        self,
        given: Mapping[str, Any],
        expected: FloatArray,
        classes: Sequence[str],
        scale: FloatArray,
    ) -> tuple[float, bool]:
        """Return the largest difference of a probability, and whether the label is another."""
        apart = float(np.abs(given["probabilities"] - expected).max())
        return apart, str(given["label"]) != classes[int(expected.argmax())]

    def output_tensors(self, classes: Sequence[str]) -> tuple[OutputTensor, ...]:
        """Return label, probability, and the probabilities of all classes."""
        from featx.tasks.output_tensor import OutputTensor

        return (
            OutputTensor("label", "BYTES"),
            OutputTensor("probability", "FP32"),
            OutputTensor("probabilities", "FP32", len(classes)),
        )

    def tensor_values(
        self, predictions: Sequence[LabelPrediction], classes: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return the values of the tensors, flattened sample by sample."""
        tables = [dict(prediction.top) for prediction in predictions]
        return {
            "label": [prediction.label for prediction in predictions],
            "probability": [prediction.probability for prediction in predictions],
            "probabilities": [table[label] for table in tables for label in classes],
        }
