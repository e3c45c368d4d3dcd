"""Resumable files: one writer at a time, and a broken download can be continued."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path

from featx.errors import DownloadFailed, FeatxError, OutputFailed

__all__ = ["claimed"]


@contextmanager
def claimed(target: Path) -> Iterator[BufferedRandom]:
    """Open the partial file of ``target``, ours alone, at its end.

    It is gone after the block, unless the block failed in a way that leaves something to continue:
    a broken connection, or Ctrl-C. A killed process leaves it too. The block may rename it.

    Raises
    ------
    OutputFailed
        The folder cannot be made or written.
    """
    try:
        with _claim(target) as part:
            keep = False
            try:
                yield part
            except (DownloadFailed, KeyboardInterrupt):
                keep = part.seek(0, os.SEEK_END) > 0
                raise
            finally:
                if not keep and _is_at(part, Path(part.name)):
                    Path(part.name).unlink()
    except FeatxError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputFailed(f"{target}: cannot be written: {reason}") from error
    finally:
        # goes only when it is empty
        with suppress(OSError):
            target.parent.rmdir()


def _claim(target: Path) -> BufferedRandom:
    """Return the partial file once nobody else has it; where files cannot be locked, one of our own."""
    part = target.with_name(f"{target.name}.part")
    while True:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            stream = part.open("a+b")
        except FileNotFoundError:
            # another process that failed has just removed the empty folder
            continue
        if not _lock(stream):
            stream.close()
            with suppress(FileNotFoundError):
                if not part.stat().st_size:
                    part.unlink()
            return target.with_name(f"{target.name}.{os.getpid()}.part").open("a+b")
        if _is_at(stream, part):
            return stream
        # whoever had it is done and has renamed or removed it
        stream.close()


def _lock(stream: BufferedRandom) -> bool:
    """Wait until no other process has the file; the lock goes with the open file."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError:
        # a file system without locks
        return False
    return True


def _is_at(stream: BufferedRandom, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
