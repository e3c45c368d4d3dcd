"""Entries of configuration files: values checked for their kind, each with where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from featx.errors import BadModelFolder
from featx.hub.recipe import Setting
from featx.modalities import shown

__all__ = [
    "Entries",
    "flag_of",
    "is_whole",
    "number_of",
    "plain_size",
    "table_of",
    "text_of",
]

# Pixels, or anything else that is counted in a configuration of pictures.
_LARGEST = 16_384
# Means, standard deviations and factors: what a float32 takes after it was divided by another.
_LARGEST_NUMBER = 1e9
# Characters of a prompt or a name.
_LONGEST = 100_000


def is_whole(value: Any) -> bool:
    """Return whether a value is a positive whole number of pixels.

    >>> is_whole(224), is_whole(0), is_whole(True), is_whole(224.0)
    (True, False, False, False)
    """
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST


def plain_size(sides: list[int]) -> int | list[int]:
    """Return height and width as a crop is written: of a square, one number.

    >>> plain_size([224, 224]), plain_size([224, 192])
    (224, [224, 192])
    """
    return sides[0] if sides[0] == sides[1] else sides


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
    value: str | None = _checked(table, key, where, _is_text, "expected text")
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
    value: bool | None = _checked(table, key, where, _is_flag, "expected true or false")
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

    def is_number(value: Any) -> bool:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool) and value >= least

    expected = f"expected a whole number of {least} or more"
    value = _checked(table, key, where, is_number, expected)
    return None if value is None else int(value)


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
    return _checked(table, key, where, _is_table, "expected a table") or {}


class Entries:
    """A table of a configuration file, whose values are checked where they are taken.

    Parameters
    ----------
    table : mapping
        What the file holds, which may be anything.
    folder : path
        The folder, for messages.
    file : str
        The name of the file.
    prefix : str, default=""
        The key of the table in the file, with a full stop behind it.
    kind : str
        What gives the defaults.

    Examples
    --------
    >>> entries = Entries({"crop_pct": 0.9}, "m", "config.json", "pretrained_cfg.", "timm")
    >>> entries.number("crop_pct", 0.875)
    Setting(value=0.9, origin='config.json: pretrained_cfg.crop_pct')
    >>> entries.flag("do_resize", True).origin
    'default of timm'
    """

    def __init__(
        self, table: Mapping[str, Any], folder: str | Path, file: str, prefix: str, kind: str
    ) -> None:
        self.table, self.kind = table, kind
        # what a person should know of how the values were read
        self.remarks: list[str] = []
        self._folder, self._file, self._prefix = folder, file, prefix

    def origin(self, key: str) -> str:
        """Return where the value of a key stands."""
        return f"{self._file}: {self._prefix}{key}"

    def inner(self, key: str) -> Entries:
        """Return a table within the table; an empty one where there is none.

        Raises
        ------
        BadModelFolder
            The value is no table.
        """
        found = self.take(key, {}, _is_table, "a table").value
        return Entries(found, self._folder, self._file, f"{self._prefix}{key}.", self.kind)

    def has(self, key: str) -> bool:
        """Return whether a key has a value that is not null."""
        return self.table.get(key) is not None

    def fault(self, key: str, expected: str) -> BadModelFolder:
        """Return the refusal of a key's value."""
        return _fault(
            f"{self._folder}: {self._file}", self._prefix + key, self.table.get(key), expected
        )

    def refusal(self, reason: str) -> BadModelFolder:
        """Return the refusal of the whole table."""
        return BadModelFolder(f"{self._folder}: {self._file}: {self.kind}: {reason}")

    def take(self, key: str, default: Any, check: Callable[[Any], bool], expected: str) -> Setting:
        """Return a value that passes a check; the default where it is absent or null.

        Raises
        ------
        BadModelFolder
            The value does not pass.
        """
        where = f"{self._folder}: {self._file}"
        value = _checked(self.table, key, where, check, f"expected {expected}", self._prefix)
        return self.default(default) if value is None else Setting(value, self.origin(key))

    def default(self, value: Any) -> Setting:
        """Return a value that no file gives."""
        return Setting(value, f"default of {self.kind}")

    def flag(self, key: str, default: bool) -> Setting:
        """Return a truth value; a null in place of true is told, because a library may take it for false."""
        if default and key in self.table and not self.has(key):
            self.remarks.append(
                f"{self.origin(key)} is null: taken as true, the default of {self.kind}"
            )
        return self.take(key, default, _is_flag, "true or false")

    def number(self, key: str, default: float) -> Setting:
        """Return a finite number above 0."""
        return self.take(key, default, _is_positive, "a number above 0")

    def channels(self, key: str, default: tuple[float, ...], *, positive: bool) -> Setting:
        """Return three numbers as a list; a single one stands for all three."""
        check = _is_positive if positive else _is_number

        def fits(value: Any) -> bool:
            values = value if isinstance(value, list) else [value] * 3
            return len(values) == 3 and all(map(check, values))

        kind = "numbers above 0" if positive else "numbers"
        found = self.take(key, list(default), fits, f"three {kind}, one a channel")
        values = found.value if isinstance(found.value, list) else [found.value] * 3
        return Setting(list(map(float, values)), found.origin)

    def one_of(self, key: str, default: Any, known: Collection[Any]) -> Setting:
        """Return one of the values that are known."""
        names = ", ".join(map(str, known))

        def is_known(value: Any) -> bool:
            return isinstance(value, (str, int)) and not isinstance(value, bool) and value in known

        return self.take(key, default, is_known, f"one of {names}")


def _checked(
    table: Mapping[str, Any],
    key: str,
    where: str,
    check: Callable[[Any], bool],
    expected: str,
    prefix: str = "",
) -> Any:
    """Return a value that passes a check, or None where the key is absent or null; ``where`` names the file."""
    value = table.get(key)
    if value is not None and not check(value):
        raise _fault(where, prefix + key, value, expected)
    return value


def _fault(where: str, key: str, value: Any, expected: str) -> BadModelFolder:
    return BadModelFolder(f"{where}: {key} = {shown(value)}: {expected}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_number(value: Any) -> bool:
    whole = isinstance(value, (int, float)) and not isinstance(value, bool)
    return whole and -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value >= 1 / _LARGEST_NUMBER and math.isfinite(value)
