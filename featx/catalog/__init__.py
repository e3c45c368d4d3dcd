"""Which backbones exist, where their bytes are, and proof that they are the right bytes."""

from featx.catalog.cards import POOLINGS, Card, File
from featx.catalog.descents import PRECISIONS, Descent
from featx.catalog.downloads import missing_bytes, pull
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
