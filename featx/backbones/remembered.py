"""The provider that a card remembers: its backbone is computed there where nothing else is named."""

from __future__ import annotations

import warnings

from featx.backbones.providers import CPU, Provider, read_provider
from featx.backbones.session import available
from featx.catalog import Card
from featx.errors import BadCard, BadOption, FeatxWarning

__all__ = ["card_provider", "is_cards_own"]


def card_provider(card: Card, given: Provider = CPU) -> Provider:
    """Return where a card's backbone is computed: as the card remembers, where only the CPU is named.

    Raises
    ------
    BadCard
        The card remembers what is no provider.

    Warns
    -----
    FeatxWarning
        The installed ONNX Runtime does not offer the provider: rows are computed on the CPU.
    """
    if card.optimized is None or card.optimized.provider is None or given != CPU:
        return given
    try:
        own = read_provider(card.optimized.provider)
    except BadOption as error:
        raise BadCard(f"{card.name}: [optimized] {error}") from error
    if own.name in available():
        return own
    warnings.warn(
        f"{card.name}: was made for provider {own}, which the installed ONNX Runtime does not offer: "
        f"computed on the CPU, at another speed and with rows that may differ a little; "
        f"{own.kind.brings} brings it",
        FeatxWarning,
        stacklevel=3,
    )
    return CPU


def is_cards_own(card: Card, provider: Provider) -> bool:
    """Return whether rows of this provider are the card's: it is exact, or the one that the card remembers."""
    return provider.exact or (
        card.optimized is not None and str(provider) == card.optimized.provider
    )
