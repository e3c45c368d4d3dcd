"""Hostile pictures: every one ends in a tensor or a refusal, in bounded time and memory.

``FUZZ=20 python -m pytest tests/fuzz/test_pictures.py`` tries twenty times as many.
"""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from featx.modalities.image.settings import ImageSettings
from tests.support.fuzzing import EDGES, attack, mutated
from tests.support.pictures import (
    dicom,
    encode,
    gif_of_comments,
    jpeg_of_scans,
    photo,
    png_with,
    tiff,
    tiff_of,
    tiff_of_strips,
    tiff_of_tile,
)

TIMES = int(os.environ.get("FUZZ", "1"))
# what docs/deploy.md says of one picture, and what a child needs beside it
MEMORY = (40_000_000 * 12) + (150 << 20)
SERVED = {"resize": 32, "crop": 32, "max_pixels": 40_000_000}


def read_served(data: bytes) -> None:
    """Read a picture as a server does."""
    ImageSettings.from_table(SERVED).read(data)


def read_in_part(data: bytes) -> None:
    """Read what there is of a picture, whole, in another range."""
    table = {**SERVED, "draft": 0, "truncated": True, "range": [0, 200]}
    ImageSettings.from_table(table).read(data)


def _heic() -> bytes:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(photo(24, 20)).save(buffer)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """Return a small honest file of each format, in several of its kinds."""
    image = photo(24, 20)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a text"
    deep = np.arange(480, dtype=np.uint16).reshape(20, 24) * 130
    frames = {"save_all": True, "append_images": [image.transpose(Image.Transpose.ROTATE_180)]}
    found = {
        "jpeg": encode(image, "JPEG", exif=exif),
        "progressive": encode(image, "JPEG", progressive=True),
        "cmyk": encode(image.convert("CMYK"), "JPEG"),
        "mpo": encode(image, "MPO", **frames),
        "png": encode(image, "PNG", exif=exif),
        "palette": encode(image.quantize(8), "PNG", transparency=2),
        "deep": encode(deep, "PNG"),
        "apng": encode(image, "PNG", **frames),
        "gif": encode(image, "GIF", **frames),
        "bmp": encode(image, "BMP"),
        "dib": encode(image.quantize(8), "DIB"),
        "tiff": encode(image, "TIFF", compression="tiff_lzw", exif=exif),
        "tiff-jpeg": encode(image, "TIFF", compression="jpeg"),
        "tiff-fax": encode(image.convert("1"), "TIFF", compression="group4"),
        "tiff-signed": tiff(deep.astype(np.int16), format_=2),
        "tiff-float": tiff(deep.astype(np.float32), format_=3),
        "tiff-16": tiff(np.dstack([deep] * 3), format_=1),
        "webp": encode(image, "WEBP", exif=exif),
        "webp-moving": encode(image, "WEBP", **frames),
        "ppm": b"P6 24 20 1000\n" + bytes(24 * 20 * 6),
        "pgm": b"P2 # words\n4 4 9\n" + b"1 2 3 4 " * 4,
        "pfm": b"Pf\n4 4\n-1.0\n" + bytes(64),
        "jp2": encode(image, "JPEG2000"),
        "j2k": encode(image, "JPEG2000", no_jp2=True),
        "avif": encode(image, "AVIF", exif=exif),
        "avif-moving": encode(image, "AVIF", **frames),
        "heic": _heic(),
        "dicom": dicom(deep, WindowCenter=[100, 40], WindowWidth=[400, 3], RescaleSlope=2),
        "dicom-jpeg": dicom(
            np.asarray(image), compressed=encode(image, "JPEG"), syntax="1.2.840.10008.1.2.4.50"
        ),
    }
    jxl = pytest.importorskip("pillow_jxl")
    return found | ({"jxl": encode(image, "JXL", exif=exif.tobytes())} if jxl else {})


def by_hand(seed: int, count: int) -> Iterator[bytes]:
    """Yield pictures whose headers contradict what is there, with their checksums mended."""
    rng = random.Random(seed)
    kinds = (_png, _tiff, _gif, _bmp, _jpeg, _jpeg2000, _netpbm, _box, _webp, _dicom)
    for index in range(count):
        yield kinds[index % len(kinds)](rng)


