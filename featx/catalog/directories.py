"""Model directories: the folders in which cards and their bytes are looked for, in order.

A model directory is a folder of folders, each of a backbone's name, with its ``card.toml`` or bytes or
both.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from featx.catalog.card import Card, File
from featx.catalog.short_names import SHORT_NAMES, advice_for
from featx.errors import BadCard, BadOption, FeatxWarning, OutputFailed, UnknownBackbone, wrong_type
from featx.modalities import DEFAULTS
from featx.storage.blob import Blob
from featx.storage.container import member_at
from featx.storage.dirs import data_dir
from featx.storage.toml_text import read_toml_file
from featx.storage.writable import check_writable

__all__ = [
    "BUNDLED",
    "bundled_directory",
    "candidates",
    "default_card",
    "get_card",
    "is_shipped",
    "list_cards",
    "locate",
    "model_directories",
    "new_directory",
    "remove",
    "user_directory",
]

VARIABLE = "FEATX_MODELS"
CARD = "card.toml"
# the folder of a bundled classifier that holds a card's files
BUNDLED = "backbone"


def model_directories() -> list[Path]:
    """Return the folders that are searched for cards and bytes, first to last; those that exist.

    They are the entries of ``$FEATX_MODELS`` (separated as in PATH), the user's own model directory
    and the one that featx ships. An entry of the variable that is not a folder is skipped with a
    warning.
    """
    directories: list[Path] = []
    for entry in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        directory = Path(entry).expanduser().absolute()
        if directory.is_dir():
            directories.append(directory)
        else:
            warnings.warn(
                f"{VARIABLE} names {entry!r}, which is not a folder: skipped",
                FeatxWarning,
                stacklevel=1,
            )
    directories += [path for path in (user_directory(), bundled_directory()) if path.is_dir()]
    return directories


def user_directory() -> Path:
    """Return the folder where ``add`` and ``pull`` put backbones; it may not exist yet."""
    return data_dir() / "models"


def bundled_directory() -> Path:
    """Return the model directory of featx: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def get_card(name: str) -> Card:
    """Return the card called ``name`` of the first model directory that has one.

    Raises
    ------
    BadOption
        It is no name at all.
    UnknownBackbone
        No model directory has it; the message names the nearest that there is, or how it is pulled.
    BadCard
        The card is damaged, or lies in a folder of another name.

    Examples
    --------
    >>> get_card("featx-image-nano").dim
    384
    """
    if not isinstance(name, str):
        raise wrong_type("backbone", name, "its name")
    for directory in model_directories():
        path = directory / name / CARD
        if Path(name).name == name and path.is_file():
            return _read(path)
    pulls = f"featx backbones pull {name}" if name in SHORT_NAMES else ""
    raise UnknownBackbone(name, _paths(), pulls, advice_for(name))


def default_card(modality: str, *, defaults: Mapping[str, str] = DEFAULTS) -> Card:
    """Return the card that is meant for a modality where nobody names one.

    Parameters
    ----------
    modality : str
    defaults : mapping of str to str, default=DEFAULTS
        The name of the card by that of the modality.

    Raises
    ------
    BadOption
        It is in no model directory; the message names those of the modality that are.
    """
    name = defaults.get(modality, "")
    try:
        return get_card(name)
    except UnknownBackbone:
        others = [card.name for card in list_cards() if card.modality == modality]
        known = ", ".join(others) or "there is none, see featx backbones add"
        raise BadOption(
            f"no backbone named for {modality}, and {name or 'a default'} is in no model directory; "
            f"name one: {known}"
        ) from None


def list_cards() -> list[Card]:
    """Return one card for each name, sorted by name; a damaged card is left out with a warning.

    Examples
    --------
    >>> "featx-image-nano" in [card.name for card in list_cards()]
    True
    """
    cards = []
    for _, path in sorted(_paths().items()):
        try:
            cards.append(_read(path))
        except BadCard as error:
            warnings.warn(str(error), FeatxWarning, stacklevel=1)
    return cards


def candidates(card: Card, file: File) -> Iterator[Blob]:
    """Give the files of that name: in the card's bundle; else beside it, then in model directories."""
    if card.pack:
        yield member_at(card.pack, f"{card.pack_folder}/{file.name}")
        return
    folders = [directory / card.name for directory in model_directories()]
    for folder in ([card.path.parent] if card.path else []) + folders:
        if (path := folder / file.name).is_file():
            yield Blob.of_path(path)


def locate(card: Card, file: File) -> Blob | None:
    """Return where a file is, its bytes not verified; None where no model directory has it."""
    return next(candidates(card, file), None)


def is_shipped(card: Card) -> bool:
    """Return whether a card's graph is one of those that featx ships: known, and checked by its tests."""
    folder = bundled_directory() / card.name
    try:
        listed = card.graph.sha256 in (folder / CARD).read_text(encoding="utf-8")
    except OSError:
        return False
    return listed and (folder / card.graph.name).is_file()


def new_directory(name: str, directory: Path) -> Path:
    """Return the folder for a new backbone, not there yet, in a model directory that is.

    Raises
    ------
    BadOption
        A model directory has a backbone of that name already.
    OutputFailed
        The model directory cannot be made or written.
    """
    folder = directory / name
    try:
        taken = get_card(name).path
    except UnknownBackbone:
        taken = folder if folder.exists() else None
    if taken is not None:
        raise BadOption(f"{name}: a backbone of that name is at {taken}; choose another name")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(f"{directory}: cannot be made: {error.strerror}") from error
    check_writable(folder, folder=True)
    return folder


def remove(name: str) -> Path:
    """Delete a backbone from the user's own model directory, and return the folder that is gone.

    Raises
    ------
    BadOption
        It is in other model directories only, which featx does not change.
    UnknownBackbone
        No model directory has it.
    OutputFailed
        The folder cannot be removed.
    """
    folder = user_directory() / name
    if Path(name).name != name or not folder.is_dir():
        card = get_card(name)
        where = card.path.parent if card.path else "elsewhere"
        raise BadOption(
            f"{name}: nothing of it is in your model directory {user_directory()}; {where} is left alone"
        )
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputFailed(f"{folder}: cannot be removed: {error.strerror}") from error
    return folder


def _paths() -> dict[str, Path]:
    """Return the path of the card that each name stands for."""
    paths: dict[str, Path] = {}
    for directory in model_directories():
        for path in _cards_in(directory):
            paths.setdefault(path.parent.name, path)
    return paths


def _cards_in(directory: Path) -> Iterator[Path]:
    try:
        yield from directory.glob(f"*/{CARD}")
    except OSError as error:
        warnings.warn(f"{directory}: cannot be read: {error.strerror}", FeatxWarning, stacklevel=1)


def _read(path: Path) -> Card:
    try:
        text = read_toml_file(path)
    except ValueError as error:
        raise BadCard(f"{path}: {error}") from error
    card = Card.from_toml(text, path=path)
    if card.name != path.parent.name:
        raise BadCard(f"{path}: says name = {card.name!r}: expected that of its folder")
    return card
