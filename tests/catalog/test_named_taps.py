"""Taps that a card calls by a name: found by it, with their pooling, and no part of what decides rows."""

import json
from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.catalog import Card, get_card
from featx.errors import BadCard
from tests.support.commands import run

NANO = "featx-image-nano"


@pytest.fixture
def card():
    return get_card(NANO)


def test_a_named_tap_brings_its_pooling_along_and_another_pooling_is_taken(card):
    found = card.variant(tap="mean-map")
    assert (found.output, found.pooling) == (card.taps[1].output, "mean")
    assert card.variant(tap="mean-map", pooling="max").pooling == "max"
    assert card.variant(tap="one-view").pooling == "none"
    assert found.fingerprint == card.variant(tap=found.output, pooling="mean").fingerprint


def test_names_of_taps_decide_no_row_and_are_written_and_read_back(card):
    assert replace(card, taps=()).fingerprint == card.fingerprint
    assert Card.from_toml(card.to_toml()).taps == card.taps
    assert [tap.name for tap in card.taps] == ["one-view", "mean-map"]


def test_one_view_is_half_of_the_graph_and_other_for_the_mirror_image(rng):
    picture = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    mirror = np.ascontiguousarray(picture[:, ::-1])
    [both], [other] = (featx.Backbone(NANO).embed([one]) for one in (picture, mirror))
    np.testing.assert_allclose(both, other, atol=0.01)
    one_view = featx.Backbone(NANO, tap="one-view")
    assert one_view.dim == 1536
    [first], [second] = (one_view.embed([one]) for one in (picture, mirror))
    assert np.abs(first - second).max() > 0.1


def test_layers_lists_the_named_taps_with_their_tensors():
    result = run("backbones", "layers", NANO, "--format", "json")
    named = {fact["name"]: fact for fact in json.loads(result.stdout) if "tensor" in fact}
    assert named["mean-map"]["pooling"] == "mean"
    assert named["one-view"]["shape"] == ["N", 1536]
    table = run("backbones", "layers", NANO).stdout
    assert "mean-map is /head/head.2/Relu_output_0_DequantizeLinear_Output, pooling mean:" in table


def test_a_predictor_keeps_the_tensor_and_is_read_without_the_names(tmp_path, rng):
    pictures = [rng.integers(low, low + 60, (40, 40, 3), dtype=np.uint8) for low in (0, 190) * 8]
    predictor = featx.fit(
        pictures, ["dark", "light"] * 8, backbone=featx.Backbone(NANO, tap="mean-map")
    )
    featx.save(predictor, tmp_path / "a.featx")
    text = (tmp_path / "a.featx" / "manifest.json").read_text()
    assert "[taps" not in text
    loaded = featx.load(tmp_path / "a.featx")
    assert loaded.card.fingerprint == predictor.card.fingerprint
    assert list(loaded.predict(pictures[:2])) == ["dark", "light"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[taps.last-map]\noutput = 'x'", "expected another name than penultimate, last-map"),
        ("[taps.a]\npooling = 'mean'", r"\[taps.a\] missing 'output'"),
        ("[taps.a]\noutput = 3", r"\[taps.a\] output = 3: expected a text"),
        ("[taps.a]\noutput = 'x'\nother = 1", r"\[taps.a\] unknown key 'other'"),
        ("[taps.a]\noutput = 'x'\npooling = 'mena'", r"\[taps.a\] pooling 'mena'"),
        ("[taps]\na = 'x'", r"\[taps.a\]: expected a table"),
        ("[taps.' ']\noutput = 'x'", "that can be typed"),
        ("taps = 3", "taps = 3: expected dict"),
    ],
)
def test_names_of_taps_that_a_card_cannot_have_are_refused_in_words(card, table, words):
    text = replace(card, taps=()).to_toml()
    place = text.index("[graph]")
    with pytest.raises(BadCard, match=words):
        Card.from_toml(f"{text[:place]}{table}\n\n{text[place:]}")
