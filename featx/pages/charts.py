"""Charts of a page, drawn in SVG without a script: bars, lines, dots and counts of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from featx.pages.axes import WIDTH, Axis, ChartFrame, chart_figure, dashes, legend, marker
from featx.pages.markup import Child, Markup, element, join, shorten_text
from featx.pages.tables import format_number, html_table

__all__ = [
    "Bar",
    "Curve",
    "Point",
    "bar_chart",
    "charts",
    "heat_map",
    "line_chart",
    "scatter_chart",
]

# Units of a bar with its name above it.
_ROW = 36
# Characters of what is shown where one points at a dot.
_TITLE = 120
# Characters of a name that stand above a bar.
_NAME = 44
# The most marks of a chart; what is left out is said.
_MOST_BARS, _MOST_CELLS, _MOST_CORNERS = 60, 3000, 400
# Rows of the table of a line's numbers.
_MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """A number with its name and, where it has one, its interval.

    Attributes
    ----------
    name : str
    value : float
    interval : (float, float), default=None
    series : int, default=0
        Its colour.

    Examples
    --------
    >>> Bar("accuracy", 0.9, (0.8, 0.95)).series
    0
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None
    series: int = 0


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve, with a band where its numbers have intervals.

    Attributes
    ----------
    name : str
    x, y : sequence of float
        Of one length; what is not finite is not drawn.
    low, high : sequence of float, default=()
        The ends of the band; of the same length where there is one.
    dots : bool, default=False
        Whether each number is marked.

    Examples
    --------
    >>> Curve("accuracy", [0, 1], [0.5, 1.0]).dots
    False
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A dot with what is shown where one points at it.

    Attributes
    ----------
    x, y : float
    title : str
    series : int, default=0
        Its shape and colour.

    Examples
    --------
    >>> Point(0.5, 1.0, "a.jpg: cat").series
    0
    """

    x: float
    y: float
    title: str
    series: int = 0


def charts(drawn: Sequence[Markup | None]) -> Markup | None:
    """Return charts beside each other where the screen is wide enough; None where there is none.

    >>> charts([None]) is None
    True
    """
    shown = [chart for chart in drawn if chart is not None]
    return element("div", {"class": "charts"}, *shown) if shown else None


def bar_chart(
    title: str, bars: Sequence[Bar], *, limits: tuple[float, float] | None = None, note: str = ""
) -> Markup:
    """Return bars from left to right, each with its name above and its number beside it.

    Parameters
    ----------
    bars : sequence of Bar
        At most 60 are drawn; how many are not is said below.
    limits : (float, float), default=None
        The ends of the scale; None: 0 and the largest number.
    note : str, default=""

    Examples
    --------
    >>> chart = bar_chart("Accuracy", [Bar("<all>", 0.9, (0.8, 0.95))]).html
    >>> "&lt;all&gt;" in chart, "95 % interval 0.800 to 0.950" in chart
    (True, True)
    """
    shown = [bar for bar in bars if math.isfinite(bar.value)][:_MOST_BARS]
    ends = [end for bar in shown for end in (bar.value, *(bar.interval or ()))]
    finite = [end for end in ends if math.isfinite(end)]
    limits = limits or (min([0.0, *finite]), max([0.0, *finite]) or 1.0)
    axis, drawing = Axis("", limits), []
    for number, bar in enumerate(shown):
        drawing.append(_bar(bar, axis, number * _ROW))
    said = "; ".join(f"{shorten_text(bar.name, _NAME)} {_said(bar)}" for bar in shown[:12])
    left = len(bars) - len(shown)
    rest = f"{left:,} of {len(bars):,} bars are not drawn." if left else ""
    height = max(1, len(shown)) * _ROW
    return chart_figure(title, said or "no number", join(drawing), rest, note, height=height)


def _said(bar: Bar) -> str:
    if bar.interval is None:
        return format_number(bar.value)
    low, high = map(format_number, bar.interval)
    return f"{format_number(bar.value)}, 95 % interval {low} to {high}"


def _bar(bar: Bar, axis: Axis, top: float) -> Markup:
    left, right = 2, WIDTH - 66

    def at(value: float) -> float:
        return round(left + (right - left) * axis.share(value), 1)

    zero, end, middle = at(0.0), at(bar.value), top + 24
    parts: list[Child] = [
        element("title", {}, f"{bar.name}: {_said(bar)}"),
        element("text", {"x": left, "y": top + 12}, shorten_text(bar.name, _NAME)),
        element(
            "rect",
            {"class": "track", "x": left, "y": top + 17, "width": right - left, "height": 14},
        ),
        element(
            "rect",
            {
                "class": f"bar c{bar.series % 8}",
                "x": min(zero, end),
                "y": top + 17,
                "width": round(max(1.0, abs(end - zero)), 1),
                "height": 14,
            },
        ),
    ]
    if bar.interval is not None and all(map(math.isfinite, bar.interval)):
        low, high = map(at, bar.interval)
        path = f"M{low} {middle - 4}v8M{high} {middle - 4}v8M{low} {middle}H{high}"
        parts.append(element("path", {"class": "whisker", "d": path}))
    parts.append(
        element("text", {"class": "end", "x": WIDTH - 2, "y": top + 29}, format_number(bar.value))
    )
    return element("g", {}, *parts)


def line_chart(
    title: str,
    lines: Sequence[Curve],
    across: Axis,
    up: Axis,
    *,
    diagonal: bool = False,
    note: str = "",
) -> Markup:
    """Return curves between two axes, their numbers in a table that unfolds.

    Parameters
    ----------
    lines : sequence of Curve
        At most 8 are drawn; how many are not is said below.
    across, up : Axis
    diagonal : bool, default=False
        Whether the line is drawn on which both are equal.
    note : str, default=""

    Examples
    --------
    >>> curve = Curve("all", [0.0, 0.5, 1.0], [1.0, 0.8, float("nan")])
    >>> chart = line_chart("Precision", [curve], Axis("recall", (0, 1)), Axis("precision", (0, 1))).html
    >>> chart.count("<polyline"), "1 number has no place in it." in chart
    (1, True)
    """
    shown, lost = [], 0
    for line in lines[:8]:
        clean, dropped = _drawable(line, across, up)
        lost += dropped
        shown.append(clean)
    across = across.around(chain.from_iterable(line.x for line in shown))
    up = up.around(chain.from_iterable((*line.y, *line.low, *line.high) for line in shown))
    frame = ChartFrame(across, up)
    drawing = [frame.axes()]
    if diagonal:
        drawing.append(_diagonal(frame))
    drawing += [_curve(line, series, frame) for series, line in enumerate(shown)]
    said = f"{up.title} by {across.title} of {', '.join(shorten_text(line.name, 60) for line in shown)}"
    remarks = [note]
    if lost:
        remarks.append(f"{lost:,} number{' has' if lost == 1 else 's have'} no place in it.")
    if len(lines) > len(shown):
        remarks.append(f"{len(lines) - len(shown):,} of {len(lines):,} curves are not drawn.")
    below = [legend([line.name for line in shown], lines=True), *remarks]
    return chart_figure(title, said, join(drawing), *below, _numbers(title, shown, across, up))


def _drawable(line: Curve, across: Axis, up: Axis) -> tuple[Curve, int]:
    """Return the line without numbers that cannot be drawn, thinned, and how many these were."""
    rows = list(
        zip(
            line.x,
            line.y,
            line.low if len(line.low) else line.y,
            line.high if len(line.high) else line.y,
            strict=True,
        )
    )
    kept = [row for row in rows if across.shows(row[0]) and all(map(up.shows, row[1:]))]
    lost = len(rows) - len(kept)
    if len(kept) > _MOST_CORNERS:
        step = (len(kept) - 1) / (_MOST_CORNERS - 1)
        kept = [kept[round(number * step)] for number in range(_MOST_CORNERS)]
    x, y, low, high = zip(*kept, strict=True) if kept else ((), (), (), ())
    return replace(
        line, x=x, y=y, low=low if len(line.low) else (), high=high if len(line.low) else ()
    ), lost


def _diagonal(frame: ChartFrame) -> Markup:
    low = max((frame.across.limits or (0.0, 1.0))[0], (frame.up.limits or (0.0, 1.0))[0])
    high = min((frame.across.limits or (0.0, 1.0))[1], (frame.up.limits or (0.0, 1.0))[1])
    if low >= high:
        return join([])
    ends = {"x1": frame.x(low), "x2": frame.x(high), "y1": frame.y(low), "y2": frame.y(high)}
    return element("line", {"class": "guide", **ends})


def _curve(line: Curve, series: int, frame: ChartFrame) -> Markup:
    own = f"c{series % 8}"
    corners = [(frame.x(x), frame.y(y)) for x, y in zip(line.x, line.y, strict=True)]
    parts: list[Child] = [element("title", {}, line.name)]
    if line.low:
        upper = [f"{frame.x(x)},{frame.y(y)}" for x, y in zip(line.x, line.high, strict=True)]
        lower = [f"{frame.x(x)},{frame.y(y)}" for x, y in zip(line.x, line.low, strict=True)]
        points = " ".join([*upper, *reversed(lower)])
        parts.append(element("polygon", {"class": f"band {own}", "points": points}))
    points = " ".join(f"{x},{y}" for x, y in corners)
    path = {"class": f"curve {own}", "stroke-dasharray": dashes(series), "points": points}
    parts.append(element("polyline", path))
    if line.dots:
        parts += [
            marker(series, x, y, 3.5, f"{line.name}: {format_number(a)}, {format_number(b)}")
            for (x, y), a, b in zip(corners, line.x, line.y, strict=True)
        ]
    return element("g", {}, *parts)


def _numbers(title: str, lines: Sequence[Curve], across: Axis, up: Axis) -> Markup | None:
    """Return the numbers of curves, thinned, as a table that unfolds; None where there are none."""
    several, bands = len(lines) > 1, any(len(line.low) for line in lines)
    header = [
        *(["curve"] if several else []),
        *(across.title, up.title),
        *(["low", "high"] if bands else []),
    ]
    whole = all(float(x).is_integer() for line in lines for x in line.x)
    rows: list[list[str | float | Markup | None]] = []
    for line in lines:
        step = max(1, math.ceil(len(line.x) * max(1, len(lines)) / _MOST_ROWS))
        for number in range(0, len(line.x), step):
            x, y = float(line.x[number]), float(line.y[number])
            first = [int(x) if whole else x, y]
            ends = [line.low[number], line.high[number]] if len(line.low) else [None, None]
            rows.append([*([line.name] if several else []), *first, *(ends if bands else [])])
    if not rows:
        return None
    table = html_table(f"{title}: numbers", header, rows)
    return element("details", {"class": "numbers"}, element("summary", {}, "Numbers"), table)


def scatter_chart(
    title: str,
    points: Sequence[Point],
    across: Axis,
    up: Axis,
    *,
    names: Sequence[str] = (),
    diagonal: bool = False,
    most: int = 3000,
    note: str = "",
) -> Markup:
    """Return dots between two axes; where one points at a dot its title is shown.

    Parameters
    ----------
    points : sequence of Point
        How many are not drawn is said below.
    names : sequence of str, default=()
        One a series.
    diagonal : bool, default=False
        Whether the line is drawn on which both are equal.
    most : int, default=3000
        Of more dots so many are drawn, at equal distances in their order.

    Examples
    --------
    >>> chart = scatter_chart("Rows", [Point(0, 1, "<a>")], Axis("first"), Axis("second")).html
    >>> "<title>&lt;a&gt;</title>" in chart
    True
    """
    shown = [point for point in points if across.shows(point.x) and up.shows(point.y)]
    if len(shown) > most:
        step = (len(shown) - 1) / (most - 1)
        shown = [shown[round(number * step)] for number in range(most)]
    across = across.around([point.x for point in shown])
    up = up.around([point.y for point in shown])
    frame = ChartFrame(across, up)
    radius = 4.0 if len(shown) <= 300 else 2.8
    drawing = [frame.axes()]
    if diagonal:
        drawing.append(_diagonal(frame))
    drawing += [
        marker(p.series, frame.x(p.x), frame.y(p.y), radius, shorten_text(p.title, _TITLE))
        for p in shown
    ]
    said = f"{len(shown):,} dots, {up.title} by {across.title}"
    left = len(points) - len(shown)
    rest = f"{left:,} of {len(points):,} dots are not drawn." if left else ""
    return chart_figure(title, said, join(drawing), legend(names), rest, note)


def heat_map(
    title: str, names: Sequence[str], counts: Sequence[Sequence[int]], *, note: str = ""
) -> Markup:
    """Return counts of pairs of many classes as a map: rows are true, columns predicted classes.

    Parameters
    ----------
    names : sequence of str
    counts : sequence of sequences of int
        At most 3000 cells are drawn, the largest; how many are not is said below.

    Examples
    --------
    >>> chart = heat_map("Confusion", ["a", "<b>"], [[3, 1], [0, 2]]).html
    >>> "<title>a taken for &lt;b&gt;: 1 of 4</title>" in chart
    True
    """
    cells = [
        (count, true, column)
        for true, row in enumerate(counts)
        for column, count in enumerate(row)
        if count
    ]
    cells.sort(reverse=True)
    totals = [sum(row) for row in counts]
    size = (WIDTH - 24) / max(1, len(names))
    drawing = [
        element("text", {"class": "middle", "x": WIDTH / 2 + 10, "y": 14}, "predicted"),
        element(
            "text",
            {"class": "middle", "transform": f"translate(14 {WIDTH / 2}) rotate(-90)"},
            "true",
        ),
        element(
            "rect", {"class": "axis", "x": 22, "y": 22, "width": WIDTH - 24, "height": WIDTH - 24}
        ),
    ]
    for count, true, column in cells[:_MOST_CELLS]:
        total = totals[true]
        level = max(2, round(10 * count / total))
        place: dict[str, str | float | None] = {
            "class": f"cell h{level}" if true == column else f"cell off w{level}",
            "x": round(22 + column * size, 2),
            "y": round(22 + true * size, 2),
            "width": round(max(size, 1.5), 2),
            "height": round(max(size, 1.5), 2),
        }
        hover = f"{names[true]} taken for {names[column]}: {count:,} of {total:,}"
        drawing.append(element("rect", place, element("title", {}, hover)))
    right = sum(row[number] for number, row in enumerate(counts))
    said = f"{len(names):,} classes; {right:,} of {sum(totals):,} samples on the diagonal"
    left = len(cells) - _MOST_CELLS
    rest = f"{left:,} of {len(cells):,} cells are not drawn." if left > 0 else ""
    return chart_figure(title, said, join(drawing), rest, note, height=WIDTH)
