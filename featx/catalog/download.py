"""Download what cards need; no other module of featx opens a connection."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from io import BufferedRandom
from pathlib import Path
from typing import TYPE_CHECKING

from featx.catalog.card import Card, File
from featx.catalog.directories import user_directory
from featx.catalog.resumable import claimed
from featx.catalog.verify import digest, find, verify_files
from featx.errors import DownloadFailed, MissingWeights, WrongDigest
from featx.storage.blob import Blob
from featx.storage.writable import check_writable

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

__all__ = ["missing_bytes", "pull"]

Progress = Callable[[int], object]

_CHUNK = 1 << 16
# and every 5xx: answers that may be another one in a moment
_PASSING = {408, 425, 429}


def pull(
    card: Card,
    *,
    directory: Path | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
    tries: int = 5,
    pause: float = 1.0,
) -> Blob:
    """Fetch what a card needs and this machine lacks; return the graph.

    What a broken download has left is continued where the server can do that. Bytes are accepted by
    their digest only, and appear under their name once they are whole. When two processes pull one
    file, the second waits for the first and then finds it there.

    Parameters
    ----------
    directory : Path, default=None
        The model directory where the bytes go; the user's own.
    progress : callable, default=None
        Called with the number of bytes that came since the last call; negative when what had come
        must be fetched again.
    timeout : float
        Seconds of silence after which a connection counts as dropped.
    tries : int
        How often in a row a file may be asked for without a new byte coming.
    pause : float
        Seconds before the second try; doubled for each further one.

    Raises
    ------
    MissingWeights
        The card does not say where a file can be had.
    DownloadFailed
        The server refuses, or the connection keeps breaking; the next pull goes on from there.
    WrongDigest
        The server has other bytes than the card promises.
    OutputFailed
        The model directory cannot be written.
    """
    folder = (directory or user_directory()) / card.name
    if any(find(card, file) is None for file in (card.graph, *card.files)):
        check_writable(folder / card.graph.name, parents=True)
    for file in (card.graph, *card.files):
        if find(card, file) is not None:
            continue
        if file.url is None:
            raise MissingWeights(
                f"{card.name}: its card has no url for {file.name}; put the file into {folder}"
            )
        target = folder / file.name
        with claimed(target) as part:
            if not (target.is_file() and digest(target) == file.sha256):
                transfer = _Transfer(file, part, progress or _ignore, timeout)
                transfer.complete(tries=tries, pause=pause)
                Path(part.name).replace(target)
    if directory is not None:
        card = replace(card, path=folder / "card.toml")
    return verify_files(card)[card.graph.name]


def missing_bytes(card: Card) -> int | None:
    """Return the bytes that ``pull`` would fetch; None where a card does not say the size of a missing file."""
    sizes = [f.size for f in (card.graph, *card.files) if find(card, f) is None]
    return None if None in sizes else sum(size or 0 for size in sizes)


class _Transfer:
    """One file on its way into ``part``, which may hold its beginning already."""

    def __init__(
        self, file: File, part: BufferedRandom, progress: Progress, timeout: float
    ) -> None:
        self.file = file
        self.url = str(file.url)
        self.part = part
        self.progress = progress
        self.timeout = timeout
        self.opener = _opener(self.url)
        self.etag: str | None = None
        self.have = part.seek(0, os.SEEK_END)
        # made of more than one answer, perhaps of more than one file
        self.patched = self.have > 0
        self.answered = False
        progress(self.have)

    def complete(self, *, tries: int, pause: float) -> None:
        """Fetch the whole file, verified and on the disk."""
        self._fetch(tries, pause)
        if self.patched and not self._is_verified():
            self._restart()
            self._fetch(tries, pause)
        if not self._is_verified():
            raise WrongDigest(f"{self.url}: {self.have} bytes came and are not those of the card")
        os.fsync(self.part.fileno())

    def _fetch(self, tries: int, pause: float) -> None:
        failures = 0
        while True:
            before = self.have
            try:
                return self._ask()
            except _ConnectionLost as error:
                failures = 1 if self.have > before else failures + 1
                if failures >= tries:
                    raise DownloadFailed(
                        f"{self.url}: {error}; pull again to go on from byte {self.have}"
                    ) from error
                time.sleep(pause * 2 ** (failures - 1))

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
            total = self.have + int(length) if length.isdigit() else self.file.size
            if self.file.size is not None and total != self.file.size:
                raise WrongDigest(
                    f"{self.url}: expected {self.file.size} bytes, the server has {total}"
                )
            self._take(response)
        if total is not None and self.have < total:
            raise _ConnectionLost(f"the connection ended after {self.have} of {total} bytes")

    def _response(self) -> HTTPResponse:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request

        headers = {"User-Agent": "featx"}
        if self.have:
            headers["Range"] = f"bytes={self.have}-"
            if self.etag:
                headers["If-Range"] = self.etag
        try:
            response: HTTPResponse = self.opener.open(
                Request(self.url, headers=headers), timeout=self.timeout
            )
        except HTTPError as error:
            error.close()
            if error.code == 416:
                self._restart()
            elif error.code not in _PASSING and error.code < 500:
                raise DownloadFailed(
                    f"{self.url}: the server answered {error.code} {error.reason}"
                ) from error
            self.answered = True
            raise _ConnectionLost(f"the server answered {error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            if self.answered:
                raise _ConnectionLost(f"no answer: {error}") from error
            reason = getattr(error, "reason", error)
            raise DownloadFailed(f"{self.url}: no answer from the server: {reason}") from error
        return response

    def _take(self, response: HTTPResponse) -> None:
        from http.client import HTTPException

        while True:
            try:
                chunk = response.read1(_CHUNK)
            except (OSError, HTTPException) as error:
                raise _ConnectionLost(
                    f"the connection broke after {self.have} bytes: {error}"
                ) from error
            if not chunk:
                return
            if self.file.size is not None and self.have + len(chunk) > self.file.size:
                raise WrongDigest(
                    f"{self.url}: sends more than the {self.file.size} bytes of the card"
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
        return hashlib.file_digest(self.part, "sha256").hexdigest() == self.file.sha256


class _ConnectionLost(Exception):
    """A connection ended early; asking again may help."""


def _first_byte(response: HTTPResponse) -> int:
    """Return where in the file an answer begins."""
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if response.status == 206 and match else 0


def _opener(url: str) -> OpenerDirector:
    """Return what follows redirects and proxies, and speaks nothing but HTTP and HTTPS."""
    from urllib import request

    if not re.match(r"https?://", url, re.IGNORECASE):
        raise DownloadFailed(f"{url}: expected an address that begins with https:// or http://")
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _ignore(count: int) -> None:
    """Do nothing: nobody watches the progress."""
