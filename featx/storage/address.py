"""Which texts are addresses, such as ``s3://bucket/a.jpg``, and no paths.

What an address can do, in ``remote``, is loaded where there is one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import wrong_type
from featx.storage.blob import Blob

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["blob_at", "is_remote", "pinned", "to_path"]


def is_remote(name: object) -> bool:
    """Return whether a text is an address, and no path.

    >>> is_remote("s3://bucket/a.jpg"), is_remote("photos/a.jpg"), is_remote("C:/a.jpg"), is_remote("a b://c")
    (True, False, False, False)
    """
    if not isinstance(name, str) or "://" not in name:
        return False
    scheme = name.partition("://")[0]
    plain = scheme.replace("+", "a").replace("-", "a").replace(".", "a")
    return len(scheme) > 1 and scheme[0].isalpha() and plain.isalnum() and scheme.isascii()


def to_path(value: str | os.PathLike[str] | RemotePath) -> AnyPath:
    """Return a path, or the address that a text is.

    >>> str(to_path("s3://bucket/a.jpg")), to_path("a.jpg") == Path("a.jpg")
    ('s3://bucket/a.jpg', True)
    """
    if isinstance(value, str) and is_remote(value):
        from featx.storage.remote import RemotePath

        return RemotePath(value)
    if isinstance(value, str | os.PathLike):
        return Path(value)
    if not getattr(value, "is_remote", False):
        raise wrong_type("path", value, "a path or an address")
    return value


def pinned(path: AnyPath) -> AnyPath:
    """Return a path as it is, and an address with the version that is there now; raise OSError."""
    return path if isinstance(path, Path) else path.pinned()


def blob_at(path: AnyPath) -> Blob:
    """Return the bytes of a file or of an object, which are read when they are needed."""
    return Blob.of_path(path) if isinstance(path, Path) else Blob(str(path), path)
