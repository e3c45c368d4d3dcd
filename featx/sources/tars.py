"""Samples from a folder that holds nothing but tars, as data sets of WebDataset lie on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from featx.errors import BadSource
from featx.sources.pattern import warn_once_of_several
from featx.sources.sample import Sample
from featx.sources.source import TAR_ENDINGS, Columns, Peek, Readable, is_hidden
from featx.sources.tar import Tar
from featx.storage.blob import describe_os_error, to_text

__all__ = ["TarFolder"]


class TarFolder:
    """A folder that holds tars alone, which are one source in the order of their names.

    The id of a sample is the name of its tar, and behind it that of the member.
    """

    def __init__(
        self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None = None
    ) -> None:
        self._folder, self._where = Path(uri), to_text(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is a folder with tars, and with nothing else that is not hidden."""
        try:
            # Another folder is left at the first file that is none.
            names = (one.name for one in Path(uri).iterdir() if not is_hidden(one.name))
            return _is_tar(next(names, "")) and all(map(_is_tar, names))
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the samples of all tars; see ``Tar.samples``.

        What several tars have to be said of is said of the first, with their number.
        """
        samples: list[Sample] = []
        with warn_once_of_several():
            for path in self._paths():
                found = Tar(str(path), self._columns).samples(readable, split)
                name = to_text(path.name)
                samples += (replace(sample, id=f"{name}/{sample.id}") for sample in found)
        return samples

    def peek(self) -> Peek:
        """Return what the first tar seems to hold."""
        return Tar(str(next(self._paths())), self._columns).peek()

    def _paths(self) -> Iterator[Path]:
        try:
            names = [path for path in self._folder.iterdir() if not is_hidden(path.name)]
        except OSError as error:
            raise BadSource(f"{self._where}: {describe_os_error(error)}") from error
        yield from sorted(names)


def _is_tar(name: str) -> bool:
    return name.lower().endswith(TAR_ENDINGS)