def _edge(rng: random.Random, bits: int) -> int:
    odd = (rng.choice(EDGES), rng.randrange(40), rng.getrandbits(bits), 6000, 65_500)
    return rng.choice(odd) % (1 << bits)


def _png(rng: random.Random) -> bytes:
    depth, kind = rng.choice((1, 2, 4, 8, 16, 3)), rng.choice((0, 2, 3, 4, 6, 1))
    head = struct.pack(
        ">IIBBBBB", _edge(rng, 32), _edge(rng, 32), depth, kind, 0, 0, rng.randrange(3)
    )
    names = (
        b"tRNS",
        b"PLTE",
        b"iCCP",
        b"zTXt",
        b"iTXt",
        b"eXIf",
        b"acTL",
        b"fcTL",
        b"fdAT",
        b"pHYs",
    )
    further = [(rng.choice(names), rng.randbytes(rng.choice((0, 1, 26, 768)))) for _ in range(3)]
    pixels = zlib.compress(bytes(rng.choice((0, 100, 100_000))))
    chunks = [(b"IHDR", head), *further, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def _tiff(rng: random.Random) -> bytes:
    tags = {
        256: (4, [_edge(rng, 16)]),
        257: (4, [_edge(rng, 16)]),
        258: (3, [rng.choice((1, 8, 12, 16, 32, 64))] * rng.choice((1, 3, 4))),
        259: (3, [rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 32773, 34712, 50000, 9))]),
        262: (3, [rng.choice((0, 1, 2, 3, 5, 6, 8, 9))]),
        273: (4, [_edge(rng, 32) for _ in range(rng.choice((1, 1, 3, 300)))]),
        277: (3, [rng.choice((1, 3, 4, 5, 0, 65_535))]),
        278: (4, [_edge(rng, 32)]),
        279: (4, [_edge(rng, 32) for _ in range(rng.choice((1, 1, 3)))]),
        284: (3, [rng.choice((1, 2))]),
        339: (3, [rng.choice((1, 2, 3, 4))]),
        274: (3, [rng.randrange(10)]),
        317: (3, [rng.choice((1, 2, 3))]),
    }
    if rng.random() < 0.4:
        tags |= {
            322: (4, [_edge(rng, 32)]),
            323: (4, [_edge(rng, 32)]),
            324: (4, [8]),
            325: (4, [99]),
        }
    for tag in rng.sample(sorted(tags), rng.randrange(3)):
        del tags[tag]
    pixels = zlib.compress(bytes(5000)) if rng.random() < 0.5 else rng.randbytes(500)
    return tiff_of(tags, pixels)


def _gif(rng: random.Random) -> bytes:
    head = b"GIF89a" + struct.pack(
        "<HHBBB", _edge(rng, 16), _edge(rng, 16), rng.randrange(256), 0, 0
    )
    frame = struct.pack("<4HB", *(_edge(rng, 16) for _ in range(4)), rng.randrange(256))
    control = b"!\xf9\4" + rng.randbytes(4) + b"\0"
    comment = b"!\xfe" + (b"\xff" + bytes(255)) * rng.choice((0, 3, 3000)) + b"\0"
    body = b"," + frame + bytes([rng.randrange(14)]) + b"\xff" + rng.randbytes(255) + b"\0;"
    return head + rng.choice((b"", bytes(768))) + control + comment + body


def _bmp(rng: random.Random) -> bytes:
    size = rng.choice((12, 40, 52, 56, 64, 108, 124, 4))
    sides = struct.pack("<ii", _edge(rng, 31), rng.choice((1, -1)) * _edge(rng, 31))
    numbers = struct.pack(
        "<HHI", 1, rng.choice((1, 4, 8, 16, 24, 32)), rng.choice((0, 1, 2, 3, 4, 6))
    )
    rest = struct.pack("<IIIII", _edge(rng, 32), 0, 0, _edge(rng, 32), 0) + bytes(84)
    body = rng.randbytes(rng.choice((10, 2000)))
    head = struct.pack("<I", size) + sides + numbers + rest
    return (
        b"BM" + struct.pack("<IHHI", 100, 0, 0, 14 + max(size, 12)) + head[: max(size, 12)] + body
    )


