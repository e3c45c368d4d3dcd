"""Categories of a table as columns of a row: one for each that is frequent, one for all others together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadLabels, BadSample
from featx.inputs.cells import (
    describe_cell,
    digest_of,
    is_count,
    is_empty,
    modality_of_cell,
    plain_value,
    read_entries,
    show_text,
)
from featx.sources.sample import to_label

__all__ = ["EMPTY", "CategoryEncoder"]

EMPTY = ""
"""The category of an empty cell; no label is an empty text."""

# A category in fewer rows has no column of its own: in cross-validation of five folds one of fewer than five is
# missing from some of them, so what its column says cannot be measured. In a small table a twentieth of the
# rows is enough, but one row is never: its column would say nothing but that row.
_FEW, _SHARE, _LEAST = 5, 20, 2
# The most columns of one input: more are ids or texts, and rows of 4 bytes a column stay small.
_MOST = 256
# The most characters of a category, and how many a message names.
_LONGEST, _SHOWN = 1000, 3


@dataclass(frozen=True)
class CategoryEncoder:
    """The encoder that makes columns of the categories of a table: 1 in that of its category, else 0.

    Categories are texts, numbers or truth values, spelled as labels are (``to_label``): "1.0" is "1", spaces at
    the ends do not count, upper and lower case differ. An empty cell is a category, too. Those of few rows,
    all beyond the 255 most frequent, and those that training never had, share the last column.

    Attributes
    ----------
    name : str
    categories : tuple of str
        Those with a column of their own, the most frequent first; ``EMPTY`` is that of empty cells.
    folded : int
        How many others training had.
    folded_rows : int
        In how many rows of it.

    Examples
    --------
    >>> encoder, notes = CategoryEncoder.fit(["acme", "bolt", "acme", "bolt", "rare"], "brand")
    >>> encoder.names
    ('brand: acme', 'brand: bolt', 'brand: others')
    >>> notes
    ("brand: 1 of 3 categories ('rare') is in fewer than 2 rows and counts as one, in 1 of 5 rows",)
    >>> encoder.encode([encoder.read("bolt "), encoder.read("new")]).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    kind: ClassVar[str] = "category"
    name: str
    categories: tuple[str, ...]
    folded: int = 0
    folded_rows: int = 0

    @classmethod
    def fit(cls, cells: Sequence[Any], name: str) -> tuple[Self, tuple[str, ...]]:
        """Return the encoder of the categories of training, and which share a column.

        Cells that are no categories count for nothing here: each is refused by ``read``.

        Raises
        ------
        BadSample
            All are empty, or hardly any category is in more than one row.
        """
        labels, refused = [], []
        for cell in cells:
            try:
                labels.append(_label(cell))
            except ValueError as error:
                refused.append((cell, str(error)))
        if len(labels) <= len(refused):
            cell, why = refused[0] if refused else (None, "there are no rows")
            raise BadSample(
                f"{name}: {len(refused)} of {len(cells)} cells are no categories: {why}{_hint(name, cell)}"
            )
        counts = Counter(labels)
        if set(counts) == {EMPTY}:
            raise BadSample(f"{name}: all {len(labels)} cells are empty; expected categories")
        least = max(_LEAST, min(_FEW, len(labels) // _SHARE))
        ordered = sorted(counts, key=lambda label: (-counts[label], label))
        frequent = [label for label in ordered if counts[label] >= least]
        kept = frequent[: _MOST - 1]
        if not kept and len(counts) > 1:
            shown = show_text(next(filter(None, ordered)))
            raise BadSample(
                f"{name}: {len(counts)} different values in {len(labels)} cells, none of them in {least} rows "
                f"or more ({shown}, …); that looks like names, texts or numbers: leave the column out, or say "
                f"{name}:text or {name}:number"
            )
        kept = kept or ordered[:1]
        rest = [label for label in ordered if label not in set(kept)]
        rows = sum(counts[label] for label in rest)
        encoder = cls(name, tuple(kept), len(rest), rows)
        return encoder, _notes(encoder, rest, len(labels), least)

    @property
    def dim(self) -> int:
        """The number of its columns: one for each category, and one for all others."""
        return len(self.categories) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        own = (label if label != EMPTY else "(empty)" for label in self.categories)
        return (*(f"{self.name}: {label}" for label in own), f"{self.name}: others")

    @property
    def fingerprint(self) -> str:
        """A digest of everything that decides a row, besides its cell."""
        return digest_of({"kind": self.kind, "categories": self.categories})

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {label: place for place, label in enumerate(self.categories)}

    def read(self, cell: Any) -> str | None:
        """Return the label of a cell, None where it is empty.

        Raises
        ------
        BadSample
            It holds a file, a list, an object, or a text of more than 1000 characters.
        """
        try:
            return _label(cell) or None
        except ValueError as error:
            raise BadSample(f"{error}{_hint(self.name, cell)}") from error

    def encode(self, values: Sequence[str | None]) -> FloatArray:
        """Return the columns of labels; shape (n, dim), float32, a single 1 in each row."""
        last = len(self.categories)
        places = [self._places.get(value or EMPTY, last) for value in values]
        columns = np.zeros((len(places), self.dim), np.float32)
        columns[np.arange(len(places)), places] = 1
        return columns

    def is_doubtful(self, value: str | None) -> bool:
        """Return whether a label has no column of its own."""
        return (value or EMPTY) not in self._places

    @property
    def on_doubts(self) -> str:
        """Return what is done with values that are doubtful."""
        return "categories that were rare or not there in training count as one"

    def describe(self) -> str:
        """Return what it makes of the column, in one line for the report."""
        count = len(self.categories)
        text = f"{count} {'category' if count == 1 else 'categories'}"
        return f"{text}, {self.folded} rare ones together" if self.folded else text

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kind": self.kind,
            "categories": list(self.categories),
            "folded": self.folded,
            "folded_rows": self.folded_rows,
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], name: str) -> Self:
        """Return the encoder that ``to_dict`` wrote; raise BadArtifact for what no encoder can be."""
        entries = read_entries(
            table,
            name,
            {
                "categories": _are_categories,
                **dict.fromkeys(("folded", "folded_rows"), is_count),
            },
        )
        return cls(name, tuple(entries["categories"]), entries["folded"], entries["folded_rows"])


