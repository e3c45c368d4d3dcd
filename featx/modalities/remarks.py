"""Remarks: what a reader noticed in a sample that it could read, said once for all samples of a run.

A reader calls ``remark``. Whoever reads many samples gathers the remarks of each with ``collected``, and warns
of all of them together with ``warn_of``; where nobody gathers, the remark is a warning at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass

from featx.errors import FeatxWarning

__all__ = [
    "Remark",
    "collected",
    "describe_remark",
    "is_collected",
    "remark",
    "warn_each",
    "warn_of",
]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is said of a sample.

    Attributes
    ----------
    what : str
        What is so, as a predicate that goes on after "3 of 8 samples": the same for all samples.
    detail : str
        What is so of this sample, and what can be done.
    weight : float
        Of several samples the one with the greatest weight is shown.
    again : bool
        Whether a row is computed anew the next time rather than kept in the cache, so that it is said again.
    """

    what: str
    detail: str
    weight: float = 0.0
    again: bool = True


_collection: ContextVar[list[Remark] | None] = ContextVar("remarks", default=None)


def remark(found: Remark) -> None:
    """Hand a remark to whoever gathers them in this thread, or warn of it."""
    collection = _collection.get()
    if collection is None:
        warnings.warn(f"a sample {_singular(found.what)}: {found.detail}", FeatxWarning, 2)
    else:
        collection.append(found)


def is_collected() -> bool:
    """Return whether somebody gathers the remarks of this thread."""
    return _collection.get() is not None


def collected() -> AbstractContextManager[list[Remark]]:
    """Give a list that the remarks made inside, in this thread, are appended to."""
    return _Collected()


class _Collected:
    """The block of ``collected``; every sample has two, so that it is no generator."""

    __slots__ = ("_token",)

    def __enter__(self) -> list[Remark]:
        found: list[Remark] = []
        self._token = _collection.set(found)
        return found

    def __exit__(self, *failure: object) -> None:
        _collection.reset(self._token)


def warn_of(remarks: Iterable[tuple[str, Remark]], total: int) -> None:
    """Warn of the remarks on ``total`` samples, each with the name of its sample: one FeatxWarning a kind."""
    kinds: dict[str, list[tuple[str, Remark]]] = {}
    for name, found in remarks:
        kinds.setdefault(found.what, []).append((name, found))
    for what, group in kinds.items():
        name, worst = max(group, key=lambda pair: pair[1].weight)
        count = len({name for name, _ in group})
        predicate = what if total > 1 else _singular(what)
        noun = "sample" if total == 1 else "samples"
        text = f"{count} of {total} {noun} {predicate}, such as {name}: {worst.detail}"
        warnings.warn(text, FeatxWarning, stacklevel=3)


def warn_each(remarks: Iterable[Remark]) -> None:
    """Warn of each kind of remark in words that do not change, so that a server's log has it once."""
    for what in dict.fromkeys(found.what for found in remarks):
        warnings.warn(f"a sample {_singular(what)}", FeatxWarning, stacklevel=3)


def describe_remark(found: Remark) -> str:
    """Return a remark for whoever sent its sample.

    >>> describe_remark(Remark("have several frames, of which the first is read", "3 frames"))
    'has several frames, of which the first is read: 3 frames'
    """
    return f"{_singular(found.what)}: {found.detail}"


def _singular(what: str) -> str:
    """Return a predicate of several as one of a single sample: its verb is the first word."""
    verb, _, rest = what.partition(" ")
    return f"{ {'are': 'is', 'have': 'has'}.get(verb, verb + 's') } {rest}"
