"""Encodings of what clients send: a body's Content-Encoding, and base64 as different programs write it."""

from __future__ import annotations

import binascii
import zlib
from base64 import b64decode
from urllib.parse import unquote_to_bytes

from featx.server.errors import HTTPError

__all__ = ["decode_base64", "decode_body", "media_type_of_url"]

# zlib's number of window bits: gzip or zlib by their heads, and deflate without one.
_GZIP_OR_ZLIB, _RAW_DEFLATE = 47, -15
_READ = ("gzip", "x-gzip", "deflate")
_URL_SAFE = str.maketrans("-_", "+/")


def decode_body(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Return a body without its Content-Encoding: gzip, deflate, or none.

    Parameters
    ----------
    body : bytes
    encoding : str
        What the header says; empty or ``identity`` where the body is as it is.
    limit : int
        Bytes that the result may have.

    Raises
    ------
    HTTPError
        The encoding is another one (415), the body is not what it says (400), or it inflates to more than
        the limit (413); no more than that is inflated.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in _READ:
        raise HTTPError(
            415,
            "unsupported_encoding",
            f"Content-Encoding: expected gzip, deflate or none, found {encoding[:40]}; send the "
            f"body without it",
            {"Accept-Encoding": "gzip, deflate"},
        )
    bits = _GZIP_OR_ZLIB
    # Deflate stands for zlib's form, but some programs leave out its head.
    if encoding == "deflate" and (len(body) < 2 or int.from_bytes(body[:2], "big") % 31):
        bits = _RAW_DEFLATE
    inflater = zlib.decompressobj(bits)
    try:
        inflated = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise HTTPError(400, "bad_encoding", f"the body is not {encoding}: {error}") from error
    if len(inflated) > limit:
        raise HTTPError(
            413, "too_large", f"the body inflates to more than the limit of {limit} bytes"
        )
    if not inflater.eof or inflater.unused_data:
        raise HTTPError(400, "bad_encoding", f"the body is not one whole {encoding} stream")
    return inflated


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64, or of a ``data:`` URL that holds it; raise ValueError where it is none.

    White space, the URL-safe alphabet (RFC 4648, section 5) and missing padding are read, too.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise ValueError("expected a data: URL of the form data:image/jpeg;base64,…")
        if "%" in text:
            text = unquote_to_bytes(text).decode("ascii", "replace")
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    text = "".join(text.split()).translate(_URL_SAFE).rstrip("=")
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected base64") from None


def media_type_of_url(text: str) -> str:
    """Return the media type that a ``data:`` URL names, in small letters; empty for what is no such URL.

    >>> media_type_of_url("data:image/PNG;base64,iVBORw0KGgo="), media_type_of_url("iVBORw0KGgo=")
    ('image/png', '')
    """
    if text[:5].lower() != "data:":
        return ""
    return text[5:100].partition(",")[0].partition(";")[0].strip().lower()
