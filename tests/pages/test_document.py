import pytest

from featx.pages.axes import Axis
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
from featx.pages.document import Page, PageSection, code_block, facts, notes, subsection, tiles
from featx.pages.media import cards, picture, player, quotation
from featx.pages.tables import html_table, interval_mark, matrix_table
from tests.support.pages import HOSTILE, assert_page


def page_of(text):
    """A page with every part that there is, each of whose texts is the same."""
    curve, axis = Curve(text, [0, 1], [0, 1], [0, 0], [1, 1], dots=True), Axis(text)
    drawn = [
        bar_chart(text, [Bar(text, 0.5, (0.4, 0.6))], note=text),
        line_chart(text, [curve, curve], axis, axis, diagonal=True, note=text),
        scatter_chart(text, [Point(0, 1, text, 1)], axis, axis, names=[text, text], note=text),
        heat_map(text, [text, text], [[1, 2], [3, 4]], note=text),
    ]
    return Page(
        text,
        [text, tiles([(text, text, text)]), facts([(text, text)])],
        [
            PageSection(text, [notes([text]), code_block(text), charts(drawn)]),
            PageSection(
                text,
                [
                    subsection(text, text, html_table(text, [text, text], [[text, 0.5]])),
                    matrix_table(text, text, [text, text], [[1, 0], [2, 3]]),
                    html_table(text, [text, text], [[text, interval_mark(0.5, 0.4, 0.6, (0, 1))]]),
                    cards([[picture(b"x", text), player(b"x", text), quotation(text), text]]),
                ],
            ),
        ],
        text,
    ).to_html()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_runs_nothing_whatever_its_texts_are(text):
    parsed = assert_page(page_of(text))
    assert parsed.elements == assert_page(page_of(text)).elements
    plain = assert_page(page_of("text"))
    assert [tag for tag, _ in parsed.elements] == [tag for tag, _ in plain.elements]


def test_a_page_forbids_scripts_and_the_network_to_a_browser():
    html = page_of("text")
    [policy] = [
        a["content"]
        for a in assert_page(html).all_of("meta")
        if "Policy" in a.get("http-equiv", "")
    ]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "http:" not in html
    assert "https:" not in html


def test_a_page_has_a_style_for_dark_screens_for_phones_and_for_paper():
    html = page_of("text")
    for query in ("prefers-color-scheme: dark", "max-width: 40rem", "media print"):
        assert query in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html


def test_a_section_without_parts_is_left_out_and_so_is_its_link():
    page = Page("t", [], [PageSection("kept", ["x"]), PageSection("empty", [None, ""])])
    assert "empty" not in page.to_html()
    assert "<nav" not in page.to_html()


def test_contents_lead_to_every_section():
    page = Page("t", [], [PageSection("one", ["x"]), PageSection("two", ["y"])])
    assert [a["href"] for a in assert_page(page.to_html()).all_of("a")] == ["#s1", "#s2"]
