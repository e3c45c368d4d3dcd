"""Tasks: one for each shard, with references to its samples: known here, or those of a data set of Ray."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from featx.distributed.worker import ends_of
from featx.errors import BadSource, FeatxWarning
from featx.sources import Sample, to_label
from featx.sources.sample import to_id
from featx.storage.blob import Blob
from featx.tables.shard_plan import ShardPlan
from featx.tables.shards import Shard, number_of_shards

__all__ = ["ShardTask", "is_dataset", "samples_of_table", "tasks_of", "tasks_of_dataset"]

# Columns that hold samples, of which the first that is there is taken, and those that say more of them.
_CONTENT = ("bytes", "image", "audio", "text", "path", "item")
_FURTHER = ("id", "path", "label")


@dataclass(frozen=True, slots=True)
class ShardTask:
    """One shard to make.

    Attributes
    ----------
    shard : Shard
    parts : sequence
        References of Ray to what its samples are made of: lists of samples, or tables of a data set.
    size : int
        Samples.
    first : int
        Which number its first sample has among all.
    ends : str or None
        The digest of its first and last samples as they are seen here.
    """

    shard: Shard
    parts: Sequence[Any]
    size: int
    first: int
    ends: str | None = None


def tasks_of(ray: Any, plan: ShardPlan, shards: Sequence[Shard]) -> list[ShardTask]:
    """Return the tasks of shards whose samples this machine knows."""
    tasks = []
    for shard in shards:
        own = plan.samples_of(shard)
        ends = plan.folder.digest(ends_of(own))
        first = shard.of(len(plan.samples)).start
        tasks.append(ShardTask(shard, [ray.put(own)], len(own), first, ends))
    return tasks


def is_dataset(source: object) -> bool:
    """Return whether something is a data set of Ray, which need not be installed.

    >>> is_dataset("photos")
    False
    """
    data = sys.modules.get("ray.data")
    return data is not None and isinstance(source, data.Dataset)


def tasks_of_dataset(
    dataset: Any, *, shards: int | None, shard_size: int | None
) -> list[ShardTask]:
    """Return a task for each shard of a data set of Ray, whose rows stay in the cluster, in their order.

    Raises
    ------
    BadSource
        It has no rows, or no column that holds samples.
    """
    with _in_order(dataset):
        rows = dataset.materialize()
    n_samples = rows.count()
    if not n_samples:
        raise BadSource("ds: a data set without rows; expected samples")
    _check_columns(rows.schema().names)
    total = shards or number_of_shards(n_samples, shard_size or n_samples)
    every = [Shard(number, total) for number in range(total)]
    starts = [shard.of(n_samples).start for shard in every]
    parts = rows.split_at_indices(starts[1:]) if total > 1 else [rows]
    return [
        ShardTask(shard, part.to_arrow_refs(), len(shard.of(n_samples)), shard.of(n_samples).start)
        for shard, part in zip(every, parts, strict=True)
    ]


@contextmanager
def _in_order(dataset: Any) -> Iterator[None]:
    """Let the rows of a data set come in their order: by default Ray gives what is there first."""
    options = dataset.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        yield
    finally:
        options.preserve_order = before


def _check_columns(names: Sequence[str]) -> None:
    if not any(name in names for name in _CONTENT):
        raise BadSource(
            f"ds: expected a column {', '.join(_CONTENT[:-1])} or {_CONTENT[-1]} that holds the samples; found "
            f"columns {', '.join(map(str, names)) or 'none'}"
        )
    content = next(name for name in _CONTENT if name in names)
    if others := [name for name in names if name != content and name not in _FURTHER]:
        warnings.warn(
            f"ds: the column{'s' if len(others) > 1 else ''} {', '.join(map(repr, others))} of the data set "
            f"will not be in the rows: samples are those of {content!r}",
            FeatxWarning,
            stacklevel=3,
        )


def samples_of_table(table: Any, first: int) -> list[Sample]:
    """Return the samples of a table of a data set.

    Parameters
    ----------
    table : pyarrow.Table
        Samples in a column bytes, image, audio, text, path or item; ids in one named id, else those are the
        paths or numbers; labels in one named label.
    first : int
        The number of its first row in the data set.
    """
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    content = next(name for name in _CONTENT if name in columns)
    named = columns.get("id") or columns.get("path") or [None] * len(table)
    labels = columns.get("label") or [None] * len(table)
    return [
        Sample(to_id(name) or str(first + place), _content(value, content), to_label(label))
        for place, (value, name, label) in enumerate(
            zip(columns[content], named, labels, strict=True)
        )
    ]


def _content(value: Any, column: str) -> Any:
    """Return what a cell says that a sample is: a path is a file, and what is missing is empty."""
    if isinstance(value, Mapping):
        # as Hugging Face writes pictures and sounds
        value, column = (
            (value["bytes"], "bytes") if value.get("bytes") else (value.get("path"), "path")
        )
    if value is None:
        return Blob.of_bytes(b"")
    return Blob.of_path(value) if column == "path" and isinstance(value, str) else value
