"""Rows are sums over the places of a map: for tails and poolings of every linear kind, and for no other."""

import numpy as np
import pytest
from onnx import helper

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File, digest
from featx.errors import BadSample, NoExactSum
from featx.explanation.row_sums import RowSums
from featx.graphs.pooling import POOLINGS
from featx.graphs.position_weights import NOT_SUMS
from featx.modalities import read_settings
from tests.support.explained_nets import CURVED, TAILS, tail_backbone

LAST_MAP = [POOLINGS[name].name for name in POOLINGS if name not in NOT_SUMS]


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def assert_adds_up(backbone, sample, rng):
    """The parts and the constant are the weighted sum of the row that the backbone gives."""
    found = RowSums(backbone).read(sample)
    [row] = backbone.embed([sample])
    np.testing.assert_allclose(found.row, row, rtol=1e-5, atol=1e-6)
    weights = rng.normal(size=len(row))
    parts, constant = found.parts(weights)
    expected = float(weights @ row.astype(np.float64))
    assert sum(parts.values()) + constant == pytest.approx(expected, abs=1e-5)
    spread, same = found.parts(weights, lambda _: 3.0)
    assert sum(spread.values()) + same == pytest.approx(expected + 3.0, abs=1e-5)
    return parts


@pytest.mark.parametrize("name", TAILS)
def test_the_parts_of_a_drawn_network_add_up_to_its_row(name, tmp_path, picture, rng):
    parts = assert_adds_up(tail_backbone(tmp_path, TAILS[name]), picture, rng)
    assert len(parts) == 16
    assert max(place[2] for place in parts) == 30


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    "pooling", [*LAST_MAP, "mean,max", "max[:3]", "patch-mean:2", "flatten[:9]"]
)
def test_the_parts_of_a_pooled_map_add_up_to_its_row(pooling, normalize, tmp_path, picture, rng):
    backbone = tail_backbone(tmp_path, [], pooling=pooling, normalize=normalize)
    assert_adds_up(backbone, picture, rng)


@pytest.mark.parametrize("name", CURVED)
def test_a_tail_that_is_not_linear_is_refused_by_its_name(name, tmp_path):
    nodes, words = CURVED[name]
    with pytest.raises(NoExactSum, match=words):
        RowSums(tail_backbone(tmp_path, nodes))


@pytest.mark.parametrize("pooling", ["cls", "last", "first", "gem", "cls+mean", "mean,cls"])
def test_a_pooling_that_is_no_sum_is_refused_by_its_name(pooling, tmp_path):
    with pytest.raises(NoExactSum, match=r"pooling '(cls|last|first|gem|cls\+mean)'"):
        RowSums(tail_backbone(tmp_path, [], pooling=pooling))


def test_every_pooling_is_a_sum_or_says_why_not():
    assert set(LAST_MAP) == {
        *("mean", "masked-mean", "mean-sqrt", "weighted-mean", "patch-mean", "first-mean"),
        *("max", "flatten"),
    }


def test_only_the_place_that_is_bright_adds_to_the_row(tmp_path):
    """A network of no padding, whose map is the picture itself: each cell adds what it holds."""
    backbone = tail_backbone(
        tmp_path, [helper.make_node("Identity", ["x"], ["y"])], pooling="mean", rank=4
    )
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[4, 9] = 255
    parts, constant = RowSums(backbone).read(picture).parts(np.ones(3))
    lit = {place: value for place, value in parts.items() if abs(value) > 1e-9}
    assert list(lit) == [(9, 4, 10, 5)]
    assert lit[9, 4, 10, 5] + constant == pytest.approx(3 / 256)


def test_a_graph_of_a_fixed_batch_is_filled_up(tmp_path, picture, rng):
    assert_adds_up(tail_backbone(tmp_path, TAILS["a global mean"], batch=4), picture, rng)


def test_a_map_of_too_many_places_is_refused_with_what_to_do(torch_net, picture):
    settings = read_settings("image", {"resize": [1028, 1028]})
    file = File(torch_net.name, digest(torch_net))
    path = torch_net.parent / "card.toml"
    more = {"dim": 5, "output": "map", "pooling": "mean", "batch": 0, "path": path}
    card = Card("wide", "image", file, settings, **more)
    with pytest.raises(NoExactSum, match="more than 65,536 places; a deeper tap has fewer"):
        RowSums(Backbone(card))


def test_what_is_no_picture_is_refused():
    backbone = Backbone("featx-image-nano", tap="last-map", pooling="mean")
    with pytest.raises(BadSample, match="not an image"):
        RowSums(backbone).read(b"no picture")
