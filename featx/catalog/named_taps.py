"""Named taps: tensors of a backbone's graph that its card calls by a name, with the pooling that suits each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featx.errors import BadCard, BadOption
from featx.graphs.pooling import read_pooling

__all__ = ["NamedTap", "read_named_taps"]

# What the graph itself says: a card gives them no other meaning.
_TAKEN = ("penultimate", "last-map")
_KEYS = {"output", "pooling", "note"}
_MOST = 64
# Of a tensor's name, in characters.
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class NamedTap:
    """A tensor that a card calls by a name, ``[taps.NAME]``.

    Attributes
    ----------
    name : str
        What ``--tap`` and ``tap=`` take.
    output : str
        The tensor.
    pooling : str, default="none"
        How a row is made of it where no pooling is given.
    note : str, default=""
        What it is good for.
    """

    name: str
    output: str
    pooling: str = "none"
    note: str = ""

    def to_table(self) -> dict[str, Any]:
        """Return its table of a card.

        >>> NamedTap("mean-map", "relu_9", "mean").to_table()
        {'output': 'relu_9', 'pooling': 'mean'}
        """
        table = {"output": self.output, "pooling": self.pooling, "note": self.note}
        return {key: value for key, value in table.items() if value}


def read_named_taps(tables: Mapping[str, Any]) -> tuple[NamedTap, ...]:
    """Return what ``[taps]`` of a card says, in its order.

    Raises
    ------
    BadCard
        A name is taken or empty, a key is missing or unknown, or a value is of another kind.
    """
    if len(tables) > _MOST:
        raise BadCard(f"[taps] has {len(tables)} names: expected at most {_MOST}")
    return tuple(_read(name, table) for name, table in tables.items())


def _read(name: str, table: Any) -> NamedTap:
    where = f"[taps.{name:.80}]"
    if name in _TAKEN or not name.strip() or not name.isprintable():
        raise BadCard(f"{where}: expected another name than {', '.join(_TAKEN)}, that can be typed")
    if not isinstance(table, Mapping):
        raise BadCard(f"{where}: expected a table with the entry output, the name of a tensor")
    if strangers := sorted(set(table) - _KEYS):
        raise BadCard(f"{where} unknown key {strangers[0]!r}; known: {', '.join(sorted(_KEYS))}")
    if not table.get("output"):
        raise BadCard(f"{where} missing 'output'")
    for key, value in table.items():
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise BadCard(f"{where} {key} = {value!r:.80}: expected a text of at most {_LONGEST}")
    try:
        pooling = str(read_pooling(table.get("pooling", "none")))
    except BadOption as error:
        raise BadCard(f"{where} {error}") from None
    return NamedTap(name, table["output"], pooling, table.get("note", ""))
