"""Slices: how good a predictor is on the samples that share a value of a column, the worst first."""

from __future__ import annotations

import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from featx._typing import Doubles, Integers
from featx.errors import BadOption, FeatxError, FeatxWarning
from featx.html_report.evidence import Evidence
from featx.html_report.view import SliceScore, TaskView
from featx.inputs.cells import is_empty, plain_value
from featx.inputs.input import Input, is_joint
from featx.modalities import MeasuringReader
from featx.pages.document import notes
from featx.pages.markup import Child, shorten_text
from featx.pages.tables import format_number, html_table, interval_mark
from featx.sources import Sample, Segment
from featx.storage.blob import Blob, to_blob

__all__ = ["Slice", "slice_parts", "slices_of"]

# Samples below which a slice says nothing.
_LEAST = 10
# Values of a column, and slices of all columns, that are measured.
_MOST_VALUES, _MOST_SLICES = 30, 100
# Parts of a column of numbers.
_PARTS = 4
# The name of the groups among the columns; numbers of groups are no amounts.
_GROUP = "group"
# What stands for no value.
_MISSING = "(none)"
# Characters of a value.
_LONGEST = 80
# Samples whose size is looked up, for which they are read once more.
_MOST_EXTENTS = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Samples that share a value of a column.

    Attributes
    ----------
    column : str
    value : str
    indices : ndarray, integers
    score : SliceScore
    """

    column: str
    value: str
    indices: Integers
    score: SliceScore


@dataclass(slots=True)
class _Log:
    """The counts of what is left out, to be said."""

    small: int = 0
    unsliced: list[str] = field(default_factory=list)
    rare: int = 0
    late: int = 0


def slice_parts(
    evidence: Evidence,
    view: TaskView,
    columns: Sequence[str] | None = None,
    hidden: Sequence[str] = (),
) -> list[Child]:
    """Return the table of slices and what was left out of it; nothing where there are no columns.

    Parameters
    ----------
    columns : sequence of str, default=None
        Columns of the samples by which they are divided; None: all that have values in common, and what
        is known of the samples: their group, part, file type and size.
    hidden : sequence of str, default=()
        Columns that make no slices unless they are named, such as those of the targets.

    Raises
    ------
    BadOption
        No sample has such a column.
    """
    log = _Log()
    slices = slices_of(evidence, view, columns, hidden, log)
    said = _remarks(log)
    if not slices:
        return [notes(said)] if said and columns is not None else []
    overall = view.slice_score(evidence.report)
    low = min([one.score.low for one in slices])
    high = max([one.score.high for one in slices])
    name = slices[0].score.name
    rows = [
        (
            f"{one.column}: {one.value}",
            float(one.score.value),
            interval_mark(one.score.value, one.score.low, one.score.high, (low, high)),
            f"{format_number(one.score.low)} to {format_number(one.score.high)}",
            len(one.indices),
        )
        for one in slices
    ]
    order = "the upper end" if view.higher_is_better else "the lower end"
    title = f"Slices, those first that are surely worse (by {order} of the interval)"
    header = ("slice", name, "drawn", "95 % interval", "samples")
    whole = f"Of all samples: {name} {format_number(float(overall.value))}." if overall else ""
    many = (
        "With so many slices some look bad by chance alone: of twenty intervals one misses its true score."
        if len(slices) >= 20
        else ""
    )
    return [html_table(title, header, rows), notes([one for one in (whole, many, *said) if one])]


def slices_of(
    evidence: Evidence,
    view: TaskView,
    columns: Sequence[str] | None = None,
    hidden: Sequence[str] = (),
    log: _Log | None = None,
) -> list[Slice]:
    """Return the slices, those first that are surely worse; see ``slice_parts``."""
    log = log or _Log()
    values = _columns(evidence, columns, hidden)
    found: list[Slice] = []
    for name, cells in values.items():
        for value, indices in _parts_of(name, cells, log):
            if len(found) == _MOST_SLICES:
                log.late += 1
                continue
            with warnings.catch_warnings():
                # a slice may be one group, whose interval is that of single samples
                warnings.simplefilter("ignore", FeatxWarning)
                score = view.slice_score(evidence.measure_some(indices))
            if score is not None:
                found.append(Slice(name, value, indices, score))
    if view.higher_is_better:
        return sorted(found, key=lambda one: (one.score.high, one.score.value))
    return sorted(found, key=lambda one: (-one.score.low, -one.score.value))


def _remarks(log: _Log) -> list[str]:
    said = []
    if log.small:
        said.append(f"{log.small:,} slices of fewer than {_LEAST} samples are left out.")
    if log.rare:
        said.append(
            f"{log.rare:,} values beyond the {_MOST_VALUES} most frequent of a column are left out."
        )
    if log.late:
        said.append(f"{log.late:,} slices beyond the first {_MOST_SLICES} are left out.")
    if log.unsliced:
        names = ", ".join(log.unsliced)
        said.append(
            f"Columns without values in common, or with one alone, make no slices: {names}."
        )
    return said


def _columns(
    evidence: Evidence, asked: Sequence[str] | None, hidden: Sequence[str]
) -> dict[str, list[Any]]:
    """Return the cells of each column, one a sample, None where it has none."""
    samples = [evidence.samples.get(name) for name in evidence.ids]
    tables: list[Mapping[str, Any]] = [(s.columns or {}) if s else {} for s in samples]
    names = list(dict.fromkeys(name for table in tables for name in table))
    cells: dict[str, list[Any]] = {name: [table.get(name) for table in tables] for name in names}
    facts = _known(evidence, samples)
    # the column of the groups says the same twice
    groups = [str(cell) for cell in facts.get(_GROUP, [])]
    known = {name: one for name, one in cells.items() if list(map(str, one)) != groups or asked}
    known |= {name: one for name, one in facts.items() if name not in known}
    if asked is not None:
        for name in asked:
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise BadOption(
                    f"slices = {name!r}: expected a column of the samples; found {listed}"
                )
        return {name: known[name] for name in asked}
    return {
        name: cells
        for name, cells in known.items()
        # the table of classes has these
        if name not in hidden and not _same_parts(cells, evidence.targets)
    }


def _same_parts(cells: Sequence[Any], targets: Sequence[str]) -> bool:
    """Return whether a column divides samples just as their targets do: it is the targets, spelled anyhow."""
    pairs = {(str(cell), target) for cell, target in zip(cells, targets, strict=True)}
    return len(pairs) == len({cell for cell, _ in pairs}) == len({target for _, target in pairs})


def _known(evidence: Evidence, samples: Sequence[Sample | None]) -> dict[str, list[Any]]:
    """Return what is known of samples without a table: group, part, file type and size."""
    facts: dict[str, Callable[[Sample], Any]] = {
        _GROUP: lambda sample: sample.group,
        "part": lambda sample: sample.part,
    }
    if is_joint(evidence.predictor.inputs):
        facts |= _input_facts(evidence.predictor.inputs)
        return _told(samples, facts)
    settings = evidence.predictor.card.input
    if not settings.string_is_sample:
        facts["file type"] = _file_type
    if settings.string_is_sample:
        facts["characters"] = lambda s: float(len(s.data)) if isinstance(s.data, str) else None
    elif isinstance(settings, MeasuringReader) and 0 < len(evidence.samples) <= _MOST_EXTENTS:
        reader = settings
        facts[reader.extent_unit] = lambda sample: _extent(reader, sample)
    return _told(samples, facts)


def _told(
    samples: Sequence[Sample | None], facts: Mapping[str, Callable[[Sample], Any]]
) -> dict[str, list[Any]]:
    """Return the facts in which samples differ."""
    found = {
        name: [None if sample is None else fact(sample) for sample in samples]
        for name, fact in facts.items()
    }
    return {name: cells for name, cells in found.items() if len(set(cells)) > 1}


def _input_facts(inputs: Sequence[Input]) -> dict[str, Callable[[Sample], Any]]:
    """Return the cells of categories and numbers, and the lengths of texts, by columns."""
    facts: dict[str, Callable[[Sample], Any]] = {}
    for one in inputs:
        for column in one.columns:
            if one.kind in ("category", "number"):
                facts[column] = partial(_cell, column)
            elif one.kind == "text":
                facts[f"{column}: characters"] = partial(_length, column)
    return facts


def _cell(column: str, sample: Sample) -> Any:
    cell = plain_value(sample.data.get(column)) if isinstance(sample.data, Mapping) else None
    return None if is_empty(cell) else cell


def _length(column: str, sample: Sample) -> float | None:
    cell = _cell(column, sample)
    return float(len(cell)) if isinstance(cell, str) else None


def _located(data: Any) -> Any:
    """Return a file by its name as its bytes that are still to be read; anything else as it is."""
    return to_blob(data) if isinstance(data, str | os.PathLike) else data


def _extent(reader: Any, sample: Sample) -> float | None:
    """Return the pixels or seconds of a sample; None of one that cannot be read now."""
    try:
        return float(reader.extent(reader.load(sample.data))) or None
    except (FeatxError, OSError):
        return None


def _file_type(sample: Sample) -> str | None:
    data = sample.data.data if isinstance(sample.data, Segment) else sample.data
    located = _located(data)
    return located.suffix or None if isinstance(located, Blob) else None


def _parts_of(name: str, cells: Sequence[Any], log: _Log) -> Iterable[tuple[str, Integers]]:
    """Give the values of a column that have enough samples, with these; of many numbers their quarters."""
    seen = _Log()
    parts = _value_parts(cells, seen)
    kept = [(value, indices) for value, indices in parts if len(indices) >= _LEAST]
    numbers = None if name == _GROUP else _numbers(cells)
    told = sum(cell is not None and not _is_nan(cell) for cell in cells)
    covered = sum(len(indices) for value, indices in kept if value != _MISSING)
    if numbers is not None and covered < told / 2:
        seen, parts = _Log(), _number_parts(numbers)
        kept = [(value, indices) for value, indices in parts if len(indices) >= _LEAST]
    if not kept or (len(kept) == 1 and len(kept[0][1]) == len(cells)):
        log.unsliced.append(name)
        return []
    log.small += seen.small + len(parts) - len(kept)
    log.rare += seen.rare
    return kept


def _value(cell: Any) -> str:
    whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell)) if whole else str(cell)


def _is_nan(cell: Any) -> bool:
    return isinstance(cell, float) and math.isnan(cell)


def _numbers(cells: Sequence[Any]) -> Doubles | None:
    """Return a column of numbers, which a table may hold as texts; NaN for none, None where others are."""
    try:
        return np.array([math.nan if cell in (None, "") else float(cell) for cell in cells])
    except (TypeError, ValueError, OverflowError):
        return None


def _value_parts(cells: Sequence[Any], log: _Log) -> list[tuple[str, Integers]]:
    values = [_MISSING if cell is None or _is_nan(cell) else _value(cell) for cell in cells]
    counts = Counter(values)
    large = [value for value, count in counts.most_common() if count >= _LEAST]
    log.small += len(counts) - len(large)
    log.rare += max(0, len(large) - _MOST_VALUES)
    array = np.asarray(values, dtype=object)
    return [
        (shorten_text(value, _LONGEST), np.flatnonzero(array == value))
        for value in large[:_MOST_VALUES]
    ]


def _number_parts(numbers: Doubles) -> list[tuple[str, Integers]]:
    """Return quarters of a column of numbers, and the samples that have none."""
    known = np.isfinite(numbers)
    if not known.any():
        return []
    edges = np.unique(np.quantile(numbers[known], np.arange(1, _PARTS) / _PARTS, method="lower"))
    bins = np.where(known, np.searchsorted(edges, numbers, side="left"), -1)
    parts = []
    for number in np.unique(bins):
        indices = np.flatnonzero(bins == number)
        own = numbers[indices]
        name = _MISSING if number < 0 else f"{own.min():,.6g} to {own.max():,.6g}"
        parts.append((name, indices))
    return parts
