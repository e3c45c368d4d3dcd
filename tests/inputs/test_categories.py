"""Categories of a table: one column each, those that are rare or unseen together."""

import json
from collections import Counter

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from featx.errors import BadArtifact, BadSample
from featx.inputs.categories import CategoryEncoder
from featx.inputs.encoder import read_encoder


def fit(cells):
    return CategoryEncoder.fit(cells, "brand")


def test_columns_are_those_of_scikit_learns_encoder_with_rare_ones_folded():
    rng = np.random.default_rng(0)
    labels = [f"b{int(value)}" for value in rng.geometric(0.3, 400)]
    encoder, _ = fit(labels)
    # Of 400 rows those in fewer than five are rare.
    theirs = OneHotEncoder(
        min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False
    ).fit(np.array(labels)[:, None])
    asked = [*labels, "never"]
    own = encoder.encode([encoder.read(label) for label in asked])
    expected = theirs.transform(np.array(asked)[:, None])
    assert own.shape == expected.shape
    assert sorted(map(tuple, own.T.tolist())) == sorted(map(tuple, expected.T.tolist()))
    counts = Counter(labels)
    assert encoder.folded == sum(count < 5 for count in counts.values())


def test_labels_are_spelled_as_those_of_classes_are():
    encoder, _ = fit(["1", 1, 1.0, "1.0", " x ", "x", "caf\u00e9", "cafe\u0301", True, "true"])
    assert set(encoder.categories) == {"1", "x", "caf\u00e9", "True"}
    assert encoder.read("cafe\u0301 ") == "caf\u00e9"
    assert encoder.read("X") == "X"
    assert encoder.is_doubtful("X")


def test_an_empty_cell_is_a_category_too():
    encoder, _ = fit(["a", "a", None, "", float("nan"), "b", "b"])
    assert encoder.names == ("brand: (empty)", "brand: a", "brand: b", "brand: others")
    assert encoder.encode([encoder.read(None)]).tolist() == [[1, 0, 0, 0]]
    without, _ = fit(["a", "a", "b", "b"])
    assert without.is_doubtful(without.read(None))
    # None and NA are names: of a country, say.
    assert without.read("NA") == "NA"


def test_rare_categories_are_named_and_counted():
    _, notes = fit(["a"] * 50 + ["b"] * 48 + ["c", "d"])
    assert notes == (
        "brand: 2 of 4 categories ('c', 'd') are in fewer than 5 rows and count as one, in 2 of 100 rows",
    )


def test_more_categories_than_columns_are_folded_by_their_number_of_rows():
    labels = [f"c{n}" for n in range(300) for _ in range(10 if n < 255 else 6)]
    encoder, notes = fit(labels)
    assert encoder.dim == 256
    assert encoder.folded == 45
    assert "beyond the 255 most frequent" in notes[0]
    assert encoder.read("c299") not in encoder.categories


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([None, "", float("nan")], "all 3 cells are empty"),
        ([f"id {n}" for n in range(30)], "30 different values in 30 cells"),
        ([f"id {n}" for n in range(30)], "brand:text"),
        ([[1], [2]], "lists of numbers are brand:vector"),
        ([b"abc", b"x"], "found 3 bytes"),
        ([{}, {}], "found an object"),
        ([], "there are no rows"),
    ],
)
def test_a_column_that_holds_no_categories_is_refused(cells, said):
    with pytest.raises(BadSample) as caught:
        fit(cells)
    assert str(caught.value).startswith("brand: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ([1], "a list of 1 values"),
        (b"abc", "3 bytes"),
        ({}, "an object"),
        ("x" * 2000, "2,000 characters"),
        (np.zeros(3), "an array of shape (3,)"),
    ],
)
def test_a_cell_that_is_none_is_refused_by_itself(cell, said):
    encoder, _ = fit(["a", "a"])
    with pytest.raises(BadSample) as caught:
        encoder.read(cell)
    assert said in str(caught.value)


def test_a_whole_number_that_python_cannot_write_is_refused():
    with pytest.raises(BadSample, match="found a number of thousands of digits"):
        fit(["a", "a"])[0].read(10**5000)


def test_files_among_categories_are_told():
    _, notes = fit(["a.jpg", "a.jpg", "b.jpg", "b.jpg"])
    assert notes == (
        "brand: categories such as 'a.jpg' look like files; say brand:image to read them",
    )


def test_what_is_saved_comes_back():
    encoder, _ = fit(["a", "a", None, None, "b"])
    back = read_encoder(json.loads(json.dumps(encoder.to_dict())), "brand")
    assert back == encoder
    assert back.fingerprint == encoder.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"categories": []},
        {"categories": "ab"},
        {"categories": ["a", "a"]},
        {"categories": [1]},
        {"categories": [" a "]},
        {"categories": ["x" * 2000]},
        {"categories": [f"c{n}" for n in range(256)]},
        {"folded": -1},
        {"folded": True},
        {"folded_rows": "3"},
        {"more": 1},
    ],
)
def test_what_no_encoder_can_be_is_refused_when_it_is_read(change):
    encoder, _ = fit(["a", "a"])
    with pytest.raises(BadArtifact):
        read_encoder({**encoder.to_dict(), **change}, "brand")