def _label(cell: Any) -> str:
    """Return the label of a cell, ``EMPTY`` where it is empty; raise ValueError, in words, for what is none."""
    cell = plain_value(cell)
    if is_empty(cell):
        return EMPTY
    # A date has a text, but is seldom twice the same.
    if isinstance(cell, bytes | bytearray):
        raise ValueError(f"expected a category, found {describe_cell(cell)}")
    try:
        label = to_label(cell) or EMPTY
    # Python writes no whole number of more than 4300 digits.
    except (BadLabels, ValueError) as error:
        raise ValueError(f"expected a category, found {describe_cell(cell)}") from error
    if len(label) > _LONGEST:
        raise ValueError(
            f"expected a category, found a text of {len(label):,} characters; at most {_LONGEST:,} are one"
        )
    return label


def _hint(name: str, cell: Any) -> str:
    modality = modality_of_cell(cell)
    if modality:
        return f"; files are {name}:{modality}"
    if isinstance(cell, list | tuple | np.ndarray):
        return f"; lists of numbers are {name}:vector"
    return f"; sentences are {name}:text" if isinstance(cell, str) else ""


def _notes(encoder: CategoryEncoder, rest: Sequence[str], n: int, least: int) -> tuple[str, ...]:
    """Return what there is to say of the categories that share a column, and of files among them."""
    notes = []
    name = encoder.name
    modality = modality_of_cell(encoder.categories[0])
    if modality:
        notes.append(
            f"{name}: categories such as {show_text(encoder.categories[0])} look like files; say "
            f"{name}:{modality} to read them"
        )
    if len(encoder.categories) == 1 and not rest:
        notes.append(
            f"{name}: all cells are {show_text(encoder.categories[0])}, which tells nothing"
        )
    if not rest:
        return tuple(notes)
    shown = ", ".join(show_text(label or "(empty)") for label in rest[:_SHOWN])
    shown += ", …" if len(rest) > _SHOWN else ""
    verb, counts = ("is", "counts") if len(rest) == 1 else ("are", "count")
    total = len(rest) + len(encoder.categories)
    full = len(encoder.categories) == _MOST - 1
    why = f"beyond the {_MOST - 1} most frequent" if full else f"in fewer than {least} rows"
    notes.append(
        f"{name}: {len(rest)} of {total} categories ({shown}) {verb} {why} and {counts} as one, in "
        f"{encoder.folded_rows} of {n} rows"
    )
    return tuple(notes)


def _are_categories(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) < _MOST
        and all(isinstance(label, str) and len(label) <= _LONGEST for label in value)
        and len(set(value)) == len(value)
        and all(label == EMPTY or to_label(label) == label for label in value)
    )
