"""Samples from the lines of standard input: paths, or texts."""

from __future__ import annotations

import codecs
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO

from featx.errors import BadSource, FeatxWarning
from featx.sources.file_names import Finder, find_below
from featx.sources.kept import asked_columns
from featx.sources.line_batches import read_batches
from featx.sources.sample import IdNumbering, Sample
from featx.sources.source import Columns, Peek, Readable, refuse_columns
from featx.sources.table_text import check_encoding, decode_text
from featx.storage.blob import to_text

__all__ = ["StandardInput"]

Make = Callable[[bytes], Sample | None]
# Characters of the longest line that is looked at for being a row of a table.
_LONGEST_ROW = 1 << 16


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
        nouns, encoding, make = self._opened(readable)
        lines = _raw_lines(self._lines, nouns, encoding)
        if not readable.string_is_sample and any(b"\0" in line for line in lines):
            lines = b"".join(lines).split(b"\0")
        samples = [sample for line in lines if (sample := make(line))]
        if not samples:
            raise _nothing(nouns)
        return samples

    def batches(
        self, readable: Readable, *, most: int = 1024, wait: float = 0.05
    ) -> Iterator[list[Sample]]:
        """Give the same samples as they come: up to ``most`` at a time, or what came within ``wait`` seconds.

        Whether paths end in NUL or in lines is told by the first block of bytes. Lines that stand in for
        standard input are taken at once.
        """
        if self._lines is not None:
            yield self.samples(readable)
            return
        nouns, encoding, make = self._opened(readable)
        stream, nul = _binary_input(nouns), not readable.string_is_sample
        empty = True
        for batch in read_batches(stream, most, wait, nul=nul, encoding=encoding):
            if samples := [sample for line in batch if (sample := make(line))]:
                empty = False
                yield samples
        if empty:
            raise _nothing(nouns)

    def kept(self, readable: Readable) -> list[str]:
        """Return the columns that the samples carry along: the text, where it was asked for.

        Raises
        ------
        BadSource
            Another column was asked for.
        """
        known = ["text"] if readable.string_is_sample else []
        return asked_columns(self._columns.keep, known, "standard input")

    def _opened(self, readable: Readable) -> tuple[str, str | None, Make]:
        """Return what the lines are called, their encoding, and what makes samples of them."""
        refuse_columns(self._columns, "standard input", also=("encoding", "root"))
        named, root = self._columns.encoding, self._columns.root
        encoding = None if named is None else check_encoding(named)
        keeps = bool(self.kept(readable)) if self._columns.keep else None
        if readable.string_is_sample:
            return "texts", encoding, _text_maker(encoding or "utf-8", keeps)
        finder = find_below(root, Path(), readable.suffixes)
        return "paths", encoding, _path_maker(finder, encoding, keeps)

    def peek(self) -> Peek:
        """Return that nothing is known: what was read from a stream would be gone."""
        return Peek()


def _path_maker(finder: Finder, encoding: str | None, keeps: bool | None) -> Make:
    """Return what makes a sample of a line with a path, and None of an empty one."""
    number = IdNumbering()

    def make(line: bytes) -> Sample | None:
        line = line.strip(b"\r\n")
        if not line.strip():
            return None
        # Names of files are bytes: they are decoded only where a user says how.
        name = line if encoding is None else _decoded(line, encoding)
        found, blob = finder.find(os.fsdecode(name))
        return Sample(number(to_text(found)), blob, None, None if keeps is None else {})

    return make


def _text_maker(encoding: str, keeps: bool | None) -> Make:
    """Return what makes a sample of a line with a text, which goes along where it ``keeps`` it."""
    numbers = count(1)

    def make(line: bytes) -> Sample:
        text = _decoded(line.rstrip(b"\r\n"), encoding)
        number = next(numbers)
        if number == 1 and _is_json_object(text):
            warnings.warn(
                "standard input: the first line is a JSON object; each line is one text, its braces and "
                "names with it; a table is read from a file, NAME.jsonl",
                FeatxWarning,
                stacklevel=2,
            )
        kept = {"text": text if isinstance(text, str) else None} if keeps else {}
        return Sample(f"line {number}", text, None, None if keeps is None else kept)

    return make


def _is_json_object(line: str | bytes) -> bool:
    """Return whether a short line is an object of JSON, such as a row of a table."""
    if not (isinstance(line, str) and len(line) < _LONGEST_ROW and line.startswith("{")):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _nothing(nouns: str) -> BadSource:
    return BadSource(f"standard input: expected {nouns}, one a line; found none")


def _binary_input(nouns: str) -> BinaryIO:
    if sys.stdin is None:
        raise BadSource(f"standard input: is closed; expected {nouns}, one a line")
    return sys.stdin.buffer


def _raw_lines(
    lines: Iterable[bytes | str] | None, nouns: str, encoding: str | None
) -> list[bytes]:
    """Return the lines as bytes, without a byte order mark; by default those of standard input.

    What is UTF-16 or UTF-32, in which a line end is no single byte, comes as UTF-8.
    """
    raw = [
        line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line
        for line in (_binary_input(nouns) if lines is None else lines)
    ]
    wide = (encoding or "").startswith(("utf-16", "utf-32"))
    if raw and (wide or raw[0].startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))):
        text = decode_text(b"".join(raw), encoding, "standard input")
        raw = [
            line.encode("utf-8", "surrogatepass") for line in text.removesuffix("\n").split("\n")
        ]
    return [line.removeprefix(codecs.BOM_UTF8) for line in raw[:1]] + raw[1:]


def _decoded(line: bytes, encoding: str) -> str | bytes:
    """Return a line as text; bytes in another encoding are left for the modality to refuse."""
    try:
        return line.decode("utf-8" if encoding.startswith(("utf-16", "utf-32")) else encoding)
    except UnicodeDecodeError:
        return line
