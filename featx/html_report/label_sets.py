"""The page of several labels a sample: each label by itself, and which labels are given in place of which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from featx._typing import Doubles, Integers, Mask
from featx.html_report.classes import (
    calibration_chart,
    precision_recall_chart,
    recall_cells,
    score_tiles,
)
from featx.html_report.evidence import Evidence
from featx.html_report.view import ExampleGroup, SliceScore, axis_note, frequent_colors
from featx.metrics.multilabel import MultilabelReport
from featx.metrics.report import Report
from featx.pages.charts import charts
from featx.pages.document import PageSection
from featx.pages.markup import Child, Markup, element
from featx.pages.tables import html_table
from featx.sources.label_sets import indicator_matrix, read_label_sets

__all__ = ["MultilabelView"]

# Pairs of labels that are named.
_PAIRS = 20


class MultilabelView:
    """The page of a task with several labels a sample."""

    higher_is_better = True

    def tiles(self, report: Report) -> list[tuple[str, str, str]]:
        """Return F1 of pairs and of labels, average precision, and the share of sets that are right."""
        titles = (
            ("micro_f1", "micro F1"),
            ("macro_f1", "macro F1"),
            ("mean_average_precision", "mean average precision"),
            ("subset_accuracy", "sets that are right"),
            ("hamming_loss", "Hamming loss"),
        )
        return score_tiles(report, titles)

    def sections(self, evidence: Evidence) -> list[PageSection]:
        """Return curves, the table of labels and the pairs that are mixed up."""
        members, given, shares = _parts(evidence)
        drawn = [
            calibration_chart(
                shares.astype(np.float32).ravel(),
                members.ravel(),
                "pairs of a sample and a label",
                axis_note(evidence),
            ),
            precision_recall_chart(members, shares.astype(np.float32), evidence.classes),
        ]
        report = cast(MultilabelReport, evidence.report)
        return [
            PageSection("Probabilities", [charts(drawn)]),
            PageSection(
                "Labels",
                [_label_table(report, members, given), _mixed_up(evidence, members, given)],
            ),
        ]

    def slice_score(self, report: Report) -> SliceScore | None:
        """Return the F1 of all pairs of a sample and a label."""
        report = cast(MultilabelReport, report)
        return SliceScore("micro F1", report.micro_f1, *report.intervals["micro_f1"])

    def examples(self, evidence: Evidence) -> list[ExampleGroup]:
        """Return samples with a label that is given most confidently in vain, or surely missed."""
        members, given, shares = _parts(evidence)
        added = np.where(~members & given, shares, -1.0).max(axis=1)
        missed = np.where(members & ~given, 1.0 - shares, -1.0).max(axis=1)
        doubt = -np.log(np.maximum(np.where(members, shares, 1.0 - shares), 1e-12)).sum(axis=1)
        wrong = (members != given).any(axis=1)
        groups = [
            ExampleGroup(
                "Labels given most confidently, and wrongly",
                f"{int(wrong.sum()):,} of {len(wrong):,} sets of labels are wrong in some label.",
                _largest(added, added >= 0),
            ),
            ExampleGroup(
                "Labels missed most surely",
                "The sample has a label that is thought least probable.",
                _largest(missed, missed >= 0),
            ),
            ExampleGroup(
                "Hardest samples",
                "Their set of labels as a whole is thought least probable.",
                _largest(doubt, np.ones(len(doubt), bool)),
            ),
        ]
        return [group for group in groups if len(group.indices)]

    def caption(self, evidence: Evidence, index: int) -> list[Child]:
        """Return which labels of a sample are right, missed and given in vain, with their probabilities."""
        members, given, shares = _parts(evidence, index)
        lines: list[Child] = []
        for title, mask in (
            ("right", members & given),
            ("missed", members & ~given),
            ("in vain", ~members & given),
        ):
            columns = sorted(np.flatnonzero(mask[0]).tolist(), key=lambda c: -shares[0, c])
            if columns:
                names = ", ".join(f"{evidence.classes[c]} ({shares[0, c]:.3f})" for c in columns)
                lines.append(element("p", {}, element("strong", {}, title), f": {names}"))
        return lines or ["no label, rightly"]

    def colors(self, evidence: Evidence, indices: Integers) -> tuple[list[int], Sequence[str]]:
        """Return a colour for each of the most frequent sets of labels."""
        sets = read_label_sets([evidence.targets[i] for i in indices.tolist()])
        return frequent_colors([", ".join(sorted(one)) or "no label" for one in sets], "sets")


def _parts(evidence: Evidence, index: int | None = None) -> tuple[Mask, Mask, Doubles]:
    """Return which labels samples have, which they are given, and the probabilities; shape (n, n_labels)."""
    some = slice(None) if index is None else slice(index, index + 1)
    members = indicator_matrix(read_label_sets(evidence.targets[some]), evidence.classes)
    shares, given = np.split(evidence.outputs[some].astype(np.float64), 2, axis=1)
    return members, given > 0, shares


def _largest(values: Doubles, kept: Mask) -> Integers:
    order = np.argsort(-values, kind="stable")
    return np.asarray(order[kept[order]], np.intp)


def _label_table(report: MultilabelReport, members: Mask, given: Mask) -> Markup:
    hits = (members & given).sum(axis=0).tolist()
    rows = []
    for score, hit in zip(report.labels, hits, strict=True):
        recall, _ = recall_cells(score.recall, hit, score.support)
        cells = (
            score.label,
            score.f1,
            *recall,
            score.precision,
            score.average_precision,
            score.support,
            score.predicted,
        )
        rows.append((score.f1 if score.support else 2.0, cells))
    rows.sort(key=lambda pair: pair[0])
    header = (
        *("label", "F1", "recall", "drawn", "95 % of recall", "precision"),
        *("average precision", "samples", "predicted"),
    )
    return html_table("Labels, the least F1 first", header, [cells for _, cells in rows])


def _mixed_up(evidence: Evidence, members: Mask, given: Mask) -> Child:
    """Return which labels are missed where which others are given in vain."""
    missed, vain = (members & ~given).astype(np.int64), (~members & given).astype(np.int64)
    together = missed.T @ vain
    order = np.argsort(-together, axis=None, kind="stable")[:_PAIRS]
    rows = [
        (f"{evidence.classes[a]} missed, {evidence.classes[b]} given", int(together[a, b]))
        for a, b in zip(*np.unravel_index(order, together.shape), strict=True)
        if together[a, b]
    ]
    if not rows:
        return None
    return html_table("Labels that are given in place of others", ("pair", "samples"), rows)
