"""The bytes of a sample, or in words why there are none."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featx.errors import BadSample

__all__ = ["LIMIT", "TarMember", "in_words", "read_bytes", "to_text"]

LIMIT = 1 << 30  # bytes of one sample

_WORDS = {
    errno.ENOENT: "file not found",
    errno.ENOTDIR: "file not found",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENAMETOOLONG: "the name is too long",
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file inside an uncompressed tar: where its bytes lie; read when needed, never extracted."""

    archive: Path
    name: str
    offset: int  # of the first byte of the content, from the start of the archive
    size: int  # bytes


def to_text(name: str) -> str:
    r"""A name of a file as text that UTF-8 can hold; bytes that are no UTF-8 become ``\xNN``.

    >>> to_text("caf\udce9.jpg")
    'caf\\xe9.jpg'
    """
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a text that no file system gave
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def read_bytes(data: Any, *, limit: int = LIMIT) -> bytes:
    """The content of a sample: of a file, of a member of a tar, or of bytes themselves.

    Parameters
    ----------
    data : str, PathLike, TarMember, bytes, bytearray, memoryview or binary file object
        A file object is read from where it stands and, where it can seek, put back there, so that
        it may be read again.
    limit : int
        Refuse more than so many bytes before reading them.

    Raises
    ------
    BadSample
        Not found, not permitted, not a file, empty, larger than ``limit``, or none of these things.
    """
    if isinstance(data, TarMember):
        subject, content = f"{data.name} in {to_text(str(data.archive))}", _read_member(data, limit)
    elif isinstance(data, bytes | bytearray | memoryview):
        subject, content = "bytes", bytes(data)
    elif isinstance(data, str | os.PathLike):
        path = os.fsdecode(data)
        subject, content = to_text(path), _read_file(path, limit)
    elif hasattr(data, "read"):
        subject, content = "file object", _read_stream(data)
    else:
        kind = type(data).__name__
        raise BadSample(f"{kind}: expected a path, bytes, or a file opened in 'rb' mode")
    if not content:
        raise BadSample(f"{subject}: empty file")
    if len(content) > limit:
        raise _too_large(subject, len(content), limit)
    return content


def in_words(error: OSError) -> str:
    """Why the system refused, without numbers."""
    known = _WORDS.get(error.errno or 0)
    return known or (error.strerror or type(error).__name__).lower()


def _read_file(path: str, limit: int) -> bytes:
    name = to_text(path)
    try:
        status = Path(path).stat()  # before opening: to open a pipe may wait for ever
        if stat.S_ISDIR(status.st_mode):
            raise BadSample(f"{name}: expected a file, found a folder")
        if not stat.S_ISREG(status.st_mode):
            raise BadSample(f"{name}: not a regular file")
        if status.st_size > limit:
            raise _too_large(name, status.st_size, limit)
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise BadSample(f"{name}: {in_words(error)}") from error
    except ValueError as error:
        if isinstance(error, BadSample):
            raise
        raise BadSample(f"{name!r}: not a name that a file can have") from error


def _read_member(member: TarMember, limit: int) -> bytes:
    name = f"{member.name} in {to_text(str(member.archive))}"
    if member.size > limit:
        raise _too_large(name, member.size, limit)
    try:
        with open(member.archive, "rb") as file:
            file.seek(member.offset)
            content = file.read(member.size)
    except OSError as error:
        raise BadSample(f"{name}: {in_words(error)}") from error
    if len(content) != member.size:
        raise BadSample(f"{name}: the archive ends before the content does; was it changed?")
    return content


def _read_stream(stream: Any) -> bytes:
    try:
        start = stream.tell() if stream.seekable() else None
        content = stream.read()
        if start is not None:
            stream.seek(start)
    except OSError as error:
        raise BadSample(f"file object: {in_words(error)}") from error
    except (AttributeError, ValueError) as error:  # not quite a file; closed
        raise BadSample(f"file object: {error}") from error
    if not isinstance(content, bytes):
        raise BadSample("file object: gives text; open it in 'rb' mode")
    return content


def _too_large(name: str, size: int, limit: int) -> BadSample:
    return BadSample(f"{name}: {size:,} bytes, expected at most {limit:,}")
