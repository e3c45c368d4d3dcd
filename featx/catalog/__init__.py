"""The catalogue: which backbones exist, where their bytes are, and whether they are the right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes
from featx.catalog.card import Card, File
from featx.catalog.directories import (
    BUNDLED,
    bundled_directory,
    default_card,
    get_card,
    is_shipped,
    list_cards,
    locate,
    model_directories,
    new_directory,
    remove,
    user_directory,
)
from featx.catalog.quantization import PRECISIONS, QuantizationInfo
from featx.catalog.short_names import SHORT_NAMES, ShortName, advice_for
from featx.catalog.verify import digest, find, names_beside, verify_files

if TYPE_CHECKING:
    from featx.catalog.download import missing_bytes as missing_bytes
    from featx.catalog.download import pull as pull

__all__ = [
    "BUNDLED",
    "PRECISIONS",
    "SHORT_NAMES",
    "Card",
    "File",
    "QuantizationInfo",
    "ShortName",
    "advice_for",
    "bundled_directory",
    "default_card",
    "digest",
    "find",
    "get_card",
    "is_shipped",
    "list_cards",
    "locate",
    "missing_bytes",
    "model_directories",
    "names_beside",
    "new_directory",
    "pull",
    "remove",
    "user_directory",
    "verify_files",
]

__getattr__ = lazy_attributes(
    "featx.catalog",
    {"missing_bytes": "featx.catalog.download", "pull": "featx.catalog.download"},
)
