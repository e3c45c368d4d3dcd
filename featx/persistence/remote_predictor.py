"""Predictors at addresses: made on this machine and put there, or copied to this machine and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import OutputFailed
from featx.persistence.metadata import MANIFEST
from featx.storage.atomic import os_errors_in_words
from featx.storage.writable import check_writable

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["check_remote_target", "local_predictor", "put_predictor"]


def local_predictor(path: AnyPath) -> Path:
    """Return the path of a predictor, or that of a copy of one at an address.

    Raises
    ------
    BadArtifact
        There is none at the address, or it cannot be read.
    """
    if not isinstance(path, Path):
        from featx.storage.remote_output import local_container

        return local_container(path)
    return path


def put_predictor(path: RemotePath, write: Callable[[Path], object]) -> RemotePath:
    """Put what ``write`` makes on this machine at an address, its manifest last, and return the address.

    Raises
    ------
    OutputFailed
        The store refuses it.
    """
    from tempfile import TemporaryDirectory

    from featx.storage.remote_output import local_name, put_container

    with TemporaryDirectory(prefix="featx-") as folder:
        local = Path(folder, local_name(path))
        write(local)
        put_container(local, path, MANIFEST)
    return path


def check_remote_target(path: RemotePath, *, overwrite: bool) -> None:
    """Refuse an address that holds something else than a predictor, or cannot be written.

    Raises
    ------
    OutputFailed
        It is one of these.
    """
    with os_errors_in_words(path.check_readable()):
        if path.is_dir() and not (path / MANIFEST).is_file():
            raise OutputFailed(f"{path}: exists and is not a featx classifier; choose another name")
    check_writable(path, overwrite=overwrite)
