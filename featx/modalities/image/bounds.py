"""Bounds on what a picture costs, looked at before a library builds anything of its bytes.

Pixels are limited by ``max_pixels``; these are the ways around that limit: formats whose decoders hold several
copies of a picture, and headers of a few bytes that make a decoder work for a minute or take gigabytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from PIL.ImageFile import ImageFile

from featx.errors import BadSample
from featx.modalities.image.jxl import jxl_size

__all__ = ["PIXEL_BYTES", "check_bytes", "check_picture", "check_size"]

PIXEL_BYTES = 12
"""Bytes of memory that a picture may take for each pixel of ``max_pixels``, besides its file."""

# What decoders take for a pixel in bytes, at most, with the copy in the card's colours (measured by
# benchmarks/picture_memory.py, which says 4 to 12 of all others).
_DECODING: Mapping[str, int] = MappingProxyType(
    {"WEBP": 17, "AVIF": 16, "JPEG2000": 25, "HEIF": 16, "JXL": 20}
)
# Resizing takes memory for each pixel of a side.
_LONGEST_SIDE = 1 << 20
# Scans of a JPEG: a progressive one has about ten, and each passes over all pixels.
_MOST_SCANS = 100
# Chunks of a PNG that are no pixels, sub-blocks of a GIF before its first frame, tags and their values.
_MOST_CHUNKS = 20_000
_MOST_BLOCKS = 100_000
_MOST_STRIPS = 200_000
_MOST_TILES = 4_096
# Pillow unpacks runs of a bitmap in Python, a microsecond each.
_MOST_RUNS = 8 << 20
_TILE_PIXELS = 4_000_000
# The lowest exponent of the sides of a code block: 16 pixels
_LEAST_BLOCK = 4


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Raise BadSample where a picture has no pixels, or more than ``max_pixels``."""
    width, height = size
    if width < 1 or height < 1:
        raise BadSample(f"image of {width} × {height} pixels: expected at least one")
    if max(size) > _LONGEST_SIDE:
        raise BadSample(
            f"image of {width} × {height} pixels: too long; expected at most {_LONGEST_SIDE} a side"
        )
    if width * height > max_pixels:
        raise BadSample(
            f"image of {width} × {height} pixels: too large, more than the limit of {max_pixels}; "
            f"shrink it, or raise max_pixels"
        )


def check_bytes(content: bytes, name: str, max_pixels: int) -> None:
    """Raise BadSample where the bytes of a file of format ``name`` would cost too much to open."""
    if check := _CHECKS.get(name):
        try:
            check(content, max_pixels)
        except (struct.error, IndexError):
            # cut off: the library says so
            return


def check_picture(image: ImageFile, name: str, max_pixels: int) -> None:
    """Raise BadSample where an opened picture would cost too much to decode."""
    check_size(image.size, max_pixels)
    width, height = image.size
    cost = width * height * _DECODING.get(name, 0)
    if cost > max_pixels * PIXEL_BYTES:
        most = max_pixels * PIXEL_BYTES // _DECODING[name]
        raise BadSample(
            f"image of {width} × {height} pixels: too large to decode as {name}, which takes "
            f"{cost >> 20} MiB; at most {most} pixels are read; shrink it, or raise max_pixels"
        )
    if name == "TIFF":
        _check_tiles(image)
    if name in ("BMP", "DIB") and image.info.get("compression") in (1, 2):
        _check_runs(image)


def _check_tiles(image: Any) -> None:
    """Check the size of a TIFF's tiles, which are decoded whole however small the picture is."""
    width, height = image.tag_v2.get(322, 0), image.tag_v2.get(323, 0)
    if not (isinstance(width, int) and isinstance(height, int)):
        raise BadSample("damaged image: the size of a tile is not a number")
    if width * height > max(_TILE_PIXELS, 4 * image.size[0] * image.size[1]):
        raise BadSample(
            f"image of {image.size[0]} × {image.size[1]} pixels in tiles of {width} × {height}: "
            f"expected tiles no larger than the picture"
        )


def _check_runs(image: ImageFile) -> None:
    assert image.fp is not None
    size = image.fp.seek(0, 2)
    if size > _MOST_RUNS:
        raise BadSample(
            f"bitmap of {size:,} bytes in run lengths: expected at most {_MOST_RUNS:,}; save it as PNG"
        )


def _check_jpeg(content: bytes, _max_pixels: int) -> None:
    # the marker cannot stand within a scan; thumbnails and chance in metadata add a few
    scans = content.count(b"\xff\xda")
    if scans > _MOST_SCANS and (scans := _count_scans(content)) > _MOST_SCANS:
        raise BadSample(f"JPEG of {scans} scans: expected at most {_MOST_SCANS}; save it anew")


def _count_scans(content: bytes) -> int:
    """Return how many scans a JPEG has, those of pictures within its metadata left out."""
    position, scans = 2, 0
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xD9:
            break
        if marker == 0xFF or 0xD0 <= marker <= 0xD8 or marker <= 1:
            position += 1 if marker == 0xFF else 2
            continue
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        if marker == 0xDA:
            scans += 1
            # entropy-coded bytes go on to the next marker that is neither stuffing nor a restart
            found = _MARKER.search(content, position)
            position = found.start() if found else len(content)
    return scans


