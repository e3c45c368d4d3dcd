"""Listings of folders at addresses: kept while a source is opened, and several folders asked for at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from itertools import chain, islice

from featx.storage.remote import RemotePath, Store

__all__ = [
    "MOST_FOLDERS",
    "is_listed_folder",
    "is_wholly_listed",
    "list_ahead",
    "list_folder",
    "listings_kept",
    "walk_folders",
]

# The most folders, or pages, of a listing, and folders on the way to an object.
MOST_FOLDERS = 100_000
_DEPTH = 64
# Entries of a listing that is kept, and folders that are asked for at a time.
_KEPT = 10_000
_AT_ONCE = 16

_LISTED: ContextVar[dict[str, list[RemotePath]] | None] = ContextVar("_LISTED", default=None)


@contextmanager
def listings_kept() -> Iterator[None]:
    """Let what is listed while the block runs be asked for once; it then tells what a folder is, too."""
    token = _LISTED.set({})
    try:
        yield
    finally:
        _LISTED.reset(token)


def list_folder(path: RemotePath, store: Store) -> Iterator[RemotePath]:
    """Give what is right below an address, from what is kept where it was listed before; raise OSError."""
    kept, key = _LISTED.get(), path.uri.rstrip("/")
    if kept is None:
        return store.children(path)
    if key not in kept:
        found = store.children(path)
        some = list(islice(found, _KEPT + 1))
        if len(some) > _KEPT:
            return chain(some, found)
        kept[key] = some
    return iter(kept[key])


def list_ahead(path: RemotePath, store: Store) -> None:
    """Let the folders right below a listed one be listed at the same time, where they are few.

    What is to be said of one that cannot be listed, is said where it is needed.
    """
    kept = _LISTED.get()
    if kept is None:
        return
    found = kept.get(path.uri.rstrip("/"), [])
    folders = [child for child in found if child.uri.endswith("/")]
    if not 1 < len(folders) <= _AT_ONCE:
        return

    def list_one(folder: RemotePath) -> None:
        with suppress(OSError):
            list_folder(folder, store)

    with ThreadPoolExecutor(len(folders), thread_name_prefix="remote-listing") as pool:
        for folder in folders:
            # What is kept is known to this thread alone.
            pool.submit(copy_context().run, list_one, folder)


def is_wholly_listed(path: RemotePath) -> bool:
    """Return whether all that lies below an address was listed and is kept."""
    kept = _LISTED.get() or {}
    left = [path.uri.rstrip("/")]
    while left:
        found = kept.get(left.pop())
        if found is None:
            return False
        left += [child.uri.rstrip("/") for child in found if child.uri.endswith("/")]
    return True


def is_listed_folder(path: RemotePath) -> bool | None:
    """Return whether the folder that it is in was listed with it as a folder; None where it was not listed."""
    kept, own = _LISTED.get() or {}, path.uri.rstrip("/")
    listed = kept.get(own.rpartition("/")[0])
    return None if listed is None else any(child.uri == f"{own}/" for child in listed)


@dataclass(slots=True)
class _Waiting:
    """A folder that is to be listed, or is being listed."""

    path: RemotePath
    depth: int
    coming: Future[list[RemotePath]] | None = None


def walk_folders(root: RemotePath, store: Store) -> Iterator[RemotePath]:
    """Give the objects of a folder and of those below it, as long as these have an end; raise OSError.

    The folders whose turn comes next are asked for at the same time; the order is that of one after the other.
    """
    folders, count = [_Waiting(root, 0)], 0
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="remote-listing")
    try:
        while folders:
            folder = folders.pop()
            count += 1
            if count > MOST_FOLDERS or folder.depth > _DEPTH:
                raise OSError(
                    errno.EFBIG, f"more than {MOST_FOLDERS:,} folders, or {_DEPTH} in each other"
                )
            if folder.coming is None:
                found = list_folder(folder.path, store)
            else:
                found = iter(folder.coming.result())
            for child in found:
                if child.uri.endswith("/"):
                    folders.append(_Waiting(child, folder.depth + 1))
                else:
                    yield child
            for one in folders[-_AT_ONCE:]:
                if one.coming is None:
                    # What is kept is known to this thread alone.
                    one.coming = pool.submit(copy_context().run, _all_below, one.path, store)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _all_below(path: RemotePath, store: Store) -> list[RemotePath]:
    return list(list_folder(path, store))
