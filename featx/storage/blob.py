"""Bytes that lie somewhere: in a file, in a part of one, in memory; they are read when they are needed.

A ``Blob`` is a name and a location. What differs between locations is behind the class ``Location``, so that
another one is a class in a module of its own: objects of a store are in ``featx.storage.remote``, members of a
zip in ``featx.storage.container``.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from featx.errors import BadArtifact, BadSample
from featx.storage.wrapper import FileWrapper

__all__ = [
    "LIMIT",
    "Blob",
    "Location",
    "Section",
    "describe_os_error",
    "read_bytes",
    "suffix_of",
    "to_blob",
    "to_text",
]

# The most bytes of one sample.
LIMIT = 1 << 30

_REASONS = {
    errno.ENOENT: "file not found",
    errno.ENOTDIR: "file not found",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENAMETOOLONG: "the name is too long",
}


class Location(ABC):
    """The location of a blob's bytes; a frozen dataclass, so that blobs can be hashed and pickled.

    Unless a location says otherwise, its bytes lie in no file of their own, stand alone, and are here.
    """

    __slots__ = ()

    @property
    def path(self) -> Path | None:
        """The file that has these bytes and no others; None where there is none."""
        return None

    @property
    def container(self) -> str | None:
        """The name of what the bytes are a part of, for messages; None where they stand alone."""
        return None

    @property
    def is_remote(self) -> bool:
        """True where the bytes lie on another machine, so that reading may be begun before they are needed."""
        return False

    @abstractmethod
    def size(self) -> int:
        """Return how many bytes there are; raise OSError where they cannot be read."""

    @abstractmethod
    def open(self) -> IO[bytes]:
        """Return a new file object that stands at the first byte; raise OSError likewise."""

    def read(self, limit: int | None) -> bytes:
        """Return all bytes; raise OSError, before reading where there are more than ``limit``."""
        if limit is not None:
            _check_size(self.size(), limit)
        with self.open() as file:
            return file.read()


class Archive(Protocol):
    """A path, or an address, of what has the bytes of several files."""

    def open(self, mode: Literal["rb"]) -> IO[bytes]:
        """Return a file object, which can seek; raise OSError where there is none."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that lie somewhere, under a name; making one reads nothing.

    Parameters
    ----------
    name : str
        The path of a file, or the name within an archive; its suffix says what the bytes are.
    location : Location
        Where they are. ``of_path``, ``of_section`` and ``of_bytes`` make the usual ones.

    Examples
    --------
    >>> blob = Blob.of_bytes(b"abc", "notes/a.TXT")
    >>> blob.suffix, blob.size, blob.read()
    ('.txt', 3, b'abc')
    """

    name: str
    location: Location

    @classmethod
    def of_path(cls, path: str | os.PathLike[str]) -> Blob:
        """Return the content of a file."""
        name = os.fsdecode(path)
        return cls(name, _File(name))

    @classmethod
    def of_section(cls, archive: Archive, name: str, offset: int, size: int) -> Blob:
        """Return ``size`` bytes from ``offset`` on in a file, such as a member of an uncompressed tar."""
        return cls(name, _Stretch(archive, offset, size))

    @classmethod
    def of_bytes(cls, data: bytes, name: str = "bytes") -> Blob:
        """Return bytes that are in memory already."""
        return cls(name, _Memory(data))

    def __str__(self) -> str:
        """Say where the bytes are, as text that UTF-8 can hold."""
        container = self.location.container
        name = to_text(self.name)
        return name if container is None else f"{name} in {to_text(container)}"

    @property
    def suffix(self) -> str:
        """The suffix of the name, lower case and with its dot; '' where there is none."""
        return suffix_of(self.name.rpartition("/")[2])

    @property
    def path(self) -> Path | None:
        """The file that has these bytes and no others, for libraries that want one; None without one."""
        return self.location.path

    @property
    def is_remote(self) -> bool:
        """True where the bytes lie on another machine, so that reading may be begun before they are needed."""
        return self.location.is_remote

    @property
    def size(self) -> int:
        """The number of bytes; raises OSError where they cannot be read."""
        return self.location.size()

    def open(self) -> IO[bytes]:
        """Return a new file object, which can seek, at the first byte.

        Raises
        ------
        OSError
            The bytes are not there or cannot be read, or there is something else than a file.
        BadArtifact
            They are in a zip that is damaged.
        """
        return self.location.open()

    def read(self, limit: int | None = None) -> bytes:
        """Return all bytes; where there are more than ``limit``, refuse before reading them.

        Raises
        ------
        OSError, BadArtifact
            The bytes cannot be read, as ``open`` says, or there are more than ``limit``.
        """
        content = self.location.read(limit)
        if limit is not None:
            _check_size(len(content), limit)
        return content


def to_blob(data: Any) -> Blob:
    """Return what holds bytes as a Blob.

    Parameters
    ----------
    data : Blob, RemotePath, str, PathLike, bytes, bytearray, memoryview or binary file object
        A text is the path of a file. A file object is read here, from where it stands, and put back
        there where it can seek, so that it may be read again.

    Raises
    ------
    BadSample
        It is none of these, or a file object that cannot be read.
    """
    if isinstance(data, Blob):
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        return Blob.of_bytes(bytes(data))
    if isinstance(data, str | os.PathLike):
        return Blob.of_path(data)
    if getattr(data, "is_remote", False):
        return Blob(str(data), data)
    if hasattr(data, "read"):
        return Blob.of_bytes(_read_stream(data), "file object")
    kind = type(data).__name__
    raise BadSample(f"{kind}: expected a path, bytes, or a file opened in 'rb' mode")


def read_bytes(data: Any, *, limit: int = LIMIT) -> bytes:
    """Return the content of a sample, whatever ``to_blob`` takes.

    Parameters
    ----------
    limit : int
        Refuse more than so many bytes before reading them.

    Raises
    ------
    BadSample
        Not found, not permitted, not a file, empty, larger than ``limit``, or nothing that holds bytes.
    """
    blob = to_blob(data)
    try:
        content = blob.read(limit)
    except (OSError, BadArtifact) as error:
        reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
        if "://" in blob.name and blob.path:
            reason = (
                "is an address, not a path; those of a list are opened as featx.RemotePath(...)"
            )
        raise BadSample(f"{_subject(blob)}: {reason}") from error
    if not content:
        raise BadSample(f"{_subject(blob)}: empty file")
    return content


def describe_os_error(error: OSError) -> str:
    """Return why the system refused, in words and without numbers."""
    number, reason = error.errno or 0, error.strerror or type(error).__name__
    # What a store or a server says of itself says more; pyarrow repeats the path and the number.
    says_more = reason not in (os.strerror(number), type(error).__name__)
    says_more = says_more and f"[errno {number}]" not in reason
    known = None if says_more else _REASONS.get(number)
    return known or reason[:1].lower() + reason[1:]


def to_text(name: str) -> str:
    r"""Return the name of a file as text that UTF-8 can hold; bytes that are no UTF-8 become ``\xNN``.

    >>> to_text("caf\udce9.jpg")
    'caf\\xe9.jpg'
    """
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        # A text that no file system gave.
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def suffix_of(name: str) -> str:
    """Return the suffix of a file's name with its dot, in lower case; '' where there is none.

    >>> suffix_of("A.B.JPG"), suffix_of("jpg"), suffix_of(".jpg")
    ('.jpg', '', '')
    """
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if stem and dot else ""


class Section(FileWrapper):
    """A part of a file, as a file; whoever seeks out of it stands at its edge.

    Parameters
    ----------
    file : binary file object
        It must be able to seek, and is closed together with the section.
    offset, size : int
        Where the section begins in the file, and its length, in bytes.
    """

    def __init__(self, file: IO[bytes], offset: int, size: int) -> None:
        super().__init__(file)
        self._offset = offset
        self._size = size
        self._position = 0

    def tell(self) -> int:
        """Return the position within the section."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position within the section, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = min(max(0, base + offset), self._size)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on, and return the number of bytes."""
        room = memoryview(buffer)[: self._size - self._position]
        self._file.seek(self._offset + self._position)
        content = self._file.read(len(room))
        room[: len(content)] = content
        self._position += len(content)
        return len(content)

    def readall(self) -> bytes:
        """Return the rest of the section; raise OSError where the file ends before it does."""
        self._file.seek(self._offset + self._position)
        rest = self._size - self._position
        content = self._file.read(rest)
        if len(content) < rest:
            raise OSError(errno.EIO, "the archive ends before the content does; was it changed?")
        self._position = self._size
        return content


