"""Self-check: a backbone still gives of a built-in sample what a second implementation gave."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from featx.backbones.backbone import Backbone, canary_deviation
from featx.backbones.independence import examine
from featx.catalog import Card, verify_files
from featx.errors import BadGraph, FeatxError, MissingWeights
from featx.graphs.inspect import load_model
from featx.graphs.training import refuse_batch_statistics

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

    A backbone without a canary is run all the same, so that a graph that fails is found; and each is run
    alone, twice and in company, so that rows that are no function of their samples are found. Nothing is
    raised for a backbone that does not pass: the record says why.

    Examples
    --------
    >>> from featx.catalog import get_card
    >>> check(get_card("vgg16-12")).status in ("absent", "missing")
    True
    """
    try:
        backbone, remark = _examined(card)
        item = backbone.reader.read(backbone.reader.load(card.input.canary()))
        [row] = backbone.embed_items([item])
    except MissingWeights as error:
        return SelfCheck(card.name, "absent", f"weights not here: {error}")
    except FeatxError as error:
        return SelfCheck(card.name, "failed", str(error))
    if not np.isfinite(row).all():
        return SelfCheck(card.name, "failed", "the row holds values that are not numbers")
    if not card.canary:
        message = f"canary missing: {len(row)} columns, and nothing to compare them with{remark}"
        return SelfCheck(card.name, "missing", message)
    if len(card.canary) > len(row):
        message = f"the canary has {len(card.canary)} values, the row {len(row)}"
        return SelfCheck(card.name, "failed", message)
    deviation, limit = canary_deviation(card, row)
    message = f"differs from the canary by {deviation:.2g}, allowed {limit:.2g}{remark}"
    return SelfCheck(card.name, "ok" if deviation <= limit else "failed", message, deviation)


def _examined(card: Card) -> tuple[Backbone, str]:
    """Return a backbone that runs as many samples at once as may be, and a remark on what was found.

    Raises
    ------
    BadGraph
        Rows are no function of their samples, or the card says that more samples can share a run.
    """
    backbone = Backbone(replace(card, batch=card.batch or 0))
    graph = verify_files(card)[card.graph.name]
    refuse_batch_statistics(load_model(graph, weights=False), card.output, graph)
    finding = examine(backbone, thorough=True)
    remark = ""
    if finding.not_finite:
        remark = f"; {finding.not_finite} of {finding.probes} built-in samples give rows that are not finite"
    if finding.batch and card.batch is None:
        remark += f"; {finding.reason}: batch = {finding.batch} is missing under [graph]"
        backbone = Backbone(replace(card, batch=finding.batch))
    elif finding.batch == 1 and card.batch != 1:
        raise BadGraph(f"its card says batch = {card.batch}, but {finding.reason}")
    return backbone, remark
