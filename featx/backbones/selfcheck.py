"""Self-check: a backbone still gives of a built-in sample what a second implementation gave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx.backbones.backbone import Backbone, canary_deviation
from featx.catalog import Card
from featx.errors import FeatxError, MissingWeights

__all__ = ["SelfCheck", "check"]


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The result of checking one backbone.

    Attributes
    ----------
    name : str
        The backbone's.
    status : {"ok", "missing", "absent", "failed"}
        Missing is a card without a canary, absent a backbone without weights.
    message : str
        Why.
    deviation : float or None
        The largest absolute difference from one of the canary's values.
    """

    name: str
    status: str
    message: str
    deviation: float | None = None


def check(card: Card) -> SelfCheck:
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
        return SelfCheck(card.name, "absent", f"weights not here: {error}")
    except FeatxError as error:
        return SelfCheck(card.name, "failed", str(error))
    if not np.isfinite(row).all():
        return SelfCheck(card.name, "failed", "the row holds values that are not numbers")
    if not card.canary:
        message = f"canary missing: {len(row)} columns, and nothing to compare them with"
        return SelfCheck(card.name, "missing", message)
    if len(card.canary) > len(row):
        message = f"the canary has {len(card.canary)} values, the row {len(row)}"
        return SelfCheck(card.name, "failed", message)
    deviation, limit = canary_deviation(card, row)
    message = f"differs from the canary by {deviation:.2g}, allowed {limit:.2g}"
    return SelfCheck(card.name, "ok" if deviation <= limit else "failed", message, deviation)
