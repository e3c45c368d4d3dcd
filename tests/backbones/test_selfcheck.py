"""Canaries: what a second implementation says of the test card, and whether featx says the same."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from featx.backbones.selfcheck import check
from featx.catalog import bundled_directory, get_card, list_cards, locate
from featx.errors import UnknownBackbone
from tests.support import image_oracle as oracle

CARDS = sorted(
    path.parent.name
    for path in Path(__file__).parents[1].glob("cards/*/card.toml")
    if 'modality = "image"' in path.read_text(encoding="utf-8")
)
NANO, VIT = "featx-image-nano", "vit-tiny-patch16-224"


def test_both_draw_the_same_test_card():
    drawn = np.asarray(get_card(NANO).input.canary())
    np.testing.assert_array_equal(drawn, np.asarray(oracle.drawn()))


@pytest.mark.parametrize("name", [NANO, *CARDS])
def test_the_canary_of_a_card_is_what_the_second_implementation_says(shared_models, name):
    card = get_card(name)
    table = tomllib.loads(card.path.read_text(encoding="utf-8"))
    values = oracle.canary(table, locate(card, card.graph).path)
    np.testing.assert_allclose(values, card.canary, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [NANO, *CARDS])
def test_featx_says_what_the_canary_says(shared_models, name):
    found = check(get_card(name))
    assert (found.name, found.status) == (name, "ok"), found.message


@pytest.mark.parametrize(
    "wrong",
    [
        {"color": "BGR"},
        {"mean": (0.0, 0.0, 0.0)},
        {"scale": 1.0},
        {"resize": (224, 224)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
@pytest.mark.parametrize(
    "name",
    ["squeezenet1.1", *(pytest.param(n, marks=pytest.mark.slow) for n in ("mobilenetv2-1.0", VIT))],
)
def test_wrong_preprocessing_fails_the_check(shared_models, name, wrong):
    card = get_card(name)
    spoilt = replace(card.variant(options=wrong), canary=card.canary, dim=card.dim)
    found = check(spoilt)
    assert found.status == "failed"
    assert "differs from the canary by" in found.message
    assert found.deviation > 0.01


def test_a_card_without_a_canary_is_run_and_said_to_lack_it():
    card = replace(get_card(NANO), canary=())
    found = check(card)
    assert (found.status, found.deviation) == ("missing", None)
    assert "canary missing" in found.message


def test_weights_that_are_not_here_are_said_to_be_absent():
    found = check(get_card("vgg16-12"))
    assert found.status == "absent"
    assert "featx backbones pull vgg16-12" in found.message


def test_a_canary_longer_than_the_row_fails():
    card = get_card(NANO)
    assert check(replace(card, canary=(0.0,) * (card.dim + 1))).status == "failed"


def test_a_wrong_width_fails():
    assert "its card says 3" in check(replace(get_card(NANO), dim=3, canary=())).message


def test_changed_weights_fail(tmp_path, monkeypatch):
    shutil.copytree(bundled_directory() / NANO, tmp_path / NANO)
    (tmp_path / NANO / "backbone.onnx").write_bytes(b"spoilt")
    card = get_card(NANO)
    changed = replace(card.graph, sha256="0" * 64)
    found = check(replace(card, graph=changed, path=tmp_path / NANO / "card.toml"))
    assert found.status == "failed"
    assert "sha256" in found.message


def test_a_name_without_a_card_is_unknown():
    with pytest.raises(UnknownBackbone):
        get_card("featx-image-nana")


@pytest.mark.slow
def test_every_card_here_is_checked_and_passes(speech_directory):
    found = {
        card.name: check(card) for card in list_cards() if locate(card, card.graph) is not None
    }
    assert len(found) >= 10
    assert {name: one.message for name, one in found.items() if one.status == "failed"} == {}
