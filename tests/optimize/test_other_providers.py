"""Where OpenVINO is installed its precisions are measured beside the CPU's integers; elsewhere not."""

import re
from dataclasses import replace

import pytest

from featx.backbones.backbone import Backbone
from featx.backbones.session import available
from featx.optimize import optimize
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
