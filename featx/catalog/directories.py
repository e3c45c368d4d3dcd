"""Which backbones exist, and where their bytes are: the shelves, in order.

A shelf is a folder of folders, each of a backbone's name, with its ``card.toml`` or bytes or both.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

from featx.catalog.card import Card, File
from featx.errors import BadCard, BadOption, FeatxWarning, OutputFailed, UnknownBackbone
from featx.modalities import DEFAULTS
from featx.storage.blob import Blob
from featx.storage.container import member_at
from featx.storage.dirs import data_dir

__all__ = [
    "BUNDLED",
    "bundled_directory",
    "default_card",
    "get_card",
    "list_cards",
    "locate",
    "model_directories",
    "new_directory",
    "places",
    "remove",
    "user_directory",
]

VARIABLE = "FEATX_MODELS"
CARD = "card.toml"
BUNDLED = "backbone"  # the folder of a pack that holds a card's files


def model_directories() -> list[Path]:
    """The folders that are searched for cards and bytes, first to last; those that exist.

    They are the entries of ``$FEATX_MODELS`` (separated as in PATH), the user's own shelf and the
    one that featx ships. An entry of the variable that is not a folder is skipped with a warning.
    """
    found: list[Path] = []
    for entry in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        shelf = Path(entry).expanduser().absolute()
        if shelf.is_dir():
            found.append(shelf)
        else:
            warnings.warn(
                f"{VARIABLE} names {entry!r}, which is not a folder: skipped",
                FeatxWarning,
                stacklevel=1,
            )
    found += [shelf for shelf in (user_directory(), bundled_directory()) if shelf.is_dir()]
    return found


def user_directory() -> Path:
    """Where ``add`` and ``pull`` put backbones; it may not exist yet."""
    return data_dir() / "models"


def bundled_directory() -> Path:
    """The shelf that comes with featx: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def get_card(name: str) -> Card:
    """The card called ``name`` on the first shelf that has one.

    Raises
    ------
    UnknownBackbone
        No shelf has it; the message names the nearest that there is.
    BadCard
        The card is damaged, or lies in a folder of another name.

    Examples
    --------
    >>> get_card("featx-image-nano").dim
    384
    """
    for shelf in model_directories():
        path = shelf / name / CARD
        if Path(name).name == name and path.is_file():
            return _read(path)
    raise UnknownBackbone(name, _paths())


def default_card(modality: str) -> Card:
    """The card that is meant for a modality when nobody names one.

    Raises
    ------
    BadOption
        It is not on the shelves; the message names those of the modality that are.
    """
    name = DEFAULTS.get(modality, "")
    try:
        return get_card(name)
    except UnknownBackbone:
        others = [card.name for card in list_cards() if card.modality == modality]
        known = ", ".join(others) or "none is on the shelves, see featx backbones add"
        raise BadOption(
            f"no backbone named for {modality}, and {name or 'a default'} is not on the shelves; "
            f"name one: {known}"
        ) from None


def list_cards() -> list[Card]:
    """One card for each name, sorted by name; a damaged card is left out with a warning."""
    cards = []
    for _, path in sorted(_paths().items()):
        try:
            cards.append(_read(path))
        except BadCard as error:
            warnings.warn(str(error), FeatxWarning, stacklevel=1)
    return cards


def places(card: Card, file: File) -> Iterator[Blob]:
    """Where a file of that name is: in the card's pack; else beside the card, then on every shelf."""
    if card.pack:
        yield member_at(card.pack, f"{BUNDLED}/{file.name}")
        return
    folders = [shelf / card.name for shelf in model_directories()]
    for folder in ([card.path.parent] if card.path else []) + folders:
        if (path := folder / file.name).is_file():
            yield Blob.of_path(path)


def locate(card: Card, file: File) -> Blob | None:
    """The first of the places of a file, unproven; None where it is on no shelf."""
    return next(places(card, file), None)


def new_directory(name: str, shelf: Path) -> Path:
    """The folder for a new backbone, not there yet, on a shelf that is.

    Raises
    ------
    BadOption
        A backbone of that name is on a shelf already.
    OutputFailed
        The shelf cannot be made.
    """
    folder = shelf / name
    try:
        taken = get_card(name).path
    except UnknownBackbone:
        taken = folder if folder.exists() else None
    if taken is not None:
        raise BadOption(f"{name}: a backbone of that name is at {taken}; choose another --name")
    try:
        shelf.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(f"{shelf}: cannot be made: {error.strerror}") from error
    return folder


def remove(name: str) -> Path:
    """Take a backbone's card and bytes off the user's own shelf; the folder that is gone.

    Raises
    ------
    BadOption
        The backbone is on other shelves only, which featx does not change.
    UnknownBackbone
        No shelf has it.
    OutputFailed
        The folder cannot be removed.
    """
    folder = user_directory() / name
    if Path(name).name != name or not folder.is_dir():
        card = get_card(name)
        where = card.path.parent if card.path else "elsewhere"
        raise BadOption(
            f"{name}: nothing of it is on your shelf {user_directory()}; {where} is left alone"
        )
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputFailed(f"{folder}: cannot be removed: {error.strerror}") from error
    return folder


def _paths() -> dict[str, Path]:
    """The card that each name stands for."""
    found: dict[str, Path] = {}
    for shelf in model_directories():
        for path in _cards_on(shelf):
            found.setdefault(path.parent.name, path)
    return found


def _cards_on(shelf: Path) -> Iterator[Path]:
    try:
        yield from shelf.glob(f"*/{CARD}")
    except OSError as error:
        warnings.warn(f"{shelf}: cannot be read: {error.strerror}", FeatxWarning, stacklevel=1)


def _read(path: Path) -> Card:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCard(f"{path}: cannot be read: {error}") from error
    card = Card.from_toml(text, path=path)
    if card.name != path.parent.name:
        raise BadCard(f"{path}: says name = {card.name!r}: expected that of its folder")
    return card
