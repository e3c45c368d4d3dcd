"""Curves: what each moment of a sound adds to a score."""

from __future__ import annotations

from collections.abc import Sequence

from featx.modalities import PlaceValue
from featx.pages.axes import Axis, ChartFrame, chart_figure
from featx.pages.markup import Markup, element, join
from featx.pages.style import STYLE

__all__ = ["curve_file", "draw_curve"]

# Steps of a curve that are drawn.
_MOST = 2000
_SIZE = (420, 280)


def draw_curve(title: str, seconds: float, stretches: Sequence[PlaceValue]) -> Markup:
    """Return a curve of the score a second over a sound, as a figure of a page.

    Stretches may overlap; each is dealt out evenly over its seconds.

    Parameters
    ----------
    title : str
    seconds : float
        The length of the sound.
    stretches : sequence of ((start, stop), float)

    Examples
    --------
    >>> drawn = draw_curve("cat", 2.0, [((0.0, 1.0), 1.0), ((1.0, 2.0), -0.5)]).html
    >>> drawn.count("<path"), "seconds" in drawn
    (3, True)
    """
    steps = _steps(stretches)
    most = max((abs(height) for _, _, height in steps), default=0.0) or 1.0
    said = ", ".join(f"{height:+.3g} from {start:.3g} s" for start, _, height in steps[:20])
    return chart_figure(title, said or "nothing", _drawing(seconds, steps, most))


def curve_file(title: str, seconds: float, stretches: Sequence[PlaceValue]) -> str:
    """Return ``draw_curve`` as a file of its own, in SVG.

    >>> curve_file("cat", 1.0, [((0.0, 1.0), 1.0)])[:48]
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox='
    """
    steps = _steps(stretches)
    most = max((abs(height) for _, _, height in steps), default=0.0) or 1.0
    drawing = join([element("title", {}, title), _drawing(seconds, steps, most)]).html
    box = f'viewBox="0 0 {_SIZE[0]} {_SIZE[1]}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} width="{2 * _SIZE[0]}" height="{2 * _SIZE[1]}">'
        f"<style>{STYLE}</style>{drawing}</svg>\n"
    )


def _drawing(seconds: float, steps: Sequence[tuple[float, float, float]], most: float) -> Markup:
    frame = ChartFrame(
        Axis("seconds", (0.0, max(seconds, 1e-9))), Axis("score a second", (-most, most))
    )
    zero = frame.y(0.0)
    areas = []
    for sign, series in ((1, 0), (-1, 1)):
        path = "".join(
            f"M{frame.x(start)} {zero}V{frame.y(height)}H{frame.x(stop)}V{zero}Z"
            for start, stop, height in steps
            if height * sign > 0
        )
        areas.append(element("path", {"class": f"bar c{series}", "d": path or "M0 0"}))
    left, right = frame.x(0.0), frame.x(max(seconds, 1e-9))
    guide = element("line", {"class": "axis", "x1": left, "x2": right, "y1": zero, "y2": zero})
    return join([frame.axes(), *areas, guide])


def _steps(stretches: Sequence[PlaceValue]) -> list[tuple[float, float, float]]:
    """Return from when to when the score a second has which value."""
    inside = [(place, value) for place, value in stretches if place is not None]
    changes: dict[float, float] = {}
    for (start, stop), value in inside:
        height = value / (stop - start) if stop > start else 0.0
        changes[start] = changes.get(start, 0.0) + height
        changes[stop] = changes.get(stop, 0.0) - height
    times = sorted(changes)
    heights, height = [], 0.0
    for time in times:
        height += changes[time]
        heights.append(height)
    steps = [
        (start, stop, height)
        for start, stop, height in zip(times, times[1:], heights, strict=False)
    ]
    if len(steps) <= _MOST:
        return steps
    size = -(-len(steps) // _MOST)
    groups = [steps[k : k + size] for k in range(0, len(steps), size)]
    return [(group[0][0], group[-1][1], _mean(group)) for group in groups]


def _mean(steps: Sequence[tuple[float, float, float]]) -> float:
    return sum((stop - start) * h for start, stop, h in steps) / (steps[-1][1] - steps[0][0])