@dataclass(frozen=True, slots=True)
class _File(Location):
    """The whole of a regular file."""

    name: str

    @property
    def path(self) -> Path:
        return Path(self.name)

    def size(self) -> int:
        try:
            # A Path takes longer to make.
            status = os.stat(self.name)  # noqa: PTH116
        except ValueError as error:
            raise OSError(errno.EINVAL, "not a name that a file can have") from error
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "expected a file, found a folder")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return status.st_size

    def open(self) -> IO[bytes]:
        # Looked at first: to open a pipe may wait for ever.
        self.size()
        return open(self.name, "rb", buffering=0)


@dataclass(frozen=True, slots=True)
class _Stretch(Location):
    """A part of a file."""

    archive: Archive
    offset: int
    length: int

    @property
    def container(self) -> str:
        return str(self.archive)

    def size(self) -> int:
        return self.length

    def open(self) -> IO[bytes]:
        return io.BufferedReader(Section(self.archive.open("rb"), self.offset, self.length))


@dataclass(frozen=True, slots=True)
class _Memory(Location):
    """Bytes in memory."""

    data: bytes = field(repr=False)

    def size(self) -> int:
        return len(self.data)

    def open(self) -> IO[bytes]:
        return io.BytesIO(self.data)


def _read_stream(stream: Any) -> bytes:
    try:
        start = stream.tell() if stream.seekable() else None
        content = stream.read()
        if start is not None:
            stream.seek(start)
    except OSError as error:
        raise BadSample(f"file object: {describe_os_error(error)}") from error
    except (AttributeError, ValueError) as error:
        # Not quite a file, or a closed one.
        raise BadSample(f"file object: {error}") from error
    if not isinstance(content, bytes):
        raise BadSample("file object: gives text; open it in 'rb' mode")
    return content


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise OSError(errno.EFBIG, f"{size:,} bytes, expected at most {limit:,}")


def _subject(blob: Blob) -> str:
    """Return what a message calls a blob: one line, whatever characters a name has."""
    name = str(blob)
    return name if name.isprintable() else repr(name)
