"""The page of a classification: confusion, calibration, precision and recall, and what is won by abstaining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from featx._typing import FloatArray, Integers, Labels, Mask
from featx.html_report.evidence import Evidence
from featx.html_report.view import ExampleGroup, SliceScore, axis_note, frequent_colors
from featx.metrics.classification import ClassificationReport
from featx.metrics.confusion import MOST_CLASSES, worst_pairs
from featx.metrics.curves import calibration_bins, selective_curve
from featx.metrics.intervals import wilson
from featx.metrics.report import Report
from featx.pages.axes import Axis
from featx.pages.charts import Curve, charts, heat_map, line_chart
from featx.pages.document import PageSection
from featx.pages.markup import Child, Markup, element
from featx.pages.tables import format_number, html_table, interval_mark, matrix_table

__all__ = [
    "ClassificationView",
    "calibration_chart",
    "precision_recall_chart",
    "recall_cells",
    "score_tiles",
]

# Curves of one chart: all classes together, and the hardest of them.
_CURVES = 7
# Answers from which on a share is drawn.
_FEW = 20
_SHARE = (0.0, 1.0)


def score_tiles(report: Report, titles: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return scores of a report with their intervals, as figures; those that are None are left out.

    Parameters
    ----------
    titles : sequence of pairs of str
        The attribute of the report and what it is called.
    """
    tiles = []
    for key, title in titles:
        value = getattr(report, key)
        if value is not None:
            bounds = report.intervals.get(key)
            between = (
                bounds and f"95 % interval {format_number(bounds[0])} to {format_number(bounds[1])}"
            )
            tiles.append((title, format_number(float(value)), between or ""))
    return tiles


def calibration_chart(probabilities: FloatArray, right: Mask, what: str, note: str = "") -> Markup:
    """Return how often answers of a probability are right, beside how often they should be.

    Parameters
    ----------
    probabilities, right : ndarrays of shape (n,)
    what : str
        What is right or wrong, such as "the most probable class".
    """
    bins = calibration_bins(probabilities, right)
    curve = Curve(
        what,
        [one.probability for one in bins],
        [one.share for one in bins],
        [one.low for one in bins],
        [one.high for one in bins],
        dots=True,
    )
    return line_chart(
        "Calibration",
        [curve],
        Axis("probability", _SHARE),
        Axis("share that is right", _SHARE),
        diagonal=True,
        note=f"{what.capitalize()}, in bins of equally many; the band is Wilson's 95 % interval. On the "
        f"dashed line probabilities are true. {note}".strip(),
    )


