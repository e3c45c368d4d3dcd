"""Where OpenVINO is installed its precisions are measured beside the CPU's integers; elsewhere not."""

import re
from dataclasses import replace

import pytest

from featx.backbones.backbone import Backbone
from featx.backbones.session import available
from featx.errors import TooLossy
from featx.optimize import Tolerance, optimize
from tests.support.optimize_nets import NANO, NEAR, SMALL, pictures

pytestmark = pytest.mark.usefixtures("own_directory", "parents")


def test_without_openvino_no_provider_is_measured_or_remembered(tmp_path):
    if "openvino" in available():
        pytest.skip("onnxruntime-openvino is installed")
    told = []
    config = replace(NEAR, name="plain")
    card = optimize(SMALL, pictures(12), config, directory=tmp_path, log=told.append)
    assert card.optimized.provider is None
    assert card.optimized.precision == "int8"
    assert not [line for line in told if "rate" in line]


@pytest.mark.slow
def test_with_openvino_the_fastest_form_within_the_tolerance_is_kept_and_told(tmp_path):
    if "openvino" not in available():
        pytest.skip("onnxruntime-openvino is not installed")
    told = []
    card = optimize(
        NANO, pictures(36), replace(NEAR, name="best"), directory=tmp_path, log=told.append
    )
    tried = [match[1] for line in told if (match := re.match(r"(\w+ on \S+(?: CPU)?): \d", line))]
    assert tried == [
        "int8 on the CPU",
        "int8 on openvino",
        "floats on openvino",
        "floats on openvino:bf16",
        "floats on openvino:fp16",
    ]
    [best] = [line for line in told if line.startswith("fastest within the tolerance: ")]
    provider = card.optimized.provider
    assert best.endswith("the CPU" if provider is None else f"on {provider}")
    assert (card.optimized.precision == "fp32") == ("floats" in best)
    assert card.optimized.cosine_mean >= 0.99
    assert str(Backbone(card).provider) == (provider or "cpu")


def test_without_openvino_integers_that_are_too_far_are_refused(tmp_path):
    if "openvino" in available():
        pytest.skip("onnxruntime-openvino is installed")
    told, exact = [], replace(NEAR, name="exact", tolerance=Tolerance(min_cosine=1.0))
    with pytest.raises(TooLossy, match="expected a mean cosine of 1"):
        optimize(SMALL, pictures(12), exact, directory=tmp_path, log=told.append)
    assert not [line for line in told if "OpenVINO" in line]


@pytest.mark.slow
def test_with_openvino_floats_are_measured_where_no_integers_are_near_enough(tmp_path):
    if "openvino" not in available():
        pytest.skip("onnxruntime-openvino is not installed")
    told, exact = [], replace(NEAR, name="exact", tolerance=Tolerance(min_cosine=0.9999999))
    try:
        card = optimize(NANO, pictures(36), exact, directory=tmp_path, log=told.append)
    except TooLossy:
        card = None
    tried = [match[1] for line in told if (match := re.match(r"(floats on \S+): \d", line))]
    assert tried == ["floats on openvino", "floats on openvino:bf16", "floats on openvino:fp16"]
    [best] = [line for line in told if line.startswith("fastest within the tolerance: ")]
    if card is None:
        assert best.endswith("the parent on the CPU")
    else:
        assert best.endswith(f"floats on {card.optimized.provider}")
        assert (card.optimized.precision, card.optimized.layers) == ("fp32", 0)
        assert card.optimized.cosine_mean >= 0.9999999