def _jpeg(rng: random.Random) -> bytes:
    data = bytearray(encode(photo(24, 20), "JPEG", progressive=rng.random() < 0.5))
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    struct.pack_into(">HH", data, frame + 5, _edge(rng, 16), _edge(rng, 16))
    if rng.random() < 0.3:
        data[frame + 4] = rng.choice((8, 12, 16, 0))
    if rng.random() < 0.3:
        data[frame + 11] = rng.randrange(256)
    name = rng.choice(
        (b"Exif\0\0", b"MPF\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0", b"Adobe", b"JFIF\0")
    )
    inside = rng.choice((b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"")) + rng.randbytes(60)
    segment = name + inside * rng.choice((1, 200))
    marker = bytes([0xFF, rng.choice((0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE))])
    data[2:2] = (marker + struct.pack(">H", 2 + len(segment)) + segment) * rng.choice((1, 1, 50))
    return bytes(data)


def _jpeg2000(rng: random.Random) -> bytes:
    data = bytearray(encode(photo(24, 20), "JPEG2000", no_jp2=rng.random() < 0.5))
    start = data.index(b"\xff\x4f\xff\x51") + 8
    for _ in range(rng.choice((1, 2, 4))):
        struct.pack_into(">I", data, start + 4 * rng.randrange(8), _edge(rng, 32))
    if rng.random() < 0.5:
        data[data.index(b"\xff\x52") + rng.randrange(2, 14)] = rng.randrange(256)
    return bytes(data)


def _netpbm(rng: random.Random) -> bytes:
    kind, sides = rng.choice(b"1234567f"), [str(_edge(rng, 33)) for _ in range(2)]
    largest = rng.choice(("255", "0", "-1", "1", "4095", "65535", "65536", "9" * 40, "nan", "x"))
    text = rng.choice((b"1 0 3 ", b"# " + bytes(500), b"9" * 5000, b"-1 ", b"\xff\xfe", b"\n"))
    head = b"P%c\n%s %s\n%s\n" % (kind, sides[0].encode(), sides[1].encode(), largest.encode())
    return head + text * rng.choice((1, 100))


def _box(rng: random.Random) -> bytes:
    """Return a file of boxes (AVIF, HEIC, JPEG XL) in one of which a length or number is another."""
    data = bytearray(rng.choice(_files_of_boxes()))
    names = (
        b"ispe",
        b"iloc",
        b"iinf",
        b"ipma",
        b"meta",
        b"pitm",
        b"mdat",
        b"av1C",
        b"hvcC",
        b"jxlc",
        b"stsz",
    )
    at = data.find(rng.choice(names))
    at = at - 4 if at >= 4 else rng.randrange(len(data) - 8)
    struct.pack_into(
        ">I", data, at + 4 * rng.choice((0, 2, 3, 4)) % (len(data) - 4 - at), _edge(rng, 32)
    )
    return bytes(data)


def _files_of_boxes() -> tuple[bytes, ...]:
    if not _boxed:
        found = seeds()
        _boxed.extend(found[name] for name in ("avif", "avif-moving", "heic", "jxl"))
    return tuple(_boxed)


_boxed: list[bytes] = []