def precision_recall_chart(
    members: Mask, shares: FloatArray, names: Sequence[str]
) -> Markup | None:
    """Return precision by recall of all names together and of those with the least average precision.

    Parameters
    ----------
    members : ndarray of shape (n, n_names), bool
        Which samples have which label or class.
    shares : ndarray of shape (n, n_names)
        Their probabilities.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    known = [column for column in range(len(names)) if 0 < members[:, column].sum() < len(members)]
    if not known:
        return None
    scores = {c: float(average_precision_score(members[:, c], shares[:, c])) for c in known}
    hardest = sorted(known, key=lambda column: scores[column])[:_CURVES]
    curves = []
    pooled = members[:, known].ravel(), shares[:, known].ravel()
    lines = []
    if len(known) > 1:
        lines = [("all together", *pooled, float(average_precision_score(*pooled)))]
    lines += [(names[c], members[:, c], shares[:, c], scores[c]) for c in hardest]
    for name, truth, share, own in lines:
        precision, recall, _ = precision_recall_curve(truth, share)
        curves.append(Curve(f"{name} ({own:.3f})", recall[::-1].tolist(), precision[::-1].tolist()))
    left = len(known) - len(hardest)
    note = (
        f"In brackets the average precision; {left:,} with a greater one are not drawn."
        if left
        else ""
    )
    return line_chart(
        "Precision and recall",
        curves,
        Axis("recall", _SHARE),
        Axis("precision", _SHARE),
        note=note or "In brackets the average precision.",
    )


class ClassificationView:
    """The page of a classification."""

    higher_is_better = True

    def tiles(self, report: Report) -> list[tuple[str, str, str]]:
        """Return accuracy, balanced accuracy, F1, calibration error and log-loss."""
        titles = (
            ("accuracy", "accuracy"),
            ("balanced_accuracy", "balanced accuracy"),
            ("macro_f1", "macro F1"),
            ("expected_calibration_error", "calibration error"),
            ("log_loss", "log-loss"),
        )
        return score_tiles(report, titles)

    def sections(self, evidence: Evidence) -> list[PageSection]:
        """Return confusion, curves and the table of classes."""
        report = cast(ClassificationReport, evidence.report)
        truth, shares = _truth(evidence), evidence.outputs
        order, right = shares.argmax(axis=1), _right(evidence)
        confidence = shares[np.arange(len(shares)), order]
        members = truth[:, None] == np.asarray(evidence.classes)
        known = [number for number, name in enumerate(evidence.classes) if members[:, number].any()]
        columns = known if len(evidence.classes) > 2 else known[-1:]
        drawn = [
            calibration_chart(confidence, right, "the most probable class", axis_note(evidence)),
            precision_recall_chart(
                members[:, columns],
                shares[:, columns],
                [evidence.classes[c] for c in columns],
            ),
            _selective_chart(confidence, right),
        ]
        unseen = ", ".join(report.unseen_labels)
        strangers = f"Counted as errors: labels that the predictor does not know: {unseen}."
        return [
            PageSection(
                "Which classes are taken for which",
                [*_confusion(report), strangers if unseen else None],
            ),
            PageSection("Probabilities", [charts(drawn)]),
            PageSection("Classes", [_class_table(report)]),
        ]

    def slice_score(self, report: Report) -> SliceScore | None:
        """Return the accuracy."""
        report = cast(ClassificationReport, report)
        return SliceScore("accuracy", report.accuracy, *report.intervals["accuracy"])

    def examples(self, evidence: Evidence) -> list[ExampleGroup]:
        """Return the most confident errors, the samples whose class is least believed, and close calls."""
        shares, right = evidence.outputs, _right(evidence)
        confidence, own = shares.max(axis=1), _own_shares(evidence)
        top = np.sort(shares, axis=1)
        margin = top[:, -1] - top[:, -2] if shares.shape[1] > 1 else top[:, -1]
        wrong = np.flatnonzero(~right)
        groups = [
            ExampleGroup(
                "Most confident errors",
                f"{len(wrong):,} of {len(right):,} are wrong; those of which the predictor is surest. "
                "Often it is the label that is wrong.",
                wrong[np.argsort(-confidence[wrong], kind="stable")],
            ),
            ExampleGroup(
                "Hardest samples",
                "Their own class is thought least probable.",
                np.argsort(own, kind="stable"),
            ),
            ExampleGroup(
                "Closest calls",
                "The two most probable classes are about as probable.",
                np.argsort(margin, kind="stable"),
            ),
        ]
        return [group for group in groups if len(group.indices)]

    def caption(self, evidence: Evidence, index: int) -> list[Child]:
        """Return the class of a sample and what the predictor says of it."""
        shares = evidence.outputs[index]
        best = int(shares.argmax())
        predicted, true = evidence.classes[best], evidence.targets[index]
        own = float(shares[evidence.classes.index(true)]) if true in evidence.classes else 0.0
        if predicted == true:
            return [f"{true}, rightly, with {shares[best]:.3f}"]
        return [
            element("p", {}, "is ", element("strong", {}, true), f" ({own:.3f})"),
            element(
                "p", {}, "taken for ", element("strong", {}, predicted), f" ({shares[best]:.3f})"
            ),
        ]

    def colors(self, evidence: Evidence, indices: Integers) -> tuple[list[int], Sequence[str]]:
        """Return a colour for each of the most frequent classes."""
        return frequent_colors([evidence.targets[i] for i in indices.tolist()], "classes")


def _truth(evidence: Evidence) -> Labels:
    return np.asarray(evidence.targets, dtype=np.str_)


def _right(evidence: Evidence) -> Mask:
    predicted = np.asarray(evidence.classes)[evidence.outputs.argmax(axis=1)]
    return np.asarray(predicted == _truth(evidence), np.bool_)


def _own_shares(evidence: Evidence) -> FloatArray:
    """Return the probability of each sample's own class; 0 of one that the predictor does not know."""
    column = {name: number for number, name in enumerate(evidence.classes)}
    own = np.array([column.get(name, -1) for name in evidence.targets])
    shares = evidence.outputs[np.arange(len(own)), own]
    return np.where(own >= 0, shares, np.float32(0))


