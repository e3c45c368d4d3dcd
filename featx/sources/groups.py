"""Groups of samples by their names, signs that there are some, and contents that occur more than once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from featx.errors import BadOption
from featx.sources.splits import split_of
from featx.storage.blob import to_text

__all__ = ["PARENT", "duplicate_contents", "groups_from_pattern", "guess_groups"]

# The pattern that stands for the folder above a file.
PARENT = "parent"

# Characters of a pattern, and seconds that it may search.
_LONGEST_PATTERN = 1000
_SECONDS = 10.0
# A regular expression may take time exponential in a name's length and cannot be stopped within a process.
_SEARCH = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
pattern, names = json.load(sys.stdin)
search = re.compile(pattern).search
matches = map(search, names)
json.dump([m and m.group(m.re.groups and 1) for m in matches], sys.stdout)
"""
# What parts a prefix from the rest, and what ends a name where there are several of a kind.
_NUMBER = re.compile(r"[\s_.\-]*\d+$")
_LAST_PART = re.compile(r"[\s_.\-]+[^\s_.\-]+$")
_REPEAT = re.compile(r"#\d+$")
# It has letters: in cat.12 the number is a part of the name.
_SUFFIX = re.compile(r"(?!\d+$)[A-Za-z0-9]{1,5}$")
_PART, _SPACE = re.compile(r"[\s_.\-]+"), " "
# First parts of a name that are looked at, and the share of samples that they must be of.
_LENGTHS, _MOST = 5, 0.8
# Prefixes in each class, with several samples, that look like groups; smaller classes cannot have them.
_PREFIXES, _SMALL = 3, 6


def groups_from_pattern(
    names: Sequence[str], pattern: str, *, seconds: float = _SECONDS
) -> list[str]:
    r"""Return the group of each sample by its name.

    Parameters
    ----------
    names : sequence of str
        Paths below a folder, with "/" between folders.
    pattern : str
        A regular expression that is searched in the file's name; the group is what its first pair of
        brackets matches or, without brackets, all that it matches. ``"parent"`` is the folder above.
    seconds : float, default=10
        How long the search may take.

    Raises
    ------
    BadOption
        The pattern is no regular expression, takes too long, or does not match some names.

    Examples
    --------
    >>> groups_from_pattern(["3/3_george_1.wav", "3/3_theo_1.wav"], "_([a-z]+)_")
    ['george', 'theo']
    >>> groups_from_pattern(["scans/p01/a.png", "scans/p02/a.png"], "parent")
    ['p01', 'p02']
    """
    if pattern == PARENT:
        groups: list[str | None] = [_parent(name) for name in names]
    else:
        files = [name.replace("\\", "/").rpartition("/")[2] for name in names]
        distinct = list(dict.fromkeys(files))
        searched = _search(_checked(pattern), distinct, seconds)
        table = dict(zip(distinct, searched, strict=True))
        groups = [table[file] for file in files]
    missing = [name for name, group in zip(names, groups, strict=True) if not group]
    if missing:
        expected = (
            "a folder above each file" if pattern == PARENT else "a match in each file's name"
        )
        raise BadOption(
            f"groups = {pattern!r:.80}: expected {expected}; found none in {len(missing)} of "
            f"{len(names)}, such as {to_text(missing[0])!r:.80}"
        )
    return [group for group in groups if group]


