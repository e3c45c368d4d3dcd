"""Facts of samples that need no backbone: how large, bright, long or loud they are, and a signature of each.

Equal or nearly equal contents have signatures that differ in few bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Protocol

from featx._lazy import load_named
from featx.modalities import ItemReader, Settings

__all__ = ["FACTS", "FactsReader", "open_facts"]

FACTS: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx.modalities.image.facts:ImageFacts",
        "text": "featx.modalities.text.facts:TextFacts",
        "audio": "featx.modalities.audio.facts:AudioFacts",
    }
)


class FactsReader(ItemReader, Protocol):
    """A reader whose items are rows: a number for each name, then the bits of a signature, as -1 and 1."""

    names: ClassVar[tuple[str, ...]]
    """What the first columns are."""
    bits: ClassVar[int]
    """How many columns the signature has; 0 where there is none."""
    near_bits: ClassVar[int]
    """In how many bits the signatures of nearly equal contents differ at most."""

    @classmethod
    def of(cls, settings: Settings) -> FactsReader:
        """Return the reader for samples that a card reads with these settings."""


def open_facts(settings: Settings) -> FactsReader:
    """Return the reader of facts for samples that a card reads with these settings.

    Examples
    --------
    >>> from featx.catalog import get_card
    >>> open_facts(get_card("featx-text-nano").input).names
    ('characters', 'words', 'letters')
    """
    kind: type[FactsReader] = load_named(FACTS[settings.modality])
    return kind.of(settings)
