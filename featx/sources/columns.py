"""The columns of a table that mean something: by the names that a user said, else by usual names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType

from featx.errors import BadOption, BadSource, FeatxNotice
from featx.sources.open_table import Notes, OpenTable
from featx.sources.parquet import BINARY
from featx.sources.record import RECORD
from featx.sources.source import Columns, Readable
from featx.storage.blob import to_text

__all__ = [
    "LABEL_COLUMNS",
    "TARGET",
    "USUAL",
    "choose_columns",
    "choose_content",
    "note_unused",
    "pick",
]

PATH_COLUMNS = (
    *("path", "file", "filename", "image", "filepath", "file_name", "file_path", "image_path"),
    *("image_file", "image_filename", "image_name", "img", "img_path", "audio", "audio_path"),
    *("audio_file", "audio_filename", "audio_filepath", "wav", "wav_path", "begin_file"),
    *("image_id", "file_id"),
)
TEXT_COLUMNS = (
    *("text", "sentence", "question", "content", "document", "review"),
    *("comment", "message", "utterance", "query"),
)
LABEL_COLUMNS = ("label", "class", "target", "category")
_SECONDS = ("", "_s", "_sec", "_secs", "_seconds", "_time", "_time_s")
START_COLUMNS = tuple(f"{word}{unit}" for word in ("start", "begin", "onset") for unit in _SECONDS)
END_COLUMNS = tuple(
    f"{word}{unit}" for word in ("end", "stop", "finish", "offset") for unit in _SECONDS
)

DURATION_COLUMNS = tuple(f"{word}{unit}" for word in ("duration", "dur") for unit in _SECONDS)

# What each column may be named, in the order in which names are looked for.
USUAL: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "path": PATH_COLUMNS,
        "text": TEXT_COLUMNS,
        "label": LABEL_COLUMNS,
        "id": ("id",),
        "split": ("split",),
        "start": START_COLUMNS,
        "end": END_COLUMNS,
        "duration": DURATION_COLUMNS,
    }
)
# Names of columns that have a meaning for training and measuring, and that are read only where they are named.
_GROUPS = ("group", "groups", "group_id", "patient_id", "subject_id", "speaker_id", "speaker")
_NOT_READ = (*_GROUPS, "weight", "sample_weight", "labels", "subset", "fold")
# Times that are no seconds, such as "start_ms" or "end_frame".
_OTHER_TIMES = frozenset(
    f"{word}_{unit}{plural}"
    for word in ("start", "begin", "onset", "end", "stop", "finish", "offset", "duration", "dur")
    for unit in ("ms", "msec", "millisecond", "us", "sample", "frame", "min", "minute")
    for plural in ("", "s")
)

# What stands before the name of each of several target columns, among what a table's columns are.
TARGET = "target: "

# How many of the usual names, and of the columns that there are, a refusal shows.
_SHOWN = 12
_SHOWN_USUAL = 4


def pick(
    columns: Sequence[str],
    asked: str | None,
    usual: Sequence[str],
    where: str,
    *,
    needed: bool = False,
    others: Sequence[str] = (),
) -> str | None:
    """Return the column that was asked for, else the first of the usual ones.

    Of usual names neither the case of letters matters, nor what stands between words. ``others`` are columns
    that it cannot be, which a message names beside those that it could be.

    Raises
    ------
    BadSource
        The column is not there and ``needed`` or asked for, or is there more than once.
    """
    if asked is not None:
        column = asked if asked in columns else None
    else:
        known = {plain_name(name): name for name in reversed(columns)}
        column = next((known[name] for name in usual if name in known), None)
    if column is None and (needed or asked is not None):
        named = " or ".join(usual[:_SHOWN]) + (", …" if len(usual) > _SHOWN else "")
        expected = repr(asked) if asked is not None else f"named {named}"
        found = _listed([*columns, *others])
        raise BadSource(f"{where}: expected a column {expected}; found columns {to_text(found)}")
    if column is not None and columns.count(column) > 1:
        raise BadSource(f"{where}: the column {column!r} is there {columns.count(column)} times")
    return column


def _listed(columns: Sequence[str]) -> str:
    """Return the first names of columns, in quotes."""
    listed = ", ".join(map(repr, columns[:_SHOWN])) or "none"
    return listed + (", …" if len(columns) > _SHOWN else "")


@lru_cache(maxsize=1 << 16)
def plain_name(name: str) -> str:
    """Return a name of a column as it is compared.

    >>> plain_name("File Name"), plain_name("Begin Time (s)")
    ('file_name', 'begin_time_s')
    """
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def choose_columns(
    table: OpenTable, asked: Columns, readable: Readable, *, split: bool, where: str
) -> dict[str, str]:
    """Return the names of the columns that are read, by what they are: 'path', 'text', 'label', …

    Raises
    ------
    BadSource
        A column is not there, or is there more than once.
    BadOption
        Columns were asked for that do not go together, or that the modality has no use for.
    """
    names = table.columns
    if asked.record:
        data, segment = _record_columns(names, asked, where), _record_segment(names, asked, where)
    else:
        data = _data_columns(table, asked, readable, where)
        segment = _segment_columns(names, asked, readable, where)
    chosen = {
        **data,
        **_target_columns(names, asked, where),
        "id": pick(names, asked.id, USUAL["id"], where),
        "split": pick(names, asked.split, USUAL["split"], where) if split or asked.split else None,
        **{
            role: pick(names, getattr(asked, role), (), where)
            for role in ("group", "weight", "time")
        },
        **segment,
    }
    return {role: name for role, name in chosen.items() if name is not None}


def _target_columns(names: Sequence[str], asked: Columns, where: str) -> dict[str, str | None]:
    """Return the column of the labels as "label", or each of several target columns as "target: NAME"."""
    inputs = {column.name for column in asked.record if column.is_input}
    if both := inputs.intersection(asked.target):
        raise BadOption(
            f"target {min(both)!r}: is an input, too; what is to be predicted cannot be what it is predicted "
            "from"
        )
    if len(asked.target) < 2:
        free = [name for name in names if name not in inputs]
        taken = [name for name in names if name in inputs]
        target = next(iter(asked.target), None)
        return {"label": pick(free, target, LABEL_COLUMNS, where, others=taken)}
    if len(set(asked.target)) < len(asked.target):
        raise BadOption("target: a column is named twice; name each once")
    return {f"{TARGET}{name}": pick(names, name, (), where) for name in asked.target}


def _record_columns(names: Sequence[str], asked: Columns, where: str) -> dict[str, str | None]:
    """Return the columns of records, each as "input: NAME"."""
    for role in ("path", "text"):
        if getattr(asked, role) is not None:
            raise BadOption(
                f"{role}_column {getattr(asked, role)!r}: inputs name their own columns; leave the option out"
            )
    missing = [column.name for column in asked.record if column.name not in names]
    if missing:
        expected = ", ".join(map(repr, missing[:_SHOWN]))
        noun = "a column" if len(missing) == 1 else "columns"
        near = _near_names(missing[0], names)
        raise BadSource(
            to_text(f"{where}: expected {noun} {expected}; found columns {_listed(names)}{near}")
        )
    return {
        f"{RECORD}{column.name}": pick(names, column.name, (), where) for column in asked.record
    }


def _record_segment(names: Sequence[str], asked: Columns, where: str) -> dict[str, str | None]:
    """Return the columns of seconds where these were named; usual names alone do not cut sounds of records.

    Raises
    ------
    BadOption
        There is no input of sounds, or there are several.
    """
    if asked.start is None and asked.end is None and asked.duration is None:
        return {}
    sounds = [column.name for column in asked.record if column.is_sound]
    if len(sounds) != 1:
        found = to_text(", ".join(map(repr, sounds[:_SHOWN]))) or "none"
        raise BadOption(
            f"start_column, end_column: expected one input of sounds, whose segments they are; found {found}"
        )
    return _segment_columns(names, asked, Readable(frozenset(), segments=True), where)


def _near_names(name: str, names: Sequence[str]) -> str:
    """Return the column that is perhaps meant; '' where none is like it."""
    plain = {plain_name(one): one for one in reversed(names)}
    near = plain.get(plain_name(name)) or next(iter(get_close_matches(name, names, 1)), None)
    return f"; did you mean {near!r}?" if near else ""


def _data_columns(
    table: OpenTable, asked: Columns, readable: Readable, where: str
) -> dict[str, str | None]:
    """Return the column that holds the samples: of texts where they may be, else of contents, else of paths."""
    names = table.columns
    if asked.text is not None and not readable.string_is_sample:
        raise BadOption(f"text_column {asked.text!r}: the backbone reads files, not texts")
    if asked.text is not None and asked.path is not None:
        raise BadOption("text_column, path_column: name one of the two")
    if readable.string_is_sample and asked.path is None:
        text = pick(names, asked.text, TEXT_COLUMNS, where)
        if text is not None:
            return {"text": text}
    content = choose_content(table, asked.path, readable)
    if content is not None:
        return {"path": pick(names, content, (), where)}
    path = pick(names, asked.path, PATH_COLUMNS, where)
    if path is None:
        raise BadSource(_no_data(names, readable, where))
    return {"path": path}


def _no_data(names: Sequence[str], readable: Readable, where: str) -> str:
    """Return what is said of a table in which no column holds the samples."""
    if not names:
        return f"{where}: expected a table, found an empty file"
    files = f"a column of files (named {', '.join(PATH_COLUMNS[:_SHOWN_USUAL])}, …)"
    if not readable.string_is_sample and pick(names, None, TEXT_COLUMNS, where) is not None:
        return to_text(
            f"{where}: expected {files}, since the backbone reads no texts; found columns {_listed(names)}"
        )
    texts = f"a column of texts (named {', '.join(TEXT_COLUMNS[:_SHOWN_USUAL])}, …)"
    return to_text(
        f"{where}: expected {texts} or {files}; found columns {_listed(names)}; name it with text_column or "
        "path_column, and see that the first line holds the names of the columns"
    )


def choose_content(table: OpenTable, asked: str | None, readable: Readable | None) -> str | None:
    """Return the column that holds contents of files; None where paths are to be read.

    Without a name it is the only one with names of files, or with a usual name; of several that of the
    modality.
    """
    if asked is not None:
        return asked if asked in table.contents else None
    known = set(PATH_COLUMNS) | {"bytes", "image_bytes", "audio_bytes", "img_bytes"}
    found = [
        name for name, kind in table.contents.items() if kind != BINARY or plain_name(name) in known
    ]
    if len(found) > 1 and readable is not None:
        sound = ".wav" in readable.suffixes
        fitting = [name for name in found if (table.contents[name] == "Audio") is sound]
        found = fitting or found
    usual = [name for name in found if plain_name(name.rpartition(".")[2]) in known]
    return next(iter([*usual, *found]), None)


def _segment_columns(
    names: Sequence[str], asked: Columns, readable: Readable, where: str
) -> dict[str, str | None]:
    """Return the columns of the seconds from which and to which a recording is heard; both or none.

    Beside a start there may be a duration in place of an end; an offset beside a duration is a start.
    """
    known = {plain_name(name) for name in names}
    lasting = asked.duration is not None or not known.isdisjoint(DURATION_COLUMNS)
    if asked.end is not None and asked.duration is not None:
        raise BadOption("end_column, duration_column: name one of the two")
    if (asked.start is None) != (asked.end is None) and not (asked.start and lasting):
        raise BadOption("start_column, end_column: name both or neither")
    if not readable.segments:
        if asked.start is not None or asked.duration is not None:
            names_asked = "start_column, end_column" if asked.start else "duration_column"
            raise BadOption(f"{names_asked}: only sounds have segments")
        return {}
    start = pick(names, asked.start, START_COLUMNS, where)
    # An offset is an end beside an onset, and elsewhere a start.
    onset = plain_name(start or "").startswith("onset")
    ends = [name for name in END_COLUMNS if onset or not name.startswith("offset")]
    end = None if asked.duration is not None else pick(names, asked.end, ends, where)
    if end is None and lasting:
        offsets = [name for name in END_COLUMNS if name.startswith("offset")]
        start = start or pick(names, None, offsets, where)
        if start is None and asked.duration is not None:
            start = pick(names, None, START_COLUMNS, where, needed=True)
        duration = pick(names, asked.duration, DURATION_COLUMNS, where)
        return {"start": start, "duration": duration} if start else {}
    if start is None and lasting and plain_name(end or "").startswith("offset"):
        return {"start": end, "duration": pick(names, None, DURATION_COLUMNS, where)}
    return {"start": start, "end": end} if start and end else {}


def note_unused(
    table: OpenTable,
    chosen: Mapping[str, str],
    asked: Columns,
    *,
    split: bool,
    where: str,
    notes: Notes,
) -> None:
    """Add to the notes which columns look like ones that are read, and are not.

    Left out are contents of files, those whose meaning has a column that a user named, texts beside paths and
    paths beside texts, and a column of splits where all rows were asked for.
    """
    other = "text" if "path" in chosen else "path"
    usual = {
        name
        for role, usual in USUAL.items()
        if role != other and not _was_named(asked, role) and (split or role != "split")
        for name in usual
    }
    usual.update(_NOT_READ, _OTHER_TIMES)
    usual.difference_update(_GROUPS if asked.group else ())
    used = {*chosen.values(), *table.contents}
    unused = [name for name in table.columns if plain_name(name) in usual and name not in used]
    if not asked.target and "label" not in chosen:
        named = [name for name in table.classes if name not in used and name not in unused]
        if named:
            listed = to_text(", ".join(map(repr, named[:_SHOWN])))
            notes.add(
                "classes",
                f"{where}: no column has a usual name of labels; its schema names the classes of {listed}: "
                f"say target={named[0]!r} to use it as the labels",
                FeatxNotice,
            )
    if unused:
        columns = "column" if len(unused) == 1 else "columns"
        listed = to_text(", ".join(map(repr, unused)))
        notes.add("unused", f"{where}: not used: {columns} {listed}{_hint(unused)}", FeatxNotice)


def _was_named(asked: Columns, role: str) -> bool:
    named = asked.target if role == "label" else getattr(asked, role, None)
    return named not in (None, ())


def _hint(unused: Sequence[str]) -> str:
    """Return what is to be known of the columns that are not used."""
    plain = {plain_name(name) for name in unused}
    if plain & _OTHER_TIMES:
        return "; segments of sounds are in seconds (start, end)"
    if plain & {*START_COLUMNS, *END_COLUMNS, *DURATION_COLUMNS}:
        return (
            "; segments of sounds have a start and an end (start_column, end_column), or a duration "
            "(duration_column)"
        )
    if plain & set(_GROUPS):
        return "; samples of one group are kept together in every split where it is named (group_column)"
    if "split" in plain:
        return "; none of its cells names a part, so all rows are read"
    return ""
