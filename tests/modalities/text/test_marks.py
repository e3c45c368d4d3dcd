"""Marks: words of a text by what they add, in colours; nothing of a text can run in a page."""

import pytest

from featx.errors import BadSample
from featx.modalities.text.marks import mark_words
from featx.modalities.text.occlusion import hide_words


def test_pieces_of_a_word_are_marked_together():
    html = mark_words("unhappy dog", [((0, 2), 1.0), ((2, 7), 0.5), ((8, 11), -3.0)]).html
    assert '<mark class="h5" title="+1.5">unhappy</mark> <mark class="w10"' in html


def test_letters_of_a_script_without_spaces_are_marked_alone():
    html = mark_words("猫好", [((0, 1), 1.0), ((1, 2), -1.0)]).html
    assert html.count("<mark") == 2


def test_what_stands_in_no_place_stays_as_it_is_and_is_escaped():
    text = "<script>alert(1)</script> & more"
    html = mark_words(text, [((8, 13), 1.0), (None, 5.0)]).html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert html.endswith("&lt;/script&gt; &amp; more</blockquote>")


def test_places_that_overlap_or_lie_behind_the_text_mark_each_letter_once():
    html = mark_words("one two", [((0, 3), 1.0), ((0, 3), 1.0), ((4, 7), 1.0), ((7, 99), 1.0)]).html
    assert html.count("one") == html.count("two") == 1


def test_a_very_long_text_is_cut_and_the_rest_is_counted():
    text = "word " * 10_000
    html = mark_words(text, [((k, k + 4), 1.0) for k in range(0, len(text), 5)]).html
    assert len(html) < 400_000
    assert "more characters)" in html


def test_a_text_without_places_is_shown():
    assert mark_words("plain", []).html == '<blockquote dir="auto">plain</blockquote>'


def test_words_are_left_out_one_after_the_other():
    hidden = hide_words("It's 3 cats, 猫!", 99, str)
    assert [hidden.hide(k) for k in range(len(hidden.places))] == [
        " 3 cats, 猫!",
        "It's  cats, 猫!",
        "It's 3 , 猫!",
        "It's 3 cats 猫!",
        "It's 3 cats, !",
        "It's 3 cats, 猫",
    ]


def test_of_many_words_a_few_go_together():
    hidden = hide_words("a " * 1000, 10, str)
    assert len(hidden.places) == 10
    assert hidden.hide(0).split() == ["a"] * 900


def test_of_a_text_that_is_one_word_a_sign_is_left():
    assert hide_words("one", 5, str).hide(0) == "."


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_text_without_words_is_refused(text):
    with pytest.raises(BadSample, match="no word that could be left out"):
        hide_words(text, 5, str)
