"""Which backbones exist, where their bytes are, and proof that they are the right bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx.catalog.cards import POOLINGS, Card, File
from featx.catalog.descents import PRECISIONS, Descent
from featx.catalog.proofs import digest, find, prove
from featx.catalog.shelves import (
    BUNDLED,
    default_card,
    get_card,
    list_cards,
    locate,
    new_place,
    remove,
    shelves,
    shipped_shelf,
    user_shelf,
)
from featx.rooms import from_rooms

if TYPE_CHECKING:
    from featx.catalog.downloads import missing_bytes as missing_bytes
    from featx.catalog.downloads import pull as pull

__all__ = [
    "BUNDLED",
    "POOLINGS",
    "PRECISIONS",
    "Card",
    "Descent",
    "File",
    "default_card",
    "digest",
    "find",
    "get_card",
    "list_cards",
    "locate",
    "missing_bytes",
    "new_place",
    "prove",
    "pull",
    "remove",
    "shelves",
    "shipped_shelf",
    "user_shelf",
]

__getattr__ = from_rooms(
    "featx.catalog",
    {"missing_bytes": "featx.catalog.downloads", "pull": "featx.catalog.downloads"},
)
