"""How good predicted labels and probabilities are, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles
from featx.errors import BadLabels
from featx.metrics.intervals import wilson

__all__ = ["ClassScore", "Report", "evaluate_predictions"]

_DRAWS = 2000
_BINS = 10

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class: of those called so, how many were (precision); of those that were, how many were found."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int  # samples that have the label
    predicted: int  # samples that were given the label


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured on ``n`` labelled samples.

    ``balanced_accuracy`` is the mean recall of the classes that occur among the labels; ``macro_f1`` the
    mean F1 of those that occur among the labels or the predictions, so that a class invented by the
    classifier costs it. Both are what scikit-learn computes. A label that the classifier does not know is
    an error in all three, and is listed in ``unknown``.
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    intervals: Mapping[str, tuple[float, float]]  # 95 %, for each of the three
    majority: float  # accuracy of always saying the most frequent label
    classes: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: true; columns: predicted; order of classes
    unknown: tuple[str, ...] = ()
    log_loss: float | None = None  # of samples whose label the classifier knows
    calibration_error: float | None = None  # expected, of the first choice, in ten bins

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        table = asdict(self)
        table["intervals"] = {key: list(pair) for key, pair in self.intervals.items()}
        table["classes"] = [asdict(each) for each in self.classes]
        table["confusion"] = [list(row) for row in self.confusion]
        table["unknown"] = list(self.unknown)
        return table

    def format_table(self) -> str:
        """The report as lines for people."""
        from featx.reporting.text import format_report

        return format_report(self.to_json())


def evaluate_predictions(
    y_true: Sequence[str] | npt.NDArray[np.str_],
    y_pred: Sequence[str] | npt.NDArray[np.str_],
    probabilities: npt.NDArray[np.floating[Any]] | None = None,
    *,
    classes: Sequence[str] | None = None,
    seed: int = 0,
) -> Report:
    """The report on predictions.

    Parameters
    ----------
    y_true, y_pred : sequences of str, of one length
    probabilities : ndarray of shape (n, n_classes), default=None
        Of ``classes``, for the log-loss and the calibration error.
    classes : sequence of str, default=None
        What the classifier knows; None is every label in sight.
    seed : int, default=0
        Of the bootstrap.

    Raises
    ------
    BadLabels
        There is no sample, or the lengths differ.

    Notes
    -----
    Intervals: accuracy by Wilson, "Probable inference", 1927; the others by Efron's bootstrap
    percentiles (1979), which for sums over samples is drawing confusion matrices from a multinomial;
    where not one prediction is wrong a bootstrap sees no doubt, and Wilson's interval stands in.
    Calibration error as in Guo et al., 2017.

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
    places, guesses = np.searchsorted(names, truth), np.searchsorted(names, predicted)
    confusion = np.zeros((len(names), len(names)), np.int64)
    np.add.at(confusion, (places, guesses), 1)
    n, right = len(truth), int(np.trace(confusion))
    balanced, macro = _macro(confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0))
    log_loss = error = None
    if probabilities is not None:
        columns = names if classes is None else np.asarray(classes, dtype=str)
        log_loss, error = _of_probabilities(probabilities, truth, columns)
    return Report(
        n=n,
        accuracy=right / n,
        balanced_accuracy=float(balanced),
        macro_f1=float(macro),
        intervals=_intervals(confusion, np.random.default_rng(seed)),
        majority=float(confusion.sum(axis=1).max() / n),
        classes=tuple(_class_score(str(names[i]), confusion, i) for i in range(len(names))),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
        unknown=tuple(sorted(set(truth.tolist()) - set(classes))) if classes else (),
        log_loss=log_loss,
        calibration_error=error,
    )


def _macro(right: Counts, true: Counts, called: Counts) -> tuple[Doubles, Doubles]:
    """Balanced accuracy and macro F1 from counts a class, on the last axis."""
    present, seen = true > 0, (true + called) > 0
    recall = right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(true + called, 1)
    return (
        (recall * present).sum(axis=-1) / present.sum(axis=-1),
        (f1 * seen).sum(axis=-1) / seen.sum(axis=-1),
    )


def _intervals(confusion: Counts, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    n, right = int(confusion.sum()), int(np.trace(confusion))
    accuracy = wilson(right, n)
    if right == n:
        return dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), accuracy)
    true, called = np.nonzero(confusion)
    cells = rng.multinomial(n, confusion[true, called] / n, size=_DRAWS)
    table = np.eye(len(confusion), dtype=np.int64)
    hits = cells @ (table[true] * (true == called)[:, None])
    draws = _macro(hits, cells @ table[true], cells @ table[called])
    bounds = [np.quantile(draw, [0.025, 0.975]).tolist() for draw in draws]
    return {
        "accuracy": accuracy,
        "balanced_accuracy": (bounds[0][0], bounds[0][1]),
        "macro_f1": (bounds[1][0], bounds[1][1]),
    }


def _class_score(label: str, confusion: Counts, i: int) -> ClassScore:
    right, true, called = confusion[i, i], confusion[i].sum(), confusion[:, i].sum()
    return ClassScore(
        label,
        precision=float(right / max(called, 1)),
        recall=float(right / max(true, 1)),
        f1=float(2 * right / max(true + called, 1)),
        support=int(true),
        predicted=int(called),
    )


def _of_probabilities(
    probabilities: npt.NDArray[np.floating[Any]],
    truth: npt.NDArray[np.str_],
    classes: npt.NDArray[np.str_],
) -> tuple[float | None, float]:
    """Log-loss where the label is known, and calibration error."""
    shares = np.asarray(probabilities, np.float64)
    sure, first = shares.max(axis=1), classes[shares.argmax(axis=1)]
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, (first == truth) - sure, minlength=_BINS)
    column = {label: i for i, label in enumerate(classes.tolist())}
    known = [i for i, label in enumerate(truth.tolist()) if label in column]
    true = shares[known, [column[label] for label in truth[known].tolist()]]
    losses = -np.log(np.maximum(true, np.finfo(np.float32).tiny))
    return (float(losses.mean()) if known else None), float(np.abs(gaps).sum() / len(truth))
