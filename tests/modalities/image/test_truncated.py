"""Pictures that are cut off: refused with the option's name, or read as far as they go."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ImageFile

from featx import FeatxWarning
from featx.errors import BadSample
from tests.support.pictures import encode, photo, read

WHOLE = photo(160, 120)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_marker_is_read_whole(mode, missing):
    data = encode(WHOLE.convert(mode), "JPEG")
    np.testing.assert_array_equal(read(data[:-missing]), read(data))


def test_a_large_jpeg_without_its_end_marker_is_drafted_as_ever():
    data = encode(photo(1600, 1200), "JPEG")
    table = {"resize": 64, "crop": 56}
    np.testing.assert_array_equal(read(data[:-2], **table), read(data, **table))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_what_is_cut_off_is_refused_with_the_option(kind):
    data = encode(WHOLE, kind)
    cut = _cut(data)
    with pytest.raises(BadSample, match=r"damaged image: .*say truncated=true"):
        read(cut)


def _cut(data):
    """The first six tenths of a file; a TIFF of Pillow's has its directory in front."""
    return data[: int(len(data) * 0.6)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_what_there_is_of_a_picture_is_read_where_that_is_asked_for(kind):
    data = encode(WHOLE, kind)
    with pytest.warns(FeatxWarning, match="is cut off or damaged, and read in part"):
        found = read(_cut(data), truncated=True)
    whole = read(data)
    assert found.shape == whole.shape
    # a bitmap begins below, and the lines of an interlaced GIF are eight apart
    lines = {"BMP": slice(-40, None), "GIF": slice(0, None, 8)}.get(kind, slice(0, 40))
    np.testing.assert_array_equal(found[:, lines], whole[:, lines])
    assert not np.array_equal(found, whole)


def test_a_progressive_jpeg_without_its_end_is_read_where_that_is_asked_for():
    data = encode(WHOLE, "JPEG", progressive=True)
    with pytest.raises(BadSample, match="say truncated=true"):
        read(data[:-2])
    with pytest.warns(FeatxWarning, match="read in part"):
        np.testing.assert_array_equal(read(data[:-2], truncated=True), read(data))


def test_a_jpeg_that_lost_its_last_pixels_is_not_taken_for_one_that_lost_its_end():
    data = encode(WHOLE, "JPEG", quality=90)
    for lost in (8, 20, 60):
        with pytest.raises(BadSample, match="say truncated=true"):
            read(data[:-lost])


def test_what_cannot_be_read_in_part_is_refused_all_the_same():
    data = encode(WHOLE, "WEBP", lossless=True)
    with pytest.raises(BadSample):
        read(data[:500], truncated=True)
    with pytest.raises(BadSample):
        read(encode(WHOLE, "JPEG")[:300], truncated=True)


def test_whole_pictures_do_not_depend_on_the_option():
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encode(WHOLE, kind)
        np.testing.assert_array_equal(read(data, truncated=True), read(data))


@pytest.mark.filterwarnings("ignore:a sample")
def test_threads_with_and_without_the_option_do_not_disturb_each_other():
    cut = encode(WHOLE, "PNG")[:9000]

    def refused(_):
        with pytest.raises(BadSample):
            read(cut)
        return True

    with ThreadPoolExecutor(4) as pool:
        partial = pool.map(lambda _: read(cut, truncated=True), range(40))
        strict = pool.map(refused, range(40))
        assert all(strict)
        assert len({tensor.tobytes() for tensor in partial}) == 1
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
