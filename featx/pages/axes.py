"""Scales, ticks and frames of charts: from numbers to places in a drawing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from featx.pages.markup import Child, Markup, element, join, shorten_text

__all__ = [
    "WIDTH",
    "Axis",
    "ChartFrame",
    "chart_figure",
    "dashes",
    "format_tick",
    "legend",
    "marker",
    "nice_ticks",
]

# Width of every chart in its own units: about as many pixels as a phone has.
WIDTH = 420
_HEIGHT = 280
# Left, right, top, bottom.
_MARGINS = (52, 20, 10, 40)
# Characters of the name of a series in a legend.
_NAME = 60
# Lines of the series, so that colour is not all that tells them apart.
_DASHES = (None, "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "1 2", "6 2 1 2")


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from ``low`` to ``high``, at most so many.

    >>> nice_ticks(0.0, 1.0), nice_ticks(3.0, 3.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [3.0])
    """
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    rough = span / max(1, most - 1)
    # The smallest numbers that there are cannot be divided.
    if not rough:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    # a span of which the power is 0 or infinite cannot be divided
    if not power or not math.isfinite(power):
        return [low, high]
    step = next(step for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999) * power
    first = math.ceil(low / step - 1e-9)
    ticks = [number * step for number in range(first, first + most + 1)]
    return [float(f"{tick:.10g}") for tick in ticks if tick <= high + step * 1e-9] or [low]


def format_tick(value: float) -> str:
    """Return a number as axes show it.

    >>> [format_tick(value) for value in (0.25, 1500000.0, -3.0, 1e-05)]
    ['0.25', '1.5M', '-3', '1e-05']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if 1e12 > abs(value) >= size:
            divisor = 1e3 if letter == "k" else size
            return f"{value / divisor:.4g}{letter}"
    return f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart: its title and its ends.

    Attributes
    ----------
    title : str
    limits : (float, float), default=None
        The ends; None: those of what is drawn.
    log : bool, default=False
        Whether equal ratios are equally long; limits must then be above 0.

    Examples
    --------
    >>> Axis("recall", (0.0, 1.0)).around([]).limits
    (0.0, 1.0)
    """

    title: str
    limits: tuple[float, float] | None = None
    log: bool = False

    def shows(self, value: float) -> bool:
        """Return whether a value can be drawn: it is finite and, where ratios count, above 0."""
        return math.isfinite(value) and (value > 0 or not self.log)

    def around(self, values: Iterable[float]) -> Axis:
        """Return the axis with ends: its own, or a little beyond the finite values."""
        if self.limits is not None:
            return self
        shown = [value for value in values if self.shows(value)]
        low, high = (min(shown), max(shown)) if shown else (1.0, 10.0) if self.log else (0.0, 1.0)
        if self.log:
            low, high = max(low, 1e-300), min(max(high, 1e-300), 1e300)
            low, high = (low, high) if high > low else (low / 2, low * 2)
        else:
            # halves: the difference of the largest floats is infinite
            pad = 0.04 * (high / 2 - low / 2) * 2 or abs(high) * 0.1 or 0.5
            low, high = low - pad, high + pad
        if not math.isfinite(low) or not math.isfinite(high):
            low, high = max(low, -1e308), min(high, 1e308)
        return Axis(self.title, (low, high), self.log)

    def share(self, value: float) -> float:
        """Return where a value lies between the ends, 0 to 1; what lies beyond is at the end."""
        low, high = self.limits or (0.0, 1.0)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(max(value, low))
        # halves: the difference of the largest floats is infinite
        span = high / 2 - low / 2
        return min(1.0, max(0.0, (value / 2 - low / 2) / span)) if span else 0.5

    def ticks(self, most: int) -> list[float]:
        """Return the values that are written at the axis."""
        low, high = self.limits or (0.0, 1.0)
        if not self.log:
            return nice_ticks(low, high, most)
        powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
        ticks = [float(f"{step * 10.0**power:.6g}") for power in powers for step in (1, 2, 5)]
        ticks = [tick for tick in ticks if low <= tick <= high]
        return ticks[:: max(1, math.ceil(len(ticks) / most))] or [low, high]


