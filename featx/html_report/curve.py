"""A learning curve in a page: the score by the number of labels, and what more would bring."""

from __future__ import annotations

from featx.pages.axes import Axis
from featx.pages.charts import Curve, charts, line_chart
from featx.pages.document import PageSection
from featx.selection.curve_report import LearningCurve

__all__ = ["curve_section"]


def curve_section(curve: LearningCurve | None) -> PageSection:
    """Return the section of a learning curve; one without parts where none was computed."""
    if curve is None:
        return PageSection("Learning curve", [])
    drawn = []
    for one in curve.curves:
        bands = [point.band for point in one.points]
        drawn.append(
            Curve(
                one.name,
                one.labels,
                one.means,
                [low for low, _ in bands],
                [high for _, high in bands],
                dots=True,
            )
        )
    for one in curve.curves:
        ahead = [(labels, score) for labels, score in one.fitted if labels >= one.labels[-1]]
        if ahead:
            drawn.append(
                Curve(
                    f"{one.name}, forecast",
                    [labels for labels, _ in ahead],
                    [score.value for _, score in ahead],
                    [score.low for _, score in ahead],
                    [score.high for _, score in ahead],
                )
            )
    chart = line_chart(
        "Score by the number of labels",
        drawn,
        Axis("labels", log=True),
        Axis(curve.score.replace("_", " ")),
        note=f"Head {curve.head}, {curve.draws} draws of each number out of {curve.n:,}; bands hold 95 % of "
        "draws, those of forecasts 95 % of what may come.",
    )
    said = [curve.forecast, curve.comparison, *curve.notes]
    return PageSection("Learning curve", [*(one for one in said if one), charts([chart])])
