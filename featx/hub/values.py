"""Values of a configuration: each of the kind and within the bounds that it must be, or refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featx.errors import BadModelFolder

__all__ = ["flag_of", "number_of", "table_of", "text_of"]

_SHOWN = 60
# Characters of a prompt or a name.
_LONGEST = 100_000


def text_of(table: Mapping[str, Any], key: str, where: str) -> str | None:
    """Return a text, or None where the key is absent or null; ``where`` names the file.

    Raises
    ------
    BadModelFolder
        It is no text, or one that is longer than any prompt.

    Examples
    --------
    >>> text_of({"padding_side": "left"}, "padding_side", "tokenizer_config.json")
    'left'
    """
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or len(value) > _LONGEST):
        raise _wrong(where, key, value, "text")
    return value


def flag_of(table: Mapping[str, Any], key: str, where: str) -> bool | None:
    """Return true or false, or None where the key is absent or null.

    Raises
    ------
    BadModelFolder
        It is neither.

    Examples
    --------
    >>> flag_of({"include_prompt": False}, "include_prompt", "1_Pooling/config.json")
    False
    """
    value = table.get(key)
    if value is not None and not isinstance(value, bool):
        raise _wrong(where, key, value, "true or false")
    return value


def number_of(table: Mapping[str, Any], key: str, where: str, *, least: int = 0) -> int | None:
    """Return a whole number of ``least`` or more, or None where the key is absent or null.

    Large ones are returned as they are: 1e30 stands for no limit in some files.

    Raises
    ------
    BadModelFolder
        It is no such number.

    Examples
    --------
    >>> number_of({"max_length": 128.0}, "max_length", "tokenizer_config.json")
    128
    """
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise _wrong(where, key, value, f"a whole number of {least} or more")
    return value


def table_of(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """Return a table within another, empty where the key is absent or null.

    Raises
    ------
    BadModelFolder
        It is no table.

    Examples
    --------
    >>> table_of({}, "prompts", "config_sentence_transformers.json")
    {}
    """
    value = table.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(where, key, value, "a table")
    return value


def _wrong(where: str, key: str, value: Any, expected: str) -> BadModelFolder:
    shown = repr(value)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    return BadModelFolder(f"{where}: {key} = {shown}: expected {expected}")
