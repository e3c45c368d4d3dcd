"""What a picture may cost: looked at before a library builds anything of it."""

import struct
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from featx.errors import BadSample
from tests.support.files import png_of
from tests.support.pictures import (
    encode,
    gif_of_comments,
    jpeg_of_scans,
    photo,
    png_with,
    read,
    tiff,
    tiff_of_strips,
    tiff_of_tile,
)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: jpeg_of_scans(2000, 64), "JPEG of 20.. scans: expected at most 100"),
        (lambda: png_with([(b"prVt", b"")] * 30_000), "PNG of more than 20,000 chunks"),
        (lambda: gif_of_comments(200_000), "GIF of more than 100,000 blocks"),
        (lambda: tiff_of_strips(300_000), "TIFF with 300,000 values of tag 273"),
        (lambda: tiff_of_tile(40_000), "in tiles of 40000 × 40000"),
        (lambda: png_of(1, 2_000_000), "too long"),
        (lambda: png_of(50_000, 50_000), "too large"),
        (lambda: b"P5 99999 99999 255\n", "too large"),
        (lambda: b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\0;", "too large"),
    ],
)
def test_a_small_file_that_would_cost_much_is_refused_before_it_does(make, words):
    data = make()
    tracemalloc.start()
    try:
        with pytest.raises(BadSample, match=words):
            read(data, resize=64, crop=64)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_a_tiff_whose_tags_share_their_bytes_is_refused():
    one = np.zeros((64, 64), np.uint8)
    shared = {tag: (1, [0] * 4000) for tag in range(40_000, 40_002)}
    assert read(tiff(one, format_=1, extra=shared)).shape == (3, 64, 64)
    data = tiff(one, format_=1)
    start = struct.unpack_from("<I", data, 4)[0]
    many = 200
    entries = b"".join(
        struct.pack("<HHII", 40_000 + index, 1, len(data), 0) for index in range(many)
    )
    n = struct.unpack_from("<H", data, start)[0]
    old = data[start + 2 : start + 2 + 12 * n]
    grown = data[:start] + struct.pack("<H", n + many) + old + entries + bytes(4)
    with pytest.raises(BadSample, match="claim more bytes than the file has"):
        read(grown)


@pytest.mark.parametrize(("kind", "bytes_"), [("WEBP", 17), ("AVIF", 16), ("JPEG2000", 25)])
def test_formats_that_take_more_memory_for_a_pixel_may_have_fewer_pixels(kind, bytes_):
    most = 10_000 * 12 // bytes_
    image = photo(100, most // 100 + 2)
    with pytest.raises(BadSample, match=f"too large to decode as {kind}.*at most {most} pixels"):
        read(encode(image, kind), max_pixels=10_000, resize=8)
    assert read(encode(photo(100, most // 100 - 1), kind), max_pixels=10_000, resize=8).any()
    # a plain format has all of them
    assert read(encode(photo(100, 100), "PNG"), max_pixels=10_000, resize=8).any()


def _codestream(data, change):
    """A JPEG 2000 with four-byte numbers of its SIZ segment changed, by their index from the width on."""
    start = data.index(b"\xff\x4f\xff\x51") + 8
    changed = bytearray(data)
    for index, value in change.items():
        struct.pack_into(">I", changed, start + 4 * index, value)
    return bytes(changed)


def test_a_jpeg_2000_of_very_many_tiles_or_pixels_is_refused():
    data = encode(photo(64, 64), "JPEG2000", no_jp2=True)
    with pytest.raises(BadSample, match="expected at most 4,096 tiles"):
        read(_codestream(data, {0: 6000, 1: 6000, 4: 3, 5: 3}))
    with pytest.raises(BadSample, match="too large"):
        read(_codestream(data, {0: 60_000, 1: 60_000}))


def test_a_jpeg_2000_in_very_small_blocks_is_refused():
    small = encode(photo(64, 64), "JPEG2000", codeblock_size=(4, 4))
    with pytest.raises(BadSample, match="very small blocks"):
        read(small)
    # precincts of two pixels, for each of six resolutions
    data = encode(Image.new("L", (2000, 2000)), "JPEG2000", no_jp2=True)
    at = data.index(b"\xff\x52\0\x0c\0")
    sized = data[at + 5 : at + 14] + b"\x11" * (data[at + 9] + 1)
    changed = (
        data[:at] + b"\xff\x52" + struct.pack(">HB", 3 + len(sized), 1) + sized + data[at + 14 :]
    )
    with pytest.raises(BadSample, match="very small blocks"):
        read(changed)


def test_a_narrow_picture_is_not_blown_up():
    line = Image.new("L", (1, 300_000))
    with pytest.raises(BadSample, match="too narrow"):
        read(line, resize=256)
    with pytest.raises(BadSample, match="too narrow"):
        read(line, resize=256, crop=224, interpolation="nearest")
    assert read(line, resize=256, crop=224).shape == (3, 224, 224)
    assert read(line, resize=[64, 64]).shape == (3, 64, 64)


def test_a_large_picture_with_transparency_is_what_a_small_one_is():
    """Large ones are converted in strips."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1500, 1000, 4), dtype=np.uint8)
    found = read(Image.fromarray(pixels), dtype="uint8", layout="NHWC")
    image = Image.fromarray(pixels)
    page = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    np.testing.assert_array_equal(found, np.asarray(page))
    palette = Image.fromarray(pixels[..., 0].copy()).convert("P")
    palette.info["transparency"] = 3
    strips = read(encode(palette, "PNG", transparency=3), dtype="uint8", layout="NHWC")
    opened = palette.convert("RGBA")
    page = Image.alpha_composite(Image.new("RGBA", opened.size, "white"), opened).convert("RGB")
    np.testing.assert_array_equal(strips, np.asarray(page))


def test_large_sixteen_bit_pictures_are_scaled_in_pieces_as_small_ones_are():
    values = np.arange(1200 * 1100, dtype=np.uint32).reshape(1200, 1100).astype(np.uint16)
    found = read(encode(Image.fromarray(values), "PNG"), color="L", dtype="uint8")
    np.testing.assert_array_equal(found[0], np.round(values / 257).astype(np.uint8))
