"""The backbones that are compared: named ones, or all of a modality whose bytes are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from featx.backbones.backbone import Backbone, open_backbone
from featx.backbones.providers import CPU, Provider
from featx.catalog import Card, list_cards, locate
from featx.catalog.tap_names import read_name
from featx.errors import BadOption
from featx.fit_config import card_changes
from featx.reporting.comparison import LeftOutBackbone
from featx.selection.average_order import mean_rank

__all__ = ["BackboneCandidate", "find_candidates"]

NOT_HERE = "not on this machine (featx backbones pull)"


@dataclass(frozen=True, slots=True)
class BackboneCandidate:
    """A backbone that may be compared.

    Attributes
    ----------
    name : str
        How the table names it: ``NAME@TAP:POOLING`` where these are not the card's.
    card : Card
    given : Backbone or None
        It, where it was given open.
    provider : Provider
        Where it is computed, where it was not.
    """

    name: str
    card: Card
    given: Backbone | None = field(default=None, repr=False)
    provider: Provider = CPU

    @classmethod
    def of(cls, backbone: str | Card | Backbone, provider: Provider = CPU) -> BackboneCandidate:
        """Return the candidate of a name, a card or an open backbone.

        Raises
        ------
        UnknownBackbone
            No model directory has it.
        BadOption
            It is none of the three, or names no pooling.
        """
        if isinstance(backbone, Backbone):
            return cls(_title(backbone.card), backbone.card, backbone)
        card = backbone if isinstance(backbone, Card) else read_name(backbone)
        return cls(_title(card), card, provider=provider)

    def open(self) -> Backbone:
        """Return it open, its bytes verified."""
        return self.given or open_backbone(self.card, self.provider)

    @property
    def bytes(self) -> int | None:
        """The size of its files; None where one is not known."""
        sizes = [file.size for file in (self.card.graph, *self.card.files)]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def is_above(self, max_bytes: float | None) -> bool:
        """Return whether its files are larger, or their size is not known; None is no limit."""
        return max_bytes is not None and (self.bytes is None or self.bytes > max_bytes)

    def describe_size(self, max_bytes: float | None) -> str:
        """Return why it is left out by its size."""
        size = "of unknown size" if self.bytes is None else f"{self.bytes / 1e6:.1f} MB"
        return f"{size}, above max_size = {(max_bytes or 0) / 1e6:g} MB"

    @property
    def is_here(self) -> bool:
        """Tell whether its bytes are on this machine."""
        files = (self.card.graph, *self.card.files)
        return self.given is not None or all(locate(self.card, file) for file in files)

    @property
    def mean_rank(self) -> float | None:
        """Its mean rank on other sets; None where it was not measured, or is another than its card."""
        return None if "@" in self.name or card_changes(self.card) else mean_rank(self.card)


def find_candidates(
    named: Sequence[str | Card | Backbone] | None,
    modality: str,
    max_bytes: float | None = None,
    provider: Provider = CPU,
) -> tuple[list[BackboneCandidate], list[LeftOutBackbone]]:
    """Return the backbones to compare, the smallest first, and those left out with the reason.

    Parameters
    ----------
    named : sequence of str, Card or Backbone, default=None
        None: all backbones of the modality.
    modality : str
    max_bytes : float, default=None
    provider : Provider, default=CPU
        Where those are computed that are not open yet.

    Raises
    ------
    BadOption
        A named one is for another modality, or none is left.
    UnknownBackbone
        No model directory has one that is named.
    """
    if named is None:
        cards = [card for card in list_cards() if card.modality == modality]
        found = [BackboneCandidate.of(card, provider) for card in cards]
    else:
        several = [BackboneCandidate.of(one, provider) for one in named]
        found = list({one.name: one for one in several}.values())
    left_out = []
    for one in list(found):
        if one.card.modality != modality:
            raise BadOption(f"{one.name} is a backbone for {one.card.modality}, not for {modality}")
        reason = ""
        # That of a named one is missed when it is opened, in words that say how to get it.
        if named is None and not one.is_here:
            reason = NOT_HERE
        elif one.is_above(max_bytes):
            reason = one.describe_size(max_bytes)
        if reason:
            left_out.append(LeftOutBackbone(one.name, reason))
            found.remove(one)
    if not found:
        why = f": {left_out[0].name}: {left_out[0].reason}" if left_out else ""
        raise BadOption(
            f"backbones for {modality}: expected one or more to compare, found none{why}"
        )
    return sorted(found, key=lambda one: (one.bytes or 0, one.name)), left_out


def _title(card: Card) -> str:
    """Return how a table names a card: with what is changed of the one of its name."""
    changes = card_changes(card)
    name = card.name
    if {"tap", "pooling"} & set(changes):
        name += f"@{card.output or ''}"
    if "pooling" in changes:
        name += f":{card.pooling}"
    others = [key for key in changes if key not in ("tap", "pooling")]
    return f"{name} (other {', '.join(others)})" if others else name
