"""Further taps of a backbone that is compared, their rows made in the pass that makes its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from featx.backbones.backbone import Backbone
from featx.backbones.several_taps import SeveralTaps
from featx.catalog import Card
from featx.embedding.rows import Rows
from featx.graphs import Tap
from featx.selection.layer_report import LayerScore
from featx.selection.layers import known_taps, score_views
from featx.tuning import HeadConfig, TuningProblem

__all__ = ["RankedTaps"]


@dataclass(frozen=True, slots=True, eq=False)
class RankedTaps:
    """The sensible taps of a backbone, opened in one session.

    Attributes
    ----------
    backbone : Backbone
    several : SeveralTaps
    taps : mapping of str to Tap
    """

    backbone: Backbone
    several: SeveralTaps
    taps: Mapping[str, Tap]

    @classmethod
    def open(cls, backbone: Backbone) -> RankedTaps | None:
        """Return the taps of a backbone; None where it has no other than its own."""
        taps = known_taps(backbone)
        several = SeveralTaps(backbone, list(taps)) if len(taps) > 1 else None
        return None if several is None else cls(backbone, several, taps)

    def own_rows(self, wide: Rows) -> Rows:
        """Return the rows of the backbone's own tap out of those of all taps."""
        card = self.backbone.card
        own = next(
            view
            for view in self.several.views
            if (view.tap, view.pooling) == (self.several.own, card.pooling)
        )
        rows = self.several.rows(wide.embeddings, own)
        return replace(wide, embeddings=rows, fingerprint=self.backbone.fingerprint)

    def scores(
        self, wide: Rows, problem: TuningProblem, config: HeadConfig
    ) -> tuple[LayerScore, ...]:
        """Return the score of every tap and pooling on the samples of rows."""
        return score_views(self.several, wide.embeddings, problem, self.taps, config)

    def card_of(self, layer: LayerScore) -> Card:
        """Return the backbone's card with another tap."""
        return self.backbone.card.variant(tap=layer.tap, pooling=layer.pooling)

    def rows_of(self, wide: Rows, layer: LayerScore, fingerprint: str) -> Rows:
        """Return the rows of another tap out of those of all taps."""
        view = next(
            view
            for view in self.several.views
            if (view.tap, view.pooling) == (layer.tap, layer.pooling)
        )
        rows = self.several.rows(wide.embeddings, view)
        return replace(wide, embeddings=rows, fingerprint=fingerprint)
