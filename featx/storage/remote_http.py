"""Objects on web servers: parts of them, and the folders that a server lists as a page of links.

Servers are strangers: sizes lie, bodies have no end, pages lead elsewhere and connections break. A connection
a thread is kept open. A redirect is followed on the same host alone, so that no server sends us to another,
such as one that only this machine can reach.
"""

from __future__ import annotations

import base64
import errno
import io
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from html import unescape
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, InvalidURL
from pathlib import Path
from typing import Any, Never, cast
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from featx.storage.remote import RemotePath, Version, redact
from featx.storage.remote_listing import walk_folders
from featx.storage.remote_store import (
    PassingError,
    bounded_listing,
    check_version,
    has_odd_names,
    retrying,
)

__all__ = ["AccessDenied", "HttpStore"]

# Seconds of silence after which a connection counts as cut, and bytes a second that are waited for.
_SILENCE = 30.0
_SLOWEST = 50_000
_CHUNK = 1 << 18
_REDIRECTS = 5
# Bytes that are rather read than a connection is opened anew.
_REST = 1 << 16
# Bytes of a page of links.
_PAGE = 16 << 20
# and every 5xx: answers that may be another one in a moment
_PASSING = frozenset({408, 425, 429})
_MOVED = frozenset({301, 302, 303, 307, 308})
# What stands in an address as it is, or is quoted already.
_PLAIN = "%/!$&'()*+,;=:@~"
_LINK = re.compile(r"""<a\s[^>]{0,1000}?href\s*=\s*["']?([^"'>\s]{1,4096})""", re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_EMPTY = re.compile(r"bytes \*/(\d{1,18})")


class AccessDenied(PermissionError):
    """A refusal by the server itself."""


class HttpStore:
    """The objects of all web servers; they are read and listed, and not written.

    Parameters
    ----------
    patience : float, default=30
        Seconds that an answer may take to begin; its bytes have as long, and longer the more they are.
    """

    def __init__(self, patience: float = _SILENCE) -> None:
        self._patience = patience

    def stat(self, path: RemotePath) -> Version:
        """Return the size and the entity tag, which a request for the first byte says."""

        def ask() -> Version:
            with _Answer(path.uri, {"Range": "bytes=0-0"}, self._patience) as answer:
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
        with _Answer(uri, wanted, self._patience) as answer:
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


def _extent(response: HTTPResponse, start: int, end: int) -> tuple[int, int, Version]:
    """Return which bytes an answer has, and the version; its size is -1 where nobody says it."""
    headers = response.headers
    tag = headers.get("ETag") or headers.get("Last-Modified") or ""
    if response.status == 416:
        empty = _EMPTY.fullmatch(headers.get("Content-Range", ""))
        if start == 0 and (empty is None or int(empty[1]) == 0):
            return 0, 0, Version(0, tag)
        raise OSError(errno.ESTALE, "the object was changed since it was listed or opened")
    if response.status == 206:
        match = _RANGE.fullmatch(headers.get("Content-Range", ""))
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
    length = headers.get("Content-Length", "")
    # A body in chunks says no length.
    if not (length.isascii() and length.isdigit() and len(length) < 19):
        return 0, end + 1, Version(-1, tag)
    return 0, min(end, int(length)), Version(int(length), tag)


class _TooSlow(OSError):
    """The bytes of a server did not come in the time that they have."""


class _Paced(io.RawIOBase):
    """The bytes that a connection receives, until their time is over."""

    def __init__(self, received: io.RawIOBase, seconds: float) -> None:
        self._received = received
        self.end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self.end:
            raise _TooSlow(errno.ETIMEDOUT, "the server is too slow")
        count: int | None = self._received.readinto(buffer)
        return count

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose lines and bytes come in time, however small the pieces are in which they come."""

    def __init__(self, patience: float, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._paced = _Paced(self.fp.detach(), patience)
        self.fp = io.BufferedReader(self._paced)

    def allow(self, seconds: float) -> None:
        """Let what comes next take so long."""
        self._paced.end = time.monotonic() + seconds


class _Answer:
    """An answer of a server, as a context manager; the connection is kept where all of it was read."""

    response: _Response

    def __init__(self, uri: str, headers: Mapping[str, str], patience: float) -> None:
        self._uri = uri
        self._headers = headers
        self._patience = patience

    def __enter__(self) -> _Answer:
        uri = self._uri
        for _ in range(_REDIRECTS):
            self._connection = _connection(uri)
            self.response = self._ask(uri)
            if self.response.status not in _MOVED:
                self._check()
                return self
            uri = _redirected(uri, self.response.headers.get("Location", ""))
            self._close()
        raise OSError(errno.ELOOP, "the server redirects again and again")

    def __exit__(self, *failure: object) -> None:
        self._close()

    def _close(self) -> None:
        left = self.response.length
        try:
            if left is not None and left <= _REST:
                self.response.read()
        except (OSError, HTTPException):
            self._connection.http.close()
        if not self.response.isclosed():
            # What is left of the body would be taken for the next answer.
            self._connection.http.close()
        self.response.close()

    def _ask(self, uri: str) -> _Response:
        fresh = self._connection.http.sock is None
        try:
            return self._connection.request(uri, self._headers, self._patience)
        except (InvalidURL, UnicodeError) as error:
            self._connection.http.close()
            raise OSError(errno.EINVAL, "no address that can be asked") from error
        except (OSError, HTTPException) as error:
            self._connection.http.close()
            # A server may close a connection that it kept for long: that is no failure.
            if not fresh:
                return self._ask(uri)
            if isinstance(error, ssl.SSLCertVerificationError):
                raise OSError(
                    errno.EACCES, "the certificate of the server is not trusted"
                ) from error
            raise PassingError(f"no answer: {_words(error)}") from error

    def _check(self) -> None:
        """Raise OSError for an answer that is a refusal."""
        status = self.response.status
        if status in (200, 206, 416):
            return
        said = f"the server answered {status}"
        self._close()
        if status in _PASSING or status >= 500:
            pause = self.response.headers.get("Retry-After", "")
            raise PassingError(said, float(pause) if re.fullmatch(r"\d{1,4}", pause) else None)
        if status in (401, 403, 407):
            raise AccessDenied(errno.EACCES, f"{said}, access denied")
        if status in (404, 410):
            raise FileNotFoundError(errno.ENOENT, f"{said}, not found")
        raise OSError(errno.EPROTO, said)

    def read(self, most: int) -> bytes:
        """Return at most so many bytes of the body; a server that is too slow counts as cut."""
        self.response.allow(self._patience + most / _SLOWEST)
        body = bytearray()
        try:
            while len(body) < most:
                chunk = self.response.read(min(_CHUNK, most - len(body)))
                if not chunk:
                    break
                body += chunk
        except _TooSlow as error:
            raise PassingError(
                f"the server is too slow: {len(body):,} of {most:,} bytes came"
            ) from error
        except (OSError, HTTPException) as error:
            raise PassingError(f"the connection broke: {_words(error)}") from error
        return bytes(body)


@dataclass(slots=True)
class _Connection:
    """A connection to a server, or through a proxy."""

    http: HTTPConnection
    # Whether a proxy is asked for whole addresses.
    whole: bool

    def request(self, uri: str, headers: Mapping[str, str], patience: float) -> _Response:
        """Ask for an address, and return the answer, whose body is not read yet."""
        parts = urlsplit(uri)
        # What people type need not be quoted.
        target = quote(parts.path or "/", safe=_PLAIN)
        target += f"?{quote(parts.query, safe=_PLAIN + '?')}" if parts.query else ""
        if self.whole:
            target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{target}"
        asked = {"User-Agent": "featx", "Accept-Encoding": "identity", **headers, **_login(parts)}
        self.http.response_class = partial(_Response, patience)  # type: ignore[assignment]
        self.http.request("GET", target, headers=asked)
        response: Any = self.http.getresponse()
        return cast("_Response", response)


class _Connections(dict[tuple[str, str], "_Connection"]):
    """Connections by server, closed when the thread that has them ends."""

    def __del__(self) -> None:
        for connection in self.values():
            connection.http.close()


class _Kept(threading.local):
    """The connections of a thread."""

    def __init__(self) -> None:
        self.connections = _Connections()


@cache
def _kept() -> _Kept:
    return _Kept()


def _connection(uri: str) -> _Connection:
    """Return the connection of this thread to the server of an address."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise OSError(errno.EINVAL, "no address that can be asked") from error
    if not host or parts.scheme not in ("http", "https"):
        raise OSError(errno.EINVAL, "expected an address of a host")
    known = _kept().connections
    key = (parts.scheme, f"{host}:{port}")
    if key not in known:
        if len(known) >= 8:
            known.pop(next(iter(known))).http.close()
        known[key] = _connected(parts.scheme, host, port)
    return known[key]


def _connected(scheme: str, host: str, port: int | None) -> _Connection:
    kind = HTTPSConnection if scheme == "https" else HTTPConnection
    proxy = None if proxy_bypass(host) else getproxies().get(scheme)
    if not proxy:
        return _Connection(kind(host, port, timeout=_SILENCE), whole=False)
    through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    connection = kind(through.hostname or "", through.port, timeout=_SILENCE)
    if scheme == "https":
        connection.set_tunnel(host, port, _login(through, "Proxy-Authorization"))
    return _Connection(connection, whole=scheme == "http")


def _login(parts: SplitResult, header: str = "Authorization") -> dict[str, str]:
    """Return the header of a name and a password in an address."""
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {header: f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _redirected(uri: str, location: str) -> str:
    """Return where a server leads to, on the same host; raise OSError for anywhere else."""
    try:
        target = urljoin(uri, location)
        before, after = urlsplit(uri), urlsplit(target)
        same = before.hostname == after.hostname and before.scheme == after.scheme
        same = same and before.port == after.port
        # From http to https of the same host is the usual way.
        same = same or (
            (before.scheme, after.scheme) == ("http", "https")
            and before.hostname == after.hostname
            and before.port in (None, 80)
            and after.port in (None, 443)
        )
    except ValueError:
        same = False
    if not same or not location:
        shown = redact(location)[:200]
        raise OSError(
            errno.EACCES, f"the server leads to {shown!r}, another place; name that itself"
        )
    login = before.netloc.rpartition("@")[0]
    host = after.netloc.rpartition("@")[2]
    return after._replace(netloc=f"{login}@{host}" if login else host).geturl()


def _page(root: str, patience: float) -> str:
    """Return the page of links that a server gives of a folder."""
    with _Answer(root, {}, patience) as answer:
        kind = answer.response.headers.get("Content-Type", "")
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


def _words(error: BaseException) -> str:
    """Return what went wrong in one line that names no address with its secrets."""
    text = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
    return redact(text)[:200] or type(error).__name__
