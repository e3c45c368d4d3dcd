"""TOML of strangers: bounded before the standard library parses it, and refused in words."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from featx.storage.blob import Blob, describe_os_error

__all__ = ["parse_toml", "read_toml_file"]

# Characters: cards have a few thousand.
_LONGEST = 1 << 18
# Parts of a dotted key: the parser's time grows with their cube.
_PARTS = 16
# Tables and lists inside each other.
_DEPTH = 16
# Integers of 64 bits; no number of a card is larger.
_LARGEST = (1 << 63) - 1

# A name starts where none goes on; quantifiers are possessive, so that nothing is read twice.
_KEY = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DOTTED = rf"(?<![A-Za-z0-9_-]){_KEY}(?:[ \t]*+\.[ \t]*+{_KEY}){{{_PARTS},}}"


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table of a TOML text.

    Raises
    ------
    ValueError
        It is not TOML, or longer, deeper or with larger numbers than a text of featx ever is; the message says
        which in a few words.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"has {len(text)} characters, expected at most {_LONGEST}")
    # most cards have no such line, and need not wait for the expression
    dotted = any(line.count(".") >= _PARTS for line in text.splitlines())
    if dotted and re.search(_DOTTED, text):
        raise ValueError(f"has a key of more than {_PARTS} parts")
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"is nested more than {_DEPTH} deep") from None
    for key, value in _leaves(table, "", 0):
        if isinstance(value, float) and not math.isfinite(value) and key != "max_seconds":
            raise ValueError(f"{key} = {value}: expected a finite number")
        if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
            raise ValueError(f"{key}: a number beyond {_LARGEST}")
    return table


def read_toml_file(path: Path) -> str:
    """Return the text of a regular file.

    Raises
    ------
    ValueError
        It cannot be read, is no regular file, is too long, or is not UTF-8; the message says which.
    """
    blob = Blob.of_path(path)
    try:
        if blob.size > 4 * _LONGEST:
            raise ValueError(f"has {blob.size} bytes, expected at most {_LONGEST} characters")
        return blob.read().decode("utf-8")
    except OSError as error:
        raise ValueError(f"cannot be read: {describe_os_error(error)}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"cannot be read: not UTF-8: {error}") from error


def _leaves(value: Any, key: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Give every value that is no table or list, with the key that it stands under."""
    if depth > _DEPTH:
        raise ValueError(f"is nested more than {_DEPTH} deep")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, name, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key, depth + 1)
    else:
        yield key[:40], value
