"""A card remembers the provider that its backbone was made for: honoured where it is, told where it is not."""

from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.backbones.backbone import Backbone
from featx.backbones.providers import CPU, PROVIDERS, read_provider
from featx.backbones.session import available
from featx.catalog import Card, QuantizationInfo, get_card
from featx.errors import BadCard, FeatxWarning, MissingProvider
from featx.training import fit

PICTURES = [np.full((70, 70, 3), value, np.uint8) for value in (10, 30, 50, 190, 210, 230)]
LABELS = ["dark"] * 3 + ["light"] * 3


def remembering(provider):
    """The shipped backbone, as though it had been optimised for a provider."""
    card = get_card("featx-image-nano")
    info = QuantizationInfo("parent", "0" * 64, "fp32", 1.0, 1.0, 6, 0, 1.5, 1.0, provider=provider)
    return replace(card, optimized=info)


@pytest.fixture
def absent():
    """A provider that the installed ONNX Runtime does not have."""
    names = [name for name in PROVIDERS if name not in available()]
    if not names:
        pytest.skip("the installed ONNX Runtime offers every provider: none can be missed")
    return names[0]


def test_a_provider_that_is_not_there_is_told_with_what_brings_it_and_rows_are_the_cpus(absent):
    with pytest.warns(FeatxWarning) as caught:
        backbone = Backbone(remembering(absent))
    [told] = {str(one.message) for one in caught}
    assert f"was made for provider {absent}" in told
    assert "computed on the CPU" in told
    assert PROVIDERS[absent].brings in told
    assert backbone.provider == CPU
    plain = Backbone("featx-image-nano").embed(PICTURES)
    np.testing.assert_array_equal(backbone.embed(PICTURES), plain)


@pytest.mark.filterwarnings("ignore::featx.FeatxWarning")
def test_a_predictor_of_such_a_card_is_fitted_saved_and_answers_without_the_provider(
    absent, tmp_path
):
    lesser = f"{absent}:{PROVIDERS[absent].precisions[-1]}"
    card = remembering(lesser)
    predictor = fit(featx.make_samples(PICTURES), LABELS, backbone=card, unlabelled="fail")
    loaded = featx.load(featx.save(predictor, tmp_path / "a.featx", bundle=True))
    assert loaded.card.optimized.provider == lesser
    assert list(loaded.predict(PICTURES)) == LABELS


def test_another_provider_that_is_named_comes_before_the_cards(absent):
    with pytest.raises(MissingProvider, match=f"provider {absent}"):
        Backbone(remembering("cpu"), provider=absent)


def test_a_lesser_precision_has_a_fingerprint_of_its_own_and_an_exact_one_the_graphs():
    plain = get_card("featx-image-nano").fingerprint
    assert remembering(None).fingerprint == plain
    assert remembering("openvino").fingerprint == plain
    lesser = {remembering(name).fingerprint for name in ("openvino:bf16", "cuda:tf32")}
    assert len({plain, *lesser}) == 3


def test_the_provider_is_written_into_the_card_and_read_back():
    card = remembering("openvino:bf16")
    text = card.to_toml()
    assert 'provider = "openvino:bf16"' in text
    assert Card.from_toml(text).optimized == card.optimized
    assert "provider" not in remembering(None).to_toml()


@pytest.mark.parametrize("text", ["", "tpu", "openvino:int4", "openvino:bf16:9", "CUDA:-1", "\n"])
def test_what_is_no_provider_in_a_card_is_refused_with_the_choices(text):
    with pytest.raises(
        BadCard, match=r"featx-image-nano: \[optimized\] provider .*expected one of"
    ):
        Backbone(remembering(text))
    with pytest.raises(BadCard, match="provider = 3: expected str"):
        Card.from_toml(remembering("cpu").to_toml().replace('"cpu"', "3"))


def test_openvino_is_taken_where_it_is_and_its_rows_are_the_cards():
    if "openvino" not in available():
        pytest.skip("onnxruntime-openvino is not installed")
    card = remembering("openvino:bf16")
    backbone = Backbone(card)
    assert backbone.provider == read_provider("openvino:bf16")
    assert backbone.fingerprint == card.fingerprint
    assert backbone.cache_key != card.fingerprint
    predictor = fit(featx.make_samples(PICTURES), LABELS, backbone=card)
    assert list(predictor.predict(PICTURES)) == LABELS
