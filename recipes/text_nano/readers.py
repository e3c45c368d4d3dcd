"""Texts in the files of the repositories, one function a format."""

import csv
import json
import re
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "read_clinc",
    "read_columns",
    "read_fields",
    "read_lines",
    "read_nlupp",
    "read_snips",
    "read_split_pairs",
    "read_text",
    "read_zip",
    "remove_markup",
    "remove_tags",
    "review_sentence",
]


def read_text(path: Path) -> str:
    """Return the file's text; what is not UTF-8 becomes a replacement character."""
    return path.read_text(encoding="utf-8", errors="replace")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file."""
    return read_text(path).splitlines()


def read_columns(path: Path, positions: Sequence[int], delimiter: str = ",") -> Iterator[str]:
    """Yield the cells at ``positions`` of each row after the first; short rows give fewer."""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        if delimiter == ",":
            table = csv.reader(file)
        else:
            table = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        next(table)
        for row in table:
            yield from (row[i] for i in positions if i < len(row))


def read_fields(path: Path, names: Collection[str]) -> Iterator[str]:
    """Yield every string under one of ``names`` in JSON or JSON lines, however deep."""
    text = read_text(path)
    for document in text.splitlines() if path.suffix == ".jsonl" else [text]:
        yield from find_strings(json.loads(document), names)


def find_strings(node: Any, names: Collection[str]) -> Iterator[str]:
    """Yield every string under one of ``names`` in parsed JSON, in document order."""
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and key in names:
                yield value
            else:
                yield from find_strings(value, names)
    elif isinstance(node, list):
        for value in node:
            yield from find_strings(value, names)


def read_zip(path: Path, member: str, clean: Callable[[str], str]) -> Iterator[str]:
    """Yield the cleaned, non-empty lines of the members whose names match the pattern ``member``."""
    archive = zipfile.ZipFile(path)
    for name in archive.namelist():
        if re.search(member, name):
            lines = archive.read(name).decode("utf-8", "replace").splitlines()
            yield from filter(None, map(clean, lines))


def read_clinc(path: Path) -> Iterator[str]:
    """Yield the texts of CLINC150: lists of (text, intent) by split."""
    for split in json.loads(path.read_text(encoding="utf-8")).values():
        yield from (text for text, _ in split)


def read_snips(path: Path) -> Iterator[str]:
    """Yield the texts of SNIPS, which are stored in pieces."""
    for intent in json.loads(read_text(path)).values():
        yield from ("".join(piece["text"] for piece in example["data"]) for example in intent)


def read_nlupp(path: Path) -> Iterator[str]:
    """Yield the texts of NLU++: a list of examples."""
    yield from (example["text"] for example in json.loads(path.read_text(encoding="utf-8")))


def read_split_pairs(path: Path) -> Iterator[str]:
    """Yield both halves of each sentence of WikiSplit."""
    for line in read_lines(path):
        yield from line.split("\t")[1].split("<::::>")


def remove_tags(line: str) -> str:
    """Return a line of the Brown corpus without its parts of speech."""
    words = " ".join(word.rsplit("/", 1)[0] for word in line.split())
    return re.sub(r" ([.,;:?!])", r"\1", words)


def review_sentence(line: str) -> str:
    """Return what follows the annotation of a line of product reviews; "" without one."""
    return line.split("##")[1].strip() if "##" in line else ""


def remove_markup(line: str) -> str:
    """Return the line without what stands between angle brackets."""
    return re.sub(r"<[^>]*>", "", line).strip()
