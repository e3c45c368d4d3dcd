"""Transfers over HTTP: one file, resumed and verified, or one small answer; nothing else of featx speaks it.

The network is a stranger: sizes lie, bodies have no end, addresses lead elsewhere and connections break.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from io import BufferedIOBase, BufferedRandom
from pathlib import Path
from typing import Any, Literal
from urllib import request
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit

from featx.catalog.resumable import claimed
from featx.errors import DownloadFailed, WrongDigest

__all__ = [
    "Progress",
    "Redirects",
    "RemoteFile",
    "Tries",
    "address",
    "fetch_answer",
    "fetch_file",
    "host_of",
]

Progress = Callable[[int], object]

_CHUNK = 1 << 16
# and every 5xx: answers that may be another one in a moment
_PASSING = {408, 425, 429}
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a server, and what its bytes must be.

    Attributes
    ----------
    url : str
    digest : str
        Hex digits of its sha256, or of its object's name in git.
    size : int or None
        Bytes.
    kind : {"sha256", "git"}
        What ``digest`` is: git's is the sha1 of ``blob``, a blank, the size, a zero byte and the bytes.
    promise : str
        Who says so, for messages.
    secret : mapping of str to str
        Headers that go to the address's own host alone, wherever it redirects to.
    explain : callable
        Takes a status such as 404 and returns in words what to do, or "".
    """

    url: str
    digest: str
    size: int | None = None
    kind: Literal["sha256", "git"] = "sha256"
    promise: str = "the card"
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    explain: Callable[[int], str] = field(default=lambda status: "", repr=False)

    def is_held(self, file: BufferedIOBase, size: int) -> bool:
        """Return whether a file's bytes, from where it stands, are the right ones."""
        if self.kind == "sha256":
            return hashlib.file_digest(file, "sha256").hexdigest() == self.digest
        # git's names of objects: against accidents, and all that a hub says of small files
        sha1 = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        while chunk := file.read(_CHUNK):
            sha1.update(chunk)
        return sha1.hexdigest() == self.digest

    def is_at(self, path: Path) -> bool:
        """Return whether a regular file at a path has the right bytes."""
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return self.is_held(file, path.stat().st_size)


@dataclass(frozen=True, slots=True)
class Tries:
    """How long a server is waited for.

    Attributes
    ----------
    timeout : float
        Seconds of silence after which a connection counts as dropped.
    tries : int
        How often in a row a server may be asked without a new byte coming.
    pause : float
        Seconds before the second try; doubled for each further one.
    """

    timeout: float = 30.0
    tries: int = 5
    pause: float = 1.0


_PATIENCE = Tries()


def fetch_file(
    file: RemoteFile, target: Path, *, progress: Progress | None = None, tries: Tries = _PATIENCE
) -> None:
    """Put a file's bytes at ``target``, where they appear once they are whole and the right ones.

    What a broken download has left is continued where the server can do that. When two processes want one
    file, the second waits for the first and then finds it there.

    Raises
    ------
    DownloadFailed
        The server refuses, or the connection keeps breaking; the next call goes on from there.
    WrongDigest
        The server has other bytes than were promised.
    OutputFailed
        The file cannot be written.
    """
    with claimed(target) as part:
        if not file.is_at(target):
            _Transfer(file, part, progress or _ignore, tries).complete()
            Path(part.name).replace(target)


def fetch_answer(
    url: str,
    *,
    limit: int,
    secret: Mapping[str, str] = _NO_HEADERS,
    explain: Callable[[int], str] = lambda status: "",
    tries: Tries = _PATIENCE,
) -> bytes:
    """Return the body of an answer, at most ``limit`` bytes of it and within ``tries.timeout`` seconds.

    Raises
    ------
    DownloadFailed
        The server refuses, does not answer, takes too long, or has more than that.
    """
    failures = 0
    while True:
        try:
            with _open(url, {}, secret, explain, tries.timeout) as response:
                return _whole_answer(url, response, limit, tries.timeout)
        except _ConnectionLost as error:
            failures += 1
            if failures >= tries.tries:
                raise DownloadFailed(f"{url}: {error}") from error
            time.sleep(tries.pause * 2 ** (failures - 1))


