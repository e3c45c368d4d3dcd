import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from featx.errors import BadOption, BadSample
from featx.modalities.image.settings import ImageSettings
from featx.modalities.image.thumbnails import thumbnail
from tests.support.pictures import encode, photo


def opened(content):
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "JPEG"
    return picture


@pytest.mark.parametrize(
    ("size", "small"),
    [((400, 300), (112, 84)), ((300, 400), (84, 112)), ((20, 10), (20, 10)), ((4000, 2), (112, 1))],
)
def test_a_thumbnail_keeps_the_proportions_and_is_never_enlarged(size, small):
    assert opened(thumbnail(encode(Image.new("RGB", size), "PNG"))).size == small


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_thumbnail_looks_like_its_picture(kind):
    picture = photo(300, 200)
    small = opened(thumbnail(encode(picture, kind)))
    expected = picture.resize(small.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(small, float) - np.asarray(expected, float)).mean() < 12


def test_noise_which_jpeg_cannot_shrink_still_fits():
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)
    assert len(thumbnail(noise)) <= 4800
    assert len(thumbnail(noise, side=2000, most_bytes=1024)) <= 1024


def test_two_hundred_thumbnails_of_noise_are_less_than_two_megabytes_as_data():
    rng = np.random.default_rng(0)
    sizes = [len(thumbnail(rng.integers(0, 256, (200, 200, 3), np.uint8))) for _ in range(20)]
    assert 200 * max(sizes) * 4 / 3 < 1.4e6


def test_a_thumbnail_is_upright_as_the_picture_says():
    picture = Image.new("RGB", (100, 50), "white")
    picture.paste("black", (0, 0, 100, 10))
    exif = Image.Exif()
    # turned by a quarter: the black line is at the right
    exif[0x0112] = 6
    small = opened(thumbnail(encode(picture, "JPEG", exif=exif)))
    assert small.size == (50, 100)
    assert np.asarray(small)[50, 48].max() < 60
    assert np.asarray(small)[50, 5].min() > 200


def test_a_thumbnail_says_nothing_of_what_its_file_said():
    exif = Image.Exif()
    exif[0x010E] = "at home"
    content = encode(
        photo(200, 200), "JPEG", exif=exif, comment=b"secret place", icc_profile=b"x" * 200
    )
    small = thumbnail(content)
    assert b"secret" not in small
    assert b"at home" not in small
    assert not opened(small).getexif()
    notes = PngInfo()
    notes.add_text("comment", "secret place")
    assert b"secret" not in thumbnail(encode(photo(), "PNG", pnginfo=notes))


def test_what_is_transparent_is_white():
    picture = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    assert np.asarray(opened(thumbnail(encode(picture, "PNG")))).min() > 250


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "I;16", "CMYK"])
def test_any_kind_of_colours_becomes_a_jpeg(mode):
    picture = Image.new(mode, (60, 30))
    assert opened(thumbnail(picture)).size == (60, 30)


def test_numbers_are_shown_in_the_range_of_the_card():
    values = np.full((20, 20, 3), 3.0, np.float32)
    small = opened(thumbnail(values, settings=ImageSettings(range=(0.0, 4.0))))
    assert np.asarray(small).mean() == pytest.approx(191, abs=2)


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"\xff\xd8\xff\xe0 broken", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_is_refused_in_words(content):
    with pytest.raises(BadSample):
        thumbnail(content)


def test_a_picture_beyond_the_bounds_of_the_card_is_refused():
    with pytest.raises(BadSample, match=r"1,?000 × 1,?000"):
        thumbnail(
            encode(Image.new("RGB", (1000, 1000)), "PNG"), settings=ImageSettings(max_pixels=1000)
        )


@pytest.mark.parametrize("options", [{"side": 8}, {"most_bytes": 10}])
def test_a_size_in_which_nothing_is_seen_is_refused(options):
    with pytest.raises(BadOption, match="expected 16 pixels and 1024 bytes or more"):
        thumbnail(photo(), **options)
