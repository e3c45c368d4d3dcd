"""Objects on web servers: parts of them, and the folders that a server lists as a page of links."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Never
from urllib.parse import unquote, urljoin, urlsplit

from featx.storage.remote import RemotePath, Version
from featx.storage.remote_answer import SILENCE, Answer, Response
from featx.storage.remote_listing import walk_folders
from featx.storage.remote_store import (
    PassingError,
    bounded_listing,
    check_version,
    has_odd_names,
    retrying,
)

__all__ = ["HttpStore"]

# Bytes of a page of links.
_PAGE = 16 << 20
_LINK = re.compile(r"""<a\s[^>]{0,1000}?href\s*=\s*["']?([^"'>\s]{1,4096})""", re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_EMPTY = re.compile(r"bytes \*/(\d{1,18})")


class HttpStore:
    """The objects of all web servers; they are read and listed, and not written.

    Parameters
    ----------
    patience : float, default=30
        Seconds that an answer may take to begin; its bytes have as long, and longer the more they are.
    """

    def __init__(self, patience: float = SILENCE) -> None:
        self._patience = patience

    def stat(self, path: RemotePath) -> Version:
        """Return the size and the entity tag, which a request for the first byte says."""

        def ask() -> Version:
            with Answer(path.uri, {"Range": "bytes=0-0"}, self._patience) as answer:
                return _extent(answer.response, 0, 1)[2]

        found = retrying(ask)
        if found.size < 0:
            raise OSError(errno.EPROTO, "the server does not say how many bytes it has")
        return found

    def read(
        self, path: RemotePath, start: int, end: int, version: Version | None
    ) -> tuple[bytes, Version]:
        """Return the bytes from ``start`` to ``end``; a server that knows no ranges gives the first ones."""
        return self.part(path.uri, {}, start, end, version)

    def part(
        self, uri: str, headers: Mapping[str, str], start: int, end: int, version: Version | None
    ) -> tuple[bytes, Version]:
        """Return what ``read`` does, asked for with further headers."""
        wanted = {**headers, "Range": f"bytes={start}-{max(start, end - 1)}"}
        with Answer(uri, wanted, self._patience) as answer:
            first, stop, found = _extent(answer.response, start, end)
            check_version(found, version)
            content = answer.read(stop - first)
        if len(content) < stop - first and found.size >= 0:
            raise PassingError(f"the connection ended after {len(content)} of {stop - first} bytes")
        if found.size < 0:
            # A body of unknown length is known when it has ended.
            found = Version(len(content), found.tag)
            check_version(found, version)
        return content[:end], found

    def children(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give the links of the page that lists a folder which lead right below it."""
        root = path.uri.partition("?")[0].rstrip("/") + "/"
        page = retrying(lambda: _page(root, self._patience))
        for name in dict.fromkeys(_names(page, root)):
            yield RemotePath(root + name)

    def walk(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give the objects of a folder and of those below it."""
        return bounded_listing(walk_folders(path, self), path)

    def put(self, path: RemotePath, source: Path) -> None:
        """Raise OSError: nothing is written to a web server."""
        _refuse()

    def remove(self, path: RemotePath) -> None:
        """Raise OSError likewise."""
        _refuse()


def _refuse() -> Never:
    raise OSError(
        errno.EROFS, "nothing is written to web servers; name an object store, or a folder"
    )


def _extent(response: Response, start: int, end: int) -> tuple[int, int, Version]:
    """Return which bytes an answer has, and the version; its size is -1 where nobody says it."""
    headers = response.headers
    tag = headers.get("etag") or headers.get("last-modified") or ""
    if response.status == 416:
        empty = _EMPTY.fullmatch(headers.get("content-range", ""))
        if start == 0 and (empty is None or int(empty[1]) == 0):
            return 0, 0, Version(0, tag)
        raise OSError(errno.ESTALE, "the object was changed since it was listed or opened")
    if response.status == 206:
        match = _RANGE.fullmatch(headers.get("content-range", ""))
        first, last, total = map(int, match.groups()) if match else (-1, 0, 0)
        if first != start or not first <= last < min(total, max(end, start + 1)):
            raise OSError(errno.EPROTO, "the server gives another part than was asked for")
        if last + 1 < min(end, total):
            raise OSError(errno.EPROTO, "the server gives less than was asked for")
        return first, last + 1, Version(total, tag)
    if start:
        raise OSError(
            errno.EPROTO, "the server gives no parts of files (HTTP ranges), which this needs"
        )
    length = headers.get("content-length", "")
    # A body in chunks says no length.
    if not (length.isascii() and length.isdigit() and len(length) < 19):
        return 0, end + 1, Version(-1, tag)
    return 0, min(end, int(length)), Version(int(length), tag)


def _page(root: str, patience: float) -> str:
    """Return the page of links that a server gives of a folder."""
    with Answer(root, {}, patience) as answer:
        kind = answer.response.headers.get("content-type", "")
        if not kind.lower().startswith(("text/html", "application/xhtml")):
            raise NotADirectoryError(
                errno.ENOTDIR, "is no folder: the server lists nothing below it"
            )
        body = answer.read(_PAGE + 1)
    if len(body) > _PAGE:
        raise OSError(errno.EFBIG, f"its page of links has more than {_PAGE:,} bytes")
    return body.decode("utf-8", "replace")


def _names(page: str, root: str) -> Iterator[str]:
    """Give the names, still quoted, of links that lead right below a folder, those of folders with a slash."""
    base = urlsplit(root)
    for match in _LINK.finditer(page):
        try:
            found = urlsplit(urljoin(root, unescape(match[1])))
        except ValueError:
            continue
        here = (found.scheme, found.hostname, found.port) == (base.scheme, base.hostname, base.port)
        if not here or found.query or not found.path.startswith(base.path):
            continue
        name = found.path[len(base.path) :]
        plain = unquote(name.rstrip("/"))
        if name.rstrip("/") and "/" not in plain and not has_odd_names(plain):
            yield name
