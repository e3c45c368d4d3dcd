"""Several rows of a table as one sample: the photos of one house, the texts of one ticket."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx.errors import BadSource, FeatxWarning
from featx.inputs.cells import describe_cell, plain_value, show_text
from featx.inputs.spec import InputSpec
from featx.inputs.vectors import read_vector
from featx.sources.file_names import refusal_of, refused
from featx.sources.record import Record
from featx.sources.sample import Sample, number_repeats, to_label
from featx.storage.blob import Blob

__all__ = ["pool_samples"]

_PAIR = "pair"
# What the rows of one sample must agree in, and how a message calls it.
_FACTS = {
    "label": "target",
    "group": "group",
    "weight": "weight",
    "part": "part",
    "time": "time",
}


def pool_samples(
    samples: Sequence[Sample], column: str, specs: Sequence[InputSpec]
) -> list[Sample]:
    """Return a sample for each value of a column, in the order in which the values first stand.

    Photos, texts, sounds and vectors of its rows are several of the sample, each once: its row is their mean.
    Numbers, categories, dates and what a pair compares must agree where they are not empty, and so must
    targets, groups, weights, times and parts of the data. The value of the column is the sample's id.

    Parameters
    ----------
    samples : sequence of Sample
        Each with a record that has the column.
    column : str
    specs : sequence of InputSpec

    Raises
    ------
    BadSource
        The column is empty somewhere, or the rows of one value contradict each other.
    """
    members: dict[str, list[Sample]] = {}
    order: list[str | Sample] = []
    for sample in samples:
        if refusal_of(sample.data) is not None:
            order.append(sample)
            continue
        cell = plain_value(sample.data[column])
        if isinstance(cell, list | tuple | dict | bytes):
            raise BadSource(
                f"{sample.id}: pool_by {show_text(column)}: expected a name or a number, found "
                f"{describe_cell(cell)}"
            )
        key = to_label(cell)
        if key is None:
            raise BadSource(
                f"{sample.id}: pool_by {show_text(column)}: the cell is empty; expected what the row belongs to"
            )
        if key not in members:
            members[key] = []
            order.append(key)
        members[key].append(sample)
    # What is compared is one thing: of a pair all rows must have the same.
    kinds = {name: _PAIR if spec.is_pair else spec.kind for spec in specs for name in spec.columns}
    pooled = [
        one if isinstance(one, Sample) else _pooled(one, members[one], kinds, column)
        for one in order
    ]
    _warn_of_kept(members, pooled)
    names = number_repeats(sample.id for sample in pooled)
    return [replace(sample, id=name) for sample, name in zip(pooled, names, strict=True)]


def _pooled(key: str, samples: Sequence[Sample], kinds: Mapping[str, str], column: str) -> Sample:
    """Return the one sample that several rows are."""
    group = _Group(f"{column} {show_text(key)}", samples)
    facts = {fact: group.agreed(fact, word) for fact, word in _FACTS.items()}
    record = Record({name: group.datum(name, kind) for name, kind in kinds.items()})
    columns = group.kept()
    return Sample(key, record, columns=columns, **facts)


@dataclass(frozen=True, slots=True)
class _Group:
    """The rows of one sample."""

    where: str
    samples: Sequence[Sample]

    def agreed(self, fact: str, word: str) -> Any:
        """Return what all rows that say a fact of their sample say; None where none does."""
        return self._one([(s, getattr(s, fact)) for s in self.samples], word)

    def datum(self, name: str, kind: str) -> Any:
        """Return the datum of a column: the value that rows agree in, or all that they have."""
        cells = [(sample, sample.data[name]) for sample in self.samples]
        if kind in ("number", "category", "date", _PAIR):
            return self._one(cells, name)
        found = [cell for _, cell in cells if cell is not None]
        if kind == "vector":
            return _mean(name, found)
        several = [one for c in found for one in (c if isinstance(c, list | tuple) else (c,))]
        data = _unique(several)
        return None if not data else data[0] if len(data) == 1 else tuple(data)

    def kept(self) -> Mapping[str, Any] | None:
        """Return the cells that go along: those of the first row where all agree, else None."""
        tables = [sample.columns for sample in self.samples]
        first = tables[0]
        if first is None:
            return None
        return {
            name: cell if all((table or {}).get(name) == cell for table in tables) else None
            for name, cell in first.items()
        }

    def _one(self, values: Sequence[tuple[Sample, Any]], word: str) -> Any:
        known = [(sample, plain_value(value)) for sample, value in values if value is not None]
        if not known:
            return None
        first, value = known[0]
        for sample, other in known[1:]:
            if not _equal(other, value):
                raise BadSource(
                    f"{self.where}: {first.id} has the {word} {show_text(value)} and {sample.id} "
                    f"{show_text(other)}; rows of one sample must agree in it"
                )
        return value


def _warn_of_kept(members: Mapping[str, Sequence[Sample]], pooled: Sequence[Sample]) -> None:
    """Say which of the cells that go along differ among the rows of one sample."""
    differing: dict[str, str] = {}
    for sample in pooled:
        for name, cell in (sample.columns or {}).items():
            rows = members.get(sample.id, ())
            if cell is None and any((row.columns or {}).get(name) is not None for row in rows):
                differing.setdefault(name, sample.id)
    if differing:
        listed = ", ".join(map(show_text, differing))
        warnings.warn(
            f"rows of one sample differ in {listed}, such as those of "
            f"{show_text(next(iter(differing.values())))}; these cells are left empty",
            FeatxWarning,
            stacklevel=3,
        )


def _equal(first: Any, second: Any) -> bool:
    if first is second:
        return True
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return bool(np.array_equal(first, second))
    if isinstance(first, str) and isinstance(second, str):
        return _spelling(first) == _spelling(second)
    return bool(first == second)


def _spelling(text: str) -> str | float | None:
    """Return a text of a table as it is compared: numbers by their value, others as labels are."""
    try:
        return float(text)
    except ValueError:
        return to_label(text)


def _unique(data: Sequence[Any]) -> list[Any]:
    """Return data without those that are equal to an earlier one; arrays and pictures stay."""
    seen = set()
    unique = []
    for one in data:
        if isinstance(one, str | bytes | Blob):
            if one in seen:
                continue
            seen.add(one)
        unique.append(one)
    return unique


def _mean(name: str, vectors: Sequence[Any]) -> Any:
    """Return the mean of vectors; of what cannot be averaged, data that cannot be read."""
    if len(vectors) < 2:
        return vectors[0] if vectors else None
    rows = []
    for vector in vectors:
        if refusal_of(vector) is not None:
            return vector
        try:
            rows.append(read_vector(vector))
        except ValueError as error:
            return refused(name, str(error))
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        return refused(name, f"vectors of {lengths[0]} and of {lengths[1]} numbers in one sample")
    return np.mean(rows, axis=0, dtype=np.float64)
