"""Samples from a folder of tars, as WebDataset writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import BadSource
from featx.sources.pattern import warn_once_of_several
from featx.sources.sample import Sample
from featx.sources.source import TAR_ENDINGS, Columns, Peek, Readable, is_hidden
from featx.sources.tar import Tar
from featx.storage.address import to_path
from featx.storage.blob import describe_os_error, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["TarFolder", "holds_tars"]


class TarFolder:
    """A folder that holds tars alone, which are one source in the order of their names.

    The id of a sample is the name of its tar, and behind it that of the member.
    """

    def __init__(
        self, uri: str | RemotePath, columns: Columns, stdin: Iterable[bytes | str] | None = None
    ) -> None:
        self._folder = to_path(uri)
        self._where = to_text(str(self._folder))
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is a folder with tars, and with nothing else that is not hidden.

        What lies below an address is not looked at.
        """
        try:
            path = to_path(uri)
            return isinstance(path, Path) and path.is_dir() and holds_tars(path)
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the samples of all tars; see ``Tar.samples``.

        What several tars have to be said of is said of the first, with their number.
        """
        samples: list[Sample] = []
        with warn_once_of_several():
            for path in self._paths():
                found = Tar(path, self._columns).samples(readable, split)
                name = to_text(path.name)
                samples += (replace(sample, id=f"{name}/{sample.id}") for sample in found)
        return samples

    def peek(self) -> Peek:
        """Return what the first tar seems to hold."""
        return Tar(next(self._paths()), self._columns).peek()

    def _paths(self) -> Iterator[AnyPath]:
        try:
            inner: Iterable[AnyPath] = self._folder.iterdir()
            visible = [path for path in inner if not is_hidden(path.name)]
        except OSError as error:
            raise BadSource(f"{self._where}: {describe_os_error(error)}") from error
        yield from sorted(visible, key=lambda path: path.name)


def holds_tars(folder: AnyPath) -> bool:
    """Return whether a folder holds tars and nothing else; raise OSError where it cannot be listed."""
    inner: Iterable[AnyPath] = folder.iterdir()
    # Others are left at the first file that is none.
    names = (one.name for one in inner if not is_hidden(one.name))
    return _is_tar(next(names, "")) and all(map(_is_tar, names))


def _is_tar(name: str) -> bool:
    return name.lower().endswith(TAR_ENDINGS)
