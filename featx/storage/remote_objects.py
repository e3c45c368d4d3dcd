"""Objects in stores that fsspec reads: S3, Google Cloud Storage, Azure, Hugging Face, and memory."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from featx._extras import require
from featx.errors import FeatxError, MissingExtra
from featx.storage.border import error_line
from featx.storage.remote import SCHEMES, RemotePath, Store, Version, redact
from featx.storage.remote_answer import untrusted
from featx.storage.remote_listing import MOST_FOLDERS, is_wholly_listed, walk_folders
from featx.storage.remote_signed import SignedReads
from featx.storage.remote_store import (
    PassingError,
    bounded_listing,
    check_version,
    retrying,
)

__all__ = ["ObjectStore", "S3Store", "open_object_store"]

# The keys under which stores say what changes with the content of an object, the best first.
_TAGS = tuple(
    "ETag etag generation md5Hash blob_id content_md5 LastModified last_modified updated created mtime".split()
)
_PASSING = frozenset({408, 425, 429})
# The names of exceptions that libraries raise of a network that fails; some have the same as others.
_CUT = frozenset(
    "ConnectionError TimeoutError HTTPClientError IncompleteReadError ResponseStreamingError ConnectError "
    "ClientConnectionError ClientPayloadError ServerDisconnectedError ServiceRequestError ServiceResponseError "
    "ReadError RemoteProtocolError".split()
)
_NO_LOGIN = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError"}
)


def open_object_store(scheme: str) -> Store:
    """Return the store of a scheme, made as its library makes it: with credentials by its own ways.

    Raises
    ------
    MissingExtra
        fsspec, or the package of the scheme, is not installed.
    """
    fsspec = require("fsspec", extra="remote")
    try:
        # Listings that are kept would hide that an object was changed.
        system = fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError as error:
        package = SCHEMES[scheme]
        raise MissingExtra(
            f"{scheme}:// needs {package}, which is not installed; run: pip install {package}"
        ) from error
    except FeatxError:
        raise
    except Exception as error:
        raise OSError(
            errno.EACCES, f"the library of {scheme}:// refuses: {_line(error)}"
        ) from error
    return S3Store(system) if scheme in ("s3", "s3a") else ObjectStore(system)


class ObjectStore:
    """The objects of one of fsspec's file systems."""

    def __init__(self, system: Any) -> None:
        self._system = system

    def stat(self, path: RemotePath) -> Version:
        """Return the size of an object and what its store says of its content."""

        def ask() -> Version:
            with _in_words():
                info = self._system.info(path.uri)
            if info.get("type") == "directory":
                raise FileNotFoundError(errno.ENOENT, "no such object; there is a folder")
            return _version(info)

        return retrying(ask)

    def read(
        self, path: RemotePath, start: int, end: int, version: Version | None
    ) -> tuple[bytes, Version]:
        """Return bytes of an object, which is looked at before and after: its store compares nothing."""
        with _in_words():
            before = _version(self._system.info(path.uri))
            check_version(before, version)
            stop = min(end, before.size)
            content = (
                self._system.cat_file(path.uri, start=start, end=stop) if stop > start else b""
            )
            check_version(_version(self._system.info(path.uri)), before)
        if len(content) != max(0, stop - start):
            raise PassingError(f"{len(content)} of {stop - start} bytes came")
        return content, before

    def children(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give what is right below an address."""

        def ask() -> list[RemotePath]:
            with _in_words():
                return list(self._named(self._system.ls(path.uri.rstrip("/"), detail=True), path))

        return iter(retrying(ask))

    def walk(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give all objects below an address, a folder after the other."""
        return bounded_listing(walk_folders(path, self), path)

    def _named(self, entries: list[Mapping[str, Any]], path: RemotePath) -> Iterator[RemotePath]:
        from fsspec.core import strip_protocol

        above = path.uri.rstrip("/") + "/"
        plain = strip_protocol(path.uri).strip("/") + "/"
        for entry in entries:
            name = str(entry["name"]).lstrip("/")
            # An object may have the name of its own folder.
            if not name.startswith(plain) or not name.rstrip("/")[len(plain) :]:
                continue
            own = name[len(plain) :].rstrip("/")
            if entry.get("type") == "directory":
                yield RemotePath(f"{above}{own}/")
            else:
                yield RemotePath(above + own, _version(entry))

    def put(self, path: RemotePath, source: Path) -> None:
        """Write an object; stores let it appear when it is whole."""

        def write() -> None:
            with _in_words():
                self._system.put_file(str(source), path.uri)

        retrying(write)

    def remove(self, path: RemotePath) -> None:
        """Remove an object."""

        def ask() -> None:
            with _in_words():
                self._system.rm_file(path.uri)

        retrying(ask)


class S3Store(ObjectStore):
    """The objects of S3 and of what speaks like it: read at one request, which names the version."""

    def __init__(self, system: Any) -> None:
        super().__init__(system)
        self._signed = SignedReads(system)

    def read(
        self, path: RemotePath, start: int, end: int, version: Version | None
    ) -> tuple[bytes, Version]:
        """Return bytes of an object of one version."""
        bucket, key = _bucket(path)
        found = self._signed.read(bucket, key, start, end, version)
        return found or self._ask(bucket, key, start, end, version)

    def _ask(
        self, bucket: str, key: str, start: int, end: int, version: Version | None
    ) -> tuple[bytes, Version]:
        """Return bytes of an object as the library reads it."""
        from fsspec.asyn import sync

        wanted = {"IfMatch": version.tag} if version and version.tag else {}
        with _in_words():
            try:
                answer = self._system.call_s3(
                    "get_object",
                    Bucket=bucket,
                    Key=key,
                    Range=f"bytes={start}-{max(start, end - 1)}",
                    **wanted,
                )
            except Exception as error:
                if _status(error) == 416 and start == 0:
                    return b"", Version(0, version.tag if version else "")
                raise
            body = answer["Body"]
            try:
                found = Version(_total(answer), str(answer.get("ETag", "")))
                check_version(found, version)
                stop = min(end, found.size)
                length = int(answer.get("ContentLength", -1))
                if length != stop - start:
                    raise OSError(errno.EPROTO, "the store gives another part than was asked for")
                content: bytes = sync(self._system.loop, body.read)
            finally:
                body.close()
        if len(content) != stop - start:
            raise PassingError(f"the connection ended after {len(content)} of {stop - start} bytes")
        return content, found

    def children(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give what is right below an address, page by page."""
        return self._pages(path, Delimiter="/")

    def walk(self, path: RemotePath) -> Iterator[RemotePath]:
        """Give all objects below an address, page by page where they are not known already."""
        found = walk_folders(path, self) if is_wholly_listed(path) else self._pages(path)
        return bounded_listing(found, path)

    def _pages(self, path: RemotePath, **how: str) -> Iterator[RemotePath]:
        bucket, key = _bucket(path)
        prefix = key.rstrip("/") + "/" if key.rstrip("/") else ""
        seen, token = set[str](), ""
        while token not in seen and len(seen) < MOST_FOLDERS:
            seen.add(token)
            asked = how | ({"ContinuationToken": token} if token else {})
            found, token = self._page(f"{path.scheme}://{bucket}/", prefix, Bucket=bucket, **asked)
            yield from found
            if not token:
                return
        raise OSError(errno.EPROTO, "the listing has no end")

    def _page(self, owner: str, prefix: str, **asked: str) -> tuple[list[RemotePath], str]:
        """Return what a page lists, and what names the next; '' after the last."""

        def ask() -> tuple[list[RemotePath], str]:
            with _in_words():
                page = self._system.call_s3("list_objects_v2", Prefix=prefix, **asked)
                folders = [entry["Prefix"] for entry in page.get("CommonPrefixes") or ()]
                entries = [
                    (str(entry["Key"]), Version(int(entry["Size"]), str(entry.get("ETag", ""))))
                    for entry in page.get("Contents") or ()
                ]
                token = page.get("NextContinuationToken") if page.get("IsTruncated") else None
            # What ends in a slash and is empty stands for a folder.
            objects = [
                RemotePath(owner + key, version)
                for key, version in entries
                if key.startswith(prefix) and not (key.endswith("/") and not version.size)
            ]
            return [*(RemotePath(owner + name) for name in folders), *objects], str(token or "")

        return retrying(ask)


def _bucket(path: RemotePath) -> tuple[str, str]:
    bucket, _, key = path.uri.partition("://")[2].partition("/")
    return bucket, key


def _total(answer: Mapping[str, Any]) -> int:
    """Return the size of the object that an answer has a part of."""
    _, slash, total = str(answer.get("ContentRange", "")).partition("/")
    return int(total) if slash and total.isdecimal() else int(answer.get("ContentLength", -1))


def _version(info: Mapping[str, Any]) -> Version:
    tag = next((info[key] for key in _TAGS if info.get(key) is not None), "")
    # A listing and a look at one object may say a time in two ways.
    tag = str(tag.timestamp() if isinstance(tag, datetime) else tag)
    size = info.get("size")
    if size is None:
        raise OSError(errno.EPROTO, "the store does not say its size")
    return Version(int(size), tag)


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn whatever a store's library raises into OSError in words, or PassingError where it may pass."""
    try:
        yield
    except (FeatxError, PassingError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ESTALE, errno.EPROTO):
            raise
        raise _as_os_error(error) from error


def _as_os_error(error: Exception) -> OSError:
    status, names = _status(error), _class_names(error)
    if names & _NO_LOGIN:
        return PermissionError(errno.EACCES, "no credentials were found, or not all of them")
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in _chain(error)):
        return untrusted(_line(error), "AWS_CA_BUNDLE (of s3://) or SSL_CERT_FILE")
    if status == 412:
        return OSError(errno.ESTALE, "the object was changed since it was listed or opened")
    if status in (401, 403) or isinstance(error, PermissionError):
        return PermissionError(errno.EACCES, "access denied")
    if status == 404 or isinstance(error, FileNotFoundError):
        return FileNotFoundError(errno.ENOENT, "no such object, or bucket")
    if status in _PASSING or status >= 500:
        return PassingError(f"the store answered {status}")
    if names & _CUT:
        return PassingError(f"the connection failed: {type(error).__name__}")
    if isinstance(error, NotADirectoryError | IsADirectoryError):
        return error
    return OSError(errno.EIO, f"the library of the store refuses: {_line(error)}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen and len(seen) < 10:
        seen.append(current)
        yield current
        current = current.__cause__ or current.__context__


def _class_names(error: BaseException) -> set[str]:
    return {kind.__name__ for one in _chain(error) for kind in type(one).__mro__}


def _status(error: BaseException) -> int:
    """Return the status of HTTP behind an error; 0 where there is none."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, Mapping):
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        else:
            found = next(
                (
                    getattr(one, name)
                    for name in ("status_code", "status", "code")
                    if hasattr(one, name)
                ),
                getattr(response, "status_code", None),
            )
        if isinstance(found, str) and found.isdecimal():
            found = int(found)
        if isinstance(found, int):
            return found
    return 0


def _line(error: BaseException) -> str:
    return redact(f"{type(error).__name__}: {error_line(error)}")
