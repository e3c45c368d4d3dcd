"""Requests to web servers and their answers, over connections that are kept open, one a thread and server.

Servers are strangers: sizes lie, bodies have no end and connections break. A redirect is followed on the same
host alone, so that no server sends us to another, such as one that only this machine can reach. The answer that
nearly all servers give to a request for a part is read here, at a third of the processor time that ``http``
takes; any other, however odd, is left to ``http``.
"""

from __future__ import annotations

import base64
import errno
import io
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Protocol
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from featx.storage.remote import redact
from featx.storage.remote_store import PassingError

__all__ = ["SILENCE", "AccessDenied", "Answer", "Response", "untrusted"]

SILENCE = 30.0
"""Seconds of silence after which a connection counts as cut."""

# Bytes a second that are waited for, and bytes that are read at a time.
_SLOWEST = 50_000
_CHUNK = 1 << 18
_REDIRECTS = 5
# Bytes that are rather read than a connection is opened anew.
_REST = 1 << 16
# Bytes of an answer that are looked at first, and headers that it may have.
_FIRST = 1 << 16
_MOST_HEADERS = 100
# and every 5xx: answers that may be another one in a moment
_PASSING = frozenset({408, 425, 429})
_PORTS = {"http": 80, "https": 443}
_MOVED = frozenset({301, 302, 303, 307, 308})
# What stands in an address as it is, or is quoted already.
_PLAIN = "%/!$&'()*+,;=:@~"
_HEADER = re.compile(r"^([!-9;-~]+):[ \t]*([^\r\n]*)\r\n", re.MULTILINE)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
# What would end a line of a request, or is none of its letters.
_ODD = re.compile(r"[^\x20-\x7e]")


class AccessDenied(PermissionError):
    """A refusal by the server itself."""


class Response(Protocol):
    """The head of an answer, and its body, which comes in time."""

    status: int

    @property
    def headers(self) -> Any:
        """The headers; their names are asked for in small letters."""

    def allow(self, seconds: float) -> None:
        """Let what comes next take so long."""

    def read(self, most: int, /) -> bytes:
        """Return at most so many bytes of the body, none at its end."""

    def finish(self) -> bool:
        """Read what is little of the rest; return whether the connection can be used again."""


class Answer:
    """The answer of a server to a request, as a context manager; its connection is kept where all was read.

    Parameters
    ----------
    uri : str
    headers : mapping of str to str
    patience : float
        Seconds that the answer may take to begin; its bytes have as long, and longer the more they are.

    Raises
    ------
    PassingError
        There is no answer, it breaks off, or the server is busy.
    AccessDenied, FileNotFoundError, OSError
        The server refuses, does not know it, or leads elsewhere.
    """

    response: Response

    def __init__(self, uri: str, headers: Mapping[str, str], patience: float) -> None:
        self._uri = uri
        self._headers = headers
        self._patience = patience

    def __enter__(self) -> Answer:
        """Ask, and return the answer, whose head is read."""
        uri = self._uri
        for _ in range(_REDIRECTS):
            self._connection = _connection(uri)
            self.response = self._ask(uri)
            if self.response.status not in _MOVED:
                self._check()
                return self
            uri = _redirected(uri, self.response.headers.get("location", ""))
            self._close()
        raise OSError(errno.ELOOP, "the server redirects again and again")

    def __exit__(self, *failure: object) -> None:
        """Keep the connection where the answer was read."""
        self._close()

    def _close(self) -> None:
        if not self.response.finish():
            # What is left of the body would be taken for the next answer.
            self._connection.http.close()

    def _ask(self, uri: str) -> Response:
        fresh = self._connection.http.sock is None
        try:
            return self._connection.request(uri, self._headers, self._patience)
        except UnicodeError as error:
            self._connection.http.close()
            raise OSError(errno.EINVAL, "no address that can be asked") from error
        except (OSError, HTTPException) as error:
            self._connection.http.close()
            # A server may close a connection that it kept for long: that is no failure.
            if not fresh:
                return self._ask(uri)
            if isinstance(error, ssl.SSLCertVerificationError):
                raise untrusted(error.verify_message) from error
            raise PassingError(f"no answer: {_words(error)}") from error

    def _check(self) -> None:
        """Raise OSError for an answer that is a refusal."""
        status = self.response.status
        if status in (200, 206, 416):
            return
        said = f"the server answered {status}"
        self._close()
        if status in _PASSING or status >= 500:
            pause = self.response.headers.get("retry-after", "")
            raise PassingError(said, float(pause) if re.fullmatch(r"\d{1,4}", pause) else None)
        if status in (401, 403, 407):
            raise AccessDenied(errno.EACCES, f"{said}, access denied")
        if status in (404, 410):
            raise FileNotFoundError(errno.ENOENT, f"{said}, not found")
        raise OSError(errno.EPROTO, said)

    def read(self, most: int) -> bytes:
        """Return at most so many bytes of the body; a server that is too slow counts as cut."""
        self.response.allow(self._patience + most / _SLOWEST)
        chunks, count = list[bytes](), 0
        try:
            while count < most:
                chunk = self.response.read(min(_CHUNK, most - count))
                if not chunk:
                    break
                chunks.append(chunk)
                count += len(chunk)
        except _TooSlow as error:
            raise PassingError(
                f"the server is too slow: {count:,} of {most:,} bytes came"
            ) from error
        except (OSError, HTTPException) as error:
            raise PassingError(f"the connection broke: {_words(error)}") from error
        return b"".join(chunks)


