"""JSON that someone else may have written, bounded before anything of it is built."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from featx.errors import BadArtifact
from featx.storage.border import library_border

__all__ = ["parse_json_text"]

# The most containers and values: a head of ten thousand boosted trees has some 300 000 of each.
_MOST_CONTAINERS, _MOST_VALUES = 2_000_000, 8_000_000
# The most containers within each other.
_DEEPEST = 200
# The most digits of a whole number.
_MOST_DIGITS = 400


def parse_json_text(data: bytes, subject: str, *, limit: int) -> Any:
    """Return the value of a JSON text in UTF-8 whose keys are unique.

    Parameters
    ----------
    data : bytes
    subject : str
        The name of what is read, for messages.
    limit : int
        The most bytes.

    Raises
    ------
    BadArtifact
        The bytes are no JSON, or larger, deeper or of more values than anything that featx writes.

    Examples
    --------
    >>> parse_json_text(b'{"a": [1, 2]}', "note", limit=100)
    {'a': [1, 2]}
    """
    if len(data) > limit:
        raise BadArtifact(f"{subject}: {len(data):,} bytes, expected at most {limit:,}")
    containers = data.count(b"{") + data.count(b"[")
    if containers > _MOST_CONTAINERS or data.count(b",") > _MOST_VALUES:
        raise BadArtifact(f"{subject}: holds {containers:,} tables and lists, or too many values")
    if _deepest(data) > _DEEPEST and _exact_depth(data) > _DEEPEST:
        raise BadArtifact(f"{subject}: is nested deeper than {_DEEPEST}")
    with library_border(f"{subject}: not JSON"):
        return json.loads(data.decode("utf-8"), object_pairs_hook=_table, parse_int=_whole)


def _deepest(data: bytes) -> int:
    """Return how deep brackets are nested, those within texts included."""
    codes = np.frombuffer(data, np.uint8)
    opened = np.isin(codes, np.frombuffer(b"[{", np.uint8)).view(np.int8)
    closed = np.isin(codes, np.frombuffer(b"]}", np.uint8)).view(np.int8)
    return int(np.cumsum(opened - closed, dtype=np.int64).max(initial=0))


def _exact_depth(data: bytes) -> int:
    """Return how deep tables and lists are nested; it takes longer."""
    depth = deepest = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', data, re.DOTALL):
        first = token.group()[:1]
        depth += (first in b"[{") - (first in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice in one table")
    return table


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)
