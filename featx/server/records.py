"""Samples of several columns, as JSON, forms and tensors hold them: a value by the name of each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from featx.embedding.rows import Reject
from featx.server.encodings import decode_base64
from featx.server.errors import HTTPError
from featx.server.limits import Limits
from featx.server.registry import ServedPredictor
from featx.sources import Sample
from featx.sources.record import Record
from featx.storage.blob import to_text

__all__ = ["check_records", "to_record"]

_FILES = frozenset({"image", "audio"})
# Characters of a column's name in a message, and how many names it has.
_SHOWN, _NAMED = 60, 5


def to_record(values: Mapping[str, Any], id: str, served: ServedPredictor) -> Sample | Reject:
    """Return a sample of the values of columns, or why it is none.

    Pictures and sounds are bytes, or texts in base64; several of them, or several texts, stand in a list. A
    column that is left out, null, or an empty file has no value: whether that is an answer is for the predictor
    to say.

    Parameters
    ----------
    values : mapping of str to value
    id : str
    served : ServedPredictor
        That reads records.
    """
    columns = served.input.columns
    unknown = [name for name in values if name not in columns]
    if unknown:
        names = ", ".join(to_text(name)[:_SHOWN] for name in unknown[:_NAMED])
        lacking = ", ".join(name for name in columns if name not in values)
        missing = f"; not there: {lacking:.200}" if lacking else ""
        return Reject(
            id,
            f"columns {names}: {served.name} does not read them; expected {', '.join(columns):.300}{missing}",
        )
    record: dict[str, Any] = {}
    for name, kind in columns.items():
        try:
            record[name] = _value(values.get(name), kind)
        except ValueError as error:
            return Reject(id, f"{name}: {error}")
    return Sample(id, Record(record))


def check_records(samples: Sequence[Sample | Reject], limits: Limits) -> None:
    """Raise HTTPError (413) where records hold more files, or longer texts, than a request may have."""
    values = [value for one in samples if isinstance(one, Sample) for value in one.data.values()]
    every = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    files = sum(isinstance(value, bytes) for value in every)
    # Every sample may have one file in each of a few columns.
    most = 4 * limits.max_samples
    if files > most:
        raise HTTPError(
            413, "too_many_samples", f"{files} files: expected at most {most} a request"
        )
    if sum(len(value) for value in every if isinstance(value, str)) > limits.max_characters:
        raise HTTPError(
            413,
            "too_many_characters",
            f"the texts hold more than {limits.max_characters:,} characters: expected fewer a request",
        )


def _value(value: Any, kind: str) -> Any:
    """Return a value as an input of the kind reads it; raise ValueError, in words, for what is none."""
    if kind == "vector" or value is None:
        return value
    # As an empty cell of a table, and a field of a form in which no file was chosen.
    if kind in _FILES and value in ("", b""):
        return None
    if isinstance(value, list) and kind in (*_FILES, "text"):
        return [_value(one, kind) for one in value]
    if kind not in _FILES:
        if isinstance(value, list):
            raise ValueError(f"expected one {kind}, found a list of {len(value)}")
        if isinstance(value, bytes):
            value = _decoded(value)
        if kind == "text" and not isinstance(value, str):
            raise ValueError(f"expected a text, found {value!r:.40}")
        return value
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected the file in base64, found {value!r:.40}")
    return decode_base64(value)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("expected a text in UTF-8, found other bytes") from None
