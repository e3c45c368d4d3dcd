"""How good predicted labels and probabilities are, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._display import TextTable, html_page
from featx._extras import require
from featx._typing import Doubles, Labels
from featx.errors import BadLabels, BadOption
from featx.metrics.confusion import confusion_table, worst_pairs
from featx.metrics.intervals import wilson
from featx.metrics.report import check_fields

__all__ = ["ClassScore", "ClassificationReport", "Mistake", "evaluate_predictions"]

_DRAWS = 2000
_BINS = 10

Counts = npt.NDArray[np.int64]


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
class ClassificationReport:
    """The scores measured on ``n`` labelled samples.

    Attributes
    ----------
    n : int
        Samples.
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
        Counts; rows are true and columns predicted classes, in the order of ``classes``. Empty where it
        was not kept.
    unseen_labels : tuple of str
        Labels that the predictor does not know; each such sample counts as an error.
    log_loss : float or None
        Of samples whose label the predictor knows.
    expected_calibration_error : float or None
        Of the most probable class, in ten bins of equal width.
    rank_counts : tuple of int
        At index k − 1 the samples whose label is among the k most probable classes; empty where there
        were no probabilities. See ``top_k_accuracy``.
    mistakes : tuple of Mistake
        Every sample that was predicted wrongly, the most confident prediction first; empty where ids or
        probabilities were not given, and not part of ``to_dict``.

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
    mistakes: tuple[Mistake, ...] = field(default=(), compare=False)

    def top_k_accuracy(self, k: int) -> tuple[float, tuple[float, float]]:
        """Return the share of samples whose label is among the ``k`` most probable classes.

        Parameters
        ----------
        k : int
            From 1 to the number of classes that the predictor knows.

        Returns
        -------
        value, interval : float, (float, float)
            The share, and its 95 % interval by Wilson.

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
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> ClassificationReport:
        """Return the report that ``to_dict`` gave.

        Raises
        ------
        BadLabels
            The table is no such report.
        """
        try:
            values = dict(table)
            values["intervals"] = {k: (v[0], v[1]) for k, v in table["intervals"].items()}
            values["classes"] = tuple(ClassScore(**score) for score in table["classes"])
            values["confusion"] = tuple(map(tuple, table.get("confusion", ())))
            values["unseen_labels"] = tuple(table.get("unseen_labels", ()))
            values["rank_counts"] = tuple(table.get("rank_counts", ()))
            report = cls(**values)
            for record in (report, *report.classes):
                check_fields(record)
            counts = [*report.rank_counts, *chain(*report.confusion)]
            if not all(isinstance(n, int) for n in counts) or report.n < 0:
                raise TypeError("expected counts")
            if not all(isinstance(label, str) for label in report.unseen_labels):
                raise TypeError("expected labels")
            return report
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise BadLabels(f"not the JSON of a classification report: {error}") from error

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

    def format_table(self) -> str:
        """Return the report as lines of text."""
        tables = "\n\n".join(table.to_text() for table in self._tables())
        return "\n".join([*self._score_lines(), "", tables, *self._notes()])

    def __repr__(self) -> str:
        return self.format_table()

    def sections(self) -> list[str | TextTable]:
        """Return the report as paragraphs and tables, for a notebook or a page."""
        return [*self._score_lines(), *self._tables(), *self._notes()]

    def _repr_html_(self) -> str:
        return html_page(self.sections())

    def _score_lines(self) -> list[str]:
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
    random_state : int, default=0
        Seed of the bootstrap.

    Raises
    ------
    BadLabels
        There is no sample, or the lengths differ.

    Notes
    -----
    Intervals: accuracy by Wilson, "Probable inference", 1927; the others by Efron's bootstrap
    percentiles (1979), which for sums over samples is drawing confusion matrices from a multinomial;
    where every prediction is right a bootstrap has no variance, and Wilson's interval stands in.
    Expected calibration error as in Guo et al., "On calibration of modern neural networks", 2017.

    Examples
    --------
    >>> report = evaluate_predictions(list("aabb"), list("aaba"))
    >>> report.accuracy, [round(bound, 3) for bound in report.intervals["accuracy"]]
    (0.75, [0.301, 0.954])
    """
    from sklearn.metrics import confusion_matrix

    truth, predicted = np.asarray(y_true, dtype=str), np.asarray(y_pred, dtype=str)
    if not len(truth) or len(truth) != len(predicted):
        raise BadLabels(
            f"labels: expected one or more, and as many predictions; "
            f"found {len(truth)} and {len(predicted)}"
        )
    names = np.unique(np.concatenate([truth, predicted, np.asarray(classes or [], dtype=str)]))
    confusion: Counts = confusion_matrix(truth, predicted, labels=names).astype(np.int64)
    n, correct = len(truth), int(np.trace(confusion))
    balanced, macro = _macro_scores(
        confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    )
    log_loss: float | None = None
    error: float | None = None
    ranks: tuple[int, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    if probabilities is not None:
        columns = names if classes is None else np.asarray(classes, dtype=str)
        shares = np.asarray(probabilities, np.float64)
        log_loss, error = _log_loss(shares, truth, columns), _ece(shares, truth, columns)
        ranks = _rank_counts(shares, truth, columns)
        mistakes = _mistakes(ids, truth, predicted, shares, columns) if ids is not None else ()
    return ClassificationReport(
        n=n,
        accuracy=correct / n,
        balanced_accuracy=float(balanced),
        macro_f1=float(macro),
        intervals=_intervals(confusion, np.random.default_rng(random_state)),
        majority_baseline=float(confusion.sum(axis=1).max() / n),
        classes=tuple(_class_score(str(names[i]), confusion, i) for i in range(len(names))),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        unseen_labels=tuple(sorted(set(truth.tolist()) - set(classes))) if classes else (),
        log_loss=log_loss,
        expected_calibration_error=error,
        rank_counts=ranks,
        mistakes=mistakes,
    )


def _mistakes(
    ids: Sequence[str], truth: Labels, predicted: Labels, probabilities: Doubles, classes: Labels
) -> tuple[Mistake, ...]:
    """Return the samples that were predicted wrongly, the most confident prediction first."""
    column = {label: i for i, label in enumerate(classes.tolist())}
    wrong = np.flatnonzero(truth != predicted).tolist()
    shares = {i: float(probabilities[i, column[str(predicted[i])]]) for i in wrong}
    wrong.sort(key=lambda i: -shares[i])
    return tuple(Mistake(ids[i], str(truth[i]), str(predicted[i]), shares[i]) for i in wrong)


def _macro_scores(correct: Counts, true: Counts, predicted: Counts) -> tuple[Doubles, Doubles]:
    """Return balanced accuracy and macro F1 of counts by class, which lie on the last axis."""
    occurs, seen = true > 0, (true + predicted) > 0
    recall = correct / np.maximum(true, 1)
    f1 = 2 * correct / np.maximum(true + predicted, 1)
    return (
        (recall * occurs).sum(axis=-1) / occurs.sum(axis=-1),
        (f1 * seen).sum(axis=-1) / seen.sum(axis=-1),
    )


def _intervals(confusion: Counts, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    n, correct = int(confusion.sum()), int(np.trace(confusion))
    accuracy = wilson(correct, n)
    if correct == n:
        return dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), accuracy)
    true, predicted = np.nonzero(confusion)
    cells = rng.multinomial(n, confusion[true, predicted] / n, size=_DRAWS)
    k, right = len(confusion), true == predicted
    hits = _sums_by(cells[:, right], true[right], k)
    draws = _macro_scores(hits, _sums_by(cells, true, k), _sums_by(cells, predicted, k))
    bounds = [np.quantile(draw, [0.025, 0.975]).tolist() for draw in draws]
    return {
        "accuracy": accuracy,
        "balanced_accuracy": (bounds[0][0], bounds[0][1]),
        "macro_f1": (bounds[1][0], bounds[1][1]),
    }