class _TooSlow(OSError):
    """The bytes of a server did not come in the time that they have."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "the server is too slow")


class _PlainResponse:
    """An answer of a known length, whose head came at once: that of nearly all servers."""

    def __init__(
        self, sock: Any, status: int, headers: dict[str, str], body: bytes, end: float
    ) -> None:
        self.status = status
        self.headers = headers
        self.length = int(headers["content-length"])
        self._sock = sock
        # What came with the head, and when the rest has to be there.
        self._begun = body
        self._end = end
        # More than was announced would be taken for the next answer.
        self._stays = (
            len(body) <= self.length and "close" not in headers.get("connection", "").lower()
        )

    @classmethod
    def of(cls, sock: Any, received: bytes, end: float) -> _PlainResponse | None:
        """Return the answer that begins with what was received; None where ``http`` is to look at it."""
        if not received.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 206 ")):
            return None
        place = received.find(b"\r\n\r\n")
        text = received[: place + 2].decode("latin-1")
        lines = _HEADER.findall(text)
        headers = {name.lower(): value.rstrip() for name, value in lines}
        # Lines that go on in the next, and names that come twice, have rules of their own.
        whole = place >= 0 and len(lines) + 1 == text.count("\n") and len(headers) == len(lines)
        length = headers.get("content-length", "")
        if not whole or len(lines) > _MOST_HEADERS or "transfer-encoding" in headers:
            return None
        if not _LENGTH.fullmatch(length):
            return None
        return cls(sock, int(received[9:12]), headers, received[place + 4 :], end)

    def allow(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def read(self, most: int) -> bytes:
        most = min(most, self.length)
        chunks, self._begun = [self._begun[:most]], self._begun[most:]
        count = len(chunks[0])
        while count < most:
            if time.monotonic() > self._end:
                raise _TooSlow
            chunks.append(self._sock.recv(min(most - count, _CHUNK)))
            count += len(chunks[-1])
            if not chunks[-1]:
                self._stays = False
                break
        self.length -= count
        return b"".join(chunks)

    def finish(self) -> bool:
        try:
            if self.length <= _REST:
                self.read(self.length)
        except OSError:
            return False
        return self.length == 0 and self._stays


class _Paced(io.RawIOBase):
    """The bytes that a connection has received and those that it receives, until the time for them is over."""

    def __init__(self, begun: bytes, sock: Any, seconds: float) -> None:
        self._begun = begun
        self._sock = sock
        self.end = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._begun:
            some = self._begun[: len(buffer)]
            buffer[: len(some)], self._begun = some, self._begun[len(some) :]
            return len(some)
        if time.monotonic() > self.end:
            raise _TooSlow
        received: int = self._sock.recv_into(buffer)
        return received


class _OddResponse(HTTPResponse):
    """Any other answer, as ``http`` reads it, in time however small the pieces are in which it comes."""

    def __init__(self, sock: Any, begun: bytes, patience: float) -> None:
        super().__init__(sock, method="GET")
        self.fp.close()
        self._paced = _Paced(begun, sock, patience)
        self.fp = io.BufferedReader(self._paced)
        self.begin()

    def allow(self, seconds: float) -> None:
        self._paced.end = time.monotonic() + seconds

    def finish(self) -> bool:
        try:
            if self.length is not None and self.length <= _REST:
                super().read()
        except (OSError, HTTPException):
            return False
        ended = self.isclosed() and not self.will_close
        self.close()
        return ended


@dataclass(slots=True)
class _Connection:
    """A connection to a server, or through a proxy."""

    http: HTTPConnection
    # What the server is called in requests, and whether a proxy is asked for whole addresses.
    host: str
    whole: bool

    def request(self, uri: str, headers: Mapping[str, str], patience: float) -> Response:
        """Ask for an address, and return the answer, whose body is not read yet."""
        end = time.monotonic() + patience
        if self.http.sock is None:
            self.http.connect()
        self.http.sock.sendall(self._head(uri, headers))
        received = self.http.sock.recv(_FIRST)
        plain = _PlainResponse.of(self.http.sock, received, end)
        return plain or _OddResponse(self.http.sock, received, end - time.monotonic())

    def _head(self, uri: str, headers: Mapping[str, str]) -> bytes:
        """Return the request for an address; raise UnicodeError for one that has none."""
        parts = urlsplit(uri)
        # What people type need not be quoted.
        target = quote(parts.path or "/", safe=_PLAIN)
        target += f"?{quote(parts.query, safe=_PLAIN + '?')}" if parts.query else ""
        if self.whole:
            target = f"{parts.scheme}://{self.host}{target}"
        asked = {"Host": self.host, "User-Agent": "featx", "Accept-Encoding": "identity"}
        asked |= {**headers, **_login(parts)}
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items())]
        if any(map(_ODD.search, lines)) or " " in target:
            raise UnicodeError("no line of ASCII")
        return "\r\n".join([*lines, "\r\n"]).encode("ascii")


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
    kind: Callable[..., HTTPConnection] = HTTPConnection
    if scheme == "https":
        trust = _trust(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))
        kind = partial(HTTPSConnection, context=trust)
    name = _host_name(host, port if port != _PORTS[scheme] else None)
    proxy = None if proxy_bypass(host) else getproxies().get(scheme)
    try:
        if not proxy:
            return _Connection(kind(host, port, timeout=SILENCE), name, whole=False)
        through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        connection = kind(through.hostname or "", through.port, timeout=SILENCE)
        if scheme == "https":
            connection.set_tunnel(host, port, _login(through, "Proxy-Authorization"))
    except (HTTPException, ValueError) as error:
        raise OSError(errno.EINVAL, "no address that can be asked") from error
    return _Connection(connection, name, whole=scheme == "http")


@lru_cache(maxsize=4)
def _trust(cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """Return what says which servers are trusted, as the environment does; to make it takes 20 ms."""
    return ssl.create_default_context()


def _host_name(host: str, port: int | None) -> str:
    """Return what a server is called in a request."""
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise OSError(errno.EINVAL, "no address that can be asked") from error
    # An address of IPv6; its zone is known to this machine alone.
    name = f"[{name.partition('%')[0]}]" if ":" in name else name
    return name if port is None else f"{name}:{port}"


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


def untrusted(reason: str, variable: str = "SSL_CERT_FILE") -> OSError:
    """Return the refusal of a certificate, with what to do.

    >>> untrusted("self-signed certificate").strerror.partition(";")[0]
    'the certificate of the server is not trusted: self-signed certificate'
    """
    return OSError(
        errno.EPROTO,
        f"the certificate of the server is not trusted: {reason}; where it is yours, name the file of the one "
        f"that signed it in the environment variable {variable}",
    )


def _words(error: BaseException) -> str:
    """Return what went wrong in one line that names no address with its secrets."""
    text = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
    return redact(text)[:200] or type(error).__name__
