"""How good predictions are, with intervals that say how far to trust it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from featx.classifier import Classifier
from featx.engine import Engine
from featx.errors import BadLabels, FeatxWarning
from featx.heads import label_first
from featx.samples import make_samples
from featx.samples.labels import missing_labels
from featx.tables import Reject

__all__ = ["ClassScore", "Report", "evaluate", "evaluate_predictions", "format_report", "wilson"]

_Z = 1.959963984540054  # of the normal distribution, two sides, 95 %
_DRAWS = 2000
_BINS = 10

Counts = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


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
        return format_report(self.to_json())


def evaluate(
    classifier: Classifier,
    samples: Iterable[Any],
    labels: Sequence[Any] | None = None,
    *,
    engine: Engine | None = None,
) -> Report:
    """Measure a classifier on labelled samples that it was not trained on.

    Parameters
    ----------
    samples : iterable of Sample, or of anything that the backbone reads
    labels : sequence, default=None
        One a sample; None where the samples bring their own.
    engine : Engine, default=None
        How to run. With ``on_error="skip"`` samples that cannot be read are left out.

    Raises
    ------
    BadLabels
        A sample has no label, or there is none.
    BadSample
        A sample cannot be read.
    """
    known = make_samples(samples, labels)
    without = [sample.id for sample in known if sample.label is None]
    if without or not known:
        raise BadLabels(missing_labels(without, len(known)))
    rows = (engine or Engine()).embed(known, classifier.open())
    tell_rejects(rows.rejects, len(known))
    probabilities = classifier.head.predict_proba(rows.embeddings)
    predicted = label_first(classifier.classes, probabilities)
    truth = [label for label in rows.labels if label is not None]
    return evaluate_predictions(truth, predicted, probabilities, classes=classifier.classes)


def tell_rejects(rejects: Sequence[Reject], n: int) -> None:
    """Warn, in one line, of samples that an engine skipped."""
    if rejects:
        first = "; ".join(f"{each.id}: {each.reason}" for each in rejects[:3])
        more = "; …" if len(rejects) > 3 else ""
        text = f"{len(rejects)} of {n} samples could not be read and are left out ({first}{more})"
        warnings.warn(text, FeatxWarning, stacklevel=3)


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


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval for a share: ``right`` of ``n``.

    >>> [round(bound, 3) for bound in wilson(10, 10)]
    [0.722, 1.0]
    """
    share, spread = right / n, _Z * _Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


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


def format_report(report: Mapping[str, Any]) -> str:
    """The JSON of a report as lines for people."""
    lines = []
    for key in ("accuracy", "balanced_accuracy", "macro_f1"):
        low, high = report["intervals"][key]
        name = key.replace("_", " ").replace("f1", "F1")
        lines.append(f"{name:<18} {report[key]:.3f}   95 % interval {low:.3f} to {high:.3f}")
    if report["calibration_error"] is not None:
        loss = "" if report["log_loss"] is None else f"   log-loss {report['log_loss']:.3f}"
        lines.append(f"{'calibration error':<18} {report['calibration_error']:.3f}{loss}")
    width = max(5, *(len(each["label"]) for each in report["classes"]))
    lines += ["", f"{'class':<{width}}  precision  recall     F1  samples"]
    lines += [
        f"{each['label']:<{width}}  {each['precision']:9.3f}  {each['recall']:6.3f}  "
        f"{each['f1']:5.3f}  {each['support']:7d}"
        for each in report["classes"]
    ]
    if report["unknown"]:
        names = ", ".join(report["unknown"])
        lines += ["", f"Counted as errors: labels that the classifier was never shown: {names}."]
    return "\n".join(lines)
