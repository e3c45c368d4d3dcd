"""Groups of samples by their names, and what says that there are some."""

from __future__ import annotations

import re
from collections import defaultdict
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
# Letters of a prefix that are no number.
_WORD = re.compile(r"[A-Za-z][A-Za-z]+")


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

    They do where a part of the names that is a word, between "_", "-" or ".", takes several values that several
    samples share, in each class at least three.

    Parameters
    ----------
    names : sequence of n str
    targets : sequence of n str or None

    Examples
    --------
    >>> names = [f"{digit}_{who}_{take}.wav" for digit in "01" for who in ("ann", "bob", "eve") for take in "01"]
    >>> guess_groups(names, [name[0] for name in names])
    "names look as if samples had groups (such as 'ann', 'bob', 'eve'): ..."
    """
    stems = [name.rpartition("/")[2].rpartition(".")[0] for name in names]
    parts = [re.split(r"[_\-. ]+", stem) for stem in stems]
    width = min(map(len, parts), default=0)
    if width != max(map(len, parts), default=0) or width < 2:
        return None
    for column in range(width):
        values = [part[column] for part in parts]
        if not all(_WORD.fullmatch(value) for value in values):
            continue
        by_class: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for value, target in zip(values, targets, strict=True):
            by_class[target][value] += 1
        shared = [
            [value for value, n in counts.items() if n >= _SAMPLES] for counts in by_class.values()
        ]
        distinct = len(set(values))
        if distinct < len(names) / 2 and all(len(one) >= _PREFIXES for one in shared):
            examples = ", ".join(map(repr, sorted(set(values))[:_PREFIXES]))
            return (
                f"names look as if samples had groups (such as {examples}): if they belong together, as the "
                "recordings of a speaker do, scores are too good without groups=, a pattern that finds them "
                "in the name"
            )
    return None
