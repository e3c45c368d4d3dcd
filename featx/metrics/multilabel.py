"""How good predicted sets of labels and their probabilities are, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._display import TextTable
from featx._extras import require
from featx._typing import Doubles, Mask
from featx.errors import BadLabels, BadOption
from featx.metrics.answers import AnswerReport
from featx.metrics.intervals import wilson
from featx.metrics.report import (
    MeasuredReport,
    answers_entry,
    check_fields,
    read_answers,
    reading_report,
)
from featx.metrics.resampling import Resampling, bootstrap, check_weights
from featx.metrics.set_scores import SET_SCORES, SetMeasure, best_constants

__all__ = ["LabelScore", "MultilabelReport", "evaluate_label_sets"]

_TITLES = {
    "micro_f1": "micro F1",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "mean_average_precision": "mean avg. precision",
    "subset_accuracy": "subset accuracy",
    "hamming_loss": "Hamming loss",
}


@dataclass(frozen=True, slots=True)
class LabelScore:
    """The scores of one label.

    Attributes
    ----------
    label : str
    precision, recall, f1 : float
        Those of scikit-learn, 0 where they are not defined.
    average_precision : float or None
        That of scikit-learn; None where no sample has the label, or without probabilities.
    support : int
        Samples that have the label.
    predicted : int
        Samples that were predicted to have it.

    Examples
    --------
    >>> truth, guesses = np.array([[1, 0], [1, 1]]), np.array([[1, 1], [0, 1]])
    >>> evaluate_label_sets(truth, guesses, labels=["joy", "fear"]).labels[0]
    LabelScore(label='joy', precision=1.0, recall=0.5, f1=0.666..., average_precision=None, support=2,
    predicted=1)
    """

    label: str
    precision: float
    recall: float
    f1: float
    average_precision: float | None
    support: int
    predicted: int


@dataclass(frozen=True, slots=True, repr=False)
class MultilabelReport(MeasuredReport):
    """The scores measured on ``n`` samples whose sets of labels are known.

    Attributes
    ----------
    n : int
        Samples, without those of weight 0.
    micro_f1 : float
        F1 of all pairs of a sample and a label.
    macro_f1 : float
        Mean F1 of the labels that occur among targets or predictions, as in a ``ClassificationReport``.
    weighted_f1 : float
        Mean F1 of labels, each counted as often as samples have it.
    mean_average_precision : float or None
        Mean of the labels' average precision, of those that a sample has; None without probabilities.
    subset_accuracy : float
        Share of samples of which all labels are right.
    hamming_loss : float
        Share of pairs of a sample and a label that are wrong.
    intervals : mapping of str to (float, float)
        The 95 % interval of each of them that is not None.
    prevalence_baseline : mapping of str to float
        The best of each score that one answer for all samples could have, which knows how frequent labels
        are and nothing of samples.
    labels : tuple of LabelScore
        One a label, in the order of the predictor.
    answers : AnswerReport or None
        What was measured of sets and answers; see ``Predictor.with_abstention``. Not part of ``to_dict`` where
        nothing was asked.

    Examples
    --------
    >>> truth, guesses = np.array([[1, 0], [1, 1]]), np.array([[1, 1], [1, 1]])
    >>> report = evaluate_label_sets(truth, guesses, labels=["joy", "fear"])
    >>> report.subset_accuracy, report.hamming_loss, round(report.micro_f1, 3)
    (0.5, 0.25, 0.857)
    >>> MultilabelReport.from_dict(report.to_dict()) == report
    True
    """

    n: int
    micro_f1: float
    macro_f1: float
    weighted_f1: float
    mean_average_precision: float | None
    subset_accuracy: float
    hamming_loss: float
    intervals: Mapping[str, tuple[float, float]]
    prevalence_baseline: Mapping[str, float]
    labels: tuple[LabelScore, ...]
    answers: AnswerReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; ``from_dict`` reads them back."""
        table: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        table["intervals"] = {key: list(pair) for key, pair in self.intervals.items()}
        table["prevalence_baseline"] = dict(self.prevalence_baseline)
        table |= answers_entry(table.pop("answers"))
        table["labels"] = [asdict(score) for score in self.labels]
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> MultilabelReport:
        """Return the report that ``to_dict`` gave.

        Raises
        ------
        BadLabels
            The table is no such report.
        """
        with reading_report("multilabel"):
            values = dict(table)
            values["intervals"] = {
                key: (float(low), float(high)) for key, (low, high) in table["intervals"].items()
            }
            baseline = table["prevalence_baseline"].items()
            values["prevalence_baseline"] = {key: float(value) for key, value in baseline}
            values["labels"] = tuple(LabelScore(**score) for score in table["labels"])
            values["answers"] = read_answers(table)
            report = cls(**values)
            for record in (report, *report.labels):
                check_fields(record)
            if report.n < 0 or not report.labels:
                raise TypeError("expected a count, and one label or more")
            return report

    def list_errors(self) -> tuple[dict[str, type], list[dict[str, Any]], str]:
        """Raise BadOption: with several labels a prediction is seldom wrong as a whole.

        >>> report = evaluate_label_sets([[1, 0], [0, 1]], [[1, 1], [0, 1]], labels=["a", "b"])
        >>> report.list_errors()
        Traceback (most recent call last):
        featx.errors.BadOption: errors: several labels a sample are not listed one by one; ...
        """
        raise BadOption(
            "errors: several labels a sample are not listed one by one; use predict and compare"
        )

    def to_frame(self) -> Any:
        """Return the scores of the labels as a pandas DataFrame, a row a label.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        columns = [one.name for one in fields(LabelScore)]
        rows = [asdict(score) for score in self.labels]
        return pandas.DataFrame(rows, columns=columns).set_index("label")

    def _own_lines(self) -> list[str]:
        lines = []
        for key, (low, high) in self.intervals.items():
            title, value = _TITLES[key], getattr(self, key)
            alone = self.prevalence_baseline[key]
            lines.append(
                f"{title:<19} {value:.3f}   95 % interval {low:.3f} to {high:.3f}   "
                f"one answer for all: {alone:.3f}"
            )
        return lines

    def _tables(self) -> list[TextTable]:
        rows = [
            (
                score.label,
                f"{score.precision:.3f}",
                f"{score.recall:.3f}",
                f"{score.f1:.3f}",
                "" if score.average_precision is None else f"{score.average_precision:.3f}",
                str(score.support),
                str(score.predicted),
            )
            for score in self.labels
        ]
        header = ("label", "precision", "recall", "F1", "avg. precision", "samples", "predicted")
        return [TextTable(header, rows)]


def evaluate_label_sets(
    targets: npt.ArrayLike,
    predicted: npt.ArrayLike,
    probabilities: npt.ArrayLike | None = None,
    *,
    labels: Sequence[str],
    groups: Sequence[Any] | npt.NDArray[Any] | None = None,
    sample_weight: Sequence[float] | Doubles | None = None,
    random_state: int = 0,
) -> MultilabelReport:
    """Measure predicted sets of labels and, where given, the probabilities of labels.

    Parameters
    ----------
    targets, predicted : array-like of shape (n, n_labels), bool or 0 and 1
        Which sample has which label.
    probabilities : array-like of shape (n, n_labels), default=None
        For the average precision, to which their order alone matters.
    labels : sequence of str
        What the columns stand for.
    groups : sequence of length n, default=None
        The group of each sample; whole groups are then drawn for intervals.
    sample_weight : sequence of float of length n, default=None
        What each sample counts; None counts each once. A sample of weight 0 is not measured.
    random_state : int, default=0
        Seed of the bootstrap.

    Raises
    ------
    BadLabels
        There is no sample, shapes differ, or a value is neither 0 nor 1.

    Notes
    -----
    Intervals: Efron's bootstrap (1979), see ``featx.metrics.resampling``. Where all or no sets of labels
    are right a bootstrap has no variance, and Wilson's interval of the subset accuracy stands in.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 1], [0, 0]])
    >>> report = evaluate_label_sets(truth, truth, truth / 2, labels=["joy", "fear"])
    >>> report.macro_f1, report.mean_average_precision
    (1.0, 1.0)
    >>> [round(bound, 3) for bound in report.intervals["subset_accuracy"]]
    [0.439, 1.0]
    """
    shape = (len(np.asarray(targets)), len(labels))
    if not all(shape):
        raise BadLabels(f"targets: expected samples and labels; found {shape[0]} and {shape[1]}")
    truth, guesses = _sets("targets", targets, shape), _sets("predicted", predicted, shape)
    shares = None if probabilities is None else _shares(probabilities, shape)
    weights = check_weights(sample_weight, len(truth))
    if groups is not None and len(groups) != len(truth):
        raise BadLabels(f"groups=: expected {len(truth)}, one a sample; found {len(groups)}")
    if weights is not None:
        kept = np.flatnonzero(weights)
        truth, guesses, weights = truth[kept], guesses[kept], weights[kept]
        shares = None if shares is None else shares[kept]
        groups = None if groups is None else np.asarray(groups, dtype=str)[kept]
    resampling = Resampling.of(len(truth), groups, weights)
    return _report(SetMeasure(truth, guesses, shares), list(labels), resampling, random_state)


def _sets(name: str, values: npt.ArrayLike, shape: tuple[int, int]) -> Mask:
    array = np.asarray(values)
    if array.shape != shape:
        raise BadLabels(f"{name}: expected shape {shape}; found {array.shape}")
    if array.dtype != bool and not np.isin(array, [0, 1]).all():
        raise BadLabels(f"{name}: expected 0 and 1, or booleans; found another value")
    return np.asarray(array, bool)


def _shares(values: npt.ArrayLike, shape: tuple[int, int]) -> Doubles:
    array = np.asarray(values, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise BadLabels(
            f"probabilities: expected finite numbers of shape {shape}; found shape {array.shape}"
            + ("" if array.shape != shape else " and a value that is not finite")
        )
    return array


def _report(
    measure: SetMeasure, labels: list[str], resampling: Resampling, random_state: int
) -> MultilabelReport:
    whole = resampling.whole()
    effort = 1 if measure.probabilities is None else len(labels)
    if resampling.n_units > 1:
        scores, bounds = bootstrap(measure, resampling, random_state, effort=effort)
    else:
        [scores] = measure(whole)
        bounds = np.tile([0.0, 1.0], (len(scores), 1))
    values: dict[str, Any] = {
        key: None if np.isnan(score) else float(score)
        for key, score in zip(SET_SCORES, scores, strict=True)
    }
    intervals = {
        key: (float(low), float(high))
        for key, (low, high) in zip(SET_SCORES, bounds, strict=True)
        if values[key] is not None
    }
    return MultilabelReport(
        n=resampling.n,
        **values,
        intervals=_widened(values, intervals, resampling.n_units),
        prevalence_baseline=best_constants(measure.targets, whole[0]),
        labels=_label_scores(measure, labels, whole),
    )


def _widened(
    values: dict[str, Any], intervals: dict[str, tuple[float, float]], n_units: int
) -> dict[str, tuple[float, float]]:
    """Return intervals, with Wilson's of the subset accuracy where all or none of the sets are right."""
    if values["subset_accuracy"] not in (0.0, 1.0):
        return intervals
    low, high = wilson(int(values["subset_accuracy"]) * n_units, n_units)
    if not values["subset_accuracy"]:
        return intervals | {"subset_accuracy": (low, high)}
    perfect = {key: (low, high) for key in intervals if values[key] == 1.0}
    return intervals | perfect | {"hamming_loss": (0.0, 1.0 - low)}


def _label_scores(
    measure: SetMeasure, labels: list[str], weights: Doubles
) -> tuple[LabelScore, ...]:
    precision, recall, f1 = (values[0] for values in measure.by_label(weights))
    average = measure.average_precisions(weights)[0]
    support, predicted = measure.targets.sum(axis=0), measure.predicted.sum(axis=0)
    return tuple(
        LabelScore(
            label,
            precision=float(precision[i]),
            recall=float(recall[i]),
            f1=float(f1[i]),
            average_precision=None if np.isnan(average[i]) else float(average[i]),
            support=int(support[i]),
            predicted=int(predicted[i]),
        )
        for i, label in enumerate(labels)
    )
