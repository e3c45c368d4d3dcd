"""Labelled samples from a folder, a manifest, a tar, a list, or standard input.

A source is read no further than needed to name its samples; their content is read where it is used.
So a file that cannot be read is a reject there, and only a source that makes no sense is refused
here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes
from featx.errors import BadOption, BadSource
from featx.sources.folder import read_folder, suffix_of
from featx.sources.iterables import make_samples, read_lines, read_texts
from featx.sources.sample import Sample, shorten, subsample, to_label, unique_ids
from featx.sources.splits import check_split
from featx.sources.table import TABLE_SUFFIXES, Columns, read_table
from featx.sources.table_folder import find_split_tables, read_split_tables
from featx.storage.blob import TarMember, in_words, read_bytes, to_text

if TYPE_CHECKING:
    from featx.sources.peek import Survey as Survey
    from featx.sources.peek import survey as survey

__all__ = [
    "Sample",
    "Survey",
    "TarMember",
    "make_samples",
    "read_bytes",
    "read_samples",
    "shorten",
    "subsample",
    "survey",
    "to_label",
    "to_text",
    "unique_ids",
]

__getattr__ = lazy_attributes(
    "featx.sources", {"Survey": "featx.sources.peek", "survey": "featx.sources.peek"}
)


def read_samples(
    source: str | os.PathLike[str],
    *,
    suffixes: frozenset[str],
    string_is_sample: bool = False,
    split: str | None = None,
    path_column: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    stdin: Iterable[bytes | str] | None = None,
) -> list[Sample]:
    """The samples of a source; all ids differ, and the order is the same everywhere.

    ========================= ===================== ==================================== ========
    source                    id                    label                                order
    ========================= ===================== ==================================== ========
    a folder                  path below it         first folder below it or its split   by path
    .csv .tsv .jsonl .parquet a column, or the path a column                             its rows
    the same, with texts      a column, or 'row 1'  a column                             its rows
    a folder with train.csv   'train.csv: row 1'    a column                             by name
    .tar, also .gz .bz2 .xz   path in it            key.cls, key.json, or as in a folder as it is
    one file                  the path              none                                 --
    ``-``, standard input     the path              none                                 as given
    the same, with texts      'line 1'              none                                 as given
    ========================= ===================== ==================================== ========

    Parameters
    ----------
    source : path, or '-'
    suffixes : frozenset of str
        Which files of a folder or tar are samples: lower case, with their dot.
    inline : bool
        Whether a text may be a sample by itself: a cell of a manifest, or a line of standard input.
    split : 'train', 'val', 'test' or None
        The part that is preferred where a folder, a tar (by its top folders) or a manifest (by a
        column ``split``) has parts; where it has none, all of it is given. ``val`` stands in for a
        missing ``test``; otherwise a source that has parts, but not this one, is refused. None
        gives everything.
    path_column, text_column, label_column, id_column : str, optional
        Columns of a manifest; ``label_column`` is also the key in the .json files of a tar. By
        default the first there is of path, file, filename, image, filepath; of text, sentence,
        question, content, document, review, comment, message, utterance, query, which goes before
        a path; of label, class, target, category; and id. Paths are relative to the manifest. An id
        that repeats is refused, a path gets '#2'.
    stdin : iterable of lines, optional
        What ``-`` reads instead of standard input.

    Raises
    ------
    BadSource
        There is no such source, or none that can be read, or not one sample in it.
    BadOption
        ``split`` is unknown, or a column is named for a source that has no columns.
    MissingExtra
        A Parquet manifest, and pyarrow is not installed.
    """
    split = None if split is None else check_split(split)
    columns = Columns(path_column, label_column, id_column, text_column)
    name = os.fsdecode(source)
    if name == "-":
        _refuse_columns(columns, "standard input")
        return read_texts(stdin) if string_is_sample else read_lines(stdin)
    path, where = Path(name), to_text(name)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        reason = (
            "no such file or folder" if isinstance(error, FileNotFoundError) else in_words(error)
        )
        raise BadSource(f"{where}: {reason}") from error
    except ValueError as error:
        raise BadSource(f"{where!r}: not a name that a file can have") from error
    if is_folder and string_is_sample and (parts := find_split_tables(path)):
        return read_split_tables(parts, columns, split, where)
    if is_folder:
        _refuse_columns(columns, f"{where} is a folder and")
        return read_folder(path, suffixes, split)
    if path.suffix.lower() in TABLE_SUFFIXES:
        return read_table(path, columns, split, string_is_sample=string_is_sample)
    if suffix_of(name) in suffixes:
        _refuse_columns(columns, f"{where} is a single file and")
        return [Sample(where, path)]
    from featx.sources.tar import is_tar, read_tar  # tarfile, for those who have one

    if is_tar(path):
        asked = Columns(path=path_column, id=id_column, text=text_column)
        _refuse_columns(asked, f"{where} is a tar and")
        return read_tar(path, suffixes, split, label_column)
    raise BadSource(
        f"{where}: expected a folder, a manifest ({', '.join(TABLE_SUFFIXES)}), a .tar, "
        f"or a file ending in {', '.join(sorted(suffixes))}"
    )


def _refuse_columns(columns: Columns, subject: str) -> None:
    if columns.asked:
        raise BadOption(f"{columns.asked}: {subject} has no columns; leave the option out")
