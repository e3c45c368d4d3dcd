"""How good predicted sets of labels and their probabilities are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._display import TextTable, html_page
from featx._extras import require
from featx._typing import Doubles, Integers, Labels, Mask
from featx.errors import BadLabels
from featx.metrics.bootstrap import bootstrap_intervals
from featx.metrics.report import check_fields

__all__ = ["LabelScore", "MultilabelReport", "evaluate_label_sets"]

_SCORES = (
    *("micro_f1", "macro_f1", "weighted_f1", "mean_average_precision"),
    *("subset_accuracy", "hamming_loss"),
)


@dataclass(frozen=True, slots=True)
class LabelScore:
    """The scores of one label.

    Attributes
    ----------
    label : str
    precision, recall, f1 : float
    average_precision : float or None
        None where no sample has the label.
    support : int
        Samples that have it.
    predicted : int
        Samples that were given it.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 1]], bool)
    >>> evaluate_label_sets(truth, truth, truth.astype(float), labels=["a", "b"]).labels[1].support
    1
    """

    label: str
    precision: float
    recall: float
    f1: float
    average_precision: float | None
    support: int
    predicted: int


@dataclass(frozen=True, slots=True, repr=False)
class MultilabelReport:
    """The scores of predicted labels, measured on ``n`` samples.

    Attributes
    ----------
    n : int
    micro_f1 : float
        F1 of all labels of all samples together.
    macro_f1 : float
        Mean F1 of the labels that occur, or were given.
    weighted_f1 : float
        Mean F1 of the labels, each weighed by the samples that have it.
    mean_average_precision : float
        Mean over the labels that occur, as scikit-learn computes each.
    subset_accuracy : float
        Share of samples whose labels are all right, and no other.
    hamming_loss : float
        Share of wrong decisions.
    intervals : mapping of str to (float, float)
        The 95 % interval of each.
    prevalence_micro_f1 : float
        Micro F1 of giving every sample the most frequent label.
    prevalence_average_precision : float
        Mean average precision of probabilities that are the same for all samples.
    labels : tuple of LabelScore

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], bool)
    >>> report = evaluate_label_sets(truth, ~truth, 1.0 - truth, labels=["a", "b"])
    >>> report.hamming_loss, report.micro_f1
    (1.0, 0.0)
    >>> MultilabelReport.from_dict(report.to_dict()) == report
    True
    """

    n: int
    micro_f1: float
    macro_f1: float
    weighted_f1: float
    mean_average_precision: float
    subset_accuracy: float
    hamming_loss: float
    intervals: Mapping[str, tuple[float, float]]
    prevalence_micro_f1: float
    prevalence_average_precision: float
    labels: tuple[LabelScore, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; ``from_dict`` reads them back."""
        table = {one.name: getattr(self, one.name) for one in fields(self)}
        table["intervals"] = {key: list(pair) for key, pair in self.intervals.items()}
        table["labels"] = [asdict(one) for one in self.labels]
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> MultilabelReport:
        """Return the report that ``to_dict`` gave.

        Raises
        ------
        BadLabels
            The table is no such report.
        """
        try:
            values = dict(table)
            values["intervals"] = {
                key: (float(pair[0]), float(pair[1])) for key, pair in table["intervals"].items()
            }
            values["labels"] = tuple(LabelScore(**one) for one in table["labels"])
            report = cls(**values)
            for record in (report, *report.labels):
                check_fields(record)
            if not set(_SCORES) <= set(report.intervals):
                raise KeyError("intervals")
            return report
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise BadLabels(f"not the JSON of a multilabel report: {error}") from error

    def to_frame(self) -> Any:
        """Return the scores of the labels as a pandas DataFrame, a row a label.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        columns = [one.name for one in fields(LabelScore)]
        rows = [asdict(one) for one in self.labels]
        return pandas.DataFrame(rows, columns=columns).set_index("label")

    def format_table(self) -> str:
        """Return the report as lines of text."""
        lines = []
        for name in _SCORES:
            low, high = self.intervals[name]
            title = name.replace("_", " ").replace("f1", "F1")
            value = f"{title:<22} {getattr(self, name):.3f}"
            lines.append(f"{value}   95 % interval {low:.3f} to {high:.3f}")
        return "\n".join([*lines, "", self._label_table().to_text()])

    def __repr__(self) -> str:
        return self.format_table()

    def sections(self) -> list[str | TextTable]:
        """Return the report as paragraphs and tables, for a notebook or a page."""
        scores = [
            (
                name.replace("_", " ").replace("f1", "F1"),
                f"{getattr(self, name):.3f}",
                "{:.3f} to {:.3f}".format(*self.intervals[name]),
            )
            for name in _SCORES
        ]
        return [TextTable(("score", "value", "95 % interval"), scores), self._label_table()]

    def _repr_html_(self) -> str:
        return html_page(self.sections())

    def _label_table(self) -> TextTable:
        rows = [
            (
                one.label,
                f"{one.precision:.3f}",
                f"{one.recall:.3f}",
                f"{one.f1:.3f}",
                "-" if one.average_precision is None else f"{one.average_precision:.3f}",
                str(one.support),
            )
            for one in self.labels
        ]
        header = ("label", "precision", "recall", "F1", "average precision", "samples")
        return TextTable(header, rows)


def evaluate_label_sets(
    targets: Mask,
    predicted: Mask,
    probabilities: npt.NDArray[np.floating[Any]],
    *,
    labels: Sequence[str],
    groups: Labels | None = None,
    sample_weight: Doubles | None = None,
    random_state: int = 0,
) -> MultilabelReport:
    """Measure predicted labels and their probabilities.

    Parameters
    ----------
    targets, predicted : ndarray of shape (n, L), bool
    probabilities : ndarray of shape (n, L)
    labels : sequence of L str
    groups : ndarray of shape (n,), default=None
        Intervals draw whole groups.
    sample_weight : ndarray of shape (n,), default=None
        How often each sample counts.
    random_state : int, default=0
        Seed of the bootstrap.

    Raises
    ------
    BadLabels
        There is no sample, or the shapes differ.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 1]], bool)
    >>> evaluate_label_sets(truth, truth, truth.astype(float), labels=["a", "b"]).subset_accuracy
    1.0
    """
    shapes = {np.shape(targets), np.shape(predicted), np.shape(probabilities)}
    if len(shapes) != 1 or np.shape(targets) != (len(targets), len(labels)) or not len(targets):
        raise BadLabels(
            f"targets: expected one row or more of {len(labels)} labels, and as many predictions; found "
            f"{', '.join(map(str, sorted(shapes)))}"
        )
    weights = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight)
    measured = _Measured(targets, predicted, np.asarray(probabilities, np.float64), weights)
    rng = np.random.default_rng(random_state)
    everyone = np.arange(len(targets))
    own = measured.scores(everyone)
    frequent = np.zeros_like(targets)
    frequent[:, int(targets.sum(axis=0).argmax())] = True
    counts = _Counts.of(targets, frequent, weights)
    precisions = measured.average_precisions(everyone)
    present = targets.any(axis=0)
    prevalence = np.average(targets, axis=0, weights=weights)[present]
    return MultilabelReport(
        n=len(targets),
        **own,
        intervals=bootstrap_intervals(measured.scores, len(targets), rng, groups),
        prevalence_micro_f1=counts.micro_f1(),
        prevalence_average_precision=float(prevalence.mean()) if present.any() else 0.0,
        labels=tuple(measured.label_scores(labels, precisions)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """The weights of samples that have a label, that were given it, and both; shape (L,)."""

    true: Doubles
    given: Doubles
    both: Doubles

    @classmethod
    def of(cls, truth: Mask, given: Mask, weights: Doubles) -> _Counts:
        return cls(weights @ truth, weights @ given, weights @ (truth & given))

    def f1(self) -> Doubles:
        return np.asarray(2 * self.both / np.maximum(self.true + self.given, 1e-300))

    def micro_f1(self) -> float:
        total = float(self.true.sum() + self.given.sum())
        return 2 * float(self.both.sum()) / total if total else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Which labels samples have and were given, and with what probability."""

    truth: Mask
    given: Mask
    probabilities: Doubles
    weights: Doubles

    def scores(self, indices: Integers) -> dict[str, float]:
        """Return the six scores of some samples."""
        truth, given, weights = self.truth[indices], self.given[indices], self.weights[indices]
        counts = _Counts.of(truth, given, weights)
        seen, total = counts.true + counts.given > 0, max(float(weights.sum()), 1e-300)
        f1, wrong = counts.f1(), truth != given
        precisions = self.average_precisions(indices)
        known = np.isfinite(precisions)
        return {
            "micro_f1": counts.micro_f1(),
            "macro_f1": float(f1[seen].mean()) if seen.any() else 0.0,
            "weighted_f1": float((f1 * counts.true).sum() / max(counts.true.sum(), 1e-300)),
            "mean_average_precision": float(precisions[known].mean()) if known.any() else 0.0,
            "subset_accuracy": float(weights @ ~wrong.any(axis=1)) / total,
            "hamming_loss": float(weights @ wrong.mean(axis=1)) / total,
        }

    def average_precisions(self, indices: Integers) -> Doubles:
        """Return the average precision of each label, nan where no sample has it; shape (L,).

        It is the sum over samples that have the label, by falling probability, of the precision up to them,
        and samples of one probability count together: ``sklearn.metrics.average_precision_score``, for all
        labels at once.
        """
        truth, weights = self.truth[indices], self.weights[indices]
        shares = self.probabilities[indices]
        order = np.argsort(-shares, axis=0, kind="stable")
        hits = np.take_along_axis(truth, order, axis=0) * weights[order]
        seen = np.cumsum(weights[order], axis=0)
        found = np.cumsum(hits, axis=0)
        ordered = np.take_along_axis(shares, order, axis=0)
        # Only where the probability falls next is a threshold.
        last = np.ones(ordered.shape, bool)
        last[:-1] = ordered[1:] != ordered[:-1]
        precision = found / np.maximum(seen, 1e-300)
        before = np.zeros_like(found)
        reached = np.where(last, found, 0)
        before[1:] = np.maximum.accumulate(reached, axis=0)[:-1]
        gained = np.where(last, found - before, 0)
        total = found[-1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((gained * precision).sum(axis=0) / np.where(total > 0, total, np.nan))

    def label_scores(self, labels: Sequence[str], precisions: Doubles) -> list[LabelScore]:
        counts = _Counts.of(self.truth, self.given, self.weights)
        f1 = counts.f1()
        return [
            LabelScore(
                label=label,
                precision=float(counts.both[i] / max(counts.given[i], 1e-300)),
                recall=float(counts.both[i] / max(counts.true[i], 1e-300)),
                f1=float(f1[i]),
                average_precision=float(precisions[i]) if np.isfinite(precisions[i]) else None,
                support=int(self.truth[:, i].sum()),
                predicted=int(self.given[:, i].sum()),
            )
            for i, label in enumerate(labels)
        ]
