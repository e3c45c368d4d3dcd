"""Download what a card needs and this machine lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from featx.catalog.card import Card
from featx.catalog.directories import user_directory
from featx.catalog.transfer import Progress, RemoteFile, Tries, fetch_file
from featx.catalog.verify import find, verify_files
from featx.errors import MissingWeights
from featx.storage.blob import Blob
from featx.storage.writable import check_writable

__all__ = ["missing_bytes", "pull"]


def pull(
    card: Card,
    *,
    directory: Path | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
    tries: int = 5,
    pause: float = 1.0,
) -> Blob:
    """Fetch what a card needs and this machine lacks; return the graph.

    What a broken download has left is continued where the server can do that. Bytes are accepted by
    their digest only, and appear under their name once they are whole. When two processes pull one
    file, the second waits for the first and then finds it there.

    Parameters
    ----------
    directory : Path, default=None
        The model directory where the bytes go; the user's own.
    progress : callable, default=None
        Called with the number of bytes that came since the last call; negative when what had come
        must be fetched again.
    timeout : float
        Seconds of silence after which a connection counts as dropped.
    tries : int
        How often in a row a file may be asked for without a new byte coming.
    pause : float
        Seconds before the second try; doubled for each further one.

    Raises
    ------
    MissingWeights
        The card does not say where a file can be had.
    DownloadFailed
        The server refuses, or the connection keeps breaking; the next pull goes on from there.
    WrongDigest
        The server has other bytes than the card promises.
    OutputFailed
        The model directory cannot be written.
    """
    folder = (directory or user_directory()) / card.name
    if any(find(card, file) is None for file in (card.graph, *card.files)):
        check_writable(folder / card.graph.name, parents=True)
    for file in (card.graph, *card.files):
        if find(card, file) is not None:
            continue
        if file.url is None:
            raise MissingWeights(
                f"{card.name}: its card has no url for {file.name}; put the file into {folder}"
            )
        remote = RemoteFile(file.url, file.sha256, file.size)
        waiting = Tries(timeout, tries, pause)
        fetch_file(remote, folder / file.name, progress=progress, tries=waiting)
    if directory is not None:
        card = replace(card, path=folder / "card.toml")
    return verify_files(card)[card.graph.name]


def missing_bytes(card: Card) -> int | None:
    """Return the bytes that ``pull`` would fetch; None where a card does not say the size of a missing file."""
    sizes = [f.size for f in (card.graph, *card.files) if find(card, f) is None]
    return None if None in sizes else sum(size or 0 for size in sizes)
