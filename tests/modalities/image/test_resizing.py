"""Resizing and cropping as libraries do it: each entry that says how, and where the pixels come from."""

import io

import numpy as np
import pytest
from PIL import Image

from featx.errors import BadCard, BadSample
from featx.modalities import fingerprint_entries
from featx.modalities.image.settings import ImageSettings

LEVELS = {"dtype": "uint8", "layout": "NHWC", "draft": 0}


def noise(height, width, seed=3):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def read(pixels, **table):
    images = ImageSettings.from_table({**LEVELS, **table})
    return images.read(images.load(pixels))


def test_the_two_rules_begin_a_pixel_apart_where_half_is_odd():
    pixels = noise(39, 41)
    # 39 − 4 = 35 and 41 − 4 = 37: halves of 17.5 and 18.5, which go to the even one
    np.testing.assert_array_equal(read(pixels, crop=4), pixels[18:22, 18:22])
    np.testing.assert_array_equal(read(pixels, crop=4, crop_origin="floor"), pixels[17:21, 18:22])


@pytest.mark.parametrize("how", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
def test_the_whole_is_resized_then_cropped_to_the_last_bit(how):
    pixels = noise(131, 97)
    found = read(pixels, resize=64, crop=61, interpolation=how, resize_whole=True)
    size = (64, int(64 * 131 / 97))
    whole = Image.fromarray(pixels).resize(size, Image.Resampling[how.upper()])
    top, left = round((size[1] - 61) / 2), round((64 - 61) / 2)
    np.testing.assert_array_equal(found, np.asarray(whole)[top : top + 61, left : left + 61])


def test_in_floating_point_no_pixel_is_rounded():
    pixels = noise(40, 50)
    images = ImageSettings.from_table({"resize": [20, 25], "resize_float": True, "scale": 1.0})
    found = images.read(pixels).transpose(1, 2, 0)
    assert 0.9 < np.mean(found != np.round(found)) <= 1
    # twice as small: four by four pixels around the middle, weighed 1, 3, 3 and 1 a side
    weights = np.array([1, 3, 3, 1]) / 8
    for row, column in ((5, 11), (1, 1), (18, 23)):
        around = pixels[2 * row - 1 : 2 * row + 3, 2 * column - 1 : 2 * column + 3].astype(float)
        expected = np.einsum("i,j,ijc->c", weights, weights, around)
        np.testing.assert_allclose(found[row, column], expected, rtol=1e-5)


@pytest.mark.parametrize(("origin", "before"), [("floor", (3, 2)), ("round", (2, 1))])
def test_beside_a_small_picture_is_the_fill_by_either_rule(origin, before):
    pixels = noise(5, 7)
    found = read(pixels, crop=[10, 10], fill=[9, 8, 7], crop_origin=origin)
    top, left = before
    np.testing.assert_array_equal(found[top : top + 5, left : left + 7], pixels)
    found[top : top + 5, left : left + 7] = (9, 8, 7)
    assert np.all(found == (9, 8, 7))


def test_one_side_may_be_padded_where_the_other_is_cropped():
    pixels = noise(4, 9)
    found = read(pixels, crop=6, fill=[0, 0, 0])
    np.testing.assert_array_equal(found[1:5], pixels[:, 2:8])
    assert not found[0].any()
    assert not found[5].any()


@pytest.mark.parametrize(
    ("fit", "size", "shape"),
    [
        ("contain", (100, 50), (28, 56)),
        ("contain", (50, 100), (56, 28)),
        ("contain", (500, 1), (1, 56)),
        ("cover", (100, 50), (56, 112)),
        ("cover", (50, 99), (111, 56)),
    ],
)
def test_proportions_are_kept_within_a_square_or_around_it(fit, size, shape):
    assert read(noise(*size[::-1]), resize=56, fit=fit).shape == (*shape, 3)


def test_the_long_side_has_a_limit():
    assert read(noise(20, 100), resize=10, longest=40).shape == (8, 40, 3)
    assert read(noise(100, 20), resize=10, longest=40).shape == (40, 8, 3)
    assert read(noise(20, 60), resize=10, longest=40).shape == (10, 30, 3)


def test_transparency_is_dropped_where_the_card_says_so():
    picture = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert read(picture, transparency="drop")[0, 0].tolist() == [10, 20, 30]
    assert read(picture)[0, 0].tolist() == [255, 255, 255]
    file = io.BytesIO()
    picture.save(file, "PNG")
    assert read(file.getvalue(), transparency="drop")[1, 1].tolist() == [10, 20, 30]


def test_a_colour_that_is_named_as_transparent_is_white_where_the_card_says_so():
    picture = Image.new("RGB", (2, 1), (10, 20, 30))
    picture.putpixel((1, 0), (1, 2, 3))
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=(1, 2, 3))
    assert read(file.getvalue(), transparency="white-all").tolist() == [[[10, 20, 30], [255] * 3]]
    for other in ("white", "drop"):
        assert read(file.getvalue(), transparency=other).tolist() == [[[10, 20, 30], [1, 2, 3]]]


