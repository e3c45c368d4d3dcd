"""Poolings of tokens: values by hand, both forms, poolings side by side, and rows that are cut."""

from dataclasses import replace

import numpy as np
import pytest

from featx.catalog import Card, get_card
from featx.errors import BadGraph, BadOption
from featx.graphs.pooling import read_pooling
from tests.support.poolings import as_graph

TOKENS = np.array([[[1, 8], [2, 4], [3, 2], [9, 9]]], np.float32)
RIGHT = np.array([[True, True, True, False]])
LEFT = np.array([[False, True, True, True]])


@pytest.mark.parametrize(
    ("text", "mask", "row"),
    [
        ("mean-sqrt", RIGHT, [6 / 3**0.5, 14 / 3**0.5]),
        ("mean-sqrt", None, [15 / 2, 23 / 2]),
        ("weighted-mean", RIGHT, [14 / 6, 22 / 6]),
        ("weighted-mean", None, [50 / 10, 58 / 10]),
        ("first", RIGHT, [1, 8]),
        ("first", LEFT, [2, 4]),
        ("first", ~RIGHT, [9, 9]),
        ("last", RIGHT, [3, 2]),
        ("last", LEFT, [9, 9]),
        ("cls,max,mean,last", RIGHT, [1, 8, 3, 8, 2, 14 / 3, 3, 2]),
        ("max,cls", None, [9, 9, 1, 8]),
        ("mean[:1]", RIGHT, [2]),
        ("cls,mean[:3]", RIGHT, [1, 8, 2]),
        ("gem:2,last[:4]", None, [(95 / 4) ** 0.5, (165 / 4) ** 0.5, 9, 9]),
    ],
)
def test_rows_by_hand_in_both_forms(text, mask, row):
    pooling = read_pooling(text)
    np.testing.assert_allclose(pooling.rows(TOKENS, mask, None), [row], rtol=1e-5)
    run = as_graph(pooling, TOKENS.shape, masked=mask is not None)
    feeds = {"values": TOKENS} if mask is None else {"values": TOKENS, "mask": mask.astype(int)}
    np.testing.assert_allclose(run(**feeds), [row], rtol=1e-5)


@pytest.mark.parametrize("text", ["first", "last", "mean-sqrt", "weighted-mean", "first,max"])
def test_a_sample_of_padding_alone_has_a_finite_row_in_both_forms(text):
    mask = np.zeros((1, 4), bool)
    rows = read_pooling(text).rows(TOKENS, mask, None)
    assert np.isfinite(rows).all()
    graph = as_graph(read_pooling(text), TOKENS.shape, masked=True)
    assert np.isfinite(graph(values=TOKENS, mask=mask.astype(int))).all()


@pytest.mark.parametrize("text", ["first", "last", "mean", "max", "mean-sqrt", "last,mean[:3]"])
def test_padding_on_either_side_changes_no_row(text, rng):
    values = rng.normal(size=(1, 5, 2)).astype(np.float32)
    noise = np.full((1, 3, 2), 100, np.float32)
    alone = read_pooling(text).rows(values, np.ones((1, 5), bool), None)
    for parts in ([noise, values], [values, noise], [noise, values, noise]):
        mask = np.concatenate([np.full((1, p.shape[1]), p is values) for p in parts], axis=1)
        rows = read_pooling(text).rows(np.concatenate(parts, axis=1), mask, None)
        np.testing.assert_allclose(rows, alone, rtol=1e-5)


def test_a_row_that_is_one_already_is_cut_and_stands_beside_nothing():
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(read_pooling("none[:2]").rows(rows, None, None), rows[:, :2])
    np.testing.assert_array_equal(read_pooling("cls,mean").rows(rows, None, None), rows)
    run = as_graph(read_pooling("none[:2]"), rows.shape)
    np.testing.assert_array_equal(run(values=rows), rows[:, :2])


def test_a_row_that_is_shorter_than_what_is_to_be_kept_is_refused():
    with pytest.raises(BadGraph, match=r"'mean\[:5\]': rows have 2 columns; expected 5 or more"):
        read_pooling("mean[:5]").rows(TOKENS, None, None)


@pytest.mark.parametrize(
    "text", ["cls,mean", "first,weighted-mean[:8]", "gem:2,max", "mean[:256]", "cls,patch-mean:5"]
)
def test_poolings_side_by_side_are_read_back_from_their_text(text):
    assert str(read_pooling(text)) == text
    assert read_pooling(text) == read_pooling(str(read_pooling(text)))


@pytest.mark.parametrize(
    "text",
    [
        "cls,",
        ",",
        "cls,,mean",
        "cls,none",
        "mean,flatten",
        "mean[:0]",
        "mean[:-1]",
        "mean[:]",
        "mean[1:2]",
        "mean[:8],max",
        "mean[:999999999]",
        "mean [:8]",
        ",".join(["max"] * 9),
        "cls,mean:2",
    ],
)
def test_what_is_no_list_of_poolings_is_refused(text):
    with pytest.raises(BadOption, match="pooling"):
        read_pooling(text)


def test_a_card_keeps_poolings_side_by_side_and_a_cut():
    card = get_card("all-minilm-l6-v2").variant(pooling="cls,mean[:100]", normalize=True)
    card = replace(card, dim=100)
    assert Card.from_toml(card.to_toml()).pooling == "cls,mean[:100]"
    assert card.fingerprint != card.variant(pooling="cls,mean").fingerprint
