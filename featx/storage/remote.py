"""Addresses of what lies in an object store or on a web server, such as ``s3://bucket/photos/1.jpg``.

An address is asked only when it is read or written; what reads and writes is in ``remote_store``. Without an
address nothing of featx touches the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import IO, Protocol
from urllib.parse import quote, unquote

from featx.errors import BadOption
from featx.storage.blob import Location, describe_os_error, suffix_of, to_text

__all__ = [
    "SCHEMES",
    "AnyPath",
    "RemoteLocation",
    "RemotePath",
    "Store",
    "Version",
    "redact",
]

SCHEMES: Mapping[str, str] = MappingProxyType(
    {
        "s3": "s3fs",
        "s3a": "s3fs",
        "gs": "gcsfs",
        "gcs": "gcsfs",
        "az": "adlfs",
        "abfs": "adlfs",
        "abfss": "adlfs",
        "hf": "huggingface_hub",
        "memory": "",
        "http": "",
        "https": "",
    }
)
"""The schemes of addresses, and the package that reads each; '' where featx or fsspec itself does."""

# Within a longer text, such as what a library says.
_WITHIN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://[^\s'\"<>]+")
_WEB = frozenset({"http", "https"})
# How many names of an address say whose it is: a bucket, or kind, owner and name of a repository.
_OWNER = MappingProxyType({"hf": 3})


def redact(text: str) -> str:
    """Return a text without what may be a secret in its addresses: passwords, and what follows '?'.

    >>> redact("read https://me:word@example.org/a.jpg?signature=1f today")
    'read https://example.org/a.jpg today'
    """
    return _WITHIN.sub(lambda match: _without_secrets(match[0]), text)


def _without_secrets(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    if scheme.lower() in _WEB:
        rest = rest.partition("?")[0].partition("#")[0]
    owner, slash, key = rest.partition("/")
    user, at, host = owner.rpartition("@")
    # abfs://container@account names no user.
    secret = at and (scheme.lower() in _WEB or ":" in user)
    return f"{scheme}://{host if secret else owner}{slash}{key}"


@dataclass(frozen=True, slots=True)
class Version:
    """The state of an object: bytes that differ have another one.

    Attributes
    ----------
    size : int
        Bytes.
    tag : str
        What the store says of its content: an entity tag, or the time of the last change; '' where nothing.
    """

    size: int
    tag: str = ""


class RemoteLocation(Location):
    """The location of bytes on another machine."""

    __slots__ = ()

    @property
    def is_remote(self) -> bool:
        """True: to read it takes a while, and may be begun before."""
        return True


@dataclass(frozen=True, slots=True)
class RemotePath(RemoteLocation):
    """An address, with the part of ``pathlib.Path`` that has a meaning for it; a ``Location`` of a ``Blob``.

    Its text leaves out what may be secret.

    Attributes
    ----------
    uri : str
        As it was given. What stands between slashes is taken as it is; of http and https it is quoted.
    version : Version or None
        What was found when it was listed or opened. Bytes of another version are refused.

    Examples
    --------
    >>> path = RemotePath("s3://bucket/photos/1.JPG")
    >>> path.name, path.suffix, str(path.parent), str(path.with_name("2.jpg"))
    ('1.JPG', '.jpg', 's3://bucket/photos', 's3://bucket/photos/2.jpg')
    """

    uri: str
    version: Version | None = None

    def __repr__(self) -> str:
        """Return the address, without secrets, and its version: the same for the same content."""
        return f"RemotePath({str(self)!r}, {self.version})"

    def __str__(self) -> str:
        """Return the address as messages have it: without secrets, and as it reads."""
        shown = _without_secrets(self.uri)
        return to_text(_readable(shown) if self.scheme in _WEB else shown)

    @property
    def scheme(self) -> str:
        """The scheme, in small letters."""
        return self.uri.partition("://")[0].lower()

    @property
    def owner(self) -> str:
        """The scheme and what says whose the objects are, such as ``s3://bucket``."""
        names = self._names
        return "/".join([f"{self.scheme}://{names[0]}", *names[1 : _OWNER.get(self.scheme, 1)]])

    @property
    def key(self) -> str:
        """The names that follow the bucket or the host, with slashes between."""
        return "/".join(self._names[1:])

    @property
    def _names(self) -> list[str]:
        plain = self.uri.partition("://")[2]
        if self.scheme in _WEB:
            plain = plain.partition("?")[0].partition("#")[0]
        return plain.split("/")

    @property
    def name(self) -> str:
        """The last name, unquoted where it was quoted."""
        name = next((name for name in reversed(self._names[1:]) if name), "")
        return unquote(name) if self.scheme in _WEB else name

    @property
    def suffix(self) -> str:
        """The suffix of the name, in small letters and with its dot."""
        return suffix_of(self.name)

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.name[: len(self.name) - len(self.suffix)]

    @property
    def parent(self) -> RemotePath:
        """The folder; that of a bucket is the bucket itself."""
        names = self._names
        while len(names) > 1 and not names[-1]:
            names.pop()
        return self._at(names[:-1] if len(names) > 1 else names)

    def with_name(self, name: str) -> RemotePath:
        """Return the address beside this one."""
        return self.parent / name

    def __truediv__(self, name: str) -> RemotePath:
        """Return the address of a name, or of several with slashes between, below this one."""
        names = self._names
        while len(names) > 1 and not names[-1]:
            names.pop()
        return self._at([*names, *(map(self._quoted, name.split("/")))])

    def joinpath(self, *names: str) -> RemotePath:
        """Return the address of names below this one."""
        return self / "/".join(names) if names else self

    def is_relative_to(self, other: AnyPath) -> bool:
        """Return whether it is ``other`` or lies below it."""
        if not isinstance(other, RemotePath):
            return False
        above = other.uri.rstrip("/")
        return self.uri.rstrip("/") == above or self.uri.startswith(f"{above}/")

    def absolute(self) -> RemotePath:
        """Return itself."""
        return self

    def _at(self, names: list[str]) -> RemotePath:
        return RemotePath(f"{self.scheme}://{'/'.join(names)}")

    def _quoted(self, name: str) -> str:
        # What begins with two bytes that are no UTF-8 goes as it came.
        return (
            quote(name, safe="!$&'()*+,;=:@~", errors="surrogateescape")
            if self.scheme in _WEB
            else name
        )

    @property
    def _store(self) -> Store:
        # Only who reads or writes an address loads what does it.
        from featx.storage.remote_store import store_of

        return store_of(self.scheme)

    def check_readable(self) -> RemotePath:
        """Return itself where what reads its scheme is installed and starts.

        Raises
        ------
        MissingExtra, BadOption
            It is not, or there is no such scheme.
        """
        try:
            _ = self._store
        except OSError as error:
            raise BadOption(f"{self}: {describe_os_error(error)}") from error
        return self

    def pinned(self) -> RemotePath:
        """Return the address with the version that is there now, where it has none; raise OSError."""
        return self if self.version else replace(self, version=self._store.stat(self))

    def exists(self) -> bool:
        """Return whether there is an object, or a folder that has one; raise OSError where nobody tells."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Return whether there is an object; raise OSError where nobody tells."""
        if self.version is not None:
            return True
        if self.uri.endswith("/") or not self.key:
            return False
        try:
            self._store.stat(self)
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Return whether an object lies below it; raise OSError where nobody tells."""
        if self.version is not None:
            return False
        from featx.storage.remote_listing import is_listed_folder, list_folder

        known = is_listed_folder(self)
        if known is not None:
            return known
        try:
            return next(list_folder(self, self._store), None) is not None
        except FileNotFoundError:
            return False

    def is_symlink(self) -> bool:
        """Return False."""
        return False

    def iterdir(self) -> Iterator[RemotePath]:
        """Give what is right below it, objects with their versions; raise OSError."""
        from featx.storage.remote_listing import list_folder

        return list_folder(self, self._store)

    def list_ahead(self) -> None:
        """Begin to list what lies in the folders right below it, where it was listed and they are few."""
        from featx.storage.remote_listing import list_ahead

        list_ahead(self, self._store)

    def walk(self) -> Iterator[RemotePath]:
        """Give all objects below it, with their versions where the store says them; raise OSError."""
        return self._store.walk(self)

    def below(self, path: RemotePath) -> tuple[str, ...]:
        """Return the names on the way from this address to one below it, as they read."""
        names = path._names[len("/".join(self._names).rstrip("/").split("/")) :]
        return tuple(unquote(name) if self.scheme in _WEB else name for name in names)

    def size(self) -> int:
        """Return how many bytes the object has; raise OSError."""
        return (self.version or self._store.stat(self)).size

    def read(self, limit: int | None = None) -> bytes:
        """Return all bytes of the object; raise OSError, also where there are more than ``limit``."""
        from featx.storage.remote_reader import read_whole

        return read_whole(self, limit)

    def open(self, mode: str = "rb") -> IO[bytes]:
        """Return a file object of the bytes, which reads pieces as they are needed; raise OSError."""
        from featx.storage.remote_reader import open_remote

        if mode != "rb":
            raise ValueError(f"mode {mode!r}: expected 'rb'; objects are written whole")
        return open_remote(self)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a folder of a store is there when it has an object."""

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object; raise OSError."""
        try:
            self._store.remove(self)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def put(self, source: Path) -> None:
        """Write the object whole, of a file of this machine; raise OSError."""
        self._store.put(self, source)


class Store(Protocol):
    """The holder of objects under addresses. Each method raises OSError, with words, where it cannot."""

    def stat(self, path: RemotePath) -> Version:
        """Return the version of an object."""

    def read(
        self, path: RemotePath, start: int, end: int, version: Version | None
    ) -> tuple[bytes, Version]:
        """Return the bytes from ``start`` to ``end``, or to the end of the object, and its version.

        Raises
        ------
        OSError
            Among others, with ESTALE: the object is of another version.
        """

    def children(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give objects, with their versions, and folders, with a slash at the end, right below an address."""

    def walk(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give all objects below an address."""

    def put(self, path: RemotePath, source: Path) -> None:
        """Write an object, whole or not at all."""

    def remove(self, path: RemotePath) -> None:
        """Remove an object."""


AnyPath = Path | RemotePath
"""A path of this machine, or an address."""


def _readable(uri: str) -> str:
    """Return a quoted address as people read it; as it is where that would be no line."""
    plain = unquote(uri, errors="surrogateescape")
    return plain if plain.isprintable() else uri