def test_fill_is_of_the_picture_whose_channels_are_turned_around_later():
    found = read(noise(1, 1), crop=3, fill=[1, 2, 3], color="BGR")
    assert found[0, 0].tolist() == [3, 2, 1]


def test_a_grey_card_has_one_level_beside_the_picture():
    found = read(noise(2, 2), crop=4, fill=[77], color="L")
    assert found.shape == (4, 4, 1)
    assert found[0, 0] == 77


TABLES = {
    "in one pass": {"resize": 40, "crop": 32},
    "whole, floor": {"resize": 40, "crop": 31, "resize_whole": True, "crop_origin": "floor"},
    "squash": {"resize": [40, 48], "crop": [32, 30], "resize_whole": True},
    "cover": {"resize": [32, 40], "crop": [32, 40], "fit": "cover"},
    "contain": {"resize": [32, 40], "crop": [32, 40], "fit": "contain", "fill": [0, 0, 255]},
    "contain, cropped": {"resize": 44, "crop": 40, "fit": "contain", "fill": [0, 0, 255]},
    "padded": {"resize": 20, "crop": 32, "fill": [0, 0, 255], "crop_origin": "floor"},
    "float": {"resize": 40, "crop": 32, "resize_float": True},
    "longest": {"resize": 32, "crop": 32, "longest": 48, "fill": [0, 0, 255]},
}


def ramps(width, height, turn=1):
    """Return a picture as a file: red is the column, green the row that is stored, blue is 0."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.arange(width)
    pixels[..., 1] = np.arange(height)[:, None]
    exif = Image.Exif()
    exif[0x0112] = turn
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("turn", [1, 3, 6])
@pytest.mark.parametrize("name", TABLES)
def test_a_position_of_the_tensor_is_where_its_pixels_come_from(name, turn):
    images = ImageSettings.from_table({"draft": 0, "scale": 1.0, "layout": "NHWC", **TABLES[name]})
    width, height = 240, 90
    item, geometry = images.read_with_geometry(ramps(width, height, turn))
    np.testing.assert_array_equal(item, images.read(ramps(width, height, turn)))
    rows, columns = item.shape[:2]
    seen = 0
    for position in np.ndindex(rows, columns):
        left, top, right, bottom = geometry.locate(position, (rows, columns))
        x, y = (left + right) / 2, (top + bottom) / 2
        red, green, blue = item[position]
        inside = 0 < x < width and 0 < y < height
        assert inside == (blue == 0), position
        # at the ends a filter sees one side only
        if 8 < x < width - 8 and 8 < y < height - 8:
            assert abs(red + 0.5 - x) < 1.1, position
            assert abs(green + 0.5 - y) < 1.1, position
            seen += 1
    assert seen > 50


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"fit": "stretch"}, "fit = 'stretch'"),
        ({"crop_origin": "left"}, "crop_origin = 'left'"),
        ({"fill": [0, 0]}, "fill = .*3 numbers"),
        ({"fill": [0, 0, 256]}, "fill = .*0 to 255"),
        ({"fill": [0, 0, 0.5]}, "fill = .*whole numbers"),
        ({"longest": 100}, "longest = 100"),
        ({"longest": 100, "resize": 128}, "longest = 100"),
        ({"longest": [1, 2], "resize": 1}, "longest = "),
        ({"resize_whole": 1}, "resize_whole = 1: expected true or false"),
        ({"resize_float": True, "dtype": "uint8"}, "resize_float: .*uint8"),
        ({"transparency": "keep"}, "transparency = 'keep'"),
        ({"resize": 10, "crop": 10, "fit": "contain"}, "contain.*fill"),
        ({"resize": 10, "crop": 11}, "crop = 11 is larger"),
    ],
)
def test_what_cannot_be_is_refused_by_name(table, words):
    with pytest.raises(BadCard, match=words):
        ImageSettings.from_table(table)


def test_a_picture_that_becomes_too_small_is_refused_without_a_fill():
    with pytest.raises(BadSample, match="smaller than the crop of 10 × 10, once it is resized"):
        read(noise(2, 90), resize=10, crop=10, longest=30)
    with pytest.raises(BadSample, match="too narrow"):
        read(noise(1, 9000), resize=64, crop=32, resize_whole=True, max_pixels=10_000)


def test_cards_that_say_none_of_it_keep_their_fingerprint():
    later = {
        "fit": "contain",
        "longest": 60,
        "resize_whole": True,
        "resize_float": True,
        "crop_origin": "floor",
        "fill": [0, 0, 0],
        "transparency": "drop",
    }
    plain = fingerprint_entries(ImageSettings.from_table({"resize": 50, "crop": 40}))
    assert not set(later) & set(plain)
    for name, value in later.items():
        table = {"resize": 50, "fill": [1, 1, 1], name: value}
        entries = fingerprint_entries(ImageSettings.from_table(table))
        assert entries[name] == (tuple(value) if isinstance(value, list) else value)
