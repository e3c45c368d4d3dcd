"""From anything image-like, text-like or sound-like to the tensors that a card asks for.

A modality is one module here and one line in the table below; it is described in a card by a table of the
modality's name. No other room of featx knows which modalities exist.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.errors import BadCard
from featx.storage.blob import Blob

__all__ = [
    "DEFAULTS",
    "MODALITIES",
    "Batch",
    "Reader",
    "Settings",
    "among",
    "kind_of",
    "read_settings",
    "refuse_unknown",
    "suffixes",
]


MODALITIES: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx.modalities.image.settings:ImageSettings",
        "text": "featx.modalities.text.settings:TextSettings",
        "audio": "featx.modalities.audio.settings:AudioSettings",
    }
)
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx-image-nano",
        "text": "featx-text-nano",
        "audio": "featx-audio-mel",
    }
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors for one run of a graph.

    ``feeds`` are named as graphs of the modality name their inputs, all with the same first axis; a graph
    with one input takes the only feed whatever its name. ``item_index`` says, for each index on that axis,
    which of the items given to ``Reader.batches`` it belongs to. ``mask``, of shape (n, places), is False
    where a place (a token, say) is only padding; None where there is none.
    """

    feeds: Mapping[str, npt.NDArray[Any]]
    item_index: npt.NDArray[np.intp]
    mask: npt.NDArray[np.bool_] | None = None


class Reader(Protocol):
    """What turns samples of one modality into batches; may be used from several threads at once."""

    chunk: int  # how many samples one worker should take at a time when nobody says
    batch: int  # and how many of them should go through the graph together

    def load(self, data: Any) -> Any:
        """The content of a sample: bytes of a path, else the thing itself. Raises BadSample."""

    def digest(self, content: Any) -> bytes:
        """What identifies the content: 32 bytes, equal for equal content."""

    def read(self, content: Any) -> Any:
        """The content decoded and preprocessed: one item. Raises BadSample."""

    def batches(self, items: Sequence[Any], size: int) -> Iterable[Batch]:
        """Items as batches of at most ``size``, in any order; an item may take several places."""

    def merge(self, rows: FloatArray, item_index: npt.NDArray[np.intp], n: int) -> FloatArray:
        """Rows of all batches, in the order of ``item_index``, as one row for each of ``n`` items."""


class Settings(Protocol):
    """A modality's table in a card, as a frozen dataclass: all that decides the preprocessing."""

    modality: ClassVar[str]
    suffixes: ClassVar[frozenset[str]]
    plain: ClassVar[str]  # what its baseline is called, in the plural
    string_is_sample: ClassVar[
        bool
    ]  # whether a str is the sample itself, or names the file that holds it

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Settings:
        """The settings that a card's table describes; raises BadCard."""

    def open(self, files: Mapping[str, Blob]) -> Reader:
        """The reader; ``files`` are the card's further files, by name."""

    def canary(self) -> Any:
        """A built-in sample, the same on every machine."""

    def baseline(self) -> Reader:
        """A reader whose items are themselves rows: what is known without any backbone."""


def read_settings(modality: str, table: Mapping[str, Any]) -> Settings:
    """The settings that a card's table describes.

    Raises
    ------
    BadCard
        The modality is unknown, or the table has an unknown key or an impossible value.
    """
    return kind_of(modality).from_table(table)


def suffixes(modality: str) -> frozenset[str]:
    """The file suffixes, lower case and with their dot, that a folder offers for a modality."""
    return kind_of(modality).suffixes


def kind_of(modality: str) -> type[Settings]:
    """The settings of a modality, as a type: what its cards may say.

    Raises
    ------
    BadCard
        The modality is unknown.
    """
    if modality not in MODALITIES:
        raise BadCard(f"modality {modality!r}: expected one of {', '.join(MODALITIES)}")
    module, _, name = MODALITIES[modality].partition(":")
    kind: type[Settings] = getattr(import_module(module), name)
    return kind


def refuse_unknown(kind: type[Any], table: Mapping[str, Any]) -> None:
    """Raise BadCard where a card's table has a key that the modality's settings do not."""
    known = {field.name for field in fields(kind)}
    if strangers := sorted(set(table) - known):
        raise BadCard(
            f"[{kind.modality}] unknown key {strangers[0]!r}; known: {', '.join(sorted(known))}"
        )


def among(modality: str, name: str, value: Any, known: Collection[str]) -> None:
    """Raise BadCard where an entry of a card's table is none of those that there are."""
    # a tuple: a table or a list, as a damaged card may hold, has no hash
    if value not in tuple(known):
        raise BadCard(f"[{modality}] {name} = {value!r}: expected one of {', '.join(known)}")
