"""Groups of samples by their names, and what says that there are some."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from featx.errors import BadOption

__all__ = ["PARENT", "groups_from_pattern", "guess_groups"]

# The word that stands for the folder above a file.
PARENT = "parent"
# Characters of a name that a pattern is searched in, and of a pattern.
_LONGEST, _LONGEST_PATTERN = 1000, 200
# Repeated parts within repeated parts: on some names these take for ever.
_NESTED = re.compile(r"[+*}]\)*[+*{]|\([^()]*[+*}][^()]*\)[+*{]")
# Prefixes in each class, and samples of each, from which on names look as if there were groups.
_PREFIXES, _SAMPLES = 3, 2
# The share of samples that have such a prefix, and parts of a name that are looked at.
_MOST, _PARTS = 0.8, 5
_SEPARATOR = re.compile(r"[_\-. ]+")


def groups_from_pattern(names: Sequence[str], pattern: str) -> list[str]:
    """Return the group of each sample, found in its name.

    Parameters
    ----------
    names : sequence of n str
        Paths or ids.
    pattern : str
        A regular expression that is searched in the file's name, without its folders: what its first group
        matches, or all that it matches. "parent" is the folder above.

    Raises
    ------
    BadOption
        It is no regular expression, is one that could take for ever, or some names do not match.

    Examples
    --------
    >>> groups_from_pattern(["7/3_theo_0.wav", "7/3_lucas_1.wav"], "_([a-z]+)_")
    ['theo', 'lucas']
    >>> groups_from_pattern(["anna/1.jpg", "ben/1.jpg"], "parent")
    ['anna', 'ben']
    """
    if pattern == PARENT:
        found = [name.rpartition("/")[0].rpartition("/")[2] for name in names]
        missing = [name for name, group in zip(names, found, strict=True) if not group]
        expected = "a folder above"
    else:
        search = _compiled(pattern)
        matches = [search.search(name.rpartition("/")[2][:_LONGEST]) for name in names]
        found = [match[min(1, search.groups)] or "" if match else "" for match in matches]
        missing = [name for name, group in zip(names, found, strict=True) if not group]
        expected = "a match in the name of each file"
    if missing:
        raise BadOption(
            f"groups={pattern!r}: expected {expected}; {len(missing)} of {len(names)} have none "
            f"({missing[0][:_LONGEST_PATTERN]})"
        )
    return found


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > _LONGEST_PATTERN:
        raise BadOption(
            f"groups: a pattern of {len(pattern)} characters, expected at most {_LONGEST_PATTERN}"
        )
    if _NESTED.search(pattern):
        raise BadOption(
            f"groups={pattern!r}: repeats what is repeated within, which can take for ever; write it without"
        )
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadOption(
            f"groups={pattern!r}: expected a regular expression, or {PARENT!r}: {error}"
        ) from error


def guess_groups(names: Sequence[str], targets: Sequence[str | None]) -> str | None:
    """Return a word on groups where names look as if there were some; None where they do not.

    They do where files begin alike, up to a "_", "-", "." or space: in each class at least three beginnings
    that several samples share, and most samples have one of these.

    Parameters
    ----------
    names : sequence of n str
    targets : sequence of n str or None
        Those of a class; None for each where there are no classes.

    Examples
    --------
    >>> names = [f"{who}_{take}.wav" for who in ("ann", "bob", "eve") for take in "01"]
    >>> guess_groups(names, [None] * 6)
    "names look as if samples had groups (such as 'ann', 'bob', 'eve'): ..."
    """
    stems = [name.rpartition("/")[2].rpartition(".")[0][:_LONGEST] for name in names]
    parts = [_SEPARATOR.split(stem) for stem in stems]
    for length in range(1, min(_PARTS, max(map(len, parts), default=0))):
        starts = ["_".join(part[:length]) if len(part) > length else "" for part in parts]
        by_class: dict[str | None, Counter[str]] = defaultdict(Counter)
        for start, target in zip(starts, targets, strict=True):
            by_class[target][start] += 1
        shared = {
            target: {start for start, n in counts.items() if start and n >= _SAMPLES}
            for target, counts in by_class.items()
        }
        within = sum(start in shared[t] for start, t in zip(starts, targets, strict=True))
        enough = all(len(found) >= _PREFIXES for found in shared.values())
        if enough and within >= _MOST * len(names):
            examples = ", ".join(map(repr, sorted(set().union(*shared.values()))[:_PREFIXES]))
            return (
                f"names look as if samples had groups (such as {examples}): if they belong together, as the "
                "recordings of a speaker or the photos of a patient do, scores are too good without groups=, "
                "a pattern that finds the group in the name"
            )
    return None
