"""Samples from the lines of standard input: paths, or texts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from featx.errors import BadSource
from featx.sources.sample import Sample, number_repeats
from featx.sources.source import Columns, Peek, Readable, refuse_columns
from featx.storage.blob import Blob, to_text

__all__ = ["StandardInput"]


class StandardInput:
    """Standard input, named ``-``: a path or a text a line."""

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        self._columns = columns
        self._lines = stdin

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is ``-``."""
        return uri == "-"

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return samples without labels, in the order of the lines.

        Where a string is a sample each line is a text, an empty one too, and its number is its id. Else each
        is a path, and empty ones are left out; they may also be separated by NUL (``find -print0``).
        """
        refuse_columns(self._columns, "standard input")
        if readable.string_is_sample:
            return _texts(_raw_lines(self._lines, "texts"))
        return _paths(_raw_lines(self._lines, "paths"))

    def peek(self) -> Peek:
        """Return that nothing is known: what was read from a stream would be gone."""
        return Peek()


def _paths(lines: list[bytes]) -> list[Sample]:
    if any(b"\0" in line for line in lines):
        lines = b"".join(lines).split(b"\0")
    paths = [os.fsdecode(line) for line in (line.strip(b"\r\n") for line in lines) if line.strip()]
    if not paths:
        raise BadSource("standard input: expected paths, one a line; found none")
    ids = number_repeats(map(to_text, paths))
    return [Sample(name, Blob.of_path(path)) for name, path in zip(ids, paths, strict=True)]


def _texts(lines: list[bytes]) -> list[Sample]:
    if not lines:
        raise BadSource("standard input: expected texts, one a line; found none")
    return [
        Sample(f"line {number}", _decoded(line.rstrip(b"\r\n")))
        for number, line in enumerate(lines, 1)
    ]


def _raw_lines(lines: Iterable[bytes | str] | None, nouns: str) -> list[bytes]:
    """Return the lines as bytes, without a byte order mark; by default those of standard input."""
    if lines is None:
        if sys.stdin is None:
            raise BadSource(f"standard input: is closed; expected {nouns}, one a line")
        lines = sys.stdin.buffer
    raw = [
        line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line for line in lines
    ]
    return [line.removeprefix(b"\xef\xbb\xbf") for line in raw[:1]] + raw[1:]


def _decoded(line: bytes) -> str | bytes:
    """Return a line as text; bytes that are no UTF-8 are left for the modality to refuse."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line
