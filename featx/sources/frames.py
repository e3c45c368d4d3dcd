"""Samples of records that a program already holds: a DataFrame, a mapping of columns, a list of mappings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from featx.errors import BadSource
from featx.sources.record import Record
from featx.sources.sample import IdNumbering, Sample

__all__ = ["column_of", "is_table", "list_records", "record_samples", "targets_of"]

# Names of columns in a message.
_SHOWN = 200


def record_samples(X: Any, columns: Iterable[str]) -> list[Sample]:
    """Return a sample of each row, whose data is a record of some columns.

    Parameters
    ----------
    X : DataFrame, mapping of str to list, or iterable of mappings, Record or Sample
        A DataFrame of pandas, polars or pyarrow; a list for each column; or a mapping for each row. A Sample
        whose data is a mapping keeps its id, label and group.
    columns : iterable of str
        Those that are read.

    Raises
    ------
    BadSource
        It is something else, or a column is not there.

    Examples
    --------
    >>> [sample] = record_samples([{"price": 2.5, "colour": "red", "name": "x"}], ["price", "colour"])
    >>> sample.id, sample.data
    ('0', Record(price=2.5, colour='red'))
    """
    names = list(dict.fromkeys(columns))
    table = _table_of(X)
    if table is not None:
        _check_columns(names, list(table))
        cells = [_cells(table, name) for name in names]
        if len({len(column) for column in cells}) > 1:
            raise BadSource("X: expected columns of one length")
        return [
            Sample(str(index), Record(dict(zip(names, map(_plain, row), strict=True))))
            for index, row in enumerate(zip(*cells, strict=True))
        ]
    number = IdNumbering()
    records = enumerate(list_records(X))
    return [number.rename(_sample(one, index, names)) for index, one in records]


def is_table(X: Any) -> bool:
    """Return whether something has its cells by column: a DataFrame, or a mapping of columns.

    >>> is_table({"price": [1, 2]}), is_table([{"price": 1}])
    (True, False)
    """
    return _table_of(X) is not None


def list_records(X: Any) -> list[Any]:
    """Return the records of an iterable, which may be one that is read once.

    >>> list_records(iter([{"price": 1}]))
    [{'price': 1}]
    """
    if isinstance(X, str | bytes) or not isinstance(X, Iterable):
        raise _wrong(X)
    return list(X)


def column_of(X: Any, name: str) -> list[Any]:
    """Return the cells of one column, as ``record_samples`` reads it.

    >>> column_of({"sold": [1, 0], "price": [2, 3]}, "sold")
    [1, 0]
    """
    table = _table_of(X)
    if table is not None:
        _check_columns([name], list(table))
        return [_plain(cell) for cell in _cells(table, name)]
    return [sample.data[name] for sample in record_samples(X, [name])]


def targets_of(X: Any, target: str | Sequence[str]) -> list[Any]:
    """Return the cells of a column that is to be predicted; of several columns a mapping for each row.

    >>> targets_of({"price": [1, 2], "area": [3, 4]}, ["price", "area"])
    [{'price': 1, 'area': 3}, {'price': 2, 'area': 4}]
    """
    if isinstance(target, str):
        return column_of(X, target)
    cells = [column_of(X, name) for name in target]
    return [dict(zip(target, row, strict=True)) for row in zip(*cells, strict=True)]


def _table_of(X: Any) -> Mapping[str, Any] | None:
    """Return the columns of a table by their names; None where it is none."""
    if isinstance(X, Mapping) and not isinstance(X, Record):
        return {str(name): column for name, column in X.items()}
    # DataFrames of pandas and polars, tables of pyarrow: none of them need be installed.
    names = getattr(X, "column_names", None)
    if names is None and hasattr(X, "columns") and hasattr(X, "shape"):
        names = X.columns
    if names is None or callable(names):
        return None
    texts = [str(name) for name in names]
    if twice := sorted({name for name in texts if texts.count(name) > 1}):
        raise BadSource(
            f"X: column {twice[0]!r:.60}: is there several times; name each differently"
        )
    return {text: X[name] for text, name in zip(texts, names, strict=True)}


def _cells(table: Mapping[str, Any], name: str) -> list[Any]:
    column = table[name]
    for method in ("tolist", "to_list", "to_pylist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    if isinstance(column, str | bytes) or not isinstance(column, Iterable):
        raise BadSource(
            f"X: column {name!r:.60}: expected a list of cells, found {type(column).__name__}"
        )
    return list(column)


def _sample(one: Any, index: int, names: Sequence[str]) -> Sample:
    """Return a sample of one row."""
    data = one.data if isinstance(one, Sample) else one
    if not isinstance(data, Mapping):
        # A row of a table that makes no sense is the engine's to refuse.
        if isinstance(one, Sample):
            return one
        raise _wrong(one)
    _check_columns(names, list(data))
    record = Record({name: _plain(data[name]) for name in names})
    return replace(one, data=record) if isinstance(one, Sample) else Sample(str(index), record)


def _check_columns(names: Sequence[str], found: Sequence[str]) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        others = ", ".join(map(str, found))
        noun = "column" if len(missing) == 1 else "columns"
        raise BadSource(
            f"X: {noun} {', '.join(map(repr, missing))!s:.{_SHOWN}} not there; expected "
            f"{', '.join(names)!s:.{_SHOWN}}, found {others or 'none'!s:.{_SHOWN}}"
        )


def _plain(value: Any) -> Any:
    """Return a cell, None where it is missing."""
    if value is None or isinstance(value, str | bytes) or hasattr(value, "__len__"):
        return value
    try:
        # NaN and NaT are the only values unlike themselves.
        return None if bool(value != value) else value
    except (TypeError, ValueError):
        # NA of pandas has no truth.
        return None if type(value).__name__ == "NAType" else value


def _wrong(found: Any) -> BadSource:
    return BadSource(
        f"X: expected a DataFrame, columns by their names, or a list of records by the names of columns; "
        f"found {type(found).__name__}"
    )
