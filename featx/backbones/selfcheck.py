"""Does a backbone still say of a built-in sample what a second implementation said of it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx.backbones.backbone import Backbone, canary_deviation
from featx.catalog import Card
from featx.errors import FeatxError, MissingWeights

__all__ = ["Check", "check"]


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one check."""

    name: str  # of the backbone
    status: str  # ok | missing (no canary) | absent (no weights) | failed
    words: str
    deviation: float | None = None  # the worst of the canary's values, absolute


def check(card: Card) -> Check:
    """Recompute the row of the modality's built-in sample and compare it with the card's canary.

    A backbone without a canary is run all the same, so that a graph that fails is found. Nothing is
    raised for a backbone that does not pass: the record says why.

    Examples
    --------
    >>> from featx.catalog import get_card
    >>> check(get_card("vgg16-12")).status in ("absent", "missing")
    True
    """
    try:
        backbone = Backbone(card)
        item = backbone.reader.read(backbone.reader.load(card.input.canary()))
        [row] = backbone.embed_items([item])
    except MissingWeights as error:
        return Check(card.name, "absent", f"weights not here: {error}")
    except FeatxError as error:
        return Check(card.name, "failed", str(error))
    if not np.isfinite(row).all():
        return Check(card.name, "failed", "the row holds values that are not numbers")
    if not card.canary:
        words = f"canary missing: {len(row)} columns, and nothing to compare them with"
        return Check(card.name, "missing", words)
    if len(card.canary) > len(row):
        words = f"the canary has {len(card.canary)} values, the row {len(row)}"
        return Check(card.name, "failed", words)
    deviation, limit = canary_deviation(card, row)
    words = f"differs from the canary by {deviation:.2g}, allowed {limit:.2g}"
    return Check(card.name, "ok" if deviation <= limit else "failed", words, deviation)
