"""Samples in a page, whatever a predictor reads: a thumbnail, a text or a player, or all inputs of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from featx.inputs.cells import describe_cell, is_empty, plain_value
from featx.inputs.input import Input
from featx.inputs.joint import is_joint
from featx.modalities import Settings
from featx.modalities.showing import CARDS, Budget, show_sample
from featx.pages.markup import Child, element, join, shorten_text
from featx.sources import Sample

__all__ = ["SampleView", "show_cell"]

# Photos or texts of a list that are shown, and characters of a cell.
_OF_LIST, _CELL = 3, 120


@dataclass(frozen=True, slots=True)
class SampleView:
    """How samples are shown in a page.

    Attributes
    ----------
    inputs : tuple of Input, default=()
        Those of records; none where the sample is what a single card reads.
    settings : Settings or None
        How that card reads it; None shows nothing.

    Examples
    --------
    >>> SampleView().show(None, Budget()) is None
    True
    """

    inputs: tuple[Input, ...] = ()
    settings: Settings | None = None

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Self:
        """Return how the samples of a predictor are shown."""
        if is_joint(inputs):
            return cls(tuple(inputs))
        return cls((), inputs[0].card.input)

    @property
    def modalities(self) -> frozenset[str]:
        """The modalities that are shown."""
        if self.settings is not None:
            return frozenset({self.settings.modality})
        return frozenset(one.kind for one in self.inputs if one.has_backbone)

    @property
    def style(self) -> str:
        """The kind of cards that samples are shown on; those of records are as those of sounds or texts."""
        if self.settings is not None:
            return CARDS.get(self.settings.modality, "texts")
        return "sounds" if "audio" in self.modalities else "texts"

    def show(self, sample: Sample | None, budget: Budget) -> Child:
        """Return what a page shows of a sample; None where it is not at hand or has no place."""
        if sample is None or (self.settings is None and not self.inputs):
            return None
        if self.settings is not None:
            return show_sample(sample, self.settings, budget)
        return join(self._record(sample, budget))

    def _record(self, sample: Sample, budget: Budget) -> list[Child]:
        if not isinstance(sample.data, Mapping):
            return []
        shown: list[Child] = []
        cells: list[Child] = []
        seen: set[str] = set()
        for one in self.inputs:
            for column in one.columns:
                # Two backbones may read one column.
                if column in seen:
                    continue
                seen.add(column)
                value = sample.data.get(column)
                if one.has_backbone and not is_empty(value):
                    shown += _contents(one, column, value, sample.id, budget)
                else:
                    cells.append(element("bdi", {}, f"{column:.60}: {show_cell(value)}"))
        if cells:
            spaced = [part for cell in cells for part in (cell, " · ")][:-1]
            shown.append(element("p", {"class": "soft"}, *spaced))
        return shown


def _contents(one: Input, column: str, value: Any, id: str, budget: Budget) -> list[Child]:
    """Return the first values of a column with a backbone."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    shown = [
        show_sample(Sample(f"{id}, {column}", each), one.card.input, budget)
        for each in values[:_OF_LIST]
    ]
    if len(values) > _OF_LIST:
        shown.append(f"{len(values) - _OF_LIST} more in {column:.60}")
    return shown


def show_cell(cell: Any) -> str:
    """Return a cell of a table as people read it, in a few words.

    >>> show_cell(12.50), show_cell("a"), show_cell(None), show_cell([1.0, 2.0])
    ('12.5', 'a', '(empty)', 'a list of 2 values')
    """
    cell = plain_value(cell)
    if is_empty(cell):
        return "(empty)"
    if isinstance(cell, float):
        return f"{cell:.6g}"
    plain = isinstance(cell, str | int)
    return shorten_text(str(cell) if plain else describe_cell(cell), _CELL)
