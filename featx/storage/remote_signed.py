"""Objects of S3 read by requests that are signed here, over connections of our own that are kept open.

A request of the library itself costs ten times the processor time. The library says once for each bucket where
it is and who asks. Whatever is out of the ordinary, such as a right that is missing, is left to the library,
which knows the way or says what is wrong.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from featx.storage.blob import describe_os_error
from featx.storage.remote import Version
from featx.storage.remote_answer import AccessDenied
from featx.storage.remote_http import HttpStore
from featx.storage.remote_store import PassingError

__all__ = ["SignedReads"]

# Seconds after which the library is asked again for what it knows of a bucket.
_KNOWN = 300.0
# Failures one after the other after which the library reads all of a bucket.
_MOST_FAILURES = 8
_SIGNATURE = "AWS4-HMAC-SHA256"
# The digest of what a reading sends.
_NOTHING = hashlib.sha256().hexdigest()
# What an address signed by the library may ask for; anything else is a way of its own.
_USUAL = frozenset(
    "X-Amz-Algorithm X-Amz-Credential X-Amz-Date X-Amz-Expires X-Amz-Security-Token X-Amz-Signature "
    "X-Amz-SignedHeaders".split()
)

# Gives the address of a key, and the headers that say who asks.
Sign = Callable[[str], tuple[str, Mapping[str, str]]]


class SignedReads:
    """Reads of objects of S3 by signed requests.

    Parameters
    ----------
    system : S3FileSystem
        What knows credentials, regions and hosts.
    """

    def __init__(self, system: Any) -> None:
        self._system = system
        self._signing: Any = None
        self._web = HttpStore()
        self._lock = threading.Lock()
        # What signs for each bucket, and since when; none where the library has to be asked.
        self._signers: dict[str, tuple[float, Sign | None]] = {}
        # How often in turn the objects of each bucket could not be read so.
        self._failures: dict[str, int] = {}

    def read(
        self, bucket: str, key: str, start: int, end: int, version: Version | None
    ) -> tuple[bytes, Version] | None:
        """Return bytes of an object and its version, or None where the library has to be asked.

        Raises
        ------
        OSError
            With ESTALE, EACCES or ENOENT: the object is of another version, refused or not there; PassingError:
            it may be had another time.
        """
        if self._failures.get(bucket, 0) >= _MOST_FAILURES:
            return None
        try:
            sign = self._signer(bucket)
            if sign is None:
                return None
            found = self._web.part(*sign(key), start, end, version)
        except PassingError as error:
            self._count(bucket)
            said = describe_os_error(error).replace("server", "store")
            raise PassingError(said, error.pause) from error
        except OSError as error:
            # The library would be told the same.
            if error.errno == errno.ESTALE or isinstance(error, AccessDenied | FileNotFoundError):
                raise
            self._count(bucket)
        except Exception:
            # Whatever the library has against signing, it says itself when it is asked.
            self._count(bucket)
        else:
            self._failures[bucket] = 0
            return found
        return None

    def _count(self, bucket: str) -> None:
        self._failures[bucket] = self._failures.get(bucket, 0) + 1

    def _signer(self, bucket: str) -> Sign | None:
        # The library is asked by one thread; the others, which want the same, wait for it.
        with self._lock:
            since, sign = self._signers.get(bucket, (-_KNOWN, None))
            if time.monotonic() - since >= _KNOWN:
                from fsspec.asyn import sync

                try:
                    sign = sync(self._system.loop, self._ask, bucket)
                except Exception:
                    # It says what it has against signing when it is asked to read.
                    sign = None
                self._signers[bucket] = time.monotonic(), sign
            return sign

    async def _ask(self, bucket: str) -> Sign | None:
        """Return what signs the keys of a bucket; None where an address cannot say what the library would."""
        system = self._system
        if self._signing is None:
            # Older signatures, which the library takes for addresses by default, are refused by newer buckets.
            config = {"signature_version": "s3v4"} | system.config_kwargs
            self._signing = type(system)(**(system.storage_options | {"config_kwargs": config}))
        signing = self._signing
        await signing.set_session()
        if signing.req_kw or signing.s3_additional_kwargs or "proxies" in signing.config_kwargs:
            return None
        client = await signing.get_s3(bucket)
        uri = await client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
        # We would trust certificates that the library was told not to, or the other way round.
        own_trust = signing.session.get_config_variable("ca_bundle")
        own_trust = own_trust or "verify" in signing.client_kwargs
        base, _, query = uri.partition("?")
        if (own_trust and uri.startswith("https:")) or not base.endswith("/k"):
            return None
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if not asked:
            return lambda key: (base[:-1] + quote(key, safe="/~"), {})
        if asked.get("X-Amz-Algorithm") != _SIGNATURE or not _USUAL.issuperset(asked):
            return None
        credentials = await (await signing.session.get_credentials()).get_frozen_credentials()
        if not asked["X-Amz-Credential"].startswith(f"{credentials.access_key}/"):
            return None
        return _signer(base[:-1], credentials, *asked["X-Amz-Credential"].split("/")[-3:-1])


def _signer(base: str, credentials: Any, region: str, service: str) -> Sign:
    """Return what signs keys below an address by the fourth version of Amazon's signatures.

    What all requests have in common is made once; the key of a day signs them all.
    """
    parts = urlsplit(base)
    standard = {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.netloc if parts.port != standard else parts.netloc.rpartition(":")[0]
    token = {"x-amz-security-token": credentials.token} if credentials.token else {}
    names = ";".join(["host", "x-amz-content-sha256", "x-amz-date", *token])

    @lru_cache(maxsize=2)
    def key_of(day: str) -> bytes:
        key = f"AWS4{credentials.secret_key}".encode()
        for text in (day, region, service, "aws4_request"):
            key = hmac.digest(key, text.encode(), "sha256")
        return key

    def sign(key: str) -> tuple[str, Mapping[str, str]]:
        quoted = quote(key, safe="/~")
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
        headers = {"x-amz-content-sha256": _NOTHING, "x-amz-date": stamp, **token}
        lines = "".join(f"{name}:{value}\n" for name, value in ({"host": host} | headers).items())
        request = f"GET\n{parts.path}{quoted}\n\n{lines}\n{names}\n{_NOTHING}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{_SIGNATURE}\n{stamp}\n{scope}\n{digest}"
        signature = hmac.digest(key_of(stamp[:8]), text.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"{_SIGNATURE} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}"
        )
        return base + quoted, headers

    return sign
