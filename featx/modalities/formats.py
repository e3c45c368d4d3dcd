"""Formats of pictures and sounds, told by their first bytes: what a file is whose name does not say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from featx.modalities import Settings
from featx.sources import Readable

__all__ = ["NO_DECODER", "identify", "modality_of_head", "readable"]

NO_DECODER = "libsndfile has no decoder for it; convert it to WAV or FLAC, with ffmpeg for example"
"""What is said of a sound in a format for which there is none."""

_NO_DECODER = frozenset(".m4a .m4b .aac .wma .amr .ape .wv".split())
# The module that reads files of a suffix, and the extra that brings it.
_EXTRAS = {
    **dict.fromkeys(".heic .heif .hif .heics".split(), ("pillow_heif", "heif")),
    ".jxl": ("pillow_jxl", "heif"),
    **dict.fromkeys(".dcm .dicom".split(), ("pydicom", "dicom")),
}

# What a file of each format begins with.
_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xff\xd8\xff", "image", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "image", "PNG"),
    (b"GIF87a", "image", "GIF"),
    (b"GIF89a", "image", "GIF"),
    (b"II*\0", "image", "TIFF"),
    (b"MM\0*", "image", "TIFF"),
    (b"II+\0", "image", "TIFF"),
    (b"MM\0+", "image", "TIFF"),
    (b"\xff\x0a", "image", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "image", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "image", "JPEG 2000"),
    (b"fLaC", "audio", "FLAC"),
    (b"OggS", "audio", "Ogg"),
    (b"ID3", "audio", "MP3"),
    (b".snd", "audio", "AU"),
    (b"caff", "audio", "CAF"),
    (b"riff\x2e\x91\xcf\x11", "audio", "Wave64"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "audio", "WMA"),
    (b"#!AMR", "audio", "AMR"),
    (b"wvpk", "audio", "WavPack"),
    (b"MAC ", "audio", "Monkey's Audio"),
)
# The kinds of RIFF and of IFF, at byte 8.
_CHUNKS = {
    b"RIFFWEBP": ("image", "WebP"),
    **{kind + b"WAVE": ("audio", "WAV") for kind in (b"RIFF", b"RIFX", b"RF64")},
    **{b"FORM" + kind: ("audio", "AIFF") for kind in (b"AIFF", b"AIFC")},
}
# The brands of files of the ISO base media format, of which each may name several.
_BRANDS = (
    ((b"avif", b"avis"), "image", "AVIF"),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "image", "HEIF"),
    ((b"M4A ", b"M4B ", b"M4P "), "audio", "AAC"),
)
_NETPBM = re.compile(rb"P[1-6][ \t\r\n]+(#|[0-9])")
# The sizes of the second header of a bitmap.
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)


def identify(head: bytes) -> tuple[str, str] | None:
    """Return the modality and the format of a file that begins with these bytes; None for any other.

    Whether the libraries that are installed can decode it is for the decoder to say.

    >>> identify(b"GIF89a..."), identify(b"fLaC..."), identify(b"Dear reader")
    (('image', 'GIF'), ('audio', 'FLAC'), None)

    Parameters
    ----------
    head : bytes
        At least the first 132 bytes, where there are so many.
    """
    for start, modality, name in _STARTS:
        if head.startswith(start):
            return modality, name
    if found := _CHUNKS.get(head[:4] + head[8:12]):
        return found
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    if head[128:132] == b"DICM":
        return "image", "DICOM"
    if _NETPBM.match(head):
        return "image", "PNM"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return "image", "BMP"
    return _of_frame(head)


def modality_of_head(head: bytes) -> str | None:
    """Return the modality of a file that begins with these bytes; None where nothing tells."""
    found = identify(head)
    return None if found is None else found[0]


def readable(kind: Settings | type[Settings]) -> Readable:
    """Return which files and texts are samples of a modality: by their names, or by their first bytes."""
    recognizes: Callable[[bytes], bool] = partial(_is_of, kind.modality)
    return Readable(
        kind.suffixes,
        kind.string_is_sample,
        kind.takes_segments,
        recognizes=recognizes,
        obstacle=_obstacle,
    )


def _obstacle(suffix: str) -> str:
    """Return why files of a suffix cannot be read here, and what to do; '' where they can."""
    if suffix in _NO_DECODER:
        return NO_DECODER
    module, extra = _EXTRAS.get(suffix, ("", ""))
    return f"pip install 'featx[{extra}]'" if module and find_spec(module) is None else ""


def _is_of(modality: str, head: bytes) -> bool:
    return modality_of_head(head) == modality


def _of_brands(head: bytes) -> tuple[str, str] | None:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    return next(
        ((modality, name) for known, modality, name in _BRANDS if not brands.isdisjoint(known)),
        None,
    )


def _of_frame(head: bytes) -> tuple[str, str] | None:
    """Tell the frames of MPEG sound, which have no header but twelve bits that are set."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0 and head[1] & 0xF6 == 0xF0:
        return "audio", "AAC"
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    fine = version != 1 and layer in (1, 2) and bit_rate not in (0, 15) and rate != 3
    return ("audio", "MP3") if fine else None