@dataclass(frozen=True, slots=True)
class ChartFrame:
    """The rectangle between two axes.

    Attributes
    ----------
    across, up : Axis
        With their ends.
    """

    across: Axis
    up: Axis

    def x(self, value: float) -> float:
        """Return where a value of the first axis is drawn."""
        left, right = _MARGINS[0], WIDTH - _MARGINS[1]
        return round(left + (right - left) * self.across.share(value), 1)

    def y(self, value: float) -> float:
        """Return where a value of the second axis is drawn."""
        top, bottom = _MARGINS[2], _HEIGHT - _MARGINS[3]
        return round(bottom - (bottom - top) * self.up.share(value), 1)

    def axes(self) -> Markup:
        """Return lines, ticks and titles of both axes."""
        left, right = _MARGINS[0], WIDTH - _MARGINS[1]
        top, bottom = _MARGINS[2], _HEIGHT - _MARGINS[3]
        parts: list[Child] = []
        for tick in self.up.ticks(6):
            y = self.y(tick)
            parts += [
                element("line", {"class": "grid", "x1": left, "x2": right, "y1": y, "y2": y}),
                element(
                    "text", {"class": "end soft", "x": left - 6, "y": y + 4}, format_tick(tick)
                ),
            ]
        for tick in self.across.ticks(6):
            x = self.x(tick)
            parts += [
                element("line", {"class": "grid", "x1": x, "x2": x, "y1": top, "y2": bottom}),
                element(
                    "text", {"class": "middle soft", "x": x, "y": bottom + 16}, format_tick(tick)
                ),
            ]
        middle = (left + right) / 2
        turned = f"translate(11 {(top + bottom) / 2}) rotate(-90)"
        parts += [
            element("path", {"class": "axis", "d": f"M{left} {top}V{bottom}H{right}"}),
            element("text", {"class": "middle", "x": middle, "y": _HEIGHT - 7}, self.across.title),
            element("text", {"class": "middle", "transform": turned}, self.up.title),
        ]
        return join(parts)


def marker(series: int, x: float, y: float, radius: float, title: str | None = None) -> Markup:
    """Return a dot of the shape and colour of a series, with what is shown where one points at it.

    >>> marker(0, 1, 2, 3, "a").html
    '<circle class="dot c0" cx="1" cy="2" r="3"><title>a</title></circle>'
    """
    own = {"class": f"dot c{series % 8}"}
    hover = None if title is None else element("title", {}, title)
    r = radius
    corners = {
        1: ((-r, -r), (r, -r), (r, r), (-r, r)),
        2: ((0, -r * 1.2), (r * 1.1, r), (-r * 1.1, r)),
        3: ((0, -r * 1.3), (r * 1.3, 0), (0, r * 1.3), (-r * 1.3, 0)),
        4: ((0, r * 1.2), (r * 1.1, -r), (-r * 1.1, -r)),
        5: ((-r * 1.4, -r * 0.6), (r * 1.4, -r * 0.6), (r * 1.4, r * 0.6), (-r * 1.4, r * 0.6)),
        6: ((-r * 0.6, -r * 1.4), (r * 0.6, -r * 1.4), (r * 0.6, r * 1.4), (-r * 0.6, r * 1.4)),
        7: ((-r, 0), (0, -r * 1.4), (r * 1.4, 0), (r * 0.4, r), (-r * 0.6, r)),
    }.get(series % 8)
    if corners is None:
        return element("circle", {**own, "cx": x, "cy": y, "r": radius}, hover)
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return element("polygon", {**own, "points": points}, hover)


def dashes(series: int) -> str | None:
    """Return how the line of a series is broken; None where it is not."""
    return _DASHES[series % len(_DASHES)]


def legend(names: Sequence[str], *, lines: bool = False) -> Markup | None:
    """Return what stands for each series; None where there is one or none.

    Parameters
    ----------
    lines : bool, default=False
        Whether series are lines; otherwise they are dots.
    """
    if len(names) < 2:
        return None
    items = []
    for series, name in enumerate(names):
        line = {"class": f"curve c{series % 8}", "stroke-dasharray": dashes(series)}
        drawn = (
            element("line", {**line, "x1": 0, "x2": 26, "y1": 6, "y2": 6})
            if lines
            else marker(series, 13, 6, 5)
        )
        key = element("svg", {"viewBox": "0 0 26 12", "aria-hidden": "true"}, drawn)
        items.append(element("li", {}, key, element("span", {}, shorten_text(name, _NAME))))
    return element("ul", {"class": "legend"}, *items)


def chart_figure(
    title: str, said: str, drawing: Markup, *below: Child, height: float = _HEIGHT
) -> Markup:
    """Return a chart under its title, with what stands below it.

    Parameters
    ----------
    said : str
        What the chart shows, for those who cannot see it.
    drawing : Markup
        What is drawn, in units of which ``WIDTH`` go across.
    below : str, Markup or None
        A text is a note.
    """
    drawn = element(
        "svg",
        {"role": "img", "aria-label": f"{title}: {said}", "viewBox": f"0 0 {WIDTH} {height:g}"},
        drawing,
    )
    rest = (element("p", {"class": "note"}, b) if isinstance(b, str) else b for b in below if b)
    return element("figure", {"class": "chart"}, element("figcaption", {}, title), drawn, *rest)
