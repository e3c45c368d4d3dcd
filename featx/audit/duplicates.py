"""Copies: contents that are equal, or so near that one tells the target of the other."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import Doubles, FloatArray, Integers, Mask
from featx.audit.data import AuditData, Facts
from featx.audit.findings import AuditFinding
from featx.embedding.neighbors import Neighbors

__all__ = [
    "NearPairs",
    "exact_copies",
    "find_near_pairs",
    "near_copies",
    "near_ratio",
    "usual_distances",
]

# Related samples that a finding names.
_RELATED = 20
# The neighbour whose distance is the usual one, counted from 1; copies are seldom so many.
_USUAL = 5
# The least usual distance, as a share of that of most samples: more copies than that are still found.
_FLOOR = 0.25
# Pairs at this share of the usual distance are near; of those with like signatures at this.
_NEAR, _NEAR_ALIKE = 0.5, 0.8
# The part of samples of which chance alone would bring a neighbour so near, at most.
_CHANCE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class NearPairs:
    """Pairs of samples that are nearly the same.

    Attributes
    ----------
    first, second : ndarray of shape (m,), intp
        Indices of samples.
    ratios : ndarray of shape (m,), float64
        Their distance by the usual one; 0 where their signatures say that they are the same.
    """

    first: Integers
    second: Integers
    ratios: Doubles


def exact_copies(data: AuditData) -> list[AuditFinding]:
    """Return a finding for each sample with the bytes of one that is to be kept; two where targets differ."""
    members: dict[str, list[int]] = defaultdict(list)
    for i in np.argsort(data.order).tolist():
        if data.digests[i]:
            members[data.digests[i]].append(i)
    findings = []
    for indices in members.values():
        # There may be very many copies of one content; these are all that a finding names.
        facts = (data.parts, data.groups, data.targets)
        named = {
            *indices[:_RELATED],
            *(i for values in facts for i in _first_unlike(values, indices)),
        }
        places = [place for place, index in enumerate(indices) if index in named]
        first = [indices[place] for place in places]
        for place in range(1, len(indices)):
            earlier = first[: bisect_left(places, place)]
            findings += _copy_findings(data, indices[place], earlier, "FX00", "the same as")
    return findings


def _first_unlike(values: Sequence[str | None], indices: Sequence[int]) -> list[int]:
    """Return samples among which are, for any value and at any place, the first with another value."""
    counts: Counter[str] = Counter()
    found = []
    for index in indices:
        own = values[index]
        if own is None:
            continue
        total = counts.total()
        if total - max(counts.values(), default=0) >= _RELATED:
            break
        if total - max((n for value, n in counts.items() if value != own), default=0) < _RELATED:
            found.append(index)
        counts[own] += 1
    return found


def find_near_pairs(data: AuditData, neighbors: Neighbors) -> NearPairs:
    """Return the pairs of samples that are much nearer than neighbours usually are.

    Parameters
    ----------
    data : AuditData
    neighbors : Neighbors
        The nearest of ``data.firsts`` among each other, by their places in it.
    """
    firsts, (n, k) = data.firsts, neighbors.indices.shape
    i, j = np.repeat(np.arange(n), k), neighbors.indices.ravel()
    distances = neighbors.distances.ravel()
    there = j >= 0
    low, high = np.minimum(i, j)[there], np.maximum(i, j)[there]
    _, unique = np.unique(low * n + high, return_index=True)
    low, high, distances = low[unique], high[unique], distances[there][unique]
    usual = usual_distances(neighbors.distances)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = distances / np.sqrt(usual[low] * usual[high])
    ratios = np.where(np.isfinite(ratios), ratios, np.inf)
    near = ratios <= near_ratio(neighbors.distances)
    if data.facts is not None and data.facts.signatures.shape[1]:
        alike = _alike(data.facts, firsts[low], firsts[high])
        near |= alike & (ratios <= (_NEAR_ALIKE if data.facts.near_bits else np.inf))
    low, high, ratios = firsts[low[near]], firsts[high[near]], ratios[near]
    if data.facts is not None and not data.facts.near_bits and data.facts.signatures.shape[1]:
        low, high, ratios = _with_equal_signatures(data.facts, firsts, (low, high, ratios))
    return NearPairs(low, high, ratios)


def near_ratio(distances: FloatArray) -> float:
    """Return the share of the usual distance below which neighbours are near-duplicates.

    In m dimensions chance alone brings the first of five neighbours within the share t of the fifth's distance
    with the probability 1 - (1 - t^m)^4. Where rows vary in few directions the share must be small.

    Parameters
    ----------
    distances : ndarray of shape (n, k), float32
        Cosine distances of the nearest rows, which grow with the square of what is measured here.

    Notes
    -----
    The dimension is estimated as Levina and Bickel, Maximum likelihood estimation of intrinsic dimension
    (2004) do, from the neighbours beyond the usual one.

    Examples
    --------
    >>> line = np.arange(1.0, 21) ** 2
    >>> near_ratio(np.tile(line, (9, 1)).astype(np.float32)) < 0.01
    True
    """
    beyond = distances[:, _USUAL - 1 :].astype(np.float64)
    usable = beyond[np.isfinite(beyond).all(axis=1) & (beyond > 0).all(axis=1)]
    if usable.shape[0] == 0 or usable.shape[1] < 3:
        return _NEAR
    # Half of the logarithm of a squared distance is that of the distance.
    spread = float(np.mean(np.log(usable[:, -1:] / usable[:, :-1]))) / 2
    return float(min(_NEAR, (_CHANCE / (_USUAL - 1)) ** (2 * spread)))


def usual_distances(distances: FloatArray) -> Doubles:
    """Return the distance of the fifth neighbour of each sample, and no less than a quarter of the median one.

    >>> usual_distances(np.asarray([[1.0, 2.0]], np.float32)).tolist()
    [2.0]
    """
    if not distances.size:
        return np.ones(len(distances))
    fifth = distances[:, : min(_USUAL, distances.shape[1])].astype(np.float64)
    last = np.where(np.isfinite(fifth), fifth, -np.inf).max(axis=1)
    result: Doubles = np.maximum(last, _FLOOR * np.median(last))
    return result


def near_copies(
    data: AuditData, pairs: NearPairs, *, compares_targets: bool = True
) -> list[AuditFinding]:
    """Return a finding for each sample that is nearly the same as some that are to be kept.

    Parameters
    ----------
    data : AuditData
    pairs : NearPairs
    compares_targets : bool, default=True
        Whether like samples should have equal targets, which numbers need not be.
    """
    near: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for i, j, ratio in zip(
        pairs.first.tolist(), pairs.second.tolist(), pairs.ratios.tolist(), strict=True
    ):
        later, earlier = (i, j) if data.order[i] > data.order[j] else (j, i)
        near[later].append((ratio, earlier))
    findings = []
    for later in sorted(near):
        others = sorted(near[later])
        score = 1 - min(1.0, others[0][0])
        earlier = [index for _, index in others]
        words = "nearly the same as"
        findings += _copy_findings(data, later, earlier, "FX01", words, score, compares_targets)
    return findings


def _copy_findings(
    data: AuditData,
    index: int,
    earlier: Sequence[int],
    prefix: str,
    words: str,
    score: float = 1.0,
    compares_targets: bool = True,
) -> list[AuditFinding]:
    """Return what there is to say of a sample and those that it is a copy of."""
    name = data.ids[index]
    copied = "remove" if prefix == "FX00" else "group"
    leaks = _differing(data.parts, index, earlier)
    apart = _differing(data.groups, index, earlier)
    if leaks:
        code, others, end = "2", leaks, f", which is in {data.parts[leaks[0]]}"
        done, begin = copied, f" of {data.parts[index]}"
    elif apart:
        code, others, end = "4", apart, f", which is of the group {data.groups[apart[0]]!r:.60}"
        done, begin = copied, f" of the group {data.groups[index]!r:.60}"
    else:
        code, others, end, done, begin = "1", list(earlier), "", "group", ""
    related = tuple(data.ids[i] for i in others[:_RELATED])
    text = f"{name:.200}{begin} is {words} {related[0]:.200}{end}"
    findings = [AuditFinding(f"{prefix}{code}", name, score, text, related, done)]
    if compares_targets and (unlike := _differing(data.targets, index, earlier)):
        related = tuple(data.ids[i] for i in unlike[:_RELATED])
        text = (
            f"{name:.200} ({data.targets[index]:.60}) is {words} {related[0]:.200} "
            f"({data.targets[unlike[0]]:.60})"
        )
        findings.append(AuditFinding(f"{prefix}3", name, score, text, related))
    return findings


def _differing(values: Sequence[str | None], index: int, others: Sequence[int]) -> list[int]:
    """Return those of the samples whose value is known, and another than that of ``index``."""
    own = values[index]
    if own is None:
        return []
    return [i for i in others if values[i] is not None and values[i] != own]


def _alike(facts: Facts, first: Integers, second: Integers) -> Mask:
    """Return whether the signatures of each pair differ in few bits."""
    bits = facts.signatures.shape[1]
    products = np.einsum("ij,ij->i", facts.signatures[first], facts.signatures[second])
    alike: Mask = (bits - products) / 2 <= facts.near_bits
    return alike & _has_words(facts)[first] & _has_words(facts)[second]


def _has_words(facts: Facts) -> Mask:
    """Return whether the signature of each sample says anything: a text without words has none."""
    words = facts.numbers.get("words")
    if words is None:
        return np.ones(len(facts.suffixes), bool)
    return np.asarray(words > 0)


def _with_equal_signatures(
    facts: Facts, firsts: Integers, pairs: tuple[Integers, Integers, Doubles]
) -> tuple[Integers, Integers, Doubles]:
    """Return the pairs, with each sample joined to the first of equal signature; their ratio is 0."""
    packed = np.packbits(facts.signatures[firsts] > 0, axis=1)
    seen: dict[bytes, int] = {}
    added = []
    usable = _has_words(facts)
    for index, bits in zip(firsts.tolist(), packed, strict=True):
        if usable[index]:
            earlier = seen.setdefault(bits.tobytes(), index)
            if earlier != index:
                added.append((earlier, index))
    first, second, ratios = pairs
    more = np.asarray(added, np.intp).reshape(-1, 2)
    known = set(zip(first.tolist(), second.tolist(), strict=True))
    fresh = [pair not in known for pair in added]
    equal = set(added)
    same = [pair in equal for pair in zip(first.tolist(), second.tolist(), strict=True)]
    ratios = np.where(np.asarray(same, bool), 0.0, ratios)
    return (
        np.concatenate([first, more[fresh, 0]]),
        np.concatenate([second, more[fresh, 1]]),
        np.concatenate([ratios, np.zeros(int(np.sum(fresh)))]),
    )
