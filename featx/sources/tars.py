"""Samples from several tars, such as ``shard-{000..099}.tar``, as WebDataset names and writes them."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from featx.errors import BadSource, FeatxWarning
from featx.sources.pattern import expand_braces
from featx.sources.sample import Sample
from featx.sources.source import TAR_ENDINGS, Columns, Peek, Readable, is_hidden
from featx.sources.tar import Tar
from featx.storage.address import is_remote
from featx.storage.blob import describe_os_error, to_text

__all__ = ["Tars"]

# A range of numbers in a name.
_RANGE = re.compile(r"\{\d{1,9}\.\.\d{1,9}\}")


class Tars:
    """Several tars, by a name with a range of numbers in braces, or as a folder that holds nothing else.

    The id of a sample is the name of its tar, and behind it that of the member.
    """

    def __init__(
        self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None = None
    ) -> None:
        self._uri, self._where = uri, to_text(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether a name holds a range of tars, and no file is called so; or a folder tars alone."""
        try:
            path = Path(uri)
            if path.is_dir():
                # Others are left at the first file that is none.
                names = (one.name for one in path.iterdir() if not is_hidden(one.name))
                first = next(names, "")
                return _is_tar(first) and all(map(_is_tar, names))
            local = not is_remote(uri) and not path.exists()
            return _is_tar(uri) and bool(_RANGE.search(uri)) and local
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
                found = Tar(str(path), self._columns).samples(readable, split)
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
        return Tar(str(next(self._paths())), self._columns).peek()

    def _paths(self) -> Iterator[Path]:
        folder = Path(self._uri)
        if folder.is_dir():
            try:
                yield from sorted(path for path in folder.iterdir() if not is_hidden(path.name))
            except OSError as error:
                raise BadSource(f"{self._where}: {describe_os_error(error)}") from error
            return
        names = list(expand_braces(self._uri))
        missing = [name for name in names if not Path(name).exists()]
        if missing:
            raise BadSource(
                f"{self._where}: {len(missing)} of {len(names)} tars are missing, {to_text(missing[0])} the "
                "first; name those that there are"
            )
        yield from map(Path, names)


def _is_tar(name: str) -> bool:
    return name.lower().endswith(TAR_ENDINGS)
