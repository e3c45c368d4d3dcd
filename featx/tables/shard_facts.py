"""What the files beside shards of rows say: the facts of each, and the index of all of a folder.

They may come from anybody: what they say is bounded and fits together, or they are refused.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from featx.errors import BadTable
from featx.storage.address import blob_at
from featx.storage.blob import describe_os_error
from featx.storage.json_text import parse_json_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["INDEX", "SHARD_NAME", "digest_of_shard", "index_of_shards", "read_shard_facts"]

INDEX = "_index.json"
SHARD_NAME = re.compile(r"part-(\d{5})-of-(\d{5})\.parquet", re.ASCII)
"""The name of the file of a shard: its number, and that of all."""

# The most bytes of an index or of the facts of a shard.
_LARGEST = 256 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


def index_of_shards(folder: AnyPath) -> dict[str, Any]:
    """Return the index of a folder of shards; raise BadTable where there is none, or it is damaged."""
    if not (folder / INDEX).exists():
        raise BadTable(
            f"{folder}: has no {INDEX}: expected a folder of shards that is whole; finish it with "
            f"`featx merge {shlex.quote(str(folder))}`"
        )
    return _read_index(folder / INDEX)


def digest_of_shard(path: AnyPath) -> str:
    """Return the SHA-256 of a file in hex digits."""
    try:
        file: Any = blob_at(path).open()
        with file as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BadTable(f"{path}: cannot be read: {describe_os_error(error)}") from error


_FACTS: Mapping[str, type] = {
    "fingerprint": str,
    "dim": int,
    "dtype": str,
    "columns": dict,
    "samples": str,
    "rows": int,
    "bytes": int,
    "sha256": str,
    "rejects": list,
}
_ENTRY: Mapping[str, type] = {"name": str, "rows": int, "bytes": int, "sha256": str}


def read_shard_facts(path: AnyPath) -> dict[str, Any]:
    """Return the facts of a shard; raise BadTable where there are none, or they are damaged."""
    facts = _read_table(path, _FACTS)
    pairs = facts["rejects"]
    if not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
        for pair in pairs
    ):
        raise BadTable(f"{path}: expected pairs of id and reason as rejects; make the shard again")
    if not _is_shard(facts) or facts["dim"] < 1:
        raise BadTable(f"{path}: expected counts and a digest of the shard; make it again")
    return facts


def _read_index(path: AnyPath) -> dict[str, Any]:
    index = _read_table(path, {"fingerprint": str, "dim": int, "rows": int, "shards": list})
    entries = index["shards"]
    if not entries:
        raise BadTable(f"{path}: names no shards")
    if not all(_has(entry, _ENTRY) and _is_shard(entry) for entry in entries) or index["dim"] < 1:
        raise BadTable(f"{path}: expected the name, rows, bytes and digest of each shard")
    names = [SHARD_NAME.fullmatch(entry["name"]) for entry in entries]
    found = [(int(name[1]), int(name[2])) for name in names if name]
    # Rows of a shard that is left out would be lost without a word.
    if found != [(number, len(entries)) for number in range(len(entries))]:
        raise BadTable(
            f"{path}: expected all shards of one number of shards, each once and in order, such as "
            f"part-00000-of-{len(entries):05d}.parquet"
        )
    total = sum(entry["rows"] for entry in entries)
    if index["rows"] != total:
        raise BadTable(f"{path}: says {index['rows']} rows, its shards have {total}")
    return index


def _is_shard(entry: Mapping[str, Any]) -> bool:
    """Return whether counts are none below 0, and the digest is one."""
    counts = min(entry["rows"], entry["bytes"]) >= 0
    return counts and _DIGEST.fullmatch(entry["sha256"]) is not None


def _read_table(path: AnyPath, keys: Mapping[str, type]) -> dict[str, Any]:
    try:
        # A blob refuses a pipe, which would be waited for.
        file: Any = blob_at(path).open()
        with file as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise BadTable(f"{path}: cannot be read: {describe_os_error(error)}") from error
    try:
        table = parse_json_text(data, str(path), limit=_LARGEST)
    except ValueError as error:
        raise BadTable(f"{path}: not the facts of shards: {error}") from error
    if not _has(table, keys):
        raise BadTable(f"{path}: expected {', '.join(keys)}; make the shards again")
    return dict(table)


def _has(table: Any, keys: Mapping[str, type]) -> bool:
    return isinstance(table, dict) and all(
        isinstance(table.get(key), kind) and not isinstance(table.get(key), bool)
        for key, kind in keys.items()
    )
