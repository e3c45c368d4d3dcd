"""Draw what benchmarks/fine_tuning.py found as one SVG: a panel for each set and number of labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# The width and height of a panel in pixels, what lies between two of them, and what lies around them all.
WIDE, HIGH, GAP, LEFT, TOP, BOTTOM = 190, 130, 16, 62, 66, 52
COLORS = {"featx": "#0072b2", "layer": "#7a7a7a", "tuned": "#d55e00"}
NAMES = {
    "featx": "featx: frozen network, tuned head",
    "layer": "frozen network, linear layer by SGD",
    "tuned": "whole network fine-tuned",
}
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.small{font-size:10px;fill:#555}"
    ".grid{stroke:#ddd}.frame{fill:none;stroke:#999}"
)
Point = tuple[str, float, float]


def draw(done: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the SVG of results by the names of cells, set/labels/draw/contender; draws are averaged."""
    panels = group(done)
    sets = list(dict.fromkeys(data for data, _ in panels))
    labels = [one for one in ("10", "50", "all") if any(one == key for _, key in panels)]
    every = [point for points in panels.values() for point in points]
    first = 10 ** math.floor(math.log10(min(seconds for _, seconds, _ in every)))
    last = max(seconds for _, seconds, _ in every) * 1.5
    wide = LEFT + len(sets) * (WIDE + GAP)
    high = TOP + len(labels) * (HIGH + GAP) + BOTTOM
    parts = [legend(wide)]
    for column, data in enumerate(sets):
        near = [
            accuracy for key, points in panels.items() if key[0] == data for *_, accuracy in points
        ]
        # Tenths, a little apart from the marks.
        low = max(0, math.floor(10 * min(near) - 0.2)) / 10
        top = min(10, math.ceil(10 * max(near) + 0.2)) / 10
        for row, count in enumerate(labels):
            x, y = LEFT + column * (WIDE + GAP), TOP + row * (HIGH + GAP)
            axes = Axes(x, y, (first, last), (low, top))
            parts += axes.frame(bottom=row == len(labels) - 1)
            parts += axes.points(panels.get((data, count), []))
            if not column:
                parts.append(label(14, y + HIGH / 2, f"{count} labels a class", turn=True))
        parts.append(label(LEFT + column * (WIDE + GAP) + WIDE / 2, TOP - 8, data))
    parts.append(label(LEFT + (wide - LEFT) / 2, high - 12, "seconds of one processor core"))
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}"'
    title = "Accuracy on the test part by CPU seconds, frozen and fine-tuned"
    lines = [f'<svg {box} role="img"><title>{title}</title><style>{STYLE}</style>']
    return "\n".join(
        [*lines, f'<rect width="{wide}" height="{high}" fill="#fff"/>', *parts, "</svg>\n"]
    )


def group(done: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], list[Point]]:
    """Return contender, seconds and accuracy by set and number of labels, means of all draws."""
    draws: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for name, result in done.items():
        data, count, _, contender = name.split("/")
        draws.setdefault((data, count, contender), []).append(result)
    panels: dict[tuple[str, str], list[Point]] = {}
    for (data, count, contender), results in draws.items():
        seconds, accuracy = (
            sum(r[k] for r in results) / len(results) for k in ("seconds", "accuracy")
        )
        panels.setdefault((data, count), []).append((contender, seconds, accuracy))
    return panels


class Axes:
    """One panel: seconds from left to right on a logarithmic scale, accuracy from bottom to top."""

    def __init__(
        self, x: float, y: float, seconds: Sequence[float], accuracy: Sequence[float]
    ) -> None:
        self.x, self.y, self.seconds, self.accuracy = x, y, seconds, accuracy

    def across(self, seconds: float) -> float:
        first, last = map(math.log10, self.seconds)
        return self.x + WIDE * (math.log10(seconds) - first) / (last - first)

    def up(self, accuracy: float) -> float:
        low, high = self.accuracy
        return self.y + HIGH * (high - accuracy) / (high - low)

    def frame(self, *, bottom: bool) -> Iterator[str]:
        low, high = (round(10 * bound) for bound in self.accuracy)
        for tenth in range(low, high + 1):
            y = self.up(tenth / 10)
            yield line((self.x, y), (self.x + WIDE, y), 'class="grid"')
            yield label(self.x - 3, y + 3, "1" if tenth == 10 else f".{tenth}", "end", small=True)
        for power in range(round(math.log10(self.seconds[0])), 9):
            if 10**power > self.seconds[1]:
                break
            x = self.across(10**power)
            yield line((x, self.y), (x, self.y + HIGH), 'class="grid"')
            # Where two panels meet, their labels would stand in each other.
            if bottom and x < self.x + WIDE - GAP:
                yield label(x, self.y + HIGH + 13, f"{10**power:g}", small=True)
        yield f'<rect x="{self.x}" y="{self.y}" width="{WIDE}" height="{HIGH}" class="frame"/>'

    def points(self, points: Sequence[Point]) -> Iterator[str]:
        """Draw a dotted line at featx's accuracy, a line through those of fine-tuning, and all as marks."""
        for contender, _, accuracy in points:
            if contender == "featx":
                y, style = self.up(accuracy), f'stroke="{COLORS["featx"]}" stroke-dasharray="2 3"'
                yield line((self.x, y), (self.x + WIDE, y), style)
        tuned = sorted(point[1:] for point in points if point[0].startswith("tuned"))
        path = " ".join(f"{self.across(s):.1f},{self.up(a):.1f}" for s, a in tuned)
        yield f'<polyline points="{path}" fill="none" stroke="{COLORS["tuned"]}" stroke-width="1.5"/>'
        for contender, seconds, accuracy in sorted(points, reverse=True):
            yield mark(self.across(seconds), self.up(accuracy), contender.split()[0])


def mark(x: float, y: float, kind: str) -> str:
    """Draw featx as a disc, the layer as a square and fine-tuning as a triangle: not by colour alone."""
    color = COLORS[kind]
    if kind == "featx":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{color}"/>'
    if kind == "layer":
        corner = f'x="{x - 4:.1f}" y="{y - 4:.1f}"'
        return (
            f'<rect {corner} width="8" height="8" fill="#fff" stroke="{color}" stroke-width="2"/>'
        )
    corners = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y + 4:.1f} {x - 5:.1f},{y + 4:.1f}"
    return f'<polygon points="{corners}" fill="{color}"/>'


def line(first: Sequence[float], last: Sequence[float], style: str) -> str:
    ends = " ".join(f'x{n}="{x:.1f}" y{n}="{y:.1f}"' for n, (x, y) in ((1, first), (2, last)))
    return f"<line {ends} {style}/>"


def label(
    x: float,
    y: float,
    text: str,
    anchor: str = "middle",
    *,
    small: bool = False,
    turn: bool = False,
) -> str:
    more = ' class="small"' if small else ""
    more += f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{text}</text>'


def legend(wide: float) -> str:
    parts = []
    for number, (kind, name) in enumerate(NAMES.items()):
        x = LEFT + number * (wide - LEFT) / len(NAMES)
        parts += [mark(x + 6, 22, kind), label(x + 18, 26, name, "start")]
    return "\n".join(parts)
