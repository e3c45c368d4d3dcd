"""Names of backbones with another tap and pooling, as people type them."""

from __future__ import annotations

from contextlib import suppress

from featx.catalog.card import Card
from featx.catalog.directories import get_card
from featx.errors import BadOption, wrong_type
from featx.graphs.pooling import read_pooling

__all__ = ["read_name"]


def read_name(name: str) -> Card:
    """Return the card of ``NAME``, ``NAME@TAP`` or ``NAME@TAP:POOLING``.

    Raises
    ------
    UnknownBackbone
        No model directory has it.
    BadOption
        It is no text.

    Examples
    --------
    >>> card = read_name("featx-image-nano@last-map:max")
    >>> card.name, card.output, card.pooling
    ('featx-image-nano', 'last-map', 'max')
    """
    if not isinstance(name, str):
        raise wrong_type("backbone", name, "a name, a card or a backbone")
    own, at, tap = name.partition("@")
    if not at:
        return get_card(own)
    # A tensor's name may have colons, and so may a pooling: the longest end that is one.
    for place in (i for i, letter in enumerate(tap) if letter == ":"):
        with suppress(BadOption):
            pooling = str(read_pooling(tap[place + 1 :]))
            return get_card(own).variant(tap=tap[:place] or None, pooling=pooling)
    return get_card(own).variant(tap=tap or None)