def _sums_by(cells: Counts, classes: Counts, n_classes: int) -> Counts:
    """Return the sums of the columns that belong to each class, shape (n, n_classes)."""
    sums = np.zeros((len(cells), n_classes), np.int64)
    order = np.argsort(classes, kind="stable")
    found, starts = np.unique(classes[order], return_index=True)
    if len(found):
        sums[:, found] = np.add.reduceat(cells[:, order], starts, axis=1)
    return sums


def _class_score(label: str, confusion: Counts, i: int) -> ClassScore:
    correct, true, predicted = confusion[i, i], confusion[i].sum(), confusion[:, i].sum()
    return ClassScore(
        label,
        precision=float(correct / max(predicted, 1)),
        recall=float(correct / max(true, 1)),
        f1=float(2 * correct / max(true + predicted, 1)),
        support=int(true),
        predicted=int(predicted),
    )


def _log_loss(probabilities: Doubles, truth: Labels, classes: Labels) -> float | None:
    """Return the mean log-loss of samples whose label is among the classes; None where none is."""
    column = {label: i for i, label in enumerate(classes.tolist())}
    known = [i for i, label in enumerate(truth.tolist()) if label in column]
    true = probabilities[known, [column[label] for label in truth[known].tolist()]]
    losses = -np.log(np.maximum(true, np.finfo(np.float32).tiny))
    return float(losses.mean()) if known else None


def _ece(probabilities: Doubles, truth: Labels, classes: Labels) -> float:
    """Return the expected calibration error of the most probable class."""
    confidence, predicted = probabilities.max(axis=1), classes[probabilities.argmax(axis=1)]
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, (predicted == truth) - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(truth))


def _rank_counts(probabilities: Doubles, truth: Labels, classes: Labels) -> tuple[int, ...]:
    """Return, for each k from 1 on, the samples whose label is among the k most probable classes."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    hits = classes[order] == truth[:, None]
    return tuple(int(count) for count in hits.sum(axis=0).cumsum())
