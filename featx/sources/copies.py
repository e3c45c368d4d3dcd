"""Samples of one content: copies of each other, and contents that have two targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

__all__ = ["describe_conflicts", "describe_copies"]


def describe_conflicts(
    ids: Sequence[str], digests: Sequence[str], targets: Sequence[str | None]
) -> str:
    """Return what to say of contents that have several targets; '' where there are none.

    Parameters
    ----------
    ids, digests, targets : sequences of n str
        A digest that is '' is of a content that is not known.

    Examples
    --------
    >>> describe_conflicts(["a", "b", "c"], ["1", "1", "2"], ["cat", "dog", "dog"])
    "1 content has several targets, in 2 samples ('a' is 'cat', 'b' is 'dog'): at least one is wrong"
    """
    torn = [some for some in _alike(digests) if len({targets[i] for i in some}) > 1]
    if not torn:
        return ""
    first = torn[0][0]
    other = next(i for i in torn[0] if targets[i] != targets[first])
    pair = f"{ids[first]!r} is {targets[first]!r}, {ids[other]!r} is {targets[other]!r}"
    what = "content has" if len(torn) == 1 else "contents have"
    return f"{len(torn)} {what} several targets, in {sum(map(len, torn))} samples ({pair}): at least one is wrong"


def describe_copies(
    ids: Sequence[str],
    digests: Sequence[str],
    targets: Sequence[str | None],
    groups: Sequence[str] | None = None,
) -> str:
    """Return what to say of samples with one content and one target; '' where there are none.

    Parameters
    ----------
    ids, digests, targets : sequences of n str
        A digest that is '' is of a content that is not known.
    groups : sequence of n str, default=None
        Copies of one group are never on both sides of a split, and need no word.

    Examples
    --------
    >>> describe_copies(["a", "b", "c"], ["1", "1", "2"], ["dog", "dog", "dog"])
    "1 sample is a copy of another ('a' and 'b'): where one is trained on and the other measured, ..."
    """
    same = [some for some in _alike(digests) if len({targets[i] for i in some}) == 1]
    if groups is not None:
        same = [some for some in same if len({groups[i] for i in some}) > 1]
    if not same:
        return ""
    extra = sum(len(some) - 1 for some in same)
    pair = f"{ids[same[0][0]]!r} and {ids[same[0][1]]!r}"
    what = "sample is a copy of another" if extra == 1 else "samples are copies of others"
    return (
        f"{extra} {what} ({pair}): where one is trained on and the other measured, scores are too good; leave "
        "copies out, or give them a group"
    )


def _alike(digests: Sequence[str]) -> list[list[int]]:
    """Return the indices of the samples of each content that several have."""
    alike: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        if digest:
            alike[digest].append(index)
    return [some for some in alike.values() if len(some) > 1]
