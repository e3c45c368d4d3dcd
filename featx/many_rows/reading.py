"""Rows on disk with the targets of their samples: from their own columns, or from a table by id."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from featx._typing import FloatArray, Integers
from featx.errors import BadLabels, BadSample, BadSource, FeatxNotice, FeatxWarning
from featx.labelled import LabelledSamples
from featx.sources import Columns, Readable, Sample
from featx.sources.sample import merge_label_case, to_id
from featx.sources.sample_facts import read_weight
from featx.sources.source import table_suffix
from featx.sources.splits import split_of, splits_among
from featx.sources.table import Table
from featx.sources.targets import to_target
from featx.storage.address import to_path
from featx.tables.stored_rows import RowFacts, StoredRows
from featx.tasks import Task
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.storage.remote import RemotePath

__all__ = ["RowColumns", "RowsWithTargets", "read_labelled_rows", "row_samples"]

T = TypeVar("T")

# Numbers whose squares float32 can add up.
_LARGEST = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class RowColumns:
    """The places of the targets of rows, and what else is known of their samples.

    Attributes
    ----------
    targets : mapping of str to target, or path, default=None
        The target of each row by its id, or a table with columns id and label (.csv, .tsv, .jsonl, .parquet);
        None: the rows have them.
    target : tuple of str, default=()
        Columns with the targets, of the rows or of the table; none: label.
    id : str, default=None
        The column of the table with the ids; None: id.
    group, weight : str, default=None
        Columns with the group of each row, and with how often it counts: of the rows, or of the table.
    groups : sequence or str, default=None
        As ``fit`` takes it.
    min_samples, unlabelled
        As ``fit`` takes them.
    separator : str, default=None
        What stands between the labels of a cell that holds several.
    encoding : str, default=None
        The encoding of the table.
    ignore_label_case : bool, default=False
        Whether labels that differ in upper and lower case only are one.
    """

    targets: Mapping[str, Any] | str | os.PathLike[str] | RemotePath | None = None
    target: tuple[str, ...] = ()
    id: str | None = None
    group: str | None = None
    weight: str | None = None
    groups: Sequence[Any] | str | None = None
    min_samples: int | None = None
    unlabelled: str = "fail"
    separator: str | None = None
    encoding: str | None = None
    ignore_label_case: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RowsWithTargets:
    """Rows on disk, each of which has a target.

    Attributes
    ----------
    stored : StoredRows
    used : ndarray of shape (n,), intp
        The place of each row among those on disk, ascending.
    ids, labels : list of n str
    design : SampleDesign
    notes : tuple of str
        What was left out, for the report.
    """

    stored: StoredRows
    used: Integers
    ids: list[str]
    labels: list[str]
    design: SampleDesign
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.used)

    def blocks(self, size: int) -> Iterator[tuple[int, FloatArray]]:
        """Give the rows block by block, each with the index of its first.

        Raises
        ------
        BadSample
            A row holds what is no finite number below 1e15.
        """
        start = first = 0
        for block in self.stored.blocks(size):
            stop = int(np.searchsorted(self.used, start + len(block)))
            own = self.used[first:stop] - start
            rows = block if len(own) == len(block) else block[own]
            self._check_finite(rows, first)
            if len(rows):
                yield first, rows
            start, first = start + len(block), stop

    def _check_finite(self, rows: FloatArray, first: int) -> None:
        if not len(rows) or (rows.max() <= _LARGEST and rows.min() >= -_LARGEST):
            return
        # NaN is not at most anything.
        bad = np.flatnonzero(~(np.abs(rows) <= _LARGEST).all(axis=1))
        names = ", ".join(self.ids[first + i] for i in bad[:3].tolist())
        finite = np.isfinite(rows[bad]).all()
        what = f"numbers beyond {_LARGEST:g}" if finite else "NaN or infinity"
        raise BadSample(
            f"{self.stored.path}: {len(bad)} of {len(rows)} rows from {self.ids[first]!r:.100} on hold {what} "
            f"({names:.300}); leave them out"
        )


def read_labelled_rows(
    stored: StoredRows, columns: RowColumns, task: Task, *, by_default: bool
) -> RowsWithTargets:
    """Return rows with their targets, without those that are left out.

    Where ids begin with the parts of a data set, such as train/ and test/, only those to train on are used, as
    ``featx fit`` does with the samples themselves.

    Parameters
    ----------
    stored : StoredRows
    columns : RowColumns
    task : Task
    by_default : bool
        Whether nobody chose the task.

    Raises
    ------
    BadLabels, BadTable, BadOption
        Targets are missing, or no head can be trained on them.
    """
    samples, notes = _training_part(row_samples(stored, columns))
    if columns.ignore_label_case:
        samples = merge_label_case(samples)
    known = LabelledSamples.of(samples, groups=columns.groups)
    known = replace(known, notes=notes).for_task(
        task,
        min_samples=columns.min_samples,
        unlabelled=columns.unlabelled,
        by_default=by_default,
    )
    notes = known.notes
    if hint := known.guess_groups(task):
        warnings.warn(hint, FeatxNotice, stacklevel=3)
        notes = (*notes, hint)
    ids = [sample.id for sample in known.samples]
    return RowsWithTargets(
        stored,
        np.array([sample.data for sample in known.samples], np.intp),
        ids,
        [sample.label or "" for sample in known.samples],
        known.design(ids),
        notes,
    )


def row_samples(stored: StoredRows, columns: RowColumns) -> list[Sample]:
    """Return a sample a row, whose data is its place on disk, with its target, group and weight."""
    by_table = columns.targets is not None and not isinstance(columns.targets, Mapping)
    names = columns.target if columns.targets is None else ()
    from_rows = () if by_table else (*names, columns.group, columns.weight)
    facts = stored.facts(list(dict.fromkeys(filter(None, from_rows))))
    if by_table:
        known = _by_id(_read_table(columns), facts)
        return [
            Sample(name, place, one.label, None, one.group, one.weight)
            if (one := known.get(name))
            else Sample(name, place)
            for place, name in enumerate(facts.ids)
        ]
    nothing = [None] * len(facts.ids)
    groups = facts.columns[columns.group] if columns.group else nothing
    weights = facts.columns[columns.weight] if columns.weight else nothing
    where = str(stored.path)
    return [
        Sample(
            name,
            place,
            label,
            None,
            None if group is None else to_id(group),
            None if columns.weight is None else read_weight(weight, f"{where}: {name}"),
        )
        for place, (name, label, group, weight) in enumerate(
            zip(facts.ids, _labels(facts, columns), groups, weights, strict=True)
        )
    ]


def _labels(facts: RowFacts, columns: RowColumns) -> Sequence[str | None]:
    """Return the target of each row as text, of a mapping by ids or of the rows' own columns."""
    if isinstance(columns.targets, Mapping):
        known = _by_id(columns.targets, facts)
        return [to_target(known.get(name), columns.separator) for name in facts.ids]
    names = columns.target
    if not names:
        return facts.labels
    cells: Iterable[Any] = facts.columns[names[0]]
    if len(names) > 1:
        table = zip(*(facts.columns[name] for name in names), strict=True)
        cells = (dict(zip(names, row, strict=True)) for row in table)
    return [to_target(cell, columns.separator) for cell in cells]


