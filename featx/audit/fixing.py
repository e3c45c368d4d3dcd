"""A manifest of a data set without its exact leaks, and with near-duplicates as groups where asked for."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.audit.findings import AuditReport
from featx.errors import BadSource, FeatxWarning
from featx.inputs.cells import is_empty, plain_value
from featx.inputs.showing import SampleView
from featx.modalities import Settings
from featx.sources import Sample
from featx.sources.parts import parts_of
from featx.sources.segment import Segment
from featx.sources.targets import read_target
from featx.storage.blob import Blob
from featx.tables.records import RecordWriter

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["Manifest", "check_files", "copy_groups"]

_COPIES = ("FX001", "FX002", "FX003", "FX004", "FX011", "FX012", "FX013", "FX014")
# Samples that are left out: exact leaks, and what cannot be read.
_LEFT_OUT = ("FX002", "FX004", "FX051")


def copy_groups(report: AuditReport, samples: Sequence[Sample]) -> dict[str, str]:
    """Return the group of each sample by its id: copies and near-duplicates have one, and so has a given group.

    Parameters
    ----------
    report : AuditReport
    samples : sequence of Sample

    Examples
    --------
    >>> from featx.audit.findings import AuditFinding
    >>> found = AuditFinding("FX011", "b", 0.9, "nearly the same", ("a",))
    >>> report = AuditReport("classification", 3, "", (found,))
    >>> copy_groups(report, [Sample(name, b"") for name in "abc"])
    {'a': 'a', 'b': 'a', 'c': 'c'}
    """
    parents = {sample.id: sample.id for sample in samples}

    def root(name: str) -> str:
        while parents[name] != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    first: dict[str, str] = {}
    places = {sample.id: place for place, sample in enumerate(samples)}
    pairs = [(found.id, other) for found in report.of(*_COPIES) for other in found.related]
    for sample in samples:
        if sample.group is not None:
            pairs.append((first.setdefault(sample.group, sample.id), sample.id))
    for one, other in pairs:
        if one in parents and other in parents:
            low, high = sorted((root(one), root(other)), key=places.__getitem__)
            parents[high] = low
    return {sample.id: root(sample.id) for sample in samples}


def check_files(
    samples: Iterable[Sample], settings: Settings | SampleView, folder: AnyPath | None = None
) -> None:
    """Refuse samples that no manifest could name, before any work is done on them.

    Parameters
    ----------
    samples : iterable of Sample
    settings : Settings or SampleView
        How a card reads them, or how records are shown.
    folder : Path or RemotePath, default=None
        Where the manifest will lie; None: on this machine.

    Raises
    ------
    BadSource
        A photo or sound has no file of its own, as in an archive or in a cell of Parquet, or none that a table
        at an address may name.

    Examples
    --------
    >>> from featx import get_card
    >>> check_files([Sample("x.jpg", Path("x.jpg"))], get_card("featx-image-nano").input)
    """
    view = settings if isinstance(settings, SampleView) else SampleView({}, settings)
    columns = view.columns or {"": view.settings}
    folder = Path() if folder is None else folder
    files = [name for name, own in columns.items() if own is not None and not own.string_is_sample]
    if view.columns and not files:
        return
    for sample in samples:
        for name in files or [""]:
            data = sample.data
            if view.columns:
                # A row that makes no sense is no record, and is left out.
                data = data.get(name) if isinstance(data, Mapping) else None
            for one in data if isinstance(data, list | tuple) else [data]:
                one = one.data if isinstance(one, Segment) else one
                named = isinstance(one, Blob) and one.path is not None
                if isinstance(one, bytes | Blob) and not (named and isinstance(folder, Path)):
                    _path_of(sample.id, one, folder)


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """A table of samples as ``fit`` and ``evaluate`` read it.

    Attributes
    ----------
    records : tuple of mapping
        A row each.
    columns : mapping of str to type
        Their columns, in order.
    left_out : tuple of str
        Ids of samples that are not in it.
    """

    records: tuple[dict[str, Any], ...]
    columns: dict[str, type]
    left_out: tuple[str, ...]

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        report: AuditReport,
        settings: Settings | SampleView,
        folder: AnyPath,
        *,
        group_copies: bool = False,
        target: str | None = None,
    ) -> Manifest:
        """Return the manifest of samples without exact leaks and without what cannot be read.

        Where one content is measured on and trained on, the copy that is trained on is left out.

        Parameters
        ----------
        samples : sequence of Sample
            All that were audited.
        report : AuditReport
        settings : Settings or SampleView
            How a card reads them, or how records are shown: these are written with all their columns.
        folder : Path or RemotePath
            Where the manifest will lie; paths of files are relative to it, and objects have their addresses.
        group_copies : bool, default=False
            Whether copies and near-duplicates get a group in common.
        target : str, default=None
            The column of the targets; None: "label", or a column for each of several.

        Raises
        ------
        BadSource
            A sample has no file of its own, as in an archive, or none that a table at an address may name.
        """
        view = settings if isinstance(settings, SampleView) else SampleView({}, settings)
        bad = {found.id for found in report.of(*_LEFT_OUT)}
        # A text without a word that could be read stays.
        bad |= {found.id for found in report.of("FX061") if found.suggested == "remove"}
        groups = copy_groups(report, samples) if group_copies else {}
        parts = parts_of(samples)
        records = []
        for sample, part in zip(samples, parts, strict=True):
            if sample.id not in bad:
                group = groups.get(sample.id, sample.group)
                facts = {"split": part, "group": group, "weight": sample.weight}
                content = _content(sample, view, folder)
                own = _target(sample.label, target)
                records.append({"id": sample.id, **content, **own, **_known(facts)})
        _warn_of_joined(samples, view)
        left_out = tuple(sample.id for sample in samples if sample.id in bad)
        return cls(tuple(records), _columns(records), left_out)

    def save(self, path: AnyPath) -> None:
        """Write the manifest as .csv, .jsonl or .parquet; raise BadTable or OutputFailed."""
        with RecordWriter(path, self.columns) as writer:
            writer.write_all(self.records)


def _warn_of_joined(samples: Sequence[Sample], view: SampleView) -> None:
    """Say which columns hold several texts a sample, for which a table has one cell."""
    for column, settings in view.columns.items():
        if settings is None or not settings.string_is_sample:
            continue
        cells = [s.data.get(column) for s in samples if isinstance(s.data, Mapping)]
        if n := sum(isinstance(cell, list | tuple) and len(cell) > 1 for cell in cells):
            warnings.warn(
                f"{column:.60}: samples of several texts ({n}) have them joined in the table",
                FeatxWarning,
                stacklevel=3,
            )


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _columns(records: Iterable[dict[str, Any]]) -> dict[str, type]:
    """Return all columns in an order in which each record has its own, and the types of their cells."""
    types: dict[str, type] = {}
    for record in records:
        for name, value in record.items():
            types.setdefault(name, float if isinstance(value, float) else str)
    last = [name for name in ("split", "group", "weight") if name in types]
    return {name: types[name] for name in (*(n for n in types if n not in last), *last)}


def _content(sample: Sample, view: SampleView, folder: AnyPath) -> dict[str, Any]:
    """Return the cells that say what a sample is: those of a record, or of a file or a text."""
    if view.columns:
        return _cells(sample, view, folder)
    return _own_content(sample, view.settings, folder)


def _cells(sample: Sample, view: SampleView, folder: AnyPath) -> dict[str, Any]:
    """Return the cells of a record, and of what goes along with it, such as the seconds of a segment."""
    cells: dict[str, Any] = {}
    for column, settings in view.columns.items():
        value = plain_value(sample.data.get(column))
        if isinstance(value, Segment):
            if not sample.columns:
                cells |= {"start": float(value.start), "end": float(value.end)}
            value = value.data
        if settings is not None and not settings.string_is_sample and not is_empty(value):
            several = value if isinstance(value, list | tuple) else [value]
            value = ";".join(_path_of(sample.id, one, folder) for one in several)
        elif isinstance(value, list | tuple | np.ndarray):
            texts = settings is not None
            value = " ".join(map(str, value)) if texts else json.dumps(np.asarray(value).tolist())
        elif not isinstance(value, str | int | float | None):
            value = str(value)
        cells[column] = value
    return {**(sample.columns or {}), **cells}


def _own_content(sample: Sample, settings: Settings | None, folder: AnyPath) -> dict[str, Any]:
    """Return the cells that say what a sample is."""
    data, cells = sample.data, {}
    if isinstance(data, Segment):
        cells = {"start": float(data.start), "end": float(data.end)}
        data = data.data
    if isinstance(data, str) and settings is not None and settings.string_is_sample:
        return {"text": data}
    return {"path": _path_of(sample.id, data, folder), **cells}


def _path_of(id: str, data: Any, folder: AnyPath) -> str:
    if isinstance(data, Blob) and data.location.is_remote:
        return _address_of(id, data, folder)
    path = data.path if isinstance(data, Blob) else data
    if not isinstance(path, str | os.PathLike):
        raise BadSource(
            f"{id:.200}: has no file of its own, which a manifest could name; unpack the archive, or "
            "write the contents to files"
        )
    if not isinstance(folder, Path):
        raise BadSource(
            f"{id:.200}: a file of this machine, which a table at {folder} could not name; write the table to "
            "a path of this machine"
        )
    return _relative(Path(os.fsdecode(path)), folder)


def _address_of(id: str, data: Blob, folder: AnyPath) -> str:
    """Return the address of an object; of a table at an address it has to have the same owner."""
    path: Any = data.location
    uri = getattr(path, "uri", None)
    if uri is None:
        raise BadSource(
            f"{id:.200}: has no object of its own, which a manifest could name; unpack the archive"
        )
    if not isinstance(folder, Path) and path.owner != folder.owner:
        raise BadSource(
            f"{id:.200}: lies elsewhere than {folder.owner}, where a table could not name it; write the table "
            "beside the samples, or to a path of this machine"
        )
    return str(uri)


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:
        # another drive
        return path.absolute().as_posix()


def _target(label: str | None, name: str | None = None) -> dict[str, Any]:
    """Return the cells of a target: a column each where there are several."""
    value = None if label is None else read_target(label)
    if isinstance(value, dict):
        return dict(value)
    return {} if label is None else {name or "label": label}
