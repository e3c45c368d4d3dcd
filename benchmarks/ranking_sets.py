"""The image sets of ``ranking.py``, in a training and a test part, and what is ranked on them."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import common
import numpy as np

# Backbones with their tap and pooling; "" is the card's own.
CANDIDATES = (
    ("featx-image-nano", "", ""),
    ("resnet8-cifar10", "", ""),
    ("resnet8-cifar10", "relu_13", "mean"),
    ("mobilenetv1-0.25-128", "", ""),
    ("mobilenetv1-0.25-128", "clip_46", "mean"),
    ("squeezenet1.1", "", ""),
    ("squeezenet1.1", "concat_47", "mean"),
    ("mobilenetv2-1.0", "", ""),
    ("mobilenetv2-1.0", "add_73", "mean"),
    ("efficientnet-lite0", "", ""),
    ("vit-tiny-patch16-224", "", ""),
    ("vit-tiny-patch16-224", "tokens", "mean"),
    ("efficientnet-lite2", "", ""),
)


@dataclass(frozen=True)
class Set:
    """A training and a test part of a set."""

    train: list[Any]
    test: list[Any]
    task: str = "classification"

    def drawn_anew(self, seed: int) -> Set:
        """Return the same samples, of every label as many in each part, drawn by chance."""
        rng = np.random.default_rng(seed)
        by_label: dict[Any, list[Any]] = {}
        for sample in [*self.train, *self.test]:
            by_label.setdefault(sample.label, []).append(sample)
        counts = Counter(sample.label for sample in self.test)
        train, test = [], []
        for label, members in by_label.items():
            order = rng.permutation(len(members)).tolist()
            test += [members[i] for i in order[: counts[label]]]
            train += [members[i] for i in order[counts[label] :]]
        return Set(train, test, self.task)


def in_folders(name: str, given: argparse.Namespace) -> Set:
    """Return a set whose parts are folders, of each class as many as ``--train`` and ``--test`` leave."""
    import featx

    folder = given.data / name
    if not folder.exists():
        raise common.Unavailable(f"{name}: not found, see --data")
    parts = [
        featx.read_samples(folder, modality="image", split=split) for split in ("train", "test")
    ]
    return Set(_evenly(parts[0], given.train), _evenly(parts[1], given.test))


def in_a_table(name: str, given: argparse.Namespace, target: str, task: str, **columns: Any) -> Set:
    """Return a set whose parts a column of its table says, or are a third and the others."""
    import featx

    table = given.data / name / "labels.csv"
    if not table.exists():
        raise common.Unavailable(f"{name}: not found, see --data")
    # The part to train on is all of a table that has no parts.
    train = featx.read_samples(table, modality="image", split="train", target=target, **columns)
    test = featx.read_samples(table, modality="image", split="test", target=target, **columns)
    if len(train) == len(test):
        order = np.random.default_rng(0).permutation(len(train))
        third = len(train) // 3
        train, test = [train[i] for i in order[third:]], [test[i] for i in order[:third]]
    if task == "regression":
        # Prices differ by factors: their logarithms are predicted.
        train, test = _logarithms(train), _logarithms(test)
    return Set(_evenly(train, given.train), _evenly(test, given.test), task)


def _logarithms(samples: list[Any]) -> list[Any]:
    return [replace(one, label=repr(math.log(float(one.label)))) for one in samples]


SETS: MappingProxyType[str, Callable[[argparse.Namespace], Set]] = MappingProxyType(
    {
        "brain_mri": partial(in_folders, "brain_mri"),
        "cats_dogs": partial(in_folders, "cats_dogs"),
        "cifar10": partial(in_folders, "cifar10"),
        "flowers5": partial(in_folders, "flowers5"),
        "food101_64": partial(in_folders, "food101_64"),
        "mnist": partial(
            in_a_table, "mnist_test_errors", target="given_label", task="classification"
        ),
        "pacs": partial(in_a_table, "pacs_domains", target="label", task="classification"),
        "pacs_style": partial(in_a_table, "pacs_domains", target="domain", task="classification"),
        "houses": partial(
            in_a_table,
            "houses_price",
            target="price_usd",
            task="regression",
            group_column="house_id",
        ),
    }
)


def _evenly(samples: list[Any], most: int) -> list[Any]:
    """Return at most so many samples, of every label and of all of its order alike."""
    if len(samples) <= most:
        return samples
    by_label: dict[Any, list[Any]] = {}
    for sample in samples:
        by_label.setdefault(sample.group or sample.label, []).append(sample)
    if len(by_label) > most // 3:
        # Of groups all samples or none.
        order = np.random.default_rng(0).permutation(list(by_label))
        chosen: list[Any] = []
        for name in order.tolist():
            if len(chosen) < most:
                chosen += by_label[name]
        return chosen
    share = most / len(samples)
    rng = np.random.default_rng(0)
    return [
        members[i]
        for members in by_label.values()
        for i in sorted(rng.permutation(len(members))[: max(2, round(share * len(members)))])
    ]
