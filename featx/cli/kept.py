"""Columns of a source in an output that has columns of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from featx.sources import Sample

__all__ = ["KeptColumns"]


@dataclass(frozen=True, slots=True)
class KeptColumns:
    """The columns that samples carry into an output.

    Attributes
    ----------
    names : mapping of str to str
        The name of each in the output, by its name in the source.
    types : mapping of str to type
        The type of its values, by its name in the output.
    """

    names: Mapping[str, str]
    types: Mapping[str, type]

    @classmethod
    def of(cls, types: Mapping[str, type], is_taken: Callable[[str], bool]) -> KeptColumns:
        """Return the columns under names that the output leaves free, and say where that is another name."""
        from featx.sources.kept import renamed_columns

        names = renamed_columns(types, filter(is_taken, types))
        for name, other in names.items():
            if name != other:
                click.echo(
                    f"Note: the column {name!r} of the source is written as {other!r}: "
                    "the output has one of that name",
                    err=True,
                )
        return cls(names, {names[name]: kind for name, kind in types.items()})

    def cells(self, columns: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the cells of a sample by the names of the output; None for what it lacks."""
        cells = {other: (columns or {}).get(name) for name, other in self.names.items()}
        # Sources of which one has numbers and one has texts have texts together.
        return {
            name: str(cell) if cell is not None and self.types[name] is str else cell
            for name, cell in cells.items()
        }

    def rename(self, sample: Sample) -> Sample:
        """Return the sample with its columns under the names of the output."""
        if sample.columns is None:
            return sample
        return replace(sample, columns=self.cells(sample.columns))
