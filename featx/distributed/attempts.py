"""Attempts at each shard, counted where the shards are, so that one that ends its workers is given up.

A job has a folder of its own in that of the shards, on a shared file system or at an address. Each worker that
begins a shard leaves a small file there and takes it away at the end: what is left are workers that were lost.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import BadOption, ClusterFailed
from featx.storage.atomic import os_errors_in_words, recover, replace_text
from featx.tables.shards import Shard

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["check_shared", "counting", "is_seen", "new_marker", "working_in"]

# Workers that may be lost over one shard: a machine that goes is chance, four are its samples.
_MOST_LOST = 4
# How the name of a folder of attempts begins; tables pass over what begins with an underscore.
_MARKER = "_making-"
# A folder of a store is there when it has an object.
_BEGUN = "_begun"


def check_shared(path: AnyPath) -> AnyPath:
    """Return the folder of shards of a cluster; raise BadOption for an address in the memory of one process."""
    if not isinstance(path, Path) and path.scheme == "memory":
        raise BadOption(
            f"{path}: is in the memory of this process alone; expected a folder, or an address, that every "
            "node sees"
        )
    return path


def new_marker(path: AnyPath) -> AnyPath:
    """Make a folder for the attempts of one job in a folder of shards; what an earlier job left is removed.

    Raises
    ------
    OutputFailed
        It cannot be made.
    """
    marker = path / f"{_MARKER}{secrets.token_hex(6)}"
    with os_errors_in_words(marker):
        inner: Iterable[AnyPath] = path.iterdir() if path.is_dir() else ()
        for leftover in list(inner):
            if leftover.name.startswith(_MARKER):
                _remove(leftover)
        marker.mkdir()
    replace_text(marker / _BEGUN, "")
    return marker


def is_seen(path: AnyPath, marker: str) -> bool:
    """Return whether this machine sees the folder of shards in which the job was begun."""
    return (path / marker / _BEGUN).is_file()


@contextmanager
def counting(path: AnyPath, marker: str, shard: Shard) -> Iterator[None]:
    """Count the workers that began a shard while the block runs; refuse one over which several were lost.

    Raises
    ------
    ClusterFailed
        Four workers were lost.
    """
    folder = path / marker / f"{shard.number:05d}"
    folder.mkdir(exist_ok=True)
    inner: Iterable[AnyPath] = folder.iterdir() if folder.is_dir() else ()
    lost = sum(not one.name.startswith(".") for one in inner)
    if lost >= _MOST_LOST:
        raise ClusterFailed(
            f"{path / shard.name}: {lost} workers were lost while they made it: one of its samples ends the "
            f"process, or memory is short; find it with shard={shard.number}/{shard.total}, on one machine"
        )
    own = folder / secrets.token_hex(6)
    replace_text(own, "")
    try:
        yield
    finally:
        # Whoever is still here was not lost.
        own.unlink(missing_ok=True)


@contextmanager
def working_in(path: AnyPath) -> Iterator[str]:
    """Make a folder in which attempts are counted, and give its name; at the end nothing is left but shards.

    What workers that were lost had begun goes with it; it is entered before the cluster is, and left after.
    """
    marker = new_marker(check_shared(path))
    try:
        yield marker.name
    finally:
        _remove(marker)
        if isinstance(path, Path):
            begun = path.glob(".*part-*.featx-*")
            for name in {one.name[1:].rpartition(".featx-")[0] for one in begun}:
                with suppress(OSError):
                    recover(path / name)


def _remove(folder: AnyPath) -> None:
    """Remove a folder of attempts, as far as it can be."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with suppress(OSError):
        for one in list(folder.walk()):
            one.unlink(missing_ok=True)
