"""Layers that integers do not make faster on a machine stay in float, and the card names them."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from featx.catalog import Card, get_card, locate
from featx.errors import BadCard
from featx.optimize import QuantizationConfig, Tolerance, optimize
from featx.optimize.layer_times import kinds, slow_in_integers
from featx.optimize.layers import prepare
from featx.optimize.quant_params import QuantParams
from tests.support.optimize_nets import NANO, pictures

pytestmark = pytest.mark.usefixtures("own_directory", "parents")

ANYTHING = Tolerance(min_cosine=0)


def prepared_of(name):
    card = get_card(name)
    return prepare(locate(card, card.graph), card.output)


def test_layers_of_one_shape_are_one_kind_and_each_layer_is_of_one(net):
    net("long", sensitive=1, plain=3)
    prepared = prepared_of("long")
    found = kinds(prepared)
    assert [layer for group in found for layer in group if layer.op != "MatMul"] == []
    assert Counter(layer for group in found for layer in group) == Counter(prepared.layers)
    assert [len(group) for group in found] == [1, 3, 1, 1]


def test_convolutions_with_other_strides_are_of_another_kind():
    groups = kinds(prepared_of(NANO))
    assert 1 < len(groups) < sum(map(len, groups))


def test_what_is_slow_here_is_told_and_one_layer_stays_in_integers(net):
    card = net("two", sensitive=0, plain=1)
    prepared = prepared_of("two")
    params = {layer.reads: QuantParams(-1.0, 1.0) for layer in prepared.layers}
    told = []
    feeds = {"image": np.zeros((64, 3, 8, 8), np.float32)}
    slow = slow_in_integers(prepared, params, 7, feeds, card.path, told.append)
    assert set(slow) < set(prepared.layers)
    assert told == [
        "timing 2 layers in integers and in float on this machine",
        f"{len(slow)} of 2 layers are no faster in integers here",
    ]


@pytest.mark.filterwarnings("default::featx.FeatxWarning")
def test_a_card_for_this_machine_names_every_layer_that_is_in_float(net, tmp_path):
    parent = net("chained", sensitive=0, plain=4)
    config = QuantizationConfig("here", for_this_machine=True, tolerance=ANYTHING)
    card = optimize(parent, pictures(12), config, directory=tmp_path / "nets")
    told = card.optimized
    everything = {layer.name for layer in prepared_of("chained").layers}
    in_float = {*told.slow_layers, *told.float_layers}
    assert told.layers == len(everything) - len(in_float) >= 1
    assert in_float < everything
    graph = onnx.load(card.path.with_name("backbone.onnx")).graph
    integers = {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.INT8}
    kept = [numpy_helper.to_array(t) for t in graph.initializer if t.name in integers]
    assert sum(values.ndim == 2 for values in kept) == told.layers


def test_a_backbone_for_every_machine_is_not_timed(net, tmp_path):
    told = []
    parent = net("anywhere", sensitive=0, plain=2)
    config = QuantizationConfig("all", tolerance=ANYTHING)
    card = optimize(parent, pictures(12), config, directory=tmp_path / "nets", log=told.append)
    assert card.optimized.slow_layers == ()
    assert not [line for line in told if "timing" in line]
    assert "slow_layers" not in card.to_toml()


def test_slow_layers_are_read_back_and_checked(nano):
    text = nano.to_toml().replace("float_layers", 'slow_layers = ["a", "b"]\nfloat_layers')
    card = Card.from_toml(text)
    assert card.optimized.slow_layers == ("a", "b")
    assert Card.from_toml(card.to_toml()) == card
    assert card.fingerprint == nano.fingerprint
    with pytest.raises(BadCard, match="slow_layers = 3: expected a list of names"):
        Card.from_toml(nano.to_toml().replace("float_layers", "slow_layers = 3\nfloat_layers"))
