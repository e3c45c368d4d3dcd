"""Which names a server answers to, and which pages of the web may ask it.

A page of any site may send requests to an address of this machine: by a name of its own that it has pointed
here (DNS rebinding), or across sites in the forms that browsers send without asking first. A token keeps both
out. A server without one looks at the headers that browsers write and pages cannot change.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache

from featx.errors import BadOption
from featx.server.errors import HTTPError

__all__ = ["HostPolicy", "is_loopback", "is_simple_type"]

# Types that a page of another site may send without asking first; a request without a type is like them.
_SIMPLE_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)


class HostPolicy:
    """The rules for the headers of a request that shows no token.

    Parameters
    ----------
    names : iterable of str or None
        Names that are answered to beside those of the loopback; None answers to every name.
    origins : iterable of str, default=()
        Origins whose pages may send requests, beside the server's own; ``*`` is every one.

    Raises
    ------
    BadOption
        A name is not the name of a host.
    """

    def __init__(self, names: Iterable[str] | None, origins: Iterable[str] = ()) -> None:
        self._names = None if names is None else frozenset(map(_check_name, names))
        self._origins = frozenset(origins)
        # Each request is asked for its host, and a server has few.
        self._is_ours = lru_cache(maxsize=64)(self._is_name_of_ours)

    def check(self, headers: Mapping[bytes, bytes], *, sends: bool) -> None:
        """Refuse a request under a name that is not this server's, or sent by a page of another site.

        Parameters
        ----------
        sends : bool
            Whether the request has a body: what is only read, a page of another site is not shown.

        Raises
        ------
        HTTPError
            403, with the reason.
        """
        host = headers.get(b"host", b"").decode("latin-1")
        # Only clients of HTTP/1.0 send none, and no browser is one.
        if host and not self._is_ours(host):
            raise HTTPError(
                403,
                "unknown_host",
                f"Host: {host[:100]!r} is not a name of this server; expected localhost, or one that "
                f"it was told to allow",
            )
        if sends and not self._is_same_site(headers, host):
            raise HTTPError(
                403,
                "cross_site",
                "sent by a page of another site; this server has no token, and takes requests of its own page "
                "and of programs only",
            )

    def _is_name_of_ours(self, host: str) -> bool:
        name = _hostname(host)
        return self._names is None or name in self._names or is_loopback(name)

    def _is_same_site(self, headers: Mapping[bytes, bytes], host: str) -> bool:
        """Tell whether no page of another site has sent this, as far as browsers say."""
        if headers.get(b"sec-fetch-site", b"") in (b"same-origin", b"none"):
            return True
        origin = headers.get(b"origin")
        if origin is None:
            return b"sec-fetch-site" not in headers
        if "*" in self._origins or origin.decode("latin-1") in self._origins:
            return True
        # "null", and whatever is no address of the web, has none.
        netloc = origin.decode("latin-1").partition("://")[2].partition("/")[0]
        named = self._names is not None and _hostname(netloc) in self._names
        return bool(netloc) and (netloc.lower() == host.lower() or named)


def is_loopback(name: str) -> bool:
    """Tell whether a name is localhost or an address of the loopback, in any way of writing it."""
    plain = name.rstrip(".").lower()
    # Names below localhost are this machine, too (RFC 6761).
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def is_simple_type(media_type: str) -> bool:
    """Tell whether a browser sends a body of this type to another site without asking first."""
    return media_type in _SIMPLE_TYPES


def _hostname(netloc: str) -> str:
    """Return a host without its port, in lower case; an address of IPv6 keeps its brackets."""
    name = netloc.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.rpartition(":")[0] if name.count(":") == 1 else name


def _check_name(name: str) -> str:
    lowered = name.strip().lower()
    if not lowered or any(letter in lowered for letter in "/*@ ") or _hostname(lowered) != lowered:
        raise BadOption(
            f"allowed host {name!r}: expected the name of a host, without scheme, port or path"
        )
    return lowered
