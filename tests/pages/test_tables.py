import re

import pytest

from featx.pages.style import STYLE
from featx.pages.tables import format_number, html_table, interval_mark, matrix_table
from tests.support.pages import Parsed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (-0.5, "-0.500"),
        (123.456, "123.5"),
        (1e9, "1,000,000,000"),
        (7, "7"),
        (1234567, "1,234,567"),
        (float("inf"), "–"),
        (float("nan"), "–"),
        (None, "–"),
    ],
)
def test_a_number_has_the_digits_that_say_something(value, text):
    assert format_number(value) == text


def test_a_table_says_what_its_rows_and_columns_are():
    html = html_table("Scores", ["class", "F1", "remark"], [["a", 0.5, "x"], ["b", None, "y"]]).html
    parsed = Parsed(html)
    assert [a.get("scope") for a in parsed.all_of("th")] == ["col", "col", "col", "row", "row"]
    assert parsed.all_of("td")[0] == {"class": "n"}
    assert parsed.all_of("td")[1] == {"class": "s"}
    assert parsed.all_of("div")[0]["tabindex"] == "0"
    assert parsed.text == "ScoresclassF1remarka0.500xb–y"


def test_a_long_table_says_how_many_rows_it_leaves_out():
    rows = [[str(number), number] for number in range(12)]
    assert "… and 9 more rows" in html_table("t", ["a", "b"], rows, most=3).html


def test_an_empty_table_has_its_header():
    assert Parsed(html_table("t", ["a", "b"], []).html).text == "tab"


def test_a_cell_of_a_matrix_is_dark_by_its_share_of_the_row():
    parsed = Parsed(matrix_table("m", "true", ["a", "b"], [[99, 1], [0, 0]]).html)
    assert [a["class"] for a in parsed.all_of("td")] == ["h10", "w1", "w0", "h0"]


def test_an_interval_is_drawn_within_its_limits_whatever_the_numbers_are():
    parsed = Parsed(interval_mark(float("nan"), -5.0, 9.0, (0.0, 1.0)).html)
    whisker = parsed.all_of("line")[1]
    assert (whisker["x1"], whisker["x2"]) == ("2.0", "118.0")
    assert parsed.all_of("svg")[0]["aria-label"] == "–, 95 % interval -5.000 to 9.000"


def luminance(color):
    parts = [
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in color
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(first, second):
    light, dark = sorted([luminance(first), luminance(second)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def channels(text):
    if text.startswith("#"):
        return [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [int(part) / 255 for part in text.split(",")]


@pytest.mark.parametrize("theme", [0, 1])
def test_texts_and_marks_stand_out_as_wcag_asks_in_both_themes(theme):
    block = re.findall(r"(--ink:[^}]*)}", STYLE)[theme]
    colors = {key: channels(value) for key, value in re.findall(r"--(\w+): ([^;]+);", block)}
    for behind in ("page", "block"):
        for name in ("ink", "soft", *(f"c{number}" for number in range(8))):
            assert contrast(colors[name], colors[behind]) >= 4.5, (name, behind)
    assert contrast(colors["axis"], colors["page"]) >= 3
    for name in ("heat", "wrong"):
        cell = [0.45 * a + 0.55 * b for a, b in zip(colors[name], colors["page"], strict=True)]
        assert contrast(colors["ink"], cell) >= 4.5, name