def _selective_chart(confidence: FloatArray, right: Mask) -> Markup:
    # of a handful of answers the share says nothing
    least = min(_FEW, len(right) // 5)
    curve = [
        one for one in selective_curve(confidence, right) if one.coverage * len(right) >= least
    ]
    drawn = Curve(
        "answers of which it is surest",
        [one.coverage for one in curve],
        [one.accuracy for one in curve],
        [one.low for one in curve],
        [one.high for one in curve],
    )
    lowest = min((one.low for one in curve), default=0.0)
    return line_chart(
        "Selective accuracy",
        [drawn],
        Axis("share that is answered", _SHARE),
        Axis("accuracy of these answers", (max(0.0, np.floor(lowest * 10) / 10), 1.0)),
        note="Where it may say nothing when it is unsure, fewer answers are wrong; the band is Wilson's 95 % "
        "interval.",
    )


def _confusion(report: ClassificationReport) -> list[Child]:
    if not report.confusion:
        return []
    labels = [score.label for score in report.classes]
    parts: list[Child] = []
    if len(labels) <= MOST_CLASSES:
        title = "Confusion matrix: rows are true, columns predicted classes"
        parts.append(matrix_table(title, "true, predicted", labels, report.confusion))
    else:
        parts.append(heat_map("Confusion matrix", labels, report.confusion))
    pairs = worst_pairs(labels, np.array(report.confusion))
    if pairs.rows:
        rows = [(f"{true} taken for {other}", int(n), int(of)) for true, other, n, of in pairs.rows]
        parts.append(html_table("Most frequent confusions", ("pair", "samples", "of"), rows))
    else:
        parts.append("No sample is taken for one of another class.")
    return parts


def recall_cells(
    recall: float, hits: int, support: int
) -> tuple[tuple[float | None, Markup | str, str], float]:
    """Return the cells of a recall, drawn and with its interval, and its upper end; blank without samples."""
    if not support:
        return (None, "", ""), 1.0
    low, high = wilson(hits, support)
    mark = interval_mark(recall, low, high, _SHARE)
    return (recall, mark, f"{low:.3f} to {high:.3f}"), high


def _class_table(report: ClassificationReport) -> Markup:
    rows = []
    for number, score in enumerate(report.classes):
        # with weights the recall is no share of the samples
        share = round(score.recall * score.support)
        hits = report.confusion[number][number] if report.confusion else share
        cells, high = recall_cells(score.recall, hits, score.support)
        shown = (score.label, *cells, score.precision, score.f1, score.support, score.predicted)
        rows.append((high if score.support else 2.0, shown))
    rows.sort(key=lambda pair: pair[0])
    header = (
        "class",
        "recall",
        "drawn",
        "95 % interval",
        "precision",
        "F1",
        "samples",
        "predicted",
    )
    title = (
        "Classes, those first that are surely recognised worse (by the upper end of the interval)"
    )
    return html_table(title, header, [cells for _, cells in rows])