def address(base: str, *parts: str, **query: str) -> str:
    """Return an address with further parts, each of which is quoted whole.

    >>> address("https://example.org/", "a b", "resolve", "x/y#z", blobs="true")
    'https://example.org/a%20b/resolve/x%2Fy%23z?blobs=true'
    """
    path = "/".join(quote(part, safe="") for part in parts)
    return f"{base.rstrip('/')}/{path}" + (f"?{urlencode(query)}" if query else "")


def host_of(url: str) -> str:
    """Return the host of an address, lower case; "" where it is no plain address of a web server.

    >>> host_of("https://Example.org:8080/x"), host_of("https://me:secret@example.org"), host_of("file:///x")
    ('example.org', '', '')
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    plain = parts.scheme in ("http", "https") and "@" not in parts.netloc and port != 0
    plain = plain and not parts.query and not parts.fragment and url.isprintable()
    return parts.hostname or "" if plain and " " not in url else ""


class _Transfer:
    """One file on its way into ``part``, which may hold its beginning already."""

    def __init__(
        self, file: RemoteFile, part: BufferedRandom, progress: Progress, tries: Tries
    ) -> None:
        self.file = file
        self.url = file.url
        self.part = part
        self.progress = progress
        self.tries = tries
        self.etag: str | None = None
        self.have = part.seek(0, os.SEEK_END)
        # made of more than one answer, perhaps of more than one file
        self.patched = self.have > 0
        self.answered = False
        progress(self.have)

    def complete(self) -> None:
        """Fetch the whole file, verified and on the disk."""
        self._fetch()
        if self.patched and not self._is_verified():
            self._restart()
            self._fetch()
        if not self._is_verified():
            raise WrongDigest(
                f"{self.url}: {self.have} bytes came and are not those of {self.file.promise}"
            )
        os.fsync(self.part.fileno())

    def _fetch(self) -> None:
        failures = 0
        while True:
            before = self.have
            try:
                return self._ask()
            except _ConnectionLost as error:
                failures = 1 if self.have > before else failures + 1
                if failures >= self.tries.tries:
                    raise DownloadFailed(
                        f"{self.url}: {error}; pull again to go on from byte {self.have}"
                    ) from error
                time.sleep(self.tries.pause * 2 ** (failures - 1))

    def _ask(self) -> None:
        """Ask once for what is lacking, and take what comes."""
        if self.file.size is not None and self.have > self.file.size:
            self._restart()
        if self.have == self.file.size:
            return
        with self._response() as response:
            self.answered = True
            if self.have and _first_byte(response) == self.have:
                self.patched = True
            elif self.have:
                self._restart()
            tag = response.headers.get("ETag")
            self.etag = tag if tag and not tag.startswith("W/") else None
            length = response.headers.get("Content-Length", "")
            total = self.have + int(length) if _is_length(length) else self.file.size
            if self.file.size is not None and total != self.file.size:
                raise WrongDigest(
                    f"{self.url}: expected {self.file.size} bytes, the server has {total}"
                )
            self._take(response)
        if total is not None and self.have < total:
            raise _ConnectionLost(f"the connection ended after {self.have} of {total} bytes")

    def _response(self) -> HTTPResponse:
        headers = {}
        if self.have:
            headers["Range"] = f"bytes={self.have}-"
            if self.etag:
                headers["If-Range"] = self.etag
        try:
            return _open(self.url, headers, self.file.secret, self.file.explain, self.tries.timeout)
        except _RangeRefused as error:
            self._restart()
            self.answered = True
            raise _ConnectionLost(str(error)) from error
        except _NoAnswer as error:
            if self.answered:
                raise _ConnectionLost(f"no answer: {error}") from error
            raise DownloadFailed(f"{self.url}: no answer from the server: {error}") from error
        except _ConnectionLost:
            self.answered = True
            raise

    def _take(self, response: HTTPResponse) -> None:
        for chunk in _chunks(response, self.have):
            if self.file.size is not None and self.have + len(chunk) > self.file.size:
                raise WrongDigest(
                    f"{self.url}: sends more than the {self.file.size} bytes of {self.file.promise}"
                )
            self.part.write(chunk)
            self.have += len(chunk)
            self.progress(len(chunk))

    def _restart(self) -> None:
        self.part.truncate(0)
        self.progress(-self.have)
        self.have, self.etag, self.patched = 0, None, False

    def _is_verified(self) -> bool:
        self.part.flush()
        self.part.seek(0)
        return self.file.is_held(self.part, self.have)


class _ConnectionLost(Exception):
    """A connection ended early; asking again may help."""


class _RangeRefused(_ConnectionLost):
    """The server has nothing from that byte on."""


class _NoAnswer(_ConnectionLost):
    """There is no server, or it says nothing."""


def _open(
    url: str,
    headers: Mapping[str, str],
    secret: Mapping[str, str],
    explain: Callable[[int], str],
    timeout: float,
) -> HTTPResponse:
    """Return a server's answer; raise DownloadFailed where it refuses for good."""
    opener = _opener(url)
    try:
        asked = request.Request(url, headers={"User-Agent": "featx", **headers})
        for name, value in secret.items():
            # urllib sends these to no address that it is redirected to
            asked.add_unredirected_header(name, value)
        response: HTTPResponse = opener.open(asked, timeout=timeout)
    except HTTPError as error:
        error.close()
        answer = f"the server answered {error.code} {_plain(error.reason)}"
        if error.code == 416:
            raise _RangeRefused(answer) from error
        if error.code not in _PASSING and error.code < 500:
            advice = explain(error.code)
            raise DownloadFailed(f"{url}: {answer}" + (f"; {advice}" if advice else "")) from error
        raise _ConnectionLost(answer) from error
    except (OSError, HTTPException) as error:
        raise _NoAnswer(_plain(getattr(error, "reason", error))) from error
    # of an address or a redirect that cannot be parsed
    except ValueError as error:
        raise DownloadFailed(f"{url}: is no address that can be asked: {_plain(error)}") from error
    return response


