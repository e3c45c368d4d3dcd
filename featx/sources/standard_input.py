"""Samples from the lines of standard input: paths, or texts."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from featx.errors import BadSource
from featx.sources.file_names import FileFinder
from featx.sources.sample import Sample, number_repeats
from featx.sources.source import Columns, Peek, Readable, refuse_columns
from featx.sources.table_text import check_encoding, decode_text
from featx.storage.blob import to_text

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
        is a path, and empty ones are left out; they may also be separated by NUL (``find -print0``). What
        begins with a byte order mark of UTF-16 is read as such.
        """
        refuse_columns(self._columns, "standard input", also=("encoding", "root"))
        encoding, root = self._columns.encoding, self._columns.root
        known = None if encoding is None else check_encoding(encoding)
        if readable.string_is_sample:
            return _texts(_raw_lines(self._lines, "texts", known), known)
        finder = FileFinder.below(root, Path(), readable.suffixes)
        return _paths(_raw_lines(self._lines, "paths", known), finder, known)

    def peek(self) -> Peek:
        """Return that nothing is known: what was read from a stream would be gone."""
        return Peek()


def _paths(lines: list[bytes], finder: FileFinder, encoding: str | None) -> list[Sample]:
    if any(b"\0" in line for line in lines):
        lines = b"".join(lines).split(b"\0")
    named = [line for line in (line.strip(b"\r\n") for line in lines) if line.strip()]
    if not named:
        raise BadSource("standard input: expected paths, one a line; found none")
    # Names of files are bytes: they are decoded only where a user says how.
    names = map(os.fsdecode, named) if encoding is None else (_decoded(n, encoding) for n in named)
    found = [finder.find(os.fsdecode(name)) for name in names]
    ids = number_repeats(to_text(name) for name, _ in found)
    return [Sample(name, blob) for name, (_, blob) in zip(ids, found, strict=True)]


def _texts(lines: list[bytes], encoding: str | None) -> list[Sample]:
    if not lines:
        raise BadSource("standard input: expected texts, one a line; found none")
    return [
        Sample(f"line {number}", _decoded(line.rstrip(b"\r\n"), encoding or "utf-8"))
        for number, line in enumerate(lines, 1)
    ]


def _raw_lines(
    lines: Iterable[bytes | str] | None, nouns: str, encoding: str | None
) -> list[bytes]:
    """Return the lines as bytes, without a byte order mark; by default those of standard input.

    What is UTF-16 or UTF-32, in which a line end is no single byte, comes as UTF-8.
    """
    if lines is None:
        if sys.stdin is None:
            raise BadSource(f"standard input: is closed; expected {nouns}, one a line")
        lines = sys.stdin.buffer
    raw = [
        line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line for line in lines
    ]
    wide = (encoding or "").startswith(("utf-16", "utf-32"))
    if raw and (wide or raw[0].startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))):
        text = decode_text(b"".join(raw), encoding, "standard input")
        raw = [
            line.encode("utf-8", "surrogatepass") for line in text.removesuffix("\n").split("\n")
        ]
    return [line.removeprefix(b"\xef\xbb\xbf") for line in raw[:1]] + raw[1:]


def _decoded(line: bytes, encoding: str) -> str | bytes:
    """Return a line as text; bytes in another encoding are left for the modality to refuse."""
    try:
        return line.decode("utf-8" if encoding.startswith(("utf-16", "utf-32")) else encoding)
    except UnicodeDecodeError:
        return line