def _parent(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[0].rpartition("/")[2]


def _checked(pattern: str) -> str:
    if len(pattern) > _LONGEST_PATTERN:
        raise BadOption(
            f"groups: expected a regular expression of at most {_LONGEST_PATTERN} characters; found "
            f"{len(pattern)}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadOption(
            f"groups = {pattern!r:.80}: expected a regular expression; {error}"
        ) from None
    return pattern


def _search(pattern: str, names: list[str], seconds: float) -> list[str | None]:
    """Return what a pattern finds in each name, searched by a process that is ended when it takes too long."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _SEARCH],
            input=json.dumps([pattern, names]),
            capture_output=True,
            text=True,
            encoding="ascii",
            timeout=seconds,
            check=True,
        )
        found: list[str | None] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise BadOption(
            f"groups = {pattern!r:.80}: searching {len(names)} names took more than {seconds:g} s; "
            "write a simpler pattern, without a repetition within a repetition"
        ) from None
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        raise BadOption(
            f"groups = {pattern!r:.80}: the search failed ({error!s:.200}); give groups as a list"
        ) from error
    return found


def guess_groups(ids: Sequence[str], labels: Sequence[Any] | None = None) -> str | None:
    """Return a sentence where names look as if several samples came from one speaker, patient or page.

    They do where each class has at least three prefixes that several of its samples share. A prefix is a
    name without the number at its end, else without its last part; or its first parts, where most samples
    have one that others share. Classes of fewer than six samples are not looked at.

    Parameters
    ----------
    ids : sequence of str
    labels : sequence of the same length, default=None
        The class of each sample; None where there are no classes.

    Returns
    -------
    str or None

    Examples
    --------
    >>> names = [f"{who}_{take}.wav" for who in ("ann", "bob", "cy") for take in range(4)]
    >>> guess_groups(names)
    "names such as 'ann_0.wav' and 'ann_1.wav' look as if several samples came from one source; ..."
    >>> guess_groups([f"cat.{number}.jpg" for number in range(12)])
    """
    stems = [_stem(name) for name in ids]
    given = [None] * len(ids) if labels is None else labels
    classes = [_comparable(label) for label in given]
    parts = [_PART.split(stem) for stem in stems]
    for length in range(_LENGTHS):
        prefixes = [_SPACE.join(some[:length]) if len(some) > length else "" for some in parts]
        prefixes = prefixes if length else [_without_end(stem) for stem in stems]
        # Names may begin alike for many reasons; those that end in a number and begin alike are takes.
        if shared := _shared(prefixes, classes, least=_MOST if length else 0.0):
            first, second = [i for i, prefix in enumerate(prefixes) if prefix == shared][:2]
            return (
                f"names such as {_file(ids[first])!r:.60} and {_file(ids[second])!r:.60} look as if several "
                "samples came from one source; groups= keeps a source on one side of every split, without "
                "which scores may be too good"
            )
    return None


def _shared(prefixes: list[str], classes: list[Hashable], *, least: float) -> str:
    """Return the prefix that most share, where each class has enough of them; else ''.

    Samples with a shared prefix are then at least the share ``least`` of all.
    """
    by_class: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for prefix, label in zip(prefixes, classes, strict=True):
        by_class[label][prefix] += 1
    best, within, total = ("", 0), 0, 0
    for counts in by_class.values():
        if counts.total() < _SMALL:
            continue
        shared = {prefix: count for prefix, count in counts.items() if prefix and count > 1}
        if len(shared) < _PREFIXES:
            return ""
        within, total = within + sum(shared.values()), total + counts.total()
        best = max(best, *shared.items(), key=lambda item: item[1])
    return best[0] if within >= least * total else ""


def _file(name: str) -> str:
    return to_text(name.replace("\\", "/").rpartition("/")[2])


def _stem(name: str) -> str:
    """Return the name of a file without folders and suffix; '' for a text: sentences begin alike."""
    file = _REPEAT.sub("", name).replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = file.rpartition(".")
    if dot and _SUFFIX.match(suffix):
        return stem
    return "" if " " in name else file


def _without_end(stem: str) -> str:
    """Return a name without the number at its end, else without its last part; '' where it has neither."""
    shorter = _NUMBER.sub("", stem)
    shorter = shorter if shorter != stem else _LAST_PART.sub("", stem)
    return shorter if shorter != stem else ""


def duplicate_contents(
    ids: Sequence[str],
    digests: Iterable[Hashable],
    targets: Sequence[Any],
    parts: Sequence[Any] | None = None,
) -> list[str]:
    """Return sentences on contents that are in two parts of the data, or that have two targets.

    Parameters
    ----------
    ids : sequence of str
    digests : iterable of n hashable
        Equal for equal contents; None where it is not known.
    targets : sequence of n
        Labels, sets of labels or numbers; None where it is not known.
    parts : sequence of n, default=None
        The split of each sample, its fold, its group or, where single samples may be parted, its id; None
        leaves a sample out.

    Examples
    --------
    >>> duplicate_contents(["a.jpg", "b.jpg"], [b"1", b"1"], ["cat", "dog"])
    ["1 content has more than one target (2 samples, such as 'a.jpg': cat, 'b.jpg': dog)"]
    >>> duplicate_contents(["a.jpg", "b.jpg"], [b"1", b"1"], ["cat", "cat"], ["train", "test"])
    ["1 content is in train and in test (2 samples, such as 'a.jpg' and 'b.jpg'): ..."]
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        if digest is not None:
            members[digest].append(i)
    repeated = [indices for indices in members.values() if len(indices) > 1]
    sentences = []
    if parts is not None:
        where = [_comparable(part) for part in parts]
        if across := _differing(repeated, where):
            i, j = _two(across[0], where)
            sentences.append(
                f"{_counted(across, 'is', 'are')} {_named(across, where)} ({_samples(across)}, such as "
                f"{to_text(ids[i])!r:.60} and {to_text(ids[j])!r:.60}): scores are too good where one is "
                "trained on and another measured"
            )
    values = [_comparable(target) for target in targets]
    if unlike := _differing(repeated, values):
        i, j = _two(unlike[0], values)
        sentences.append(
            f"{_counted(unlike, 'has', 'have')} more than one target ({_samples(unlike)}, such as "
            f"{to_text(ids[i])!r:.60}: {targets[i]!s:.40}, {to_text(ids[j])!r:.60}: {targets[j]!s:.40})"
        )
    return sentences


def _comparable(value: Any) -> Hashable:
    """Return a label, a set of labels or a number as what can be compared."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(map(_comparable, value))
    return frozenset(value) if isinstance(value, (set, frozenset)) else value


def _differing(repeated: list[list[int]], values: list[Hashable]) -> list[list[int]]:
    """Return the contents, as the indices of their samples, that have two known values or more."""
    return [one for one in repeated if len({values[i] for i in one} - {None}) > 1]


def _two(indices: list[int], values: list[Hashable]) -> tuple[int, int]:
    known = [i for i in indices if values[i] is not None]
    return known[0], next(i for i in known if values[i] != values[known[0]])


def _named(contents: list[list[int]], where: list[Hashable]) -> str:
    """Return the names of the splits in which the contents are, or that they are in several samples."""
    parts = dict.fromkeys(where[i] for one in contents for i in one if where[i] is not None)
    names = [part for part in parts if isinstance(part, str) and split_of(part)]
    return f"in {' and in '.join(names)}" if len(names) == len(parts) else "in several samples"


def _counted(contents: list[list[int]], one: str, several: str) -> str:
    return f"1 content {one}" if len(contents) == 1 else f"{len(contents)} contents {several}"


def _samples(contents: list[list[int]]) -> str:
    return f"{sum(map(len, contents))} samples"
