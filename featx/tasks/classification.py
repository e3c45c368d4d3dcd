"""Classification: one label a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from featx._typing import FloatArray, Labels
from featx.metrics.classification import ClassificationReport, evaluate_predictions
from featx.metrics.report import Report
from featx.sources.labels import check_labels

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
    """

    id: str
    label: str
    probability: float
    top: tuple[tuple[str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return label, probability and top as JSON values, rounded to six digits."""
        top = [{"label": label, "probability": round(share, 6)} for label, share in self.top]
        return {"label": self.label, "probability": round(self.probability, 6), "top": top}

    def to_csv_row(self) -> list[str | float]:
        """Return id, label, probability, and top as JSON."""
        import json

        values = self.to_dict()
        top = json.dumps(values["top"], ensure_ascii=False)
        return [self.id, self.label, values["probability"], top]


@dataclass(frozen=True, slots=True)
class Classification:
    """The task of predicting one label a sample; see ``featx.tasks.Task``."""

    name: str = "classification"
    predictor: str = "featx.predictor:Classifier"
    csv_header: tuple[str, ...] = ("id", "label", "probability", "top")

    def encode_targets(
        self, targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None
    ) -> Labels:
        """Return labels as an array of text; shape (n,)."""
        return check_labels(targets, ids)

    def summarize_targets(self, targets: Labels) -> dict[str, Any]:
        """Return the number of samples of each class."""
        names, counts = np.unique(targets, return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    def evaluate(
        self, targets: Sequence[Any], outputs: FloatArray, classes: Sequence[str], random_state: int
    ) -> ClassificationReport:
        """Return the report on probabilities of shape (n, n_classes)."""
        predicted = np.asarray(classes)[outputs.argmax(axis=1)]
        return evaluate_predictions(
            targets, predicted, outputs, classes=classes, random_state=random_state
        )

    def report_from_dict(self, table: Mapping[str, Any]) -> ClassificationReport:
        """Return the report whose ``to_dict`` gave ``table``."""
        return ClassificationReport.from_dict(table)

    def trivial_baseline(self, report: Report) -> tuple[str, dict[str, float]]:
        """Return the scores of always predicting the most frequent class."""
        report = cast(ClassificationReport, report)
        occurring = sum(score.support > 0 for score in report.classes)
        scores = {"accuracy": report.majority_baseline, "balanced_accuracy": 1 / occurring}
        return "always the most frequent class", scores

    def main_scores(self, report: Report) -> dict[str, float]:
        """Return accuracy, balanced accuracy and macro F1."""
        report = cast(ClassificationReport, report)
        return {
            "accuracy": report.accuracy,
            "balanced_accuracy": report.balanced_accuracy,
            "macro_f1": report.macro_f1,
        }

    def hints(self, report: Report, class_weight: str | None) -> list[str]:
        """Return advice where most samples are of one class."""
        report = cast(ClassificationReport, report)
        if report.majority_baseline < _IMBALANCED:
            return []
        advice = "." if class_weight else ", or --balance."
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