_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _check_png(content: bytes, _max_pixels: int) -> None:
    position, chunks = 8, 0
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"IEND":
            # what stands behind it is no part of the picture, and is not read
            return
        position += 12 + length
        chunks += kind not in (b"IDAT", b"fdAT")
        if chunks > _MOST_CHUNKS:
            raise BadSample(f"PNG of more than {_MOST_CHUNKS:,} chunks of metadata; save it anew")


def _check_gif(content: bytes, _max_pixels: int) -> None:
    """Count the blocks before the first frame: Pillow keeps each block of a comment."""
    flags = content[10]
    position = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    blocks = 0
    while content[position] == 0x21:
        position += 2
        while size := content[position]:
            position += 1 + size
            blocks += 1
            if blocks > _MOST_BLOCKS:
                raise BadSample(
                    f"GIF of more than {_MOST_BLOCKS:,} blocks before its first frame; save it anew"
                )
        position += 1


def _check_tiff(content: bytes, _max_pixels: int) -> None:
    """Check the counts in the first directory of a TIFF, and that its values are not the same bytes again."""
    order = "<" if content[:2] == b"II" else ">"
    big = 43 in content[2:4]
    start = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), content, start)[0]
    entry, first = ("HHQQ", 8) if big else ("HHII", 2)
    length = struct.calcsize(order + entry)
    if count > _MOST_BLOCKS:
        raise BadSample(f"damaged image: a TIFF of {count:,} tags")
    total = 0
    for index in range(count):
        tag, kind, n, _ = struct.unpack_from(order + entry, content, start + first + index * length)
        size = _TIFF_SIZES.get(kind, 1)
        total += n * size
        # bytes and texts are kept as they are, numbers become Python's
        if kind not in (1, 2, 6, 7) and n > _MOST_STRIPS:
            raise BadSample(
                f"TIFF with {n:,} values of tag {tag}: expected at most {_MOST_STRIPS:,}"
            )
    if total > 2 * len(content) + 65536:
        raise BadSample("damaged image: a TIFF whose tags claim more bytes than the file has")


_TIFF_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def _check_jpeg2000(content: bytes, max_pixels: int) -> None:
    """Check what the main header of a codestream asks for, before a decoder takes memory for it."""
    start = content.find(b"\xff\x4f\xff\x51")
    if start < 0:
        return
    width, height, left, top, across, down = struct.unpack_from(">6I", content, start + 8)
    components = struct.unpack_from(">H", content, start + 40)[0]
    check_size((width - left, height - top), max_pixels)
    if components > 4:
        raise BadSample(f"JPEG 2000 of {components} channels: expected 1 to 4")
    if not across or not down or width * height > across * down * _MOST_TILES:
        raise BadSample(
            f"JPEG 2000 of {width} × {height} pixels in tiles of {across} × {down}: "
            f"expected at most {_MOST_TILES:,} tiles"
        )
    position = start + 2
    while content[position] == 0xFF and content[position + 1] != 0x90:
        marker, length = content[position + 1], int.from_bytes(content[position + 2 : position + 4])
        if marker in (0x52, 0x53):
            _check_coding(content[position : position + 2 + length], marker, (width, height))
        position += 2 + length


def _check_coding(segment: bytes, marker: int, size: tuple[int, int]) -> None:
    """Check the code blocks and precincts of a COD (0x52) or COC (0x53) segment, for a picture of ``size``."""
    at = 4 if marker == 0x52 else 5
    first = at + (5 if marker == 0x52 else 1)
    levels, width, height = segment[first], segment[first + 1] + 2, segment[first + 2] + 2
    small = min(width, height) < 3 or width + height < 2 * _LEAST_BLOCK or levels > 32
    if segment[at] & 1:
        # a byte a resolution, the lowest first, each half as wide and high as the next
        exponents = segment[first + 5 : first + 6 + levels]
        shifts = [
            (levels - index + (e & 15), levels - index + (e >> 4))
            for index, e in enumerate(exponents)
        ]
        small = (
            small
            or sum(((size[0] >> x) + 1) * ((size[1] >> y) + 1) for x, y in shifts) > _MOST_BLOCKS
        )
    if small:
        raise BadSample("JPEG 2000 in very small blocks: takes too long to decode; save it anew")


def _check_jxl(content: bytes, max_pixels: int) -> None:
    size = jxl_size(content)
    if size is None:
        raise BadSample("damaged image: a JPEG XL without a size")
    check_size(size, max_pixels)
    if size[0] * size[1] * _DECODING["JXL"] > max_pixels * PIXEL_BYTES:
        most = max_pixels * PIXEL_BYTES // _DECODING["JXL"]
        raise BadSample(
            f"image of {size[0]} × {size[1]} pixels: too large to decode as JXL; at most {most} pixels"
        )


_CHECKS: Mapping[str, Callable[[bytes, int], None]] = MappingProxyType(
    {
        "JPEG": _check_jpeg,
        "PNG": _check_png,
        "GIF": _check_gif,
        "TIFF": _check_tiff,
        "JPEG2000": _check_jpeg2000,
        "JXL": _check_jxl,
    }
)
