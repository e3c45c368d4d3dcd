"""The parts of a data set, ``train``, ``val`` and ``test``, and the names that mean them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from types import MappingProxyType

from featx.errors import BadOption, BadSource

__all__ = ["SPLIT_NAMES", "check_split", "choose", "label_within", "split_of", "splits_among"]

_NAMES = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "val": "val",
        "valid": "val",
        "validation": "val",
        "dev": "val",
        "test": "test",
        "testing": "test",
    }
)


SPLIT_NAMES = tuple(_NAMES)
"""Names that mean a split, in small letters."""


def split_of(name: str) -> str | None:
    """Return 'train', 'val' or 'test' for a name that means it, in any case of letters; else None.

    >>> split_of("Training"), split_of("dev"), split_of("cats")
    ('train', 'val', None)
    """
    return _NAMES.get(name.lower())


def check_split(split: str) -> str:
    """Return the split that an option names.

    Raises
    ------
    BadOption
        It names none.
    """
    named = split_of(split) if isinstance(split, str) else None
    if named is None:
        raise BadOption(f"split {split!r}: expected train, val or test")
    return named


def splits_among(folders: Iterable[str]) -> frozenset[str]:
    """Return those of the folders that are splits of a data set; none of them where they are classes.

    They are splits when nothing else is beside them, or when there is one to train on and one to
    measure on. So a folder ``train`` beside ``bus`` and ``car`` is a class.

    >>> sorted(splits_among(["train", "test", "notes"])), sorted(splits_among(["train", "bus"]))
    (['test', 'train'], [])
    """
    folders = set(folders)
    named = {folder for folder in folders if split_of(folder)}
    meanings = {split_of(folder) for folder in named}
    if named == folders or ("train" in meanings and len(meanings) > 1):
        return frozenset(named)
    return frozenset()


def choose(split: str, names: Collection[str], where: str) -> frozenset[str]:
    """Return those of the names that are ``split``; ``val`` stands in for a missing ``test``.

    Raises
    ------
    BadSource
        None of them is: to measure on what was trained on, one must say so.
    """
    for wanted in (split, "val") if split == "test" else (split,):
        chosen = frozenset(name for name in names if split_of(name) == wanted)
        if chosen:
            return chosen
    there = ", ".join(sorted(names))
    raise BadSource(f"{where}: has no split {split!r}, only {there}; to use that, name it itself")


def label_within(parts: tuple[str, ...], splits: Collection[str]) -> str | None:
    """Return the first folder on the way to a file, below its split; None where there is none."""
    if splits:
        parts = parts[1:] if parts[0] in splits else ()
    return parts[0] if len(parts) > 1 else None
