"""What a file of skops describes, as inert values: nothing of it is imported, built or run.

``skops.io.loads`` builds each object as it meets it. Here an object is a record of its type's name and its
attributes, from which ``featx.heads.rebuild`` makes an estimator once every array has been compared with
every other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from featx.errors import BadArtifact
from featx.heads.stored import StoredName, StoredObject
from featx.storage.archive import ArchiveMembers, open_members
from featx.storage.arrays import read_array
from featx.storage.border import library_border
from featx.storage.json_text import parse_json_text

__all__ = ["named_types", "read_stored"]

_SCHEMA = "schema.json"
# The most bytes of a schema: ten thousand boosted trees have 30 million.
_LARGEST_SCHEMA = 1 << 27
# The newest protocol of skops whose nodes are read here.
_PROTOCOL = 2
# The most objects, tables and lists within each other.
_DEEPEST = 60
# Bytes of arrays that may be read for each byte of the file, since an array may be named many times.
_ARRAY_SHARE, _ARRAY_BYTES = 4, 1 << 26

_KEY_TYPES: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        **{f"numpy.{name}": int for name in ("int8", "int16", "int32", "int64", "uint8")},
        **{"builtins.int": int, "builtins.float": float, "numpy.float64": float},
    }
)


def read_stored(data: bytes) -> Any:
    """Return what a file of skops describes: numbers, texts, arrays, lists, tables, and records of objects.

    Raises
    ------
    BadArtifact
        The bytes are no such file, are damaged, or describe what no estimator of ``featx`` holds.
    """
    with open_members(data) as members, library_border(f"{_SCHEMA} cannot be read"):
        schema = parse_json_text(members.read(_SCHEMA), _SCHEMA, limit=_LARGEST_SCHEMA)
        protocol = schema["protocol"] if isinstance(schema, dict) else None
        if type(protocol) is not int or not 0 <= protocol <= _PROTOCOL:
            raise BadArtifact(
                f"{_SCHEMA} has protocol {protocol!r:.20}, expected 0 to {_PROTOCOL}; upgrade featx"
            )
        return _Reader(members, _ARRAY_SHARE * len(data) + _ARRAY_BYTES).read(schema, 0)


def named_types(data: bytes) -> frozenset[str]:
    """Return the full names of all types and functions that a file of skops names anywhere."""
    with open_members(data) as members, library_border(f"{_SCHEMA} cannot be read"):
        nodes = [parse_json_text(members.read(_SCHEMA), _SCHEMA, limit=_LARGEST_SCHEMA)]
        names = set()
        while nodes:
            node = nodes.pop()
            if isinstance(node, dict):
                if "__loader__" in node:
                    names.add(f"{node.get('__module__')}.{node.get('__class__')}")
                nodes += node.values()
            elif isinstance(node, list):
                nodes += node
        return frozenset(names)


class _Reader:
    """Reads the nodes of one schema."""

    def __init__(self, members: ArchiveMembers, array_bytes: int) -> None:
        self._members = members
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._array_bytes = array_bytes

    def read(self, node: Any, depth: int) -> Any:
        """Return what a node describes."""
        if depth > _DEEPEST:
            raise BadArtifact(f"{_SCHEMA} is nested deeper than {_DEEPEST} objects")
        if not isinstance(node, dict):
            raise BadArtifact(f"{_SCHEMA} has {node!r:.40}, expected a description")
        loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
        if loader == "JsonNode":
            return _scalar(node["content"])
        if loader == "DictNode":
            return self._table(node, depth)
        if loader in ("ListNode", "SetNode"):
            return [self.read(one, depth + 1) for one in _list(node["content"])]
        if loader == "TupleNode" and name == "builtins.tuple":
            return tuple(self.read(one, depth + 1) for one in _list(node["content"]))
        if loader == "NdArrayNode":
            return self._array(node, name, depth)
        if loader in ("TypeNode", "FunctionNode"):
            return StoredName(name)
        if loader in ("ObjectNode", "LossNode", "TreeNode", "ReduceNode"):
            content = node.get("content")
            state = None if content is None else self.read(content, depth + 1)
            arguments = node.get("__reduce__")
            given = self.read(arguments["args"], depth + 1) if arguments is not None else ()
            return StoredObject(name, state if isinstance(state, dict) else {}, given)
        # What is left (random generators, bound methods, bytes) is never computed with.
        return StoredObject(name, {}, ())

    def _table(self, node: Mapping[str, Any], depth: int) -> dict[Any, Any]:
        content, key_types = node["content"], _list(node["key_types"]["content"])
        if not isinstance(content, dict) or len(content) != len(key_types):
            raise BadArtifact(f"{_SCHEMA} has a table whose keys and their types do not fit")
        table = {}
        for (key, value), kind in zip(content.items(), key_types, strict=True):
            convert = _KEY_TYPES.get(f"{kind['__module__']}.{kind['__class__']}", str)
            table[convert(key)] = self.read(value, depth + 1)
        return table

    def _array(self, node: Mapping[str, Any], name: str, depth: int) -> Any:
        if node["type"] == "json":
            # An array of objects: its items are read, and are as many as its shape says.
            return self._items(_list(node["content"]), depth)
        if node["type"] != "numpy" or not isinstance(node["file"], str):
            raise BadArtifact(f"{_SCHEMA} has an array of the unknown type {node['type']!r:.20}")
        if node["file"] not in self._arrays:
            self._arrays[node["file"]] = read_array(self._members, node["file"])
        array = self._arrays[node["file"]]
        self._array_bytes -= array.nbytes
        if self._array_bytes < 0:
            raise BadArtifact(f"{_SCHEMA} names arrays many times over")
        if name == "numpy.ndarray":
            return array
        if array.shape != ():
            raise BadArtifact(f"{_SCHEMA} has a {name:.40} of shape {array.shape}")
        return array.item()

    def _items(self, nodes: list[Any], depth: int) -> list[Any]:
        if depth > _DEEPEST:
            raise BadArtifact(f"{_SCHEMA} is nested deeper than {_DEEPEST} objects")
        return [
            self._items(one, depth + 1) if isinstance(one, list) else self.read(one, depth + 1)
            for one in nodes
        ]


def _scalar(text: Any) -> bool | int | float | str | None:
    """Return the value of a JSON text that is neither a table nor a list."""
    if not isinstance(text, str) or text[:1] in ("[", "{", " "):
        raise BadArtifact(f"{_SCHEMA} has a value {text!r:.40}, expected one number or text")
    value: bool | int | float | str | None = json.loads(text)
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadArtifact(f"{_SCHEMA} has {value!r:.40}, expected a list")
    return value
