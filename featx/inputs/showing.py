"""Samples in a page, whatever a predictor reads: a thumbnail, a text or a player, or all inputs of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from featx.inputs.cells import describe_cell, is_empty, plain_value
from featx.inputs.input import Input, is_joint
from featx.inputs.joint import card_of
from featx.inputs.spec import InputSpec
from featx.modalities import Settings
from featx.modalities.showing import CARDS, Budget, show_sample
from featx.pages.markup import Child, element, join, shorten_text
from featx.sources import Sample

__all__ = ["SampleView", "show_cell"]

# Photos or texts of a list that are shown, and characters of a cell.
_OF_LIST, _CELL = 3, 120


@dataclass(frozen=True, slots=True)
class SampleView:
    """The way in which samples are shown in a page.

    Attributes
    ----------
    columns : mapping of str to Settings or None, default={}
        Of records, in their order: how the photo, text or sound of a column is read, None of other cells.
        None where the sample is what a single card reads.
    settings : Settings or None
        How that card reads it; None shows nothing.

    Examples
    --------
    >>> SampleView().show(None, Budget()) is None
    True
    """

    columns: Mapping[str, Settings | None] = field(default_factory=dict)
    settings: Settings | None = None

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Self:
        """Return how the samples of a predictor are shown."""
        if not is_joint(inputs):
            return cls({}, inputs[0].card.input)
        columns: dict[str, Settings | None] = {}
        for one in inputs:
            for column in one.columns:
                # Two backbones may read one column.
                columns.setdefault(column, one.card.input if one.has_backbone else None)
        return cls(columns)

    @classmethod
    def of_specs(cls, specs: Sequence[InputSpec]) -> Self:
        """Return how records are shown whose columns are these inputs."""
        columns: dict[str, Settings | None] = {}
        for spec in specs:
            for column in spec.columns:
                columns.setdefault(column, card_of(spec).input if spec.has_backbone else None)
        return cls(columns)

    @property
    def modalities(self) -> frozenset[str]:
        """The modalities that are shown."""
        shown = (self.settings, *self.columns.values())
        return frozenset(one.modality for one in shown if one is not None)

    @property
    def style(self) -> str:
        """The kind of cards that samples are shown on; those of records are as those of sounds or texts."""
        if self.settings is not None:
            return CARDS.get(self.settings.modality, "texts")
        return "sounds" if "audio" in self.modalities else "texts"

    def show(self, sample: Sample | None, budget: Budget) -> Child:
        """Return what a page shows of a sample; None where it is not at hand or has no place."""
        if sample is None:
            return None
        if self.settings is not None:
            return show_sample(sample, self.settings, budget)
        return join(self._record(sample, budget)) if self.columns else None

    def _record(self, sample: Sample, budget: Budget) -> list[Child]:
        if not isinstance(sample.data, Mapping):
            return []
        shown: list[Child] = []
        cells: list[Child] = []
        for column, settings in self.columns.items():
            value = sample.data.get(column)
            if settings is not None and not is_empty(value):
                shown += _contents(settings, column, value, sample.id, budget)
            else:
                cells.append(element("bdi", {}, f"{column:.60}: {show_cell(value)}"))
        if cells:
            spaced = [part for cell in cells for part in (cell, " · ")][:-1]
            shown.append(element("p", {"class": "soft"}, *spaced))
        return shown


def _contents(settings: Settings, column: str, value: Any, id: str, budget: Budget) -> list[Child]:
    """Return the first values of a column with a backbone."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    shown = [
        show_sample(Sample(f"{id}, {column}", each), settings, budget) for each in values[:_OF_LIST]
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
