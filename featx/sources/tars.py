"""Samples from several tars, such as ``shard-{000..099}.tar``, as WebDataset names and writes them."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import BadSource, FeatxWarning
from featx.sources.pattern import expand_braces
from featx.sources.sample import Sample
from featx.sources.source import TAR_ENDINGS, Columns, Peek, Readable, is_hidden
from featx.sources.tar import Tar
from featx.storage.address import to_path
from featx.storage.blob import describe_os_error, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["Tars", "holds_tars"]

# A range of numbers in a name.
_RANGE = re.compile(r"\{\d{1,9}\.\.\d{1,9}\}")


class Tars:
    """Several tars, by a name with a range of numbers in braces, or as a folder that holds nothing else.

    The id of a sample is the name of its tar, and behind it that of the member.
    """

    def __init__(
        self, uri: str | RemotePath, columns: Columns, stdin: Iterable[bytes | str] | None = None
    ) -> None:
        self._uri = uri if isinstance(uri, str) else uri.uri
        self._where = to_text(str(to_path(uri)))
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether a name holds a range of tars, and no file is called so; or a folder tars alone.

        What lies below an address is not looked at.
        """
        try:
            path = to_path(uri)
            if isinstance(path, Path) and path.is_dir():
                return holds_tars(path)
            there = isinstance(path, Path) and path.exists()
            return _is_tar(path.name) and bool(_RANGE.search(uri)) and not there
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the samples of all tars, in the order of their names; see ``Tar.samples``.

        What is to be said of tars is said of the first, with the number of the others.
        """
        samples: list[Sample] = []
        notes: Counter[str] = Counter()
        for path in self._paths():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = Tar(_as_uri(path), self._columns).samples(readable, split)
            notes.update(str(one.message) for one in caught)
            name = to_text(path.name)
            samples += (replace(sample, id=f"{name}/{sample.id}") for sample in found)
        if notes:
            more = (
                f"; {len(notes) - 1} more such warnings of {self._where}" if len(notes) > 1 else ""
            )
            warnings.warn(f"{next(iter(notes))}{more}", FeatxWarning, stacklevel=3)
        return samples

    def peek(self) -> Peek:
        """Return what the first tar seems to hold."""
        return Tar(_as_uri(next(self._paths())), self._columns).peek()

    def _paths(self) -> Iterator[AnyPath]:
        folder = to_path(self._uri)
        if not _RANGE.search(self._uri) or (isinstance(folder, Path) and folder.is_dir()):
            try:
                inner: Iterable[AnyPath] = folder.iterdir()
                visible = (path for path in inner if not is_hidden(path.name))
                yield from sorted(visible, key=lambda path: path.name)
            except OSError as error:
                raise BadSource(f"{self._where}: {describe_os_error(error)}") from error
            return
        names = list(expand_braces(self._uri))
        paths = list(map(to_path, names))
        # Of an address the first that is asked for and is not there will say so.
        missing = [str(path) for path in paths if isinstance(path, Path) and not path.exists()]
        if missing:
            raise BadSource(
                f"{self._where}: {len(missing)} of {len(names)} tars are missing, {to_text(missing[0])} the "
                "first; name those that there are"
            )
        yield from paths


def holds_tars(folder: AnyPath) -> bool:
    """Return whether a folder holds tars and nothing else; raise OSError where it cannot be listed."""
    inner: Iterable[AnyPath] = folder.iterdir()
    # Others are left at the first file that is none.
    names = (one.name for one in inner if not is_hidden(one.name))
    return _is_tar(next(names, "")) and all(map(_is_tar, names))


def _as_uri(path: AnyPath) -> str | RemotePath:
    return str(path) if isinstance(path, Path) else path


def _is_tar(name: str) -> bool:
    return name.lower().endswith(TAR_ENDINGS)
