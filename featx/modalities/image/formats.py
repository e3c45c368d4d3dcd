"""Formats of pictures: which are opened, how their first bytes tell them, and which library opens each.

Pillow knows more than forty formats, and some of them are programs (it starts Ghostscript for PostScript) or
hold files of others. Only those named here are opened, each by its own class, whatever a file's name says.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from featx._extras import require
from featx.errors import BadSample, MissingExtra

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = ["SUFFIXES", "format_of", "module_of", "open_picture", "refuse_format"]


@dataclass(frozen=True, slots=True)
class _Format:
    """A format: the class that opens it, the suffixes of its files, and the extra that brings the library."""

    module: str
    name: str
    suffixes: str
    extra: str | None = None


_FORMATS: Mapping[str, _Format] = MappingProxyType(
    {
        # its factory tells a file of several pictures (MPO), whose first one is read
        "JPEG": _Format("PIL.JpegImagePlugin", "jpeg_factory", ".jpg .jpeg .jpe .jfif .mpo"),
        "PNG": _Format("PIL.PngImagePlugin", "PngImageFile", ".png .apng"),
        "GIF": _Format("PIL.GifImagePlugin", "GifImageFile", ".gif"),
        "BMP": _Format("PIL.BmpImagePlugin", "BmpImageFile", ".bmp .dib"),
        "DIB": _Format("PIL.BmpImagePlugin", "DibImageFile", ""),
        "TIFF": _Format("PIL.TiffImagePlugin", "TiffImageFile", ".tif .tiff"),
        "WEBP": _Format("PIL.WebPImagePlugin", "WebPImageFile", ".webp"),
        "PPM": _Format("PIL.PpmImagePlugin", "PpmImageFile", ".ppm .pgm .pbm .pnm .pfm"),
        "JPEG2000": _Format("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile", ".jp2 .j2k .jpx .j2c .jpf"),
        "AVIF": _Format("PIL.AvifImagePlugin", "AvifImageFile", ".avif .avifs"),
        "HEIF": _Format("pillow_heif", "HeifImageFile", ".heic .heif .hif .heics", "heif"),
        "JXL": _Format("pillow_jxl.JpegXLImagePlugin", "JXLImageFile", ".jxl", "heif"),
        # read by featx.modalities.image.dicom
        "DICOM": _Format("pydicom", "", ".dcm .dicom", "dicom"),
    }
)

SUFFIXES: Mapping[str, str | None] = MappingProxyType(
    {suffix: entry.extra for entry in _FORMATS.values() for suffix in entry.suffixes.split()}
)
"""Suffixes of files that are pictures, and the extra that each needs; None: what is always installed."""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\xff\x0a", "JXL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JXL"),
    # classic and Big, of either order of bytes, and as some programs exchange them
    *((start, "TIFF") for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")),
    *((b"P%d" % kind, "PPM") for kind in range(1, 7)),
    *((b"Pf" + space, "PPM") for space in (b"\n", b"\r", b" ", b"\t")),
)
# the size of the header of a bitmap without the header of a file
_DIB_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_HEIF_BRANDS = (b"heic heix heim heis hevc hevx hevm hevs mif1 msf1 mif2 miaf").split()
# what is no picture for featx, and is often sent
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%!PS", "PostScript, which is a program"),
    (b"\xc5\xd0\xd3\xc6", "PostScript, which is a program"),
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "an icon"),
    (b"\0\0\2\0", "a cursor"),
    (b"<svg", "an SVG"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"SIMPLE  =", "FITS"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM film"),
)
_READABLE = "JPEG, PNG, GIF, BMP, TIFF, WebP, PPM, JPEG 2000, AVIF, HEIC, JPEG XL or DICOM"


def format_of(content: bytes) -> str | None:
    """Return the format that the first bytes of a file tell; None for none of those that are opened.

    >>> format_of(b"GIF89a..."), format_of(b"%!PS-Adobe-3.0 EPSF-3.0")
    ('GIF', None)
    """
    # what stands before may be the header of another format, such as TIFF
    if content[128:132] == b"DICM":
        return "DICOM"
    for start, name in _STARTS:
        if content.startswith(start):
            return name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp":
        return _format_of_brands(content)
    # a data set of DICOM without its preamble begins with group 2 or 8
    if content[:4] in (b"\x02\0\0\0", b"\x08\0\x05\0", b"\x08\0\x08\0", b"\x08\0\x16\0"):
        return "DICOM"
    if int.from_bytes(content[:4], "little") in _DIB_HEADERS:
        return "DIB"
    return None


def _format_of_brands(content: bytes) -> str | None:
    """Return what a file of the ISO's media format is; ``mif1`` is the brand of HEIC and AVIF alike."""
    end = min(int.from_bytes(content[:4], "big"), 256)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, end, 4))]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    return "HEIF" if any(brand in _HEIF_BRANDS for brand in brands) else None


def module_of(suffix: str) -> str:
    """Return the package that reads pictures of a suffix; '' for a suffix of something else.

    >>> module_of(".jpg"), module_of(".heic")
    ('PIL', 'pillow_heif')
    """
    entries = (entry for entry in _FORMATS.values() if suffix in entry.suffixes.split())
    return next((entry.module.partition(".")[0] for entry in entries), "")


def open_picture(content: bytes, name: str) -> ImageFile.ImageFile:
    """Return the picture that the bytes of a file are, opened as format ``name``; no pixel is decoded yet.

    Raises
    ------
    BadSample
        The library of the format is not installed. Whatever else the library says is for the caller to catch.
    """
    entry = _FORMATS[name]
    if entry.extra:
        try:
            require(entry.module.partition(".")[0], extra=entry.extra)
        except MissingExtra as error:
            raise BadSample(f"{name} picture: {error}") from None
    if name == "AVIF":
        _check_avif()
    opened: ImageFile.ImageFile = getattr(import_module(entry.module), entry.name)(
        io.BytesIO(content)
    )
    return opened


def refuse_format(content: bytes) -> BadSample:
    """Return the refusal of bytes that are none of the formats."""
    start = content[:512].lstrip()
    found = next((what for magic, what in _OTHERS if start.startswith(magic)), None)
    if found is None and b"\0" not in start and start.isascii():
        found = "text"
    said = f"; found {found}" if found else ""
    return BadSample(f"not an image in a format that featx reads: expected {_READABLE}{said}")


def _check_avif() -> None:
    from PIL import features

    if not features.check("avif"):
        raise BadSample(
            "AVIF picture: this Pillow is built without AVIF; run: pip install 'pillow>=11.3'"
        )
