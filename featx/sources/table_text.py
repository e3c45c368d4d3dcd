"""The text of a table: decompressed within bounds, in the encoding that its mark or the user names."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from featx.errors import BadOption, BadSource, first_line
from featx.storage.address import blob_at
from featx.storage.blob import to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["INFLATED_LIMIT", "TEXT_LIMIT", "check_encoding", "decode_text", "read_text"]

# How many bytes a table of text may have, and how many a compressed one when it is decompressed.
TEXT_LIMIT = 4 << 30
INFLATED_LIMIT = 256 << 20
_PIECE = 1 << 20

# Byte order marks, the longer before those that they begin with.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The first bytes of compressed files, and the modules that open them.
_PACKINGS = MappingProxyType({b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma"})
# Bytes that xz may take for its dictionary: its highest level takes 65 MiB.
_XZ_MEMORY = 128 << 20
_XZ_PIECE = 1 << 16
# The first bytes of files that only have the name of a table.
_STRANGERS = MappingProxyType(
    {
        b"PK\x03\x04": "a zip, such as an Excel workbook; save the table as CSV",
        b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the table as CSV",
        b"PAR1": "a Parquet file; name it .parquet",
    }
)
# Codecs that are no encoding of a file, or take a time that grows with the square of its length.
_NO_ENCODINGS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})


def check_encoding(name: str) -> str:
    """Return the name of an encoding as Python's codecs know it.

    Raises
    ------
    BadOption
        There is no such encoding.
    """
    try:
        known = codecs.lookup(name).name
        b"a".decode(known, "replace")
    except (LookupError, ValueError, UnicodeError):
        known = ""
    if not known or known.replace("_", "-") in _NO_ENCODINGS:
        raise BadOption(
            f"encoding {name!r}: expected the name of an encoding, such as cp1252, latin-1, utf-16 or "
            "shift_jis"
        )
    return known


def read_text(path: AnyPath, encoding: str | None) -> str:
    """Return the text of a file that may be compressed (gzip, bzip2, xz).

    Parameters
    ----------
    encoding : str or None
        Of its bytes, where no byte order mark says it; None is UTF-8.

    Raises
    ------
    OSError
        The file cannot be read, is no regular file, or has more than ``TEXT_LIMIT`` bytes.
    BadSource
        It is damaged, has more than ``INFLATED_LIMIT`` bytes decompressed, or other characters.
    BadOption
        There is no such encoding.
    """
    known = None if encoding is None else check_encoding(encoding)
    where = to_text(str(path))
    raw = blob_at(path).read(TEXT_LIMIT)
    packing = next((name for magic, name in _PACKINGS.items() if raw.startswith(magic)), None)
    if packing is not None:
        raw = _inflate(raw, packing, where)
    stranger = next((words for magic, words in _STRANGERS.items() if raw.startswith(magic)), None)
    if stranger is not None:
        raise BadSource(f"{where}: expected a table of text, found {stranger}")
    text = decode_text(raw, known, where)
    if "\0" in text.partition("\n")[0]:
        raise BadSource(
            f"{where}: line 1 holds NUL characters; if it is UTF-16 without a byte order mark, say so "
            "with encoding='utf-16-le'"
        )
    return text


def decode_text(raw: bytes, encoding: str | None, where: str) -> str:
    """Return bytes as text: by their byte order mark, else by ``encoding``, else as UTF-8.

    Raises
    ------
    BadSource
        They are not in that encoding; names the line.
    """
    mark, marked = next((pair for pair in _MARKS if raw.startswith(pair[0])), (b"", None))
    if marked and encoding and not encoding.startswith(marked[:6]):
        # Whoever names an encoding of another family knows better than two bytes.
        marked = None
    if marked and encoding and encoding.endswith(("-le", "-be")):
        raw, marked = raw[len(mark) :], encoding
    name = marked or encoding or "utf-8"
    try:
        return raw.decode(name)
    except UnicodeDecodeError as error:
        raise BadSource(f"{where}: {_not_decoded(raw, name, error)}") from error


def _not_decoded(raw: bytes, name: str, error: UnicodeDecodeError) -> str:
    """Return where and why bytes are not in an encoding, and how to name the right one."""
    before = raw[: error.start].decode(name, "replace")
    line = before.count("\n") + 1
    zeros = [raw[first:4096:2].count(0) for first in (0, 1)]
    if name == "utf-8" and max(zeros) > len(raw[:4096]) // 8:
        # Every other byte of a Western text in UTF-16 is 0.
        kind = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        return f"not UTF-8, but probably UTF-16 without its mark: say encoding={kind!r}"
    if name == "utf-8":
        found = f"line {line}: not UTF-8: byte 0x{raw[error.start]:02x}"
        return (
            f"{found}; name its encoding with encoding=, such as cp1252 or "
            "latin-1 for Western Europe, or save the file as UTF-8"
        )
    return (
        f"line {line}: not {name}: {error.reason}; name the right encoding with encoding= "
        "or save the file as UTF-8"
    )


def _inflate(raw: bytes, packing: str, where: str) -> bytes:
    """Return what is compressed, of every stream in the file, never more than the limit."""
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in _unpacked(raw, packing):
            pieces.append(piece)
            size += len(piece)
            if size > INFLATED_LIMIT:
                break
    # One of lzma's own is no other's.
    except Exception as error:
        raise BadSource(f"{where}: damaged: cannot be decompressed: {first_line(error)}") from error
    if size > INFLATED_LIMIT:
        raise BadSource(
            f"{where}: holds more than {INFLATED_LIMIT >> 20} MiB when decompressed; decompress it first "
            "(gunzip, bunzip2 or unxz)"
        )
    return b"".join(pieces)


def _unpacked(raw: bytes, packing: str) -> Iterator[bytes]:
    """Give what is compressed, a piece at a time."""
    # Few tables are compressed, and every prediction may start with a list of paths.
    module = import_module(packing)
    if packing == "lzma":
        yield from _unpacked_xz(raw, module)
        return
    with module.open(io.BytesIO(raw)) as file:
        while piece := file.read(_PIECE):
            yield piece


def _unpacked_xz(raw: bytes, lzma: Any) -> Iterator[bytes]:
    """Give the content of the streams of an xz file: ``lzma.open`` knows no limit of their memory."""
    position = 0
    # Zeros may stand behind a stream.
    while position < len(raw) and raw[position : position + 4] != b"\0\0\0\0":
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        while not stream.eof:
            part = raw[position : position + _XZ_PIECE] if stream.needs_input else b""
            if stream.needs_input and not part:
                raise EOFError("the file ends within a stream")
            position += len(part)
            yield stream.decompress(part, _PIECE)
        position -= len(stream.unused_data)
    if raw[position:].strip(b"\0"):
        raise ValueError("something else stands behind its end")