class Redirects(request.HTTPRedirectHandler):
    """Redirects: secret headers go on to the same server only, and nothing goes from HTTPS to HTTP."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Follow a redirect; the answer is closed where that fails."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> request.Request | None:
        """Return what is asked next."""
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if before.scheme == "https" and after.scheme != "https":
            raise DownloadFailed(
                f"{req.full_url}: redirects to {newurl[:200]!r}, which is not encrypted"
            )
        if new is not None and before[:2] == after[:2]:
            for name in req.unredirected_hdrs.keys() - {"Host", "Connection"}:
                new.add_unredirected_header(name, req.unredirected_hdrs[name])
        return new


def _whole_answer(url: str, response: HTTPResponse, limit: int, timeout: float) -> bytes:
    end = time.monotonic() + timeout
    body = bytearray()
    for chunk in _chunks(response):
        body += chunk
        if len(body) > limit:
            raise DownloadFailed(f"{url}: answers with more than the expected {limit:,} bytes")
        if time.monotonic() > end:
            raise _ConnectionLost(f"its answer takes more than {timeout:g} seconds")
    length = response.headers.get("Content-Length", "")
    if _is_length(length) and len(body) < int(length):
        raise _ConnectionLost(f"the connection ended after {len(body)} of {length} bytes")
    return bytes(body)


def _chunks(response: HTTPResponse, have: int = 0) -> Iterator[bytes]:
    """Give the parts of a body as they come; ``have`` bytes came before."""
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (OSError, HTTPException) as error:
            said = f"the connection broke after {have} bytes: {_plain(error)}"
            raise _ConnectionLost(said) from error
        if not chunk:
            return
        have += len(chunk)
        yield chunk


def _plain(said: object) -> str:
    """Return what a server or a library says as one line that can be printed."""
    line = " ".join(str(said).split())[:200]
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def _is_length(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _first_byte(response: HTTPResponse) -> int:
    """Return where in the file an answer begins."""
    match = re.match(r"bytes (\d{1,18})-", response.headers.get("Content-Range", ""))
    return int(match[1]) if response.status == 206 and match else 0


def _opener(url: str) -> request.OpenerDirector:
    """Return what follows redirects and proxies, and speaks nothing but HTTP and HTTPS."""
    if not re.match(r"https?://", url, re.IGNORECASE):
        raise DownloadFailed(f"{url}: expected an address that begins with https:// or http://")
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        Redirects(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _ignore(count: int) -> None:
    """Do nothing: nobody watches the progress."""
