"""The page of a regression: predictions beside targets, residuals, and how wide intervals are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from featx._typing import Doubles, Integers, Mask
from featx.html_report.classes import score_tiles
from featx.html_report.evidence import Evidence
from featx.html_report.view import ExampleGroup, SliceScore
from featx.metrics.regression import OutputScore, RegressionReport
from featx.metrics.report import Report
from featx.pages.axes import Axis
from featx.pages.charts import Curve, Point, charts, line_chart, scatter_chart
from featx.pages.document import PageSection, subsection
from featx.pages.markup import Child, Markup
from featx.pages.tables import format_number, html_table
from featx.sources.numbers import read_numbers

__all__ = ["RegressionView"]

# Numbers that have charts of their own, and dots of each chart.
_MOST_OUTPUTS, _DOTS = 4, 800


class RegressionView:
    """The page of a regression."""

    higher_is_better = False

    def tiles(self, report: Report) -> list[tuple[str, str, str]]:
        """Return R², RMSE, mean and median error, correlation and, of one number, the coverage."""
        titles = (
            ("r2", "R²"),
            ("rmse", "RMSE"),
            ("mae", "mean error"),
            ("median_absolute_error", "median error"),
            ("spearman", "Spearman"),
        )
        tiles = score_tiles(report, titles)
        outputs = cast(RegressionReport, report).outputs
        if len(outputs) == 1 and outputs[0].coverage is not None:
            [own] = outputs
            low, high = own.intervals.get("coverage", (0.0, 1.0))
            between = (
                f"95 % interval {low:.3f} to {high:.3f}; mean width {format_number(own.mean_width)}"
            )
            tiles.append(("within their interval", f"{own.coverage:.3f}", between))
        return tiles

    def sections(self, evidence: Evidence) -> list[PageSection]:
        """Return charts of each number and the table of residuals."""
        truth, values, low, high = _parts(evidence)
        report = cast(RegressionReport, evidence.report)
        several = len(report.outputs) > 1
        most = _DOTS // min(len(evidence.classes), _MOST_OUTPUTS)
        parts: list[Child] = [_output_table(report)] if several else []
        for column, score in enumerate(report.outputs[:_MOST_OUTPUTS]):
            t, v = truth[:, column], values[:, column]
            inside = (low[:, column] <= t) & (t <= high[:, column])
            titles = _titles(evidence, t, v)
            drawn = [
                _agreement(t, v, inside, titles, most),
                _residuals(t, v, titles, most),
                _errors(t, v),
            ]
            inner: list[Child] = [charts(drawn), _residual_table(score)]
            parts += [subsection(score.name, *inner)] if several else inner
        if len(report.outputs) > _MOST_OUTPUTS:
            left = len(report.outputs) - _MOST_OUTPUTS
            parts.append(f"{left:,} more numbers have no charts here.")
        return [PageSection("Predictions and targets", parts)]

    def slice_score(self, report: Report) -> SliceScore | None:
        """Return the mean error, of several numbers its mean."""
        report = cast(RegressionReport, report)
        return SliceScore("mean error", report.mae, *report.intervals["mae"])

    def examples(self, evidence: Evidence) -> list[ExampleGroup]:
        """Return the largest errors, and the targets that are farthest outside their intervals."""
        truth, values, low, high = _parts(evidence)
        spread = np.where(truth.std(axis=0) > 0, truth.std(axis=0), 1.0)
        size = (np.abs(values - truth) / spread).max(axis=1)
        outside = (np.maximum(low - truth, truth - high) / spread).max(axis=1)
        order = np.argsort(-outside, kind="stable")
        order = order[outside[order] > 0]
        lead = "measured in standard deviations of the targets"
        groups = [
            ExampleGroup(
                "Largest errors",
                f"Predictions farthest from their targets, {lead}.",
                np.argsort(-size, kind="stable"),
            ),
            ExampleGroup(
                "Farthest outside their intervals",
                f"{len(order):,} of {len(truth):,} targets lie outside their predicted interval.",
                order,
            ),
        ]
        return [group for group in groups if len(group.indices)]

    def caption(self, evidence: Evidence, index: int) -> list[Child]:
        """Return the target, the prediction and its interval."""
        truth, values, low, high = _parts(evidence, index)
        several = len(evidence.classes) > 1
        lines: list[Child] = []
        for column, name in enumerate(evidence.classes[:_MOST_OUTPUTS]):
            said = (
                f"is {_short(truth[0, column])}, predicted {_short(values[0, column])} "
                f"({_short(low[0, column])} to {_short(high[0, column])})"
            )
            lines.append(f"{name}: {said}" if several else said)
        return lines

    def colors(self, evidence: Evidence, indices: Integers) -> tuple[list[int], Sequence[str]]:
        """Return a colour for each fifth of the first number's targets."""
        targets = _parts(evidence)[0][:, 0]
        edges = np.unique(np.quantile(targets, [0.2, 0.4, 0.6, 0.8]))
        bins = np.searchsorted(edges, targets, side="left")
        used, series = np.unique(bins[indices], return_inverse=True)
        name = evidence.classes[0]
        names = []
        for number in used:
            own = targets[bins == number]
            names.append(f"{name} {_short(own.min())} to {_short(own.max())}")
        return series.tolist(), names


