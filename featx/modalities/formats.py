"""Formats of pictures and sounds, told by their first bytes: what a file is whose name does not say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from featx.modalities import Settings
from featx.modalities.image.formats import SUFFIXES, format_of, module_of
from featx.sources import Readable

__all__ = ["NO_DECODER", "identify", "modality_of_head", "readable"]

NO_DECODER = "libsndfile has no decoder for it; convert it to WAV or FLAC, with ffmpeg for example"
"""What is said of a sound in a format for which there is none."""

_NO_DECODER = frozenset(".m4a .m4b .aac .wma .amr .ape .wv".split())
# What a sound of each format begins with.
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"fLaC", "FLAC"),
    (b"OggS", "Ogg"),
    (b"ID3", "MP3"),
    (b".snd", "AU"),
    (b"caff", "CAF"),
    (b"riff\x2e\x91\xcf\x11", "Wave64"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    (b"#!AMR", "AMR"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
)
# The kinds of RIFF and of IFF, at byte 8.
_CHUNKS = {
    **{kind + b"WAVE": "WAV" for kind in (b"RIFF", b"RIFX", b"RF64")},
    **{b"FORM" + kind: "AIFF" for kind in (b"AIFF", b"AIFC")},
}
# The brands of sounds among files of the ISO base media format, of which each may name several.
_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_NETPBM = re.compile(rb"P[1-6fF][ \t\r\n]+(#|[0-9])")
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
    picture = format_of(head)
    if picture is not None and _is_sure(picture, head):
        return "image", picture
    sound = next((name for start, name in _STARTS if head.startswith(start)), None)
    sound = sound or _CHUNKS.get(head[:4] + head[8:12]) or _of_brands(head) or _of_frame(head)
    return ("audio", sound) if sound else None


def _is_sure(picture: str, head: bytes) -> bool:
    """Return whether more than the two or four bytes tell a picture with which other files may begin too."""
    if picture == "BMP":
        return int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS
    if picture == "PPM":
        return _NETPBM.match(head) is not None
    if picture == "DICOM":
        return head[128:132] == b"DICM"
    return picture != "DIB"


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
    extra, module = SUFFIXES.get(suffix), module_of(suffix)
    return f"pip install 'featx[{extra}]'" if extra and find_spec(module) is None else ""


def _is_of(modality: str, head: bytes) -> bool:
    return modality_of_head(head) == modality


def _of_brands(head: bytes) -> str | None:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    return "AAC" if head[4:8] == b"ftyp" and not brands.isdisjoint(_BRANDS) else None


def _of_frame(head: bytes) -> str | None:
    """Tell the frames of MPEG sound, which have no header but twelve bits that are set."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0 and head[1] & 0xF6 == 0xF0:
        return "AAC"
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    fine = version != 1 and layer in (1, 2) and bit_rate not in (0, 15) and rate != 3
    return "MP3" if fine else None
