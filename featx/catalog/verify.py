"""Verify that the bytes on this machine are the ones that a card promises."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from featx.catalog.card import Card, File
from featx.catalog.directories import candidates
from featx.errors import MissingWeights, OutputFailed, WrongDigest
from featx.storage.blob import Blob, to_blob
from featx.storage.dirs import cache_dir
from featx.storage.json_file import read_json_table, write_json_table

__all__ = ["digest", "find", "names_beside", "verify_files"]

# How many values are remembered of a file.
_ENTRY = 5
# size in bytes, times of modification and of change in ns, inode, sha256
Stamp = list[int | str]


def verify_files(card: Card) -> Mapping[str, Blob]:
    """Return where each of a card's files is, by its name in the card, once its digest is the card's.

    A digest is remembered with the file's size, inode, and times of modification and change, so that the
    next start reads no bytes; a modification time can be set to any value, the time of the change cannot.
    Where the file of digests cannot be written, they are computed again.

    Raises
    ------
    MissingWeights
        A file is in no model directory.
    WrongDigest
        A file is not the one that the card promises.
    BadGraph
        A graph whose files are not in one folder is none.
    """
    blobs = {f.name: _verify(card, f) for f in (card.graph, *card.files)}
    _check_beside(card, blobs)
    return MappingProxyType(blobs)


def names_beside(card: Card) -> Mapping[str, str]:
    """Return the names of a card's files by those under which its graph would find them beside itself.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from featx import get_card
    >>> card = get_card("featx-text-nano")
    >>> names_beside(card)
    {'tokenizer.json': 'tokenizer.json'}
    >>> names_beside(replace(card, graph=replace(card.graph, name="onnx/model.onnx")))
    {}
    """
    folder = card.graph.name.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    return {f.name.removeprefix(prefix): f.name for f in card.files if f.name.startswith(prefix)}


def find(card: Card, file: File) -> Blob | None:
    """Return where the right bytes of one of a card's files are; None where there are none."""
    return next((blob for blob in candidates(card, file) if digest(blob) == file.sha256), None)


def digest(file: Path | Blob) -> str:
    """Return the sha256 of a file in hex digits, remembered until the file changes.

    Raises
    ------
    MissingWeights
        The file cannot be read.
    """
    blob = to_blob(file)
    if blob.path is None:
        return _digest_member(blob)
    path = blob.path.resolve()
    try:
        stamp = _stamp(path)
        known = _remembered().get(str(path), [])
        if known[:-1] == stamp:
            return str(known[-1])
        # It refuses a pipe, which would be waited for.
        _ = Blob.of_path(path).size
        with path.open("rb") as stream:
            computed = hashlib.file_digest(stream, "sha256").hexdigest()
        unchanged = _stamp(path) == stamp
    except OSError as error:
        raise MissingWeights(f"{path}: cannot be read: {error.strerror}") from error
    if unchanged:
        _remember(path, [*stamp, computed])
    return computed


def _digest_member(blob: Blob) -> str:
    try:
        return hashlib.sha256(blob.read()).hexdigest()
    except OSError as error:
        raise MissingWeights(f"{blob}: cannot be read: {error.strerror}") from error


def _verify(card: Card, file: File) -> Blob:
    blob = find(card, file)
    if blob is not None:
        return blob
    remedy = f"run: featx backbones pull {card.name}" if file.url else "put it beside the card"
    wrong = next(candidates(card, file), None)
    if wrong is None:
        raise MissingWeights(f"{card.name}: {file.name} is not on this machine; {remedy}")
    raise WrongDigest(
        f"{wrong}: expected the bytes of {card.name}, sha256 {file.sha256[:12]}…, "
        f"found {digest(wrong)[:12]}…; {remedy}"
    )


def _check_beside(card: Card, blobs: Mapping[str, Blob]) -> None:
    """Raise MissingWeights where weights do not lie beside the graph: nowhere else are they looked for."""
    graph = blobs[card.graph.name].path
    beside = names_beside(card)
    if graph is None or not beside:
        return
    folder = graph.parent.resolve()
    places = {name: blobs[beside[name]].path for name in beside}
    elsewhere = [n for n, path in places.items() if path and path.resolve() != folder / n]
    if not elsewhere:
        return
    # onnx takes 0.3 s to import, and files are nearly always in one folder
    from featx.graphs import external_data

    external = external_data(blobs[card.graph.name].read())
    for name in (name for name in elsewhere if name in external):
        raise MissingWeights(
            f"{card.name}: its graph is {graph} and the weights that belong to it are {places[name]}, or "
            "behind a symbolic link there; put both themselves into one folder"
        )


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    times = [status.st_mtime_ns, status.st_ctime_ns]
    return [status.st_size, *times, status.st_ino]


def _digests_file() -> Path:
    return cache_dir() / "verified.json"


def _remembered() -> dict[str, Stamp]:
    return {
        key: value
        for key, value in read_json_table(_digests_file()).items()
        if isinstance(value, list) and len(value) == _ENTRY
    }


def _remember(path: Path, entry: Stamp) -> None:
    """Keep a digest for the next start, where the file of digests can be written."""
    known = {key: value for key, value in _remembered().items() if Path(key).exists()}
    with suppress(OutputFailed):
        write_json_table(_digests_file(), {**known, str(path): entry})