def _short(value: float) -> str:
    return format_number(float(value))


def _parts(
    evidence: Evidence, index: int | None = None
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return targets, predictions and the ends of their intervals; shape (n, n_numbers)."""
    some = slice(None) if index is None else slice(index, index + 1)
    _, truth = read_numbers(evidence.targets[some], None, evidence.classes)
    values, low, high = np.split(evidence.outputs[some].astype(np.float64), 3, axis=1)
    return truth, values, low, high


def _titles(evidence: Evidence, truth: Doubles, values: Doubles) -> list[str]:
    return [
        f"{name}: is {_short(t)}, predicted {_short(v)}"
        for name, t, v in zip(evidence.ids, truth.tolist(), values.tolist(), strict=True)
    ]


def _agreement(
    truth: Doubles, values: Doubles, inside: Mask, titles: Sequence[str], most: int
) -> Markup:
    names = ("within its interval", "outside") if not inside.all() else ()
    points = [
        Point(t, v, title, int(not within))
        for t, v, title, within in zip(truth.tolist(), values.tolist(), titles, inside, strict=True)
    ]
    return scatter_chart(
        "Predictions by targets",
        points,
        Axis("target"),
        Axis("prediction"),
        names=names,
        diagonal=True,
        most=most,
        note="On the dashed line predictions are right.",
    )


def _residuals(truth: Doubles, values: Doubles, titles: Sequence[str], most: int) -> Markup:
    points = [
        Point(v, v - t, title)
        for t, v, title in zip(truth.tolist(), values.tolist(), titles, strict=True)
    ]
    return scatter_chart(
        "Residuals by predictions",
        points,
        Axis("prediction"),
        Axis("prediction − target"),
        most=most,
        note="Where a pattern is left, more could be learned.",
    )


def _errors(truth: Doubles, values: Doubles) -> Markup:
    sizes = np.sort(np.abs(values - truth))
    mean = np.sort(np.abs(truth - truth.mean()))
    shares = (np.arange(len(sizes)) + 1) / len(sizes)
    curves = [
        Curve("this predictor", sizes.tolist(), shares.tolist()),
        Curve("always the mean", mean.tolist(), shares.tolist()),
    ]
    return line_chart(
        "Share of samples within an error",
        curves,
        Axis("error"),
        Axis("share of samples", (0.0, 1.0)),
        note="The sooner the curve rises, the better.",
    )


def _output_table(report: RegressionReport) -> Markup:
    header = ("number", "R²", "RMSE", "95 % of RMSE", "RMSE of the mean", "mean error", "Spearman")
    rows = [
        (
            one.name,
            one.r2,
            float(one.rmse),
            " to ".join(map(_short, one.intervals["rmse"])),
            float(one.baseline_rmse),
            float(one.mae),
            one.spearman,
        )
        for one in report.outputs
    ]
    return html_table("Each number by itself", header, rows)


def _residual_table(score: OutputScore) -> Markup:
    rows = [
        (
            f"{_short(row.low)} to {_short(row.high)}",
            row.count,
            float(row.mean_prediction),
            float(row.mean_residual),
            float(row.rmse),
        )
        for row in score.tenths
    ]
    header = ("targets", "samples", "mean prediction", "mean residual", "RMSE")
    return html_table("Residuals by tenths of the targets", header, rows)
