"""Audit rows that were extracted: one file, or a folder of shards."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from featx._typing import FloatArray
from featx.audit.auditing import audit_rows
from featx.audit.findings import AuditReport
from featx.embedding.rows import Rows
from featx.errors import BadOption
from featx.labelled import LabelledSamples
from featx.many_rows.reading import RowColumns, row_samples
from featx.sources.parts import parts_of
from featx.sources.sample import merge_label_case
from featx.sources.splits import split_of
from featx.tables.stored_rows import StoredRows, open_stored_rows

__all__ = ["audit_stored_rows"]

# Rows that are read at a time.
_BLOCK = 8192
# What an audit holds at a time, in copies of its rows.
_COPIES = 2


def audit_stored_rows(
    path: str | os.PathLike[str],
    columns: RowColumns | None = None,
    *,
    task: str | None = None,
    part: str | None = None,
    random_state: int = 0,
    verbose: bool = False,
) -> AuditReport:
    """Return what may be wrong with rows that ``featx extract`` wrote; see ``audit_rows``.

    All parts are looked at: which a row is of is in its id, such as ``train/cat/1.jpg``, or in a column.

    Parameters
    ----------
    path : path
        A folder of shards, or one file; see ``featx.tables.stored_rows``.
    columns : RowColumns, default=None
        Where targets and groups are; None: the rows' own labels.
    task : {"classification", "multilabel", "regression"}, default=None
    part : str, default=None
        A column of the rows that says the part of each: train, val or test.
    random_state : int, default=0
    verbose : bool, default=False
        Whether to show bars with the time left.

    Raises
    ------
    BadTable
        A file is missing, damaged, or has no such column.
    BadLabels
        Labels are numbers, and the task is not named.
    BadOption
        The rows are more than the memory holds, or another parameter cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> import featx
    >>> table = np.eye(12, dtype=np.float32) + np.float32(0.5)
    >>> table[1] = table[0]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = featx.Rows(tuple("abcdefghijkl"), (None,) * 12, table, "")
    ...     _ = featx.write_rows(f"{folder}/rows.npz", rows)
    ...     report = audit_stored_rows(f"{folder}/rows.npz")
    >>> [(found.code, found.id, found.related) for found in report.findings]
    [('FX011', 'b', ('a',))]
    """
    columns = columns or RowColumns()
    stored = open_stored_rows(path)
    samples = row_samples(stored, columns)
    if part is not None:
        cells = stored.facts([part]).columns[part]
        parts = [None if cell is None else split_of(str(cell)) for cell in cells]
        samples = [replace(one, part=own) for one, own in zip(samples, parts, strict=True)]
    if columns.ignore_label_case:
        samples = merge_label_case(samples)
    given = LabelledSamples.of(samples, groups=columns.groups).whole
    rows = Rows(
        tuple(sample.id for sample in given),
        tuple(sample.label for sample in given),
        _read(stored, len(given)),
        stored.fingerprint,
    )
    return audit_rows(
        rows,
        task=task,
        parts=parts_of(given),
        groups=[sample.group for sample in given],
        random_state=random_state,
        verbose=verbose,
    )


def _read(stored: StoredRows, n: int) -> FloatArray:
    """Return the numbers of all rows; refuse before they are read what cannot be held."""
    needed, there = n * stored.dim * 4 * _COPIES, _memory()
    if needed > there:
        raise BadOption(
            f"{stored.path}: an audit of {n:,} rows of {stored.dim} columns holds {needed / 1e9:.1f} GB, and "
            f"this machine has {there / 1e9:.1f}; audit a part of them"
        )
    table = np.empty((n, stored.dim), np.float32)
    at = 0
    for block in stored.blocks(_BLOCK):
        table[at : at + len(block)] = block
        at += len(block)
    return table


def _memory() -> float:
    """Return the bytes of memory of this machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")
