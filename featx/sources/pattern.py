"""Samples of several sources that one pattern names, such as ``shard-{000..099}.tar``."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from featx.errors import BadSource
from featx.sources.sample import Sample, unique_ids
from featx.sources.source import Columns, Peek, Readable, Source
from featx.storage.address import is_remote
from featx.storage.blob import to_text
from featx.storage.remote import redact

__all__ = ["Pattern", "expand_braces", "warn_once_of_several"]

# The most sources of one pattern.
_MOST = 100_000
_BRACES = re.compile(r"\{(?:(\d{1,9})\.\.(\d{1,9})|([^{}]*,[^{}]*))\}")


class Pattern:
    """Sources whose names differ in what stands in braces: numbers, ``{000..099}``, or names, ``{a,b}``."""

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        self._uri = uri
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether there are such braces in ``uri``, and no file or folder of just this name."""
        if _BRACES.search(uri) is None:
            return False
        try:
            return is_remote(uri) or not Path(uri).exists()
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the samples of each source, one after the other; an id that was there before gets '#2'.

        What several sources have to be said of is said of the first, with their number.
        """
        found: list[Sample] = []
        with warn_once_of_several():
            for uri in self._uris():
                found += _open(uri, self._columns).samples(readable, split)
        return unique_ids(found)

    def peek(self) -> Peek:
        """Return what the first source seems to hold."""
        [first] = islice(self._uris(), 1)
        return _open(first, self._columns).peek()

    def _uris(self) -> Iterator[str]:
        return expand_braces(self._uri)


def _open(uri: str, columns: Columns) -> Source:
    # It imports this module where there is a pattern.
    from featx.sources import open_source

    return open_source(uri, columns)


def expand_braces(text: str) -> Iterator[str]:
    """Give the texts that a pattern stands for, in their order; numbers are as wide as the first is written.

    Raises
    ------
    BadSource
        They are more than a hundred thousand.

    Examples
    --------
    >>> list(expand_braces("{08..10}-{a,b}.tar"))
    ['08-a.tar', '08-b.tar', '09-a.tar', '09-b.tar', '10-a.tar', '10-b.tar']
    """
    match = _BRACES.search(text)
    if match is None:
        yield text
        return
    count = 1
    for braces in _BRACES.finditer(text):
        first, last, names = braces.groups()
        count *= names.count(",") + 1 if names else abs(int(last) - int(first)) + 1
    if count > _MOST:
        raise BadSource(
            f"{to_text(redact(text))}: names {count:,} sources, expected at most {_MOST:,}"
        )
    for choice in _choices(match):
        yield from expand_braces(text[: match.start()] + choice + text[match.end() :])


def _choices(match: re.Match[str]) -> Iterator[str]:
    first, last, names = match.groups()
    if names is not None:
        yield from names.split(",")
        return
    step = 1 if int(first) <= int(last) else -1
    for number in range(int(first), int(last) + step, step):
        yield f"{number:0{len(first)}d}"


@contextmanager
def warn_once_of_several() -> Iterator[None]:
    """Gather the warnings of several sources, and give those of one kind as one at the end of the block."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    _warn_once(caught)


def _warn_once(caught: Iterable[warnings.WarningMessage]) -> None:
    kinds: Counter[str] = Counter()
    first: dict[str, warnings.WarningMessage] = {}
    for one in caught:
        # What differs is the name of the source, and numbers.
        kind = re.sub(r"\d+", "0", str(one.message).partition(": ")[2]) or str(one.message)
        kinds[kind] += 1
        first.setdefault(kind, one)
    for kind, one in first.items():
        others = f" (and {kinds[kind] - 1:,} others likewise)" if kinds[kind] > 1 else ""
        warnings.warn(f"{one.message}{others}", one.category, stacklevel=5)
