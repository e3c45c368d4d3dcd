"""Findings on the whole: samples far from all others, classes that blend into each other, and rare ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from featx._typing import Doubles
from featx.audit.data import AuditData
from featx.audit.findings import AuditFinding
from featx.embedding.neighbors import Neighbors
from featx.sources.label_sets import read_label_sets
from featx.tasks import Task

__all__ = ["blending_classes", "labels_of", "outliers", "rare_labels"]

# The neighbour whose distance says how far a sample is from others, counted from 1.
_NEIGHBOR = 10
# Outliers are further than most by a factor, and by robust standard deviations of the logarithm.
_FACTOR, _DEVIATIONS = 1.5, 4.0
_NORMAL = 1.4826
# Classes blend where neighbours of one are of the other at so large a part of the share of their own.
_BLENDING = 0.5
# A class is rare with fewer samples than this, or than this share of the mean of all.
_FEW, _SHARE = 5, 0.1
# Classes above which pairs are not compared.
_MOST_CLASSES = 2000


def outliers(data: AuditData, neighbors: Neighbors) -> list[AuditFinding]:
    """Return the samples whose neighbours are much further away than those of most, the furthest first."""
    distances = neighbors.distances[:, : min(_NEIGHBOR, neighbors.distances.shape[1])]
    far = np.where(np.isfinite(distances), distances, -np.inf).max(axis=1).astype(np.float64)
    usual = float(np.median(far)) if len(far) else 0.0
    if usual <= 0:
        return []
    logs = np.log(np.maximum(far, 1e-12) / usual)
    spread = max(_NORMAL * float(np.median(np.abs(logs))), 1e-6)
    beyond = np.flatnonzero((far > _FACTOR * usual) & (logs > _DEVIATIONS * spread))
    findings = []
    for place in beyond[np.argsort(-far[beyond], kind="stable")].tolist():
        name = data.ids[int(data.firsts[place])]
        nearest = data.ids[int(data.firsts[neighbors.indices[place, 0]])]
        factor = far[place] / usual
        text = (
            f"{name:.200} is {factor:.1f} times as far from its neighbours as samples usually are"
        )
        findings.append(AuditFinding("FX031", name, round(1 - 1 / factor, 6), text, (nearest,)))
    return findings


def blending_classes(data: AuditData, neighbors: Neighbors) -> list[AuditFinding]:
    """Return the pairs of classes whose samples are each other's neighbours nearly as often as their own.

    Classes of fewer than five samples are not looked at.
    """
    targets = [data.targets[i] for i in data.firsts]
    counts = Counter(target for target in targets if target is not None)
    names = sorted(name for name, count in counts.items() if count >= _FEW)
    if not 1 < len(names) <= _MOST_CLASSES:
        return []
    place = {name: column for column, name in enumerate(names)}
    codes = np.asarray([place.get(target, -1) if target is not None else -1 for target in targets])
    shares = _neighbor_shares(codes, neighbors, len(names))
    own = np.diag(shares)
    mixed = (shares + shares.T) / np.maximum(own[:, None] + own, 1e-12)
    findings = []
    for i, j in zip(*np.nonzero(np.triu(mixed >= _BLENDING, k=1)), strict=True):
        text = (
            f"samples of {names[i]!r:.60} have neighbours of {names[j]!r:.60}, and the other way round, "
            f"{mixed[i, j]:.2f} times as often as of their own class"
        )
        score = round(min(1.0, float(mixed[i, j])), 6)
        findings.append(AuditFinding("FX041", "", score, text, (names[i], names[j])))
    return sorted(findings, key=lambda found: -found.score)


def _neighbor_shares(codes: np.typing.NDArray[np.intp], near: Neighbors, n: int) -> Doubles:
    """Return how often neighbours of each class are of each other, as if all classes were equally large."""
    k = min(_NEIGHBOR, near.indices.shape[1])
    i, j = np.repeat(codes, k), near.indices[:, :k].ravel()
    there = (j >= 0) & (i >= 0)
    i, j = i[there], codes[j[there]]
    counts = np.zeros((n, n))
    np.add.at(counts, (i[j >= 0], j[j >= 0]), 1)
    sizes = np.maximum(np.bincount(codes[codes >= 0], minlength=n), 1)
    shares = counts / sizes
    result: Doubles = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    return result


def labels_of(target: str | None, task: Task) -> list[str]:
    """Return the labels that the text of a target holds; one of a classification.

    >>> from featx.tasks import get_task
    >>> several = get_task("multilabel")
    >>> labels_of("a;b", several), labels_of("cat", get_task("classification")), labels_of(None, several)
    (['a', 'b'], ['cat'], [])

    Raises
    ------
    BadLabels
        The target says of a label neither that it is there nor that it is not.
    """
    if target is None:
        return []
    return [target] if task.name == "classification" else sorted(*read_label_sets([target]))


def rare_labels(data: AuditData, task: Task) -> list[AuditFinding]:
    """Return classes or labels of few samples, and those that are in one part only."""
    one = task.output_noun[0]
    found = [labels_of(target, task) for target in data.targets]
    counts = Counter(label for labels in found for label in labels)
    mean = sum(counts.values()) / max(1, len(counts))
    findings = []
    for label, count in sorted(counts.items(), key=lambda pair: (pair[1], pair[0])):
        if count < _FEW or count < _SHARE * mean:
            text = f"the {one} {label!r:.60} has {count} of {len(data)} samples"
            score = round(1 - min(1.0, count / max(mean, 1)), 6)
            findings.append(AuditFinding("FX042", "", score, text, (label,)))
    return findings + _of_one_part(data.parts, found, one)


def _of_one_part(
    parts: Sequence[str | None], found: Sequence[list[str]], noun: str
) -> list[AuditFinding]:
    """Return the labels that are measured and never trained on, or the other way round."""
    where: dict[str, set[str]] = {}
    for part, labels in zip(parts, found, strict=True):
        if part is not None and labels:
            for label in labels:
                where.setdefault(label, set()).add(part)
    present = {part for seen in where.values() for part in seen}
    if "train" not in present or len(present) < 2:
        return []
    findings = []
    for label, seen in sorted(where.items()):
        if "train" not in seen or seen == {"train"}:
            missing = "train" if "train" not in seen else " and ".join(sorted(present - seen))
            text = (
                f"the {noun} {label!r:.60} is in {' and '.join(sorted(seen))} and not in {missing}"
            )
            score = 1.0 if "train" not in seen else 0.5
            findings.append(AuditFinding("FX043", "", score, text, (label,)))
    return findings
