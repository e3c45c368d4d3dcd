import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.pages.markup import data_uri, element, join, shorten_text
from tests.support.pages import HOSTILE, Parsed, assert_inert


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_a_text_in_an_element_and_in_an_attribute(text):
    html = element("p", {"title": text, "aria-label": text}, text, element("em", {}, text)).html
    parsed = assert_inert(html)
    assert [tag for tag, _ in parsed.elements] == ["p", "em"]
    assert parsed.text.count("\\x00") == (2 if "\x00" in text else 0)


@given(st.text())
def test_any_text_is_read_back_as_it_was_but_for_what_html_forbids(text):
    parsed = Parsed(element("p", {"title": text}, text).html)
    assert [tag for tag, _ in parsed.elements] == ["p"]
    assert parsed.elements[0][1]["title"] == parsed.text
    if text.isprintable():
        assert parsed.text == text


def test_what_html_forbids_is_written_out():
    assert element("p", {}, "a\x00b\ud800\u202e\r\n").html == "<p>a\\x00b\\ud800\\u202e\\r\n</p>"


@pytest.mark.parametrize("tag", ["script", "iframe", "style", "object", "p onclick=x", "", "form"])
def test_an_element_that_could_run_something_is_refused(tag):
    with pytest.raises(ValueError, match="expected one that runs nothing"):
        element(tag, {}, "x")


@pytest.mark.parametrize("name", ["onclick", "onerror", "x y", "a>b", "srcdoc", ""])
def test_an_attribute_that_could_run_something_is_refused(name):
    with pytest.raises(ValueError, match="expected the name of one that runs nothing"):
        element("p", {name: "x"})


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://a.b", "//a.b", "#A b", ""])
def test_a_link_leads_to_a_place_in_the_page_alone(address):
    with pytest.raises(ValueError, match="expected a place in the page"):
        element("a", {"href": address}, "x")


@pytest.mark.parametrize(
    "address",
    ["http://a.b/c.png", "data:image/svg+xml;base64,PHN2Zz4=", "data:text/html,x", "a.png"],
)
def test_a_picture_is_data_of_a_kind_that_runs_nothing(address):
    with pytest.raises(ValueError, match="expected data of a picture or a sound"):
        element("img", {"src": address, "alt": ""})


def test_data_of_another_kind_than_pictures_and_sounds_is_refused():
    with pytest.raises(ValueError, match="expected one of image/jpeg"):
        data_uri(b"<svg/>", "image/svg+xml")


def test_pieces_are_joined_and_texts_among_them_escaped():
    assert join(["<", element("br"), None, ">"]).html == "&lt;<br>&gt;"


def test_a_long_text_says_how_much_of_it_is_left_out():
    assert shorten_text("x" * 1500, 100) == "x" * 100 + "… (1,400 more characters)"
