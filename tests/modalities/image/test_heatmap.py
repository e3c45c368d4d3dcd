"""Heat maps: blue where a cell speaks for the answer, orange where against it, paler where nothing was seen."""

import io

import numpy as np
import pytest
from PIL import Image

import featx
from featx.modalities.image.geometry import ImageGeometry
from featx.modalities.image.heatmap import draw_heat_map
from featx.modalities.image.settings import ImageSettings


def drawn(picture, extent, cells, **more):
    return np.asarray(Image.open(io.BytesIO(draw_heat_map(picture, extent, cells, **more))))


def test_colours_lie_where_the_cells_are():
    cells = [((20.0, 10.0, 40.0, 30.0), 2.0), ((40.0, 10.0, 60.0, 30.0), -1.0)]
    found = drawn(Image.new("RGB", (80, 40), (128, 128, 128)), (80, 40), cells).astype(int)
    red, blue = found[..., 0], found[..., 2]
    assert blue[20, 24] - red[20, 24] > 100
    assert red[20, 56] - blue[20, 56] > 50
    # half as large, half as strong
    assert red[20, 56] - blue[20, 56] < blue[20, 24] - red[20, 24]
    assert tuple(found[2, 2]) == tuple(found[38, 78]) == (211, 211, 211)


def test_a_large_picture_is_drawn_small_and_keeps_its_shape():
    found = drawn(Image.new("RGB", (2000, 1000)), (2000, 1000), [((0, 0, 2000, 1000), 1.0)])
    assert found.shape == (320, 640, 3)


def test_a_page_takes_it_as_a_small_jpeg():
    content = draw_heat_map(Image.new("RGB", (600, 400)), (600, 400), [], side=320, kind="JPEG")
    assert content[:2] == b"\xff\xd8"
    assert len(content) < 8000


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "RGBA", "P"])
def test_a_picture_of_any_mode_is_drawn(mode):
    cells = [((0, 0, 30, 20), 1.0)]
    assert drawn(Image.new(mode, (30, 20)), (30, 20), cells).shape == (20, 30, 3)


def test_values_that_are_all_zero_colour_nothing():
    found = drawn(Image.new("RGB", (30, 20), (10, 20, 30)), (30, 20), [((0, 0, 30, 20), 0.0)])
    assert len(np.unique(found)) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_are_those_of_the_picture_turned_upright(orientation):
    stored = (60, 40)
    width, height = stored if orientation < 5 else stored[::-1]
    geometry = ImageGeometry(*stored, orientation, (0, 0, width, height), (8, 8))
    assert geometry.extent == (width, height)
    places = geometry.places((2, 2))
    assert places[1] == (width / 2, 0.0, width, height / 2)


def test_what_lies_beside_the_picture_is_no_place():
    geometry = ImageGeometry(40, 20, 1, (0.0, -10.0, 40.0, 30.0), (4, 4))
    places = geometry.places((4, 1))
    assert places[0] is None
    assert places[1] == (0.0, 0.0, 40.0, 10.0)


@pytest.mark.parametrize(("count", "size", "lead"), [(197, (224, 224), 1), (96, (64, 96), 0)])
def test_tokens_are_patches_behind_those_that_are_none(count, size, lead):
    geometry = ImageGeometry(size[1], size[0], 1, (0, 0, size[1], size[0]), size)
    places = geometry.places((count,))
    assert places[:lead] == [None] * lead
    assert None not in places[lead:]


def test_tokens_that_make_no_grid_are_refused():
    geometry = ImageGeometry(64, 64, 1, (0, 0, 64, 64), (64, 64))
    with pytest.raises(
        featx.FeatxError, match=r"nothing tells where positions of the shape \(97,\)"
    ):
        geometry.places((97,))


def test_a_hidden_cell_has_the_mean_colour_and_the_others_stay(rng):
    from featx.modalities.image.shown import ShownPictures

    reader = ImageSettings(resize=(32, 32))
    picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    hidden = ShownPictures(reader).occlusions(picture, 16)
    whole, without = hidden.hide(None), hidden.hide(5)
    changed = (whole != without).any(axis=0)
    assert (len(hidden.places), hidden.places[5]) == (16, (8, 8, 16, 16))
    assert changed[8:16, 8:16].all()
    assert changed.sum() == 64
    np.testing.assert_allclose(without[:, 8, 8], whole.mean(axis=(1, 2)), rtol=1e-5)
