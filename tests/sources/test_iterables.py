"""Lists and arrays of samples with labels and ids."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.errors import BadLabels, BadSource
from featx.sources import (
    Sample,
    make_samples,
    to_label,
    to_text,
    unique_ids,
)
from featx.sources.sample import number_repeats
from tests.support.sources import ids


def test_a_list_becomes_samples_in_its_order():
    picture = np.zeros((2, 2, 3), np.uint8)
    samples = make_samples(["a.jpg", Path("b/c.jpg"), b"bytes", picture, "a.jpg", None])
    assert ids(samples) == ["a.jpg", str(Path("b/c.jpg")), "2", "3", "a.jpg#2", "5"]
    assert samples[3].data is picture
    assert samples[1].data == Path("b/c.jpg")


@pytest.mark.parametrize(
    "X",
    [
        ("a", "b"),
        iter(["a", "b"]),
        np.array(["a", "b"]),
        np.array([["a"], ["b"]], object),
        pd.Series(["a", "b"], index=[5, 7]),
        pd.DataFrame({"path": ["a", "b"]}),
        [Sample("a", "a"), Sample("b", "b")],
    ],
    ids=lambda X: type(X).__name__,
)
def test_anything_like_a_list_or_a_column_will_do(X):
    samples = make_samples(X, y=np.array([1, 2]))
    assert samples == [Sample("a", "a", "1"), Sample("b", "b", "2")]
    assert {type(sample.data) for sample in samples} == {str}


def test_an_array_of_images_is_a_list_of_them():
    images = np.zeros((3, 4, 5, 3), np.uint8)
    assert [sample.data.shape for sample in make_samples(images)] == [(4, 5, 3)] * 3


@pytest.mark.parametrize("X", [[], np.array([]), np.empty((0, 1), object), pd.DataFrame({"p": []})])
def test_nothing_is_no_samples(X):
    assert make_samples(X) == []


def test_samples_keep_their_labels_unless_others_are_given():
    samples = [Sample("x", b"1", "cat")]
    assert make_samples(samples) == samples
    assert make_samples(samples, ["dog"], ["y"]) == [Sample("y", b"1", "dog")]


@pytest.mark.parametrize(
    ("X", "y", "names", "kind", "words"),
    [
        ("a.jpg", None, None, BadSource, "found one str; put it in a list"),
        (b"x", None, None, BadSource, "found one bytes"),
        (Path("a"), None, None, BadSource, "Path"),
        (3, None, None, BadSource, "found one int"),
        (np.zeros(3), None, None, BadSource, "numbers of shape"),
        (np.array([["a", "b"]]), None, None, BadSource, r"one column .* \(1, 2\)"),
        (["a", "b"], ["x"], None, BadLabels, "expected 2 labels, one a sample; found 1"),
        (["a"], [[["x"]]], None, BadLabels, "found list"),
        (["a", "b"], None, ["x"], BadSource, "expected 2, one a sample; found 1"),
        (["a", "b", "c"], None, ["x", "y", "x"], BadSource, "'x' at 2 is already taken at 0"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(X, y, names, kind, words):
    with pytest.raises(kind, match=words):
        make_samples(X, y, names)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), "3"),
        (np.float32(3), "3"),
        (0.5, "0.5"),
        (0, "0"),
        (False, "False"),
        (b"cat", "cat"),
        (np.str_(" a b "), "a b"),
        ("caf\udce9", r"caf\xe9"),
        (pd.NA, None),
        (pd.NaT, None),
        (np.nan, None),
        ("  ", None),
    ],
)
def test_labels_are_text(value, expected):
    assert to_label(value) == expected


@given(st.lists(st.text("a#2", max_size=4)))
def test_numbered_ids_are_all_different_and_the_first_of_each_stays(names):
    numbered = number_repeats(names)
    assert len(set(numbered)) == len(names)
    assert all(new.startswith(old) for new, old in zip(numbered, names, strict=True))
    assert number_repeats(numbered) == numbered
    assert numbered[:1] == names[:1]


@given(st.text(st.characters()))
def test_any_name_becomes_text_that_utf8_can_hold(name):
    text = to_text(name)
    assert text.encode("utf-8").decode("utf-8") == text
    assert to_text(text) == text


def test_joined_sources_get_distinct_ids():
    joined = unique_ids([Sample("a", 1, "x"), Sample("b", 2), Sample("a", 3)])
    assert joined == [Sample("a", 1, "x"), Sample("b", 2), Sample("a#2", 3)]
