"""The pictures of an exported graph are Pillow's, pixel for pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.backbones.session import FAILURES
from featx.errors import BadSample
from featx.modalities.image.settings import ImageSettings
from tests.support.pixel_graphs import session_of

FILTERS = ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]


def test_there_are_no_other_filters():
    from featx.modalities.image.settings import _FILTERS

    assert set(FILTERS) == set(_FILTERS)


@pytest.fixture(scope="module")
def sessions():
    """One graph for each setting: what is drawn by hypothesis comes again."""
    made = {}

    def session(images):
        if images not in made:
            made[images] = session_of(images)
        return made[images]

    return session


SIDES = st.integers(1, 70)
RESIZES = st.one_of(st.sampled_from([7, 16, 33, 64]), st.sampled_from([(5, 40), (48, 9), (24, 24)]))


@pytest.mark.parametrize("how", FILTERS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), height=SIDES, width=SIDES, resize=RESIZES, part=st.sampled_from([1, 2, 3]))
def test_they_are_pillows_at_any_size(how, data, height, width, resize, part, sessions):
    short = resize if isinstance(resize, int) else min(resize)
    images = ImageSettings(
        resize=resize, crop=max(1, short * part // 3), interpolation=how, dtype="uint8"
    )
    pixels = np.random.default_rng(data.draw(st.integers(0, 9))).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    [found] = sessions(images).run(None, {"image": pixels[None]})
    np.testing.assert_array_equal(found[0], images.read(pixels))


@pytest.mark.parametrize("how", FILTERS)
@pytest.mark.parametrize("shape", [(1500, 1100), (211, 1900), (1800, 97)])
def test_they_are_pillows_of_large_photos(how, shape, rng):
    """Sums of many pixels, at the brightest and darkest too, do not leave thirty-two bits."""
    images = ImageSettings(resize=48, crop=40, interpolation=how, dtype="uint8")
    noise = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    flat = np.where(rng.random((*shape, 1)) < 0.5, 0, 255).astype(np.uint8).repeat(3, 2)
    for pixels in (noise, flat, np.full_like(noise, 255)):
        [found] = session_of(images).run(None, {"image": pixels[None]})
        np.testing.assert_array_equal(found[0], images.read(pixels))


@pytest.mark.parametrize(
    "images",
    [
        ImageSettings(resize=20, crop=16, color="BGR", layout="NHWC", std=(0.2, 0.3, 0.4)),
        ImageSettings(resize=(16, 20), color="L", mean=(0.4,), std=(0.3,), interpolation="bicubic"),
        ImageSettings(crop=(12, 10), scale=1.0),
        ImageSettings(color="L", dtype="uint8"),
        ImageSettings(layout="NHWC", dtype="uint8"),
    ],
)
def test_colours_crops_and_numbers_are_the_cards(images, rng):
    pixels = rng.integers(0, 256, (31, 44, 3), dtype=np.uint8)
    [found] = session_of(images).run(None, {"image": np.stack([pixels, pixels])})
    expected = images.read(pixels)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, np.stack([expected, expected]))


def test_a_picture_smaller_than_a_crop_is_refused_by_both(rng):
    images = ImageSettings(crop=32)
    pixels = rng.integers(0, 256, (40, 20, 3), dtype=np.uint8)
    with pytest.raises(BadSample, match="smaller than the crop"):
        images.read(pixels)
    with pytest.raises(FAILURES):
        session_of(images).run(None, {"image": pixels[None]})
