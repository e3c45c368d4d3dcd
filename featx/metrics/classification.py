"""How good predicted labels and probabilities are, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._display import TextTable
from featx._extras import require
from featx._typing import Doubles, Labels
from featx.errors import BadLabels, BadOption
from featx.metrics.answers import AnswerReport
from featx.metrics.class_scores import (
    calibration_error,
    counted_intervals,
    known_log_loss,
    label_ranks,
    macro_scores,
    resampled_intervals,
    resampled_top_k,
)
from featx.metrics.confusion import confusion_table, worst_pairs
from featx.metrics.intervals import wilson
from featx.metrics.quotients import ratio
from featx.metrics.report import (
    MeasuredReport,
    answers_entry,
    check_fields,
    read_answers,
    reading_report,
)
from featx.metrics.resampling import Resampling, check_weights

__all__ = ["ClassScore", "ClassificationReport", "Mistake", "evaluate_predictions"]

Counts = npt.NDArray[np.int64]


# Classes up to which a report keeps the counts of all pairs of them: 10 000 have a hundred million.
_MOST_KEPT = 2000


@dataclass(frozen=True, slots=True)
class ClassScore:
    """The scores of one class.

    Attributes
    ----------
    label : str
    precision : float
        Share of those predicted to be of the class that are.
    recall : float
        Share of those of the class that were predicted to be.
    f1 : float
        Harmonic mean of precision and recall.
    support : int
        Samples of the class.
    predicted : int
        Samples predicted to be of the class.

    Examples
    --------
    >>> report = evaluate_predictions(list("aabb"), list("aaba"))
    >>> report.classes[1]
    ClassScore(label='b', precision=1.0, recall=0.5, f1=0.666..., support=2, predicted=1)
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """A sample whose predicted label is not its own.

    Attributes
    ----------
    id : str
    true : str
    predicted : str
    probability : float
        Of the predicted label.

    Examples
    --------
    >>> shares = np.array([[0.75, 0.25], [0.9, 0.1]])
    >>> report = evaluate_predictions(["a", "b"], ["a", "a"], shares, classes=["a", "b"], ids=["x", "y"])
    >>> report.mistakes
    (Mistake(id='y', true='b', predicted='a', probability=0.9),)
    """

    id: str
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, slots=True, repr=False)
class ClassificationReport(MeasuredReport):
    """The scores measured on ``n`` labelled samples.

    Attributes
    ----------
    n : int
        Samples, without those of weight 0.
    accuracy : float
    balanced_accuracy : float
        Mean recall of the classes that occur among the labels, as scikit-learn computes it.
    macro_f1 : float
        Mean F1 of the classes that occur among labels or predictions, as scikit-learn computes it: a class
        that was only predicted counts as zero.
    intervals : mapping of str to (float, float)
        The 95 % interval of each of the three.
    majority_baseline : float
        Accuracy of always predicting the most frequent label.
    classes : tuple of ClassScore
        Every class among labels, predictions and those that the predictor knows, sorted.
    confusion : tuple of tuples of int
        Counts of samples, whatever their weights; rows are true and columns predicted classes, in the
        order of ``classes``. Empty where it was not kept, as of more than 2 000 classes.
    unseen_labels : tuple of str
        Labels that the predictor does not know; each such sample counts as an error.
    log_loss : float or None
        Of samples whose label the predictor knows.
    expected_calibration_error : float or None
        Of the most probable class, in ten bins of equal width.
    rank_counts : tuple of int
        At index k − 1 the samples whose label is among the k most probable classes; empty where there
        were no probabilities. See ``top_k_accuracy``.
    top_k : tuple of (float, float, float)
        The same as shares, each with its 95 % interval, where groups or weights were given; else empty,
        and then not part of ``to_dict``.
    mistakes : tuple of Mistake
        Every sample that was predicted wrongly, the most confident prediction first; empty where ids or
        probabilities were not given, and not part of ``to_dict``.
    answers : AnswerReport or None
        What was measured of sets and answers; see ``Predictor.with_abstention``. Not part of ``to_dict`` where
        nothing was asked.

    Examples
    --------
    >>> report = evaluate_predictions(list("aabb"), list("aaba"))
    >>> report.accuracy, report.confusion
    (0.75, ((2, 0), (1, 1)))
    >>> ClassificationReport.from_dict(report.to_dict()) == report
    True
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    intervals: Mapping[str, tuple[float, float]]
    majority_baseline: float
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...] = ()
    unseen_labels: tuple[str, ...] = ()
    log_loss: float | None = None
    expected_calibration_error: float | None = None
    rank_counts: tuple[int, ...] = ()
    top_k: tuple[tuple[float, float, float], ...] = ()
    mistakes: tuple[Mistake, ...] = field(default=(), compare=False)
    answers: AnswerReport | None = None

    def top_k_accuracy(self, k: int) -> tuple[float, tuple[float, float]]:
        """Return the share of samples whose label is among the ``k`` most probable classes.

        Parameters
        ----------
        k : int
            From 1 to the number of classes that the predictor knows.

        Returns
        -------
        value, interval : float, (float, float)
            The share, and its 95 % interval: Wilson's, or that of groups or weights.

        Raises
        ------
        BadOption
            ``k`` is out of range, or the report was made without probabilities.

        Examples
        --------
        >>> shares = np.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])
        >>> report = evaluate_predictions(["b", "a"], ["a", "c"], shares, classes=["a", "b", "c"])
        >>> report.top_k_accuracy(2)[0]
        0.5
        """
        if not isinstance(k, (int, np.integer)) or not 1 <= k <= len(self.rank_counts):
            known = len(self.rank_counts)
            expected = (
                f"1 to {known}, the number of classes" if known else "a report on probabilities"
            )
            raise BadOption(f"top_k = {k!r}: expected {expected}")
        if self.top_k:
            share, low, high = self.top_k[k - 1]
            return share, (low, high)
        hits = self.rank_counts[k - 1]
        return hits / self.n, wilson(hits, self.n)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; ``from_dict`` reads them back."""
        own = [one.name for one in fields(self) if one.name != "mistakes"]
        table: dict[str, Any] = {name: getattr(self, name) for name in own}
        table["intervals"] = {key: list(pair) for key, pair in self.intervals.items()}
        table["classes"] = [asdict(score) for score in self.classes]
        table["confusion"] = [list(row) for row in self.confusion]
        table["unseen_labels"] = list(self.unseen_labels)
        table["rank_counts"] = list(self.rank_counts)
        table |= answers_entry(table.pop("answers"))
        if top_k := table.pop("top_k"):
            table["top_k"] = [list(row) for row in top_k]
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ClassificationReport:
        """Return the report that ``to_dict`` gave.

        Raises
        ------
        BadLabels
            The table is no such report.
        """
        with reading_report("classification"):
            values = dict(table)
            values["intervals"] = {k: (v[0], v[1]) for k, v in table["intervals"].items()}
            values["classes"] = tuple(ClassScore(**score) for score in table["classes"])
            values["confusion"] = tuple(map(tuple, table.get("confusion", ())))
            values["unseen_labels"] = tuple(table.get("unseen_labels", ()))
            values["rank_counts"] = tuple(table.get("rank_counts", ()))
            values["top_k"] = tuple(
                (float(share), float(low), float(high))
                for share, low, high in table.get("top_k", ())
            )
            values["answers"] = read_answers(table)
            report = cls(**values)
            for record in (report, *report.classes):
                check_fields(record)
            counts = [*report.rank_counts, *chain(*report.confusion)]
            if not all(isinstance(n, int) for n in counts) or report.n < 0:
                raise TypeError("expected counts")
            if not all(isinstance(label, str) for label in report.unseen_labels):
                raise TypeError("expected labels")
            return report

    def list_errors(self) -> tuple[dict[str, type], list[dict[str, Any]], str]:
        """Return the columns of a table of mistakes, its records, and how many there are in words.

        >>> evaluate_predictions(list("aabb"), list("aaba")).list_errors()[2]
        '0 of 4 were predicted wrongly'
        """
        columns = {"id": str, "true": str, "predicted": str, "probability": float}
        records = [
            asdict(one) | {"probability": round(one.probability, 6)} for one in self.mistakes
        ]
        return columns, records, f"{len(records)} of {self.n} were predicted wrongly"

    def to_frame(self) -> Any:
        """Return the scores of the classes as a pandas DataFrame, a row a class.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        columns = [field.name for field in fields(ClassScore)]
        rows = [asdict(score) for score in self.classes]
        return pandas.DataFrame(rows, columns=columns).set_index("label")

    def _own_lines(self) -> list[str]:
        lines = []
        for key in ("accuracy", "balanced_accuracy", "macro_f1"):
            low, high = self.intervals[key]
            name, value = key.replace("_", " ").replace("f1", "F1"), getattr(self, key)
            lines.append(f"{name:<18} {value:.3f}   95 % interval {low:.3f} to {high:.3f}")
        if self.expected_calibration_error is not None:
            loss = "" if self.log_loss is None else f"   log-loss {self.log_loss:.3f}"
            lines.append(f"{'calibration error':<18} {self.expected_calibration_error:.3f}{loss}")
        return lines

    def _class_table(self) -> TextTable:
        rows = [
            (
                score.label,
                f"{score.precision:.3f}",
                f"{score.recall:.3f}",
                f"{score.f1:.3f}",
                str(score.support),
            )
            for score in self.classes
        ]
        return TextTable(("class", "precision", "recall", "F1", "samples"), rows)

    def _tables(self) -> list[TextTable]:
        """Return the table of classes and, where there are mistakes, which classes are taken for which."""
        counts = np.array(self.confusion)
        if not counts.size or counts.sum() == np.trace(counts):
            return [self._class_table()]
        labels = [score.label for score in self.classes]
        compared = confusion_table(labels, counts) or worst_pairs(labels, counts)
        return [self._class_table(), compared]

    def _notes(self) -> list[str]:
        if not self.unseen_labels:
            return []
        names = ", ".join(self.unseen_labels)
        return ["", f"Counted as errors: labels that the classifier was never shown: {names}."]


def evaluate_predictions(
    y_true: Sequence[str] | Labels,
    y_pred: Sequence[str] | Labels,
    probabilities: npt.NDArray[np.floating[Any]] | None = None,
    *,
    classes: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    groups: Sequence[Any] | npt.NDArray[Any] | None = None,
    sample_weight: Sequence[float] | Doubles | None = None,
    random_state: int = 0,
) -> ClassificationReport:
    """Measure predicted labels and, where given, probabilities.

    Parameters
    ----------
    y_true, y_pred : sequences of str, of one length
    probabilities : ndarray of shape (n, n_classes), default=None
        Columns in the order of ``classes``; for the log-loss and the calibration error.
    classes : sequence of str, default=None
        What the predictor knows; None is every label among ``y_true`` and ``y_pred``.
    ids : sequence of str, default=None
        One a sample; for ``mistakes``, which need probabilities too.
    groups : sequence of length n, default=None
        The group of each sample; whole groups are then drawn for intervals.
    sample_weight : sequence of float of length n, default=None
        What each sample counts in every score; None counts each once. A sample of weight 0 is not
        measured.
    random_state : int, default=0
        Seed of the bootstrap.

    Raises
    ------
    BadLabels
        There is no sample, the lengths differ, or a weight is no finite number of at least 0.

    Notes
    -----
    Intervals: accuracy by Wilson, "Probable inference", 1927; the others by Efron's bootstrap
    percentiles (1979), which for sums over samples is drawing confusion matrices from a multinomial;
    where every prediction is right a bootstrap has no variance, and Wilson's interval stands in. With
    groups or weights all are bootstrapped, see ``featx.metrics.resampling``.
    Expected calibration error as in Guo et al., "On calibration of modern neural networks", 2017.

    Examples
    --------
    >>> report = evaluate_predictions(list("aabb"), list("aaba"))
    >>> report.accuracy, [round(bound, 3) for bound in report.intervals["accuracy"]]
    (0.75, [0.301, 0.954])
    """
    truth, predicted = np.asarray(y_true, dtype=str), np.asarray(y_pred, dtype=str)
    if not len(truth) or len(truth) != len(predicted):
        raise BadLabels(
            f"labels: expected one or more, and as many predictions; "
            f"found {len(truth)} and {len(predicted)}"
        )
    names = np.unique(np.concatenate([truth, predicted, np.asarray(classes or [], dtype=str)]))
    weights, resampling = check_weights(sample_weight, len(truth)), None
    if groups is not None and len(groups) != len(truth):
        raise BadLabels(f"groups=: expected {len(truth)}, one a sample; found {len(groups)}")
    if weights is not None and not weights.all():
        kept = np.flatnonzero(weights).tolist()
        return evaluate_predictions(
            truth[kept],
            predicted[kept],
            None if probabilities is None else np.asarray(probabilities)[kept],
            classes=names.tolist() if classes is None else classes,
            ids=None if ids is None else [ids[i] for i in kept],
            groups=None if groups is None else [groups[i] for i in kept],
            sample_weight=weights[kept],
            random_state=random_state,
        )
    if groups is not None or weights is not None:
        resampling = Resampling.of(len(truth), groups, weights)
    by_probability: dict[str, Any] = {}
    if probabilities is not None:
        columns = names if classes is None else np.asarray(classes, dtype=str)
        shares = np.asarray(probabilities, np.float64)
        by_probability = _probability_scores(shares, truth, columns, resampling, random_state)
        if ids is not None:
            by_probability["mistakes"] = _mistakes(ids, truth, predicted, shares, columns)
    unseen = sorted(set(truth.tolist()) - set(classes)) if classes else ()
    return ClassificationReport(
        n=len(truth),
        **_label_scores(truth, predicted, names, resampling, random_state),
        **by_probability,
        unseen_labels=tuple(unseen),
    )


def _label_scores(
    truth: Labels,
    predicted: Labels,
    names: Labels,
    resampling: Resampling | None,
    random_state: int,
) -> dict[str, Any]:
    """Return what a report says of labels: scores, their intervals, counts of classes."""
    from sklearn.metrics import confusion_matrix

    confusion: Counts = confusion_matrix(truth, predicted, labels=names).astype(np.int64)
    amounts: npt.NDArray[Any] = confusion
    if resampling is not None and resampling.weights is not None:
        amounts = confusion_matrix(truth, predicted, labels=names, sample_weight=resampling.weights)
    total = amounts.sum()
    balanced, macro = macro_scores(amounts.diagonal(), amounts.sum(axis=1), amounts.sum(axis=0))
    if resampling is None:
        intervals = counted_intervals(confusion, np.random.default_rng(random_state))
    else:
        codes = np.searchsorted(names, truth), np.searchsorted(names, predicted)
        intervals = resampled_intervals(*codes, resampling, random_state)
    counts = [amounts.diagonal()] + [of.sum(axis=k) for of in (amounts, confusion) for k in (1, 0)]
    scores = [_class_score(str(name), *of) for name, *of in zip(names, *counts, strict=True)]
    return {
        "accuracy": float(np.trace(amounts) / total),
        "balanced_accuracy": float(balanced),
        "macro_f1": float(macro),
        "intervals": intervals,
        "majority_baseline": float(amounts.sum(axis=1).max() / total),
        "classes": tuple(scores),
        "confusion": tuple(map(tuple, confusion.tolist())) if len(names) <= _MOST_KEPT else (),
    }


def _probability_scores(
    shares: Doubles,
    truth: Labels,
    classes: Labels,
    resampling: Resampling | None,
    random_state: int,
) -> dict[str, Any]:
    """Return what a report says of probabilities: log-loss, calibration error, ranks of the true classes."""
    weights = None if resampling is None else resampling.weights
    ranks = label_ranks(shares, truth, classes)
    counts = np.bincount(ranks, minlength=len(classes) + 1)[:-1].cumsum()
    return {
        "log_loss": known_log_loss(shares, truth, classes, weights),
        "expected_calibration_error": calibration_error(shares, truth, classes, weights),
        "rank_counts": tuple(map(int, counts)),
        "top_k": resampled_top_k(ranks, len(classes), resampling, random_state)
        if resampling is not None
        else (),
    }


def _mistakes(
    ids: Sequence[str], truth: Labels, predicted: Labels, probabilities: Doubles, classes: Labels
) -> tuple[Mistake, ...]:
    """Return the samples that were predicted wrongly, the most confident prediction first."""
    column = {label: i for i, label in enumerate(classes.tolist())}
    wrong = np.flatnonzero(truth != predicted).tolist()
    shares = {i: float(probabilities[i, column[str(predicted[i])]]) for i in wrong}
    wrong.sort(key=lambda i: -shares[i])
    return tuple(Mistake(ids[i], str(truth[i]), str(predicted[i]), shares[i]) for i in wrong)


def _class_score(label: str, correct: Any, true: Any, predicted: Any, *counts: int) -> ClassScore:
    """Return the scores of a class from what samples count, and how many are and were predicted of it."""
    return ClassScore(
        label,
        precision=float(ratio(correct, predicted)),
        recall=float(ratio(correct, true)),
        f1=float(ratio(2 * correct, true + predicted)),
        support=int(counts[0]),
        predicted=int(counts[1]),
    )
