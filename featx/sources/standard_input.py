"""Samples from the lines of standard input: paths, or texts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import BinaryIO

from featx.errors import BadSource
from featx.sources.kept import asked_columns
from featx.sources.line_batches import BYTE_ORDER_MARK, read_batches
from featx.sources.sample import IdNumbering, Sample
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
        refuse_columns(self._columns, "standard input")
        texts, kept = readable.string_is_sample, bool(self.kept(readable))
        nouns = "texts" if texts else "paths"
        make: Callable[[bytes], Sample | None] = _text_maker() if texts else _path_maker()
        empty = True
        for batch in read_batches(_binary_input(nouns), most, wait, nul=not texts):
            if samples := [sample for line in batch if (sample := make(line))]:
                empty = False
                yield [_with_text(sample) for sample in samples] if kept else samples
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


def _with_text(sample: Sample) -> Sample:
    return replace(sample, columns={"text": sample.data if isinstance(sample.data, str) else None})


def _paths(lines: list[bytes]) -> list[Sample]:
    if any(b"\0" in line for line in lines):
        lines = b"".join(lines).split(b"\0")
    make = _path_maker()
    samples = [sample for line in lines if (sample := make(line))]
    if not samples:
        raise _nothing("paths")
    return samples


def _texts(lines: list[bytes]) -> list[Sample]:
    if not lines:
        raise _nothing("texts")
    make = _text_maker()
    return [make(line) for line in lines]


def _path_maker() -> Callable[[bytes], Sample | None]:
    """Return what makes a sample of a line with a path, and None of an empty one."""
    number = IdNumbering()

    def make(line: bytes) -> Sample | None:
        line = line.strip(b"\r\n")
        path = os.fsdecode(line)
        return Sample(number(to_text(path)), Blob.of_path(path)) if line.strip() else None

    return make


def _text_maker() -> Callable[[bytes], Sample]:
    """Return what makes a sample of a line with a text."""
    numbers = count(1)
    return lambda line: Sample(f"line {next(numbers)}", _decoded(line.rstrip(b"\r\n")))


def _nothing(nouns: str) -> BadSource:
    return BadSource(f"standard input: expected {nouns}, one a line; found none")


def _binary_input(nouns: str) -> BinaryIO:
    if sys.stdin is None:
        raise BadSource(f"standard input: is closed; expected {nouns}, one a line")
    return sys.stdin.buffer


def _raw_lines(lines: Iterable[bytes | str] | None, nouns: str) -> list[bytes]:
    """Return the lines as bytes, without a byte order mark; by default those of standard input."""
    raw = [
        line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line
        for line in (_binary_input(nouns) if lines is None else lines)
    ]
    return [line.removeprefix(BYTE_ORDER_MARK) for line in raw[:1]] + raw[1:]


def _decoded(line: bytes) -> str | bytes:
    """Return a line as text; bytes that are no UTF-8 are left for the modality to refuse."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line