def _by_id(table: Mapping[str, T], facts: RowFacts) -> Mapping[str, T]:
    """Return a table by ids, some of which are of rows; say how many are of none."""
    unknown = len(table.keys() - set(facts.ids))
    if unknown == len(table):
        ours, theirs = next(iter(facts.ids), ""), next(iter(table), "")
        raise BadLabels(
            f"targets: none of its {len(table)} ids is that of a row; rows have ids such as {ours!r:.80}, it "
            f"has such as {theirs!r:.80}"
        )
    if unknown:
        text = f"targets: {unknown} of {len(table)} ids are of no row and are left out"
        warnings.warn(text, FeatxWarning, stacklevel=5)
    return table


def _read_table(columns: RowColumns) -> dict[str, Sample]:
    """Return what a table says of samples, by their ids."""
    path, id_column = to_path(columns.targets), columns.id or "id"  # type: ignore[arg-type]
    known = Table.accepts(str(path)) if isinstance(path, Path) else table_suffix(path.name)
    if not known:
        raise BadSource(
            f"{path}: expected a table of ids and labels (.csv, .tsv, .jsonl, .parquet)"
        )
    # The ids stand where texts are expected.
    wanted = Columns(
        text=id_column,
        id=id_column,
        target=columns.target,
        group=columns.group,
        weight=columns.weight,
        separator=columns.separator,
        encoding=columns.encoding,
    )
    texts = Readable(frozenset(), string_is_sample=True)
    return {sample.id: sample for sample in Table(path, wanted, None).samples(texts)}


def _training_part(samples: list[Sample]) -> tuple[list[Sample], tuple[str, ...]]:
    """Return the samples to train on, where the ids tell parts of a data set."""
    folders = {sample.id.partition("/")[0] for sample in samples if "/" in sample.id}
    splits = splits_among(folders)
    if not splits:
        return samples, ()
    train = {name for name in splits if split_of(name) == "train"}
    chosen = [sample for sample in samples if sample.id.partition("/")[0] in train]
    if not train or len(chosen) == len(samples):
        return samples, ()
    note = (
        f"{len(samples) - len(chosen)} of {len(samples)} rows are of {', '.join(sorted(splits - train))} and "
        "are left out"
    )
    return chosen, (note,)
