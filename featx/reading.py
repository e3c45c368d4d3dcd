"""Samples of a folder, a table or an archive, whatever it holds: the first step of most programs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from featx.errors import BadOption, wrong_type
from featx.modalities import kind_of
from featx.modalities.formats import readable
from featx.modalities.guess import check_modality, guess_modality
from featx.sources import Columns, Sample, read_source

__all__ = ["read_samples", "target_columns"]


def read_samples(
    source: str | os.PathLike[str],
    *,
    modality: str | None = None,
    split: str | None = None,
    path_column: str | None = None,
    text_column: str | None = None,
    target: str | Sequence[str] | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    ignore_label_case: bool = False,
    start_column: str | None = None,
    end_column: str | None = None,
    encoding: str | None = None,
    root: str | os.PathLike[str] | None = None,
    label_separator: str | None = None,
    group_column: str | None = None,
    weight_column: str | None = None,
    split_column: str | None = None,
    time_column: str | None = None,
    duration_column: str | None = None,
    keep: Iterable[str] = (),
    on_error: str = "fail",
    stdin: Iterable[bytes | str] | None = None,
) -> list[Sample]:
    """Return the labelled samples of a source; their content is read when they are embedded.

    A folder of class folders, a table of paths or texts (.csv, .tsv, .jsonl, .parquet), a folder with
    ``train.csv``, a tar, one file, or ``-`` for the lines of standard input: ``featx.sources.open_source``
    says what ids, labels and order each gives. All ids differ.

    Parameters
    ----------
    source : path, or '-'
    modality : {'image', 'text', 'audio'}, optional
        Which files are samples, and whether a text is one. By default what most files are, or text for a
        column of texts; images where neither tells.
    split : {'train', 'val', 'test'}, optional
        The part that is preferred where the source has parts (folders, a column ``split``, tables named for
        one); where it has none, all of it is given. ``val`` stands in for a missing ``test``. By default
        everything.
    path_column, text_column, id_column : str, optional
        Columns of a table, where they have not the usual names.
    target : str or sequence of str, optional
        The column of what is to be predicted, where it has not the usual name of a label, or several columns.
        ``label_column`` is the same for one column.
    label_separator : str, optional
        What stands between the labels of a cell that holds several, such as "|".
    group_column : str, optional
        The column of what must not be both in training and measuring, such as the patient.
    weight_column : str, optional
        The column of how often each sample counts, in training and measuring.
    split_column : str, optional
        The column of the part (train, valid, test), where it has not the usual name. With ``split="train"``
        the samples of a part to choose by are given as well; ``Sample.part`` tells them.
    time_column : str, optional
        The column of the time of each sample: a number, or a date such as 2024-05-31.
    ignore_label_case : bool, default=False
        Whether labels that differ in upper and lower case only are one, spelled as most of them are.
    start_column, end_column : str, optional
        Columns with the seconds between which a row's recording is the sample: each row is a ``Segment``.
    duration_column : str, optional
        The column of how many seconds it lasts, in place of its end.
    encoding : str, optional
        The encoding of a table of text, or of texts on standard input, such as "cp1252". By default its byte
        order mark says it, or it is UTF-8.
    root : path, optional
        The folder below which the paths of a table, or of standard input, lie; by default the table's own, or
        the working directory.
    keep : iterable of str, default=()
        Columns whose cells each sample carries in ``Sample.columns``, and rows made of it in ``Rows.columns``;
        "all" for every one. A source without columns has ``label`` where it has labels, and ``text`` where
        its samples are texts.
    on_error : {"fail", "skip"}, default="fail"
        Whether a row of a table that makes no sense (too many cells, too few, no JSON, an empty path) is
        refused, or is a sample without a label that cannot be read, which an engine with
        ``on_error="skip"`` rejects.
    stdin : iterable of lines, optional
        What ``-`` reads instead of standard input.

    Raises
    ------
    BadSource
        There is no such source, or none that can be read, or not one sample in it.
    BadOption
        ``modality`` or ``split`` is unknown, or a column is named for a source that has no columns.
    MissingExtra
        A Parquet table, and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat/1.jpg", "cat/2.jpg", "dog/3.jpg"):
    ...         Path(folder, name).parent.mkdir(exist_ok=True)
    ...         _ = Path(folder, name).write_bytes(b"...")
    ...     samples = read_samples(folder)
    >>> [(sample.id, sample.label) for sample in samples]
    [('cat/1.jpg', 'cat'), ('cat/2.jpg', 'cat'), ('dog/3.jpg', 'dog')]
    """
    if root is not None and not isinstance(root, str | bytes | os.PathLike):
        raise wrong_type("root", root, "the path of a folder")
    if not isinstance(keep, Iterable):
        raise wrong_type("keep", keep, "names of columns")
    kept = (keep,) if isinstance(keep, str) else tuple(keep)
    if not all(isinstance(name, str) for name in kept):
        raise wrong_type("keep", keep, "names of columns")
    for name, value in (
        *(("path_column", path_column), ("text_column", text_column), ("id_column", id_column)),
        *(("start_column", start_column), ("end_column", end_column), ("encoding", encoding)),
        *(("group_column", group_column), ("weight_column", weight_column)),
        *(("split_column", split_column), ("time_column", time_column)),
        ("duration_column", duration_column),
        ("label_separator", label_separator),
    ):
        if value is not None and not isinstance(value, str):
            raise wrong_type(name, value, "a text")
    if on_error not in ("fail", "skip"):
        raise BadOption(f"on_error = {on_error!r}: expected 'fail' or 'skip'")
    folder = None if root is None else os.fsdecode(root)
    if modality is None:
        modality = guess_modality(
            source, path_column=path_column, text_column=text_column, encoding=encoding, root=folder
        )
    check_modality(modality)
    kind = kind_of(modality)
    columns = Columns(
        path=path_column,
        target=target_columns(target, label_column),
        id=id_column,
        text=text_column,
        start=start_column,
        end=end_column,
        encoding=encoding,
        root=folder,
        keep=kept,
        separator=label_separator,
        group=group_column,
        weight=weight_column,
        split=split_column,
        time=time_column,
        duration=duration_column,
        skip=on_error == "skip",
    )
    return read_source(
        source,
        readable(kind),
        split=split,
        columns=columns,
        stdin=stdin,
        ignore_label_case=ignore_label_case,
    )


def target_columns(
    target: str | Sequence[str] | None, label_column: str | None = None
) -> tuple[str, ...]:
    """Return the columns of what is to be predicted, of which ``label_column`` is another name.

    Raises
    ------
    BadOption
        Both are given.

    >>> target_columns(["price", "area"]), target_columns(None, "topic"), target_columns(None)
    (('price', 'area'), ('topic',), ())
    """
    if target is not None and label_column is not None:
        raise BadOption("target, label_column: they are one; name the column once")
    named = label_column if target is None else target
    if named is None:
        return ()
    columns = (named,) if isinstance(named, str) else named
    if not isinstance(columns, Sequence) or not all(isinstance(name, str) for name in columns):
        raise wrong_type("target", named, "a column, or several")
    return tuple(columns)
