"""An exported graph places, pads and resizes pictures as the card does."""

import numpy as np
import pytest

from featx.modalities.image.settings import ImageSettings
from tests.support.pixel_graphs import session_of

SHAPES = [(3, 2), (1, 40), (40, 1), (37, 200), (131, 41), (64, 64), (97, 120), (300, 7)]
WHOLE = {"resize_whole": True, "crop_origin": "floor"}
CASES = {
    "whole": {"resize": 33, "crop": (30, 28), **WHOLE},
    "whole, lanczos": {"resize": 31, "crop": 20, "interpolation": "lanczos", **WHOLE},
    "whole, pair": {"resize": (40, 51), "crop": (37, 22), "interpolation": "bicubic", **WHOLE},
    "floor, in one pass": {"resize": 33, "crop": 30, "crop_origin": "floor"},
    "cover": {"resize": (24, 40), "crop": (24, 40), "fit": "cover", "resize_whole": True},
    "contain": {"resize": (24, 41), "crop": (24, 41), "fit": "contain", "fill": (9, 8, 7)},
    "contain, cropped": {"resize": 44, "crop": (30, 41), "fit": "contain", "fill": (0, 0, 0)},
    "contain, nearest": {
        "resize": 30,
        "crop": 29,
        "fit": "contain",
        "fill": (1, 2, 3),
        "interpolation": "nearest",
    },
    "padded": {"resize": 20, "crop": (31, 24), "fill": (5, 6, 7), "crop_origin": "floor"},
    "padded, round": {
        "resize": (20, 50),
        "crop": (31, 33),
        "fill": (5, 6, 7),
        "interpolation": "box",
    },
    "padded, not resized": {"crop": (60, 61), "fill": (5, 6, 7)},
    "longest": {"resize": 24, "crop": 24, "longest": 40, "fill": (0, 0, 0), "crop_origin": "floor"},
    "not resized, floor": {"crop": 1, "crop_origin": "floor"},
}


@pytest.mark.parametrize("case", CASES)
def test_the_levels_are_those_of_the_card(case, rng):
    images = ImageSettings.from_table({"dtype": "uint8", **CASES[case]})
    session = session_of(images)
    for shape in SHAPES:
        pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        [found] = session.run(None, {"image": pixels[None]})
        np.testing.assert_array_equal(found[0], images.read(pixels), err_msg=str(shape))


@pytest.mark.parametrize(
    "table",
    [
        {"resize": (30, 41), "interpolation": "bilinear"},
        {"resize": 41, "crop": 30, "interpolation": "bicubic", "crop_origin": "floor"},
        {"resize": 20, "crop": 31, "interpolation": "lanczos", "fill": [1, 2, 3], "color": "BGR"},
    ],
)
def test_levels_in_floating_point_are_those_of_the_card(table, rng):
    images = ImageSettings.from_table({"resize_float": True, "scale": 1.0, **table})
    session = session_of(images)
    for shape in SHAPES:
        pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        [found] = session.run(None, {"image": pixels[None]})
        np.testing.assert_allclose(found[0], images.read(pixels), atol=2e-3, err_msg=str(shape))