def _webp(rng: random.Random) -> bytes:
    sides = (_edge(rng, 24).to_bytes(3, "little"), _edge(rng, 24).to_bytes(3, "little"))
    frames = b"".join(
        b"ANMF" + struct.pack("<I", 24) + rng.randbytes(16) + b"VP8L\0\0\0\0"
        for _ in range(rng.choice((0, 1, 3000)))
    )
    body = b"VP8X\x0a\0\0\0" + bytes([rng.randrange(64), 0, 0, 0]) + b"".join(sides)
    body += b"ANIM\x06\0\0\0" + bytes(6) + frames + encode(photo(8, 8), "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _dicom(rng: random.Random) -> bytes:
    odd = {
        "Rows": _edge(rng, 16),
        "Columns": _edge(rng, 16),
        "BitsAllocated": rng.choice((1, 8, 16, 32, 64, 0, 7)),
        "BitsStored": rng.choice((1, 8, 12, 16, 40)),
        "NumberOfFrames": rng.choice((0, 1, 2, -1, 2**31 - 1)),
        "PhotometricInterpretation": rng.choice(
            ("MONOCHROME1", "RGB", "PALETTE COLOR", "YBR_ICT", "X")
        ),
        "RescaleSlope": rng.choice((0, -1, 1e16, 1e-9)),
        "WindowCenter": rng.choice((0, -(10**12), 40)),
        "WindowWidth": rng.choice((0, 1, 400, -5)),
        "SamplesPerPixel": rng.choice((1, 3, 0, 4)),
    }
    chosen = dict(rng.sample(sorted(odd.items()), rng.choice((1, 2, 4))))
    return dicom(np.zeros((20, 24), np.uint16), **chosen)


COSTLY = (
    lambda: jpeg_of_scans(3000),
    lambda: png_with([(b"prVt", b"")] * 100_000),
    lambda: png_with(
        [(b"zTXt", b"k%d\0\0" % n + zlib.compress(bytes(1 << 20), 9)) for n in range(60)]
    ),
    lambda: png_with([(b"eXIf", b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + bytes(720_000))]),
    lambda: gif_of_comments(3_000_000),
    lambda: tiff_of_strips(2_000_000),
    lambda: tiff_of_tile(40_000),
    lambda: encode(Image.new("RGBA", (6300, 6300)), "PNG"),
    lambda: encode(Image.new("CMYK", (6300, 6300)), "JPEG", progressive=True),
    lambda: encode(Image.new("I;16", (6300, 6300)), "PNG"),
    lambda: encode(Image.new("F", (6300, 6300)), "TIFF", compression="tiff_deflate"),
    lambda: encode(Image.new("I", (6300, 6300)), "TIFF", compression="tiff_deflate"),
    lambda: encode(Image.new("P", (6300, 6300)), "PNG", transparency=0),
    lambda: encode(Image.new("RGBA", (5200, 5200)), "WEBP"),
    lambda: encode(Image.new("RGB", (6300, 6300)), "AVIF", speed=10),
    lambda: encode(Image.new("RGBA", (4300, 4300)), "JPEG2000"),
    lambda: dicom(np.zeros((6000, 6000), np.uint16), WindowCenter=40, WindowWidth=400),
    lambda: b"P5 6000 6000 1000\n" + bytes(72_000_000),
    lambda: b"P2 1900 1900 255\n" + b"7 " * 3_610_000,
)


def _assert_held(tally):
    assert set(tally.counts) <= {"ok", "refused"}, str(tally)
    assert tally.counts["refused"], str(tally)


def _damaged(each: int, seed: int) -> Iterator[bytes]:
    for number, data in enumerate(seeds().values()):
        yield from mutated(data, seed + number, each * TIMES)


@pytest.mark.slow
def test_damaged_pictures_end_in_a_tensor_or_a_refusal():
    _assert_held(attack(read_served, _damaged(25, 1), memory=MEMORY))


@pytest.mark.slow
def test_headers_that_contradict_what_follows_end_in_a_tensor_or_a_refusal():
    _assert_held(attack(read_served, by_hand(2, 500 * TIMES), memory=MEMORY))


@pytest.mark.slow
def test_damaged_pictures_that_are_read_in_part_end_in_a_tensor_or_a_refusal():
    _assert_held(attack(read_in_part, _damaged(60, 3), memory=MEMORY))


@pytest.mark.slow
def test_more_headers_read_in_part_end_in_a_tensor_or_a_refusal():
    _assert_held(attack(read_in_part, by_hand(4, 700 * TIMES), memory=MEMORY))


@pytest.mark.slow
def test_small_files_that_would_cost_much_cost_no_more_than_is_said():
    """Each ends within ten seconds and within the memory that docs/deploy.md names."""
    _assert_held(attack(read_served, (make() for make in COSTLY), memory=MEMORY))
