"""Labelled samples from a folder, a table, a tar, a list, or standard input.

A source is read no further than needed to name its samples; their content is read where it is used. So a
file that cannot be read is a reject there, and only a source that makes no sense is refused here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from featx._lazy import load_named
from featx.errors import BadSource, wrong_type
from featx.sources.iterables import make_samples
from featx.sources.kept import keep_known
from featx.sources.sample import (
    Sample,
    merge_label_case,
    shorten,
    subsample,
    to_label,
    unique_ids,
)
from featx.sources.segment import Segment
from featx.sources.source import (
    TABLE_ENDINGS,
    TAR_ENDINGS,
    Columns,
    Peek,
    Readable,
    Source,
)
from featx.sources.splits import check_split
from featx.storage.address import is_remote
from featx.storage.blob import describe_os_error, read_bytes, to_text

__all__ = [
    "SOURCES",
    "Columns",
    "Peek",
    "Readable",
    "Sample",
    "Segment",
    "Source",
    "make_samples",
    "open_source",
    "read_bytes",
    "read_source",
    "shorten",
    "subsample",
    "to_label",
    "to_text",
    "unique_ids",
]


class LazySource:
    """A class of sources whose module is loaded once an address may be of its kind.

    Parameters
    ----------
    path : str
        The module and the class, as "module:Class".
    may_accept : callable
        Takes an address and returns False where the class would not accept it; quick, and never raises.
    """

    def __init__(self, path: str, may_accept: Callable[[str], bool]) -> None:
        self._path = path
        self._may_accept = may_accept

    def accepts(self, uri: str) -> bool:
        """Return whether the class accepts ``uri``."""
        return self._may_accept(uri) and self._load().accepts(uri)

    def __call__(
        self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None = None
    ) -> Source:
        """Return the source that ``uri`` names."""
        return self._load()(uri, columns, stdin)

    def _load(self) -> type[Source]:
        kind: type[Source] = load_named(f"featx.sources.{self._path}")
        return kind


def _ends_in(endings: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda uri: uri.lower().endswith(endings)


# The first that accepts a source reads it.
SOURCES: tuple[type[Source] | LazySource, ...] = (
    LazySource("standard_input:StandardInput", lambda uri: uri == "-"),
    LazySource("tars:TarFolder", os.path.isdir),
    LazySource("pattern:Pattern", lambda uri: "{" in uri),
    LazySource("remote:RemoteSource", is_remote),
    LazySource("table_folder:TableFolder", os.path.isdir),
    LazySource("folder:Folder", os.path.isdir),
    LazySource("table:Table", _ends_in(TABLE_ENDINGS)),
    LazySource("tar:Tar", _ends_in(TAR_ENDINGS)),
    LazySource("single_file:SingleFile", lambda uri: True),
)


def open_source(
    uri: str | os.PathLike[str],
    columns: Columns | None = None,
    *,
    stdin: Iterable[bytes | str] | None = None,
) -> Source:
    """Return the source that ``uri`` names, which is not read yet.

    ========================= ===================== ==================================== ========
    source                    id                    label                                order
    ========================= ===================== ==================================== ========
    a folder                  path below it         first folder below it or its split   by path
    .csv .tsv .jsonl .parquet a column, or the path a column                             its rows
    the same, with segments   'a.wav#1.5-3.0'       a column                             its rows
    the same, with texts      a column, or 'row 1'  a column                             its rows
    a folder with train.csv   'train.csv: row 1'    a column                             by name
    or train-0-of-2.parquet   the same              a column, by its name in the schema  by name
    or train/0000.parquet     the same              likewise; also within default/       by name
    .tar, also .gz .bz2 .xz   path in it            key.cls, key.json, or as in a folder as it is
    a folder of tars alone    'a.tar/' and its path there, the same                         by name
    one file                  the path              none                                 --
    ``-``, standard input     the path              none                                 as given
    the same, with texts      'line 1'              none                                 as given
    ========================= ===================== ==================================== ========

    A ``metadata.csv`` (.jsonl, .parquet; columns file_name and label) beside or above the files of a folder
    goes before its folders. Labels are spelled in one way, see ``to_label``. Of a folder and of a tar, files
    of other kinds are left out with a warning that counts them; hidden files (names that begin with a dot)
    and those that systems make (``__MACOSX``, ``Thumbs.db``, ``desktop.ini``, ``@eaDir``, ``lost+found``,
    ``$RECYCLE.BIN``) are left out in silence.

    Parameters
    ----------
    uri : path, or '-'
    columns : Columns, optional
        What is said of a table; ``label`` is also the key in the .json files of a tar. By default the first
        column there is of the usual names (``featx.sources.columns``): path, file, filename, …, image_id;
        text, sentence, question, content, document, review, comment, message, utterance, query, which go
        before a path; label, class, target, category; id; split; for sounds start, and end or duration. Of a
        usual name neither case matters nor what stands between words. Contents of files in a Parquet table
        go before paths. Paths are relative to the table; where there is no such file, spaces around are left
        out, backslashes are separators, and a missing suffix is that of the only file of its name. An id that
        repeats is refused where the column was named, else ids are the paths, and it is said. A path that
        repeats gets '#2'.
    stdin : iterable of lines, optional
        What ``-`` reads instead of standard input.

    Raises
    ------
    BadSource
        There is no such source.
    """
    if not isinstance(uri, str | bytes | os.PathLike):
        raise wrong_type("source", uri, "a path, or '-'")
    name = os.fsdecode(uri)
    _refuse_pipes(name)
    kind = next((kind for kind in SOURCES if kind.accepts(name)), None)
    if kind is None:
        raise _missing(name)
    return kind(name, columns or Columns(), stdin)


def read_source(
    uri: str | os.PathLike[str],
    readable: Readable,
    *,
    split: str | None = None,
    columns: Columns | None = None,
    stdin: Iterable[bytes | str] | None = None,
    ignore_label_case: bool = False,
) -> list[Sample]:
    """Return the samples of a source that a modality can read; all ids differ.

    Parameters
    ----------
    uri, columns, stdin
        The parameters of ``open_source``.
    readable : Readable
        Which files are samples, and whether a text is one by itself.
    split : 'train', 'val', 'test' or None
        The part that is preferred where a folder, a tar (by its top folders) or a table (by a column
        ``split``) has parts; where it has none, all of it is given. ``val`` stands in for a missing ``test``;
        otherwise a source that has parts, but not this one, is refused. None gives everything.
    ignore_label_case : bool, default=False
        Whether labels that differ in upper and lower case only are one, spelled as most of them are.

    Raises
    ------
    BadSource
        There is no such source, or none that can be read, or not one sample in it.
    BadOption
        ``split`` is unknown, or a column is named for a source that has no columns.
    MissingExtra
        A Parquet table, and pyarrow is not installed.
    """
    split = None if split is None else check_split(split)
    samples = open_source(uri, columns, stdin=stdin).samples(readable, split)
    if ignore_label_case:
        samples = merge_label_case(samples)
    if columns is None or not columns.keep or samples[0].columns is not None:
        return samples
    return keep_known(samples, columns.keep, to_text(os.fsdecode(uri)))


def _refuse_pipes(name: str) -> None:
    """Raise BadSource for what is neither a file nor a folder: to open a pipe may wait for ever."""
    try:
        mode = Path(name).stat().st_mode
    except (OSError, ValueError):
        return
    if name != "-" and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise BadSource(
            f"{to_text(name)}: cannot be read: not a regular file, but a pipe, socket or device"
        )


def _missing(name: str) -> BadSource:
    """Return why nothing of this name is a source."""
    where = to_text(name)
    try:
        Path(name).stat()
    except FileNotFoundError:
        return BadSource(f"{where}: no such file or folder")
    except OSError as error:
        return BadSource(f"{where}: {describe_os_error(error)}")
    except ValueError:
        return BadSource(f"{where!r}: not a name that a file can have")
    return BadSource(f"{where}: expected a folder, a table, a .tar or a file of samples")
