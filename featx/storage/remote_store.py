"""The stores, which read, list and write addresses: one store a scheme, and which failures are tried again."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

from featx.errors import BadOption
from featx.storage.remote import SCHEMES, RemotePath, Store, Version

__all__ = [
    "MOST_OBJECTS",
    "PassingError",
    "bounded_listing",
    "check_version",
    "has_odd_names",
    "retrying",
    "store_of",
]

T = TypeVar("T")

# The most objects of a listing.
MOST_OBJECTS = 10_000_000
# How often a store is asked, and the seconds before the second time; doubled for each further one.
_TRIES = 5
_PAUSE = 0.2
_LONGEST_PAUSE = 30.0


class PassingError(OSError):
    """A failure that may pass: the store is busy, says nothing, or the connection was cut.

    ``pause`` are the seconds after which the store wants to be asked again; None where it does not say.
    """

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(errno.EIO, reason)
        self.pause = pause


@cache
def store_of(scheme: str) -> Store:
    """Return the store of a scheme.

    Raises
    ------
    BadOption
        There is none.
    MissingExtra
        Its library is not installed.
    """
    if scheme not in SCHEMES:
        known = ", ".join(f"{one}://" for one in SCHEMES)
        hint = "; name the path itself" if scheme == "file" else ""
        raise BadOption(f"{scheme}://: expected an address of {known}{hint}")
    if scheme in ("http", "https"):
        from featx.storage.remote_http import HttpStore

        return HttpStore()
    from featx.storage.remote_objects import open_object_store

    return open_object_store(scheme)


def retrying(action: Callable[[], T], is_wanted: Callable[[], bool] = lambda: True) -> T:
    """Return what an action gives; one that fails with ``PassingError`` is tried again, with longer pauses.

    It is not where ``is_wanted`` says that nobody waits for it any more.

    Raises
    ------
    OSError
        It fails for good, or as often as is tried.
    """
    for number in range(1, _TRIES + 1):
        try:
            return action()
        except PassingError as error:
            if number == _TRIES or not is_wanted():
                raise OSError(errno.EIO, f"{error.strerror} ({_TRIES} tries)") from error
            pause = _PAUSE * 2 ** (number - 1) * random.uniform(0.75, 1.25)
            time.sleep(min(max(pause, error.pause or 0), _LONGEST_PAUSE))
    raise AssertionError("unreachable")


def check_version(found: Version, expected: Version | None) -> None:
    """Raise OSError where an object is not as it was found before.

    A tag that is missing on one side says nothing.
    """
    if expected is None:
        return
    tags = {found.tag, expected.tag} - {""}
    if found.size != expected.size or len(tags) > 1:
        raise OSError(errno.ESTALE, "the object was changed since it was listed or opened")


def bounded_listing(found: Iterator[RemotePath], root: RemotePath) -> Iterator[RemotePath]:
    """Give what a listing gives, and refuse one that has no end; raise OSError."""
    for number, path in enumerate(found):
        if number >= MOST_OBJECTS:
            raise OSError(
                errno.EFBIG, f"more than {MOST_OBJECTS:,} objects; name a folder of {root}"
            )
        yield path


def has_odd_names(key: str) -> bool:
    """Return whether the names of a key are none that a path could have: empty, '.' or '..'.

    >>> has_odd_names("photos/a b.jpg"), has_odd_names("photos/../a.jpg"), has_odd_names("a//b")
    (False, True, True)
    """
    return any(name in ("", ".", "..") for name in key.split("/"))
