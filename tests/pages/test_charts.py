import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from featx.pages.axes import Axis, ChartFrame, format_tick, nice_ticks
from featx.pages.charts import (
    Bar,
    Curve,
    Point,
    bar_chart,
    charts,
    heat_map,
    line_chart,
    scatter_chart,
)
from tests.support.pages import Parsed, assert_inert

UNIT = Axis("share", (0.0, 1.0))


def numbers_of(html):
    """All numbers of a drawing's attributes."""
    drawn = re.search(r"<svg.*?</svg>", html, re.S).group(0)
    values = re.findall(r'(?:points|d|x|y|x1|x2|y1|y2|cx|cy|width|height)="([^"]*)"', drawn)
    return [
        float(number) for value in values for number in re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", value)
    ]


@settings(max_examples=60)
@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
@example(0.0, 5e-324)
@example(0.0, 1e-322)
def test_ticks_are_few_and_within_their_ends(first, second):
    low, high = sorted((first, second))
    ticks = nice_ticks(low, high)
    assert 1 <= len(ticks) <= 7
    slack = 1e-6 * max(abs(low), abs(high)) + 1e-300
    assert all(low - slack <= tick <= high + slack for tick in ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (12345.0, "12.35k"),
        (2e6, "2M"),
        (3e9, "3G"),
        (1e15, "1e+15"),
        (-20000, "-20k"),
    ],
)
def test_a_tick_is_short(value, text):
    assert format_tick(value) == text


@settings(max_examples=60)
@given(st.lists(st.floats(), max_size=8), st.booleans())
def test_places_are_finite_whatever_the_numbers_are(values, log):
    axis = Axis("x", log=log).around(values)
    frame = ChartFrame(axis, axis)
    for value in values:
        if axis.shows(value):
            assert 0 <= frame.x(value) <= 420
            assert 0 <= frame.y(value) <= 280
    assert all(map(math.isfinite, axis.ticks(5)))


def test_a_line_goes_through_its_numbers():
    html = line_chart("t", [Curve("a", [0.0, 1.0], [0.0, 0.5])], UNIT, UNIT).html
    [points] = [a["points"] for a in Parsed(html).all_of("polyline")]
    assert points == "52.0,240.0 400.0,125.0"


def test_a_band_goes_around_its_line_and_its_numbers_are_in_the_table():
    line = Curve("a", [0.0, 1.0], [0.5, 0.5], [0.25, 0.25], [0.75, 0.75])
    parsed = Parsed(line_chart("t", [line], UNIT, UNIT).html)
    [band] = parsed.all_of("polygon")
    assert band["points"] == "52.0,67.5 400.0,67.5 400.0,182.5 52.0,182.5"
    assert "0.2500.750" in parsed.text


def test_lines_differ_by_more_than_their_colour():
    lines = [Curve(str(number), [0, 1], [0, 1]) for number in range(8)]
    drawn = Parsed(line_chart("t", lines, UNIT, UNIT).html).all_of("polyline")
    assert len({a.get("stroke-dasharray") for a in drawn}) == 8


def test_dots_differ_by_more_than_their_colour():
    points = [Point(0, 0, "", number) for number in range(8)]
    html = scatter_chart("t", points, UNIT, UNIT).html
    shapes = {a["points"] for a in Parsed(html).all_of("polygon")}
    assert len(shapes) == 7
    assert len(Parsed(html).all_of("circle")) == 1


def test_a_bar_is_as_long_as_its_number_and_its_interval_is_drawn():
    html = bar_chart("t", [Bar("a", 0.5, (0.25, 0.75)), Bar("b", 1.0)], limits=(0.0, 1.0)).html
    parsed = Parsed(html)
    widths = [float(a["width"]) for a in parsed.all_of("rect") if a["class"].startswith("bar")]
    assert widths == [176.0, 352.0]
    assert "M90.0 20v8M266.0 20v8M90.0 24H266.0" in html


def test_bars_of_negative_numbers_begin_at_zero():
    html = bar_chart("t", [Bar("a", -1.0), Bar("b", 1.0)]).html
    bars = [a for a in Parsed(html).all_of("rect") if a["class"].startswith("bar")]
    assert [(a["x"], a["width"]) for a in bars] == [("2.0", "176.0"), ("178.0", "176.0")]


def test_what_is_not_drawn_is_said():
    nan = float("nan")
    assert (
        "2 of 3 bars are not drawn."
        in bar_chart("t", [Bar("a", nan), Bar("b", nan), Bar("c", 1)]).html
    )
    assert (
        "1 number has no place in it."
        in line_chart("t", [Curve("a", [0, 1], [nan, 1])], UNIT, UNIT).html
    )
    lines = [Curve(str(n), [0, 1], [0, 1]) for n in range(10)]
    assert "2 of 10 curves are not drawn." in line_chart("t", lines, UNIT, UNIT).html
    dots = [Point(n, n, "") for n in range(5000)]
    assert "2,000 of 5,000 dots are not drawn." in scatter_chart("t", dots, UNIT, UNIT).html
    names = [str(n) for n in range(100)]
    full = heat_map("t", names, np.full((100, 100), 2).tolist()).html
    assert "7,000 of 10,000 cells are not drawn." in full


def test_a_long_curve_keeps_its_ends_and_few_corners():
    x = np.linspace(0, 1, 100_000)
    html = line_chart("t", [Curve("a", x, x**2)], UNIT, UNIT).html
    [path] = Parsed(html).all_of("polyline")
    corners = path["points"].split()
    assert len(corners) == 400
    assert (corners[0], corners[-1]) == ("52.0,240.0", "400.0,10.0")


def test_empty_charts_are_drawn():
    for drawn in (
        bar_chart("t", []),
        line_chart("t", [], UNIT, Axis("y")),
        line_chart("t", [Curve("a", [], [])], UNIT, Axis("y")),
        scatter_chart("t", [], Axis("x"), Axis("y")),
        heat_map("t", [], []),
    ):
        assert_inert(drawn.html)
    assert charts([]) is None


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=5))
def test_any_numbers_make_a_drawing_of_finite_places(pairs):
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    for html in (
        line_chart("t", [Curve("a", x, y)], Axis("x"), Axis("y"), diagonal=True).html,
        scatter_chart("t", [Point(a, b, "p") for a, b in pairs], Axis("x"), Axis("y")).html,
        bar_chart("t", [Bar("b", a, (b, a)) for a, b in pairs]).html,
    ):
        assert_inert(html)
        assert "nan" not in html.lower().replace("names", "")
        assert all(math.isfinite(number) for number in numbers_of(html))


def test_the_map_of_many_classes_names_each_pair():
    html = heat_map("t", ["a", "b"], [[3, 1], [0, 4]]).html
    cells = [a for a in Parsed(html).all_of("rect") if "cell" in a["class"]]
    assert [a["class"] for a in cells] == ["cell h10", "cell h8", "cell off w2"]
    assert "a taken for b: 1 of 4" in html
