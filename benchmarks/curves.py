"""Forecasts of learning curves against what twice the labels bring, and what the baseline would need.

    python benchmarks/curves.py                         # all sets, 20 draws of each size
    python benchmarks/curves.py flowers5 sst2 --draws 30

Of each set a fixed part of 500 rows or more is measured on. From the rest, nested sets are drawn, up to 2N
labels. The law is fitted to the sizes up to N, and what it says of 2N is held against the mean score of draws
there: ``off`` is the difference in points, ``N + gain`` that of the measured score at N with the gain that is
foretold.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import common
import numpy as np

# What is drawn from, at most, and the share of it that is 2N: draws of all would all be the same.
POOL, SHARE = 2000, 0.8
TEST = 700
ALLOWED = 1.5


@dataclass(frozen=True)
class Set:
    """A labelled set with the backbone that reads it."""

    read: Callable[[argparse.Namespace], list[Any]]
    backbone: str = "featx-image-nano"
    task: str = "classification"


def folders(name: str) -> Callable[[argparse.Namespace], list[Any]]:
    """Return what reads both parts of a set of class folders."""

    def read(given: argparse.Namespace) -> list[Any]:
        import featx

        parts = ("train", "test")
        return [s for part in parts for s in featx.read_samples(given.data / name, split=part)]

    return read


def table(name: str, file: str, **options: Any) -> Callable[[argparse.Namespace], list[Any]]:
    """Return what reads one table of a set."""

    def read(given: argparse.Namespace) -> list[Any]:
        import featx

        return list(featx.read_samples(given.data / name / file, **options))

    return read


TEXT, SOUND = "featx-text-nano", "featx-audio-mel"
SETS = {
    "flowers5": Set(folders("flowers5")),
    "cifar10": Set(folders("cifar10")),
    "food101_64": Set(folders("food101_64")),
    "mnist": Set(table("mnist_test_errors", "labels.csv", target="given_label", modality="image")),
    "cifar10n": Set(table("cifar10n", "train.csv", target="worst_label", modality="image")),
    "fsdd": Set(folders("fsdd"), SOUND),
    "sms_spam": Set(table("sms_spam", "train.csv"), TEXT),
    "sst2": Set(table("sst2", "train.csv"), TEXT),
    "trec6": Set(table("trec6", "train.csv"), TEXT),
    "banking77": Set(table("banking77", "train.csv"), TEXT),
    "go_emotions": Set(
        table(
            *("go_emotions", "train.csv"), text_column="text", target="labels", label_separator="|"
        ),
        TEXT,
        "multilabel",
    ),
    "houses_price": Set(
        table(
            *("houses_price", "labels.csv"),
            target="price_usd",
            group_column="house_id",
            modality="image",
        ),
        task="regression",
    ),
}


def measure(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Return what was foretold of a set and what came out."""
    import featx
    from featx.labelled import LabelledSamples
    from featx.selection.curve import measure_draws
    from featx.selection.draws import Draw, draw_part, nested_sets
    from featx.selection.power_law import fit_power_law
    from featx.tasks import get_task
    from featx.tuning import HeadConfig

    one, rng = SETS[name], np.random.default_rng(given.seed)
    kind, config = get_task(one.task), HeadConfig(given.head)
    samples = one.read(given)
    some = rng.permutation(len(samples))[: POOL + TEST]
    if samples[0].group is not None:
        some = np.arange(len(samples))
    labelled = LabelledSamples.of([samples[i] for i in np.sort(some).tolist()]).for_task(
        kind, min_samples=4 if one.task != "regression" else None
    )
    engine = featx.Engine(cache=True, on_error="skip")
    rows = engine.embed(labelled.samples, featx.Backbone(one.backbone))
    targets = kind.encode_targets(rows.labels, rows.ids)
    problem = kind.tuning_problem(targets, config, labelled.design(rows.ids))
    test = draw_part(problem, max(500, min(TEST, len(rows) * 2 // 5)), rng)
    pool = np.setdiff1d(np.arange(len(rows)), test)
    if problem.design.groups is not None:
        pool = pool[~np.isin(problem.design.groups[pool], problem.design.groups[test])]
    least = max(10, 2 * problem.n_outputs)
    sizes = [int(SHARE * len(pool)) >> k for k in range(8)]
    sizes = sorted(size for size in sizes if size >= least)
    draws = [Draw(nested_sets(problem, pool, sizes, rng), test) for _ in range(given.draws)]
    start = time.perf_counter()
    scores = measure_draws(rows.embeddings, problem, draws, config, least=kind.least_outputs)
    seconds = time.perf_counter() - start
    labels = np.mean([[len(train) for train in draw.trains] for draw in draws], axis=0)
    whole = np.isfinite(scores).all(axis=0)
    labels, scores = labels[whole], scores[:, whole]
    law = fit_power_law(labels[:-1].tolist(), scores[:, :-1], rng)
    now, twice = law.scores(labels[-2:]).T
    means = scores.mean(axis=0)
    low, gain, high = np.quantile(twice - now, (0.025, 0.5, 0.975))
    return {
        "set": name,
        "score": problem.score_name,
        "test rows": len(test),
        "N": round(labels[-2]),
        "at N": means[-2],
        "at 2N": means[-1],
        "foretold": float(np.median(twice)),
        "gain": 100 * (means[-1] - means[-2]),
        "gain foretold": f"{100 * gain:.1f} ({100 * low:.1f} to {100 * high:.1f})",
        "off": 100 * float(np.median(twice) - means[-1]),
        "N + gain": 100 * float(means[-2] + gain - means[-1]),
        "seconds": seconds,
    }


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("sets", nargs="*", default=[], help=f"among {', '.join(SETS)}")
    parser.add_argument("--draws", type=int, default=20, help="of each size [%(default)s]")
    parser.add_argument("--head", default=None, help="[that of featx fit]")
    parser.add_argument("--seed", type=int, default=0, help="[%(default)s]")
    given = common.parse(parser, sets=SETS)
    warnings.simplefilter("ignore")
    found = []
    for name in given.sets or SETS:
        found.append(measure(name, given))
        common.tell(f"{name}: off by {found[-1]['off']:+.1f} points")
    shown = {"at N": ".3f", "at 2N": ".3f", "foretold": ".3f", "gain": "+.1f", "off": "+.1f"}
    shown |= {"N + gain": "+.1f", "seconds": ".0f"}
    rows = [[format(row[key], shown.get(key, "")) for key in row] for row in found]
    print(common.format_table(list(found[0]), rows))
    near = sum(abs(row["off"]) <= ALLOWED for row in found)
    print(f"\nwithin {ALLOWED} points: {near} of {len(found)} sets")
    common.write_json(given.json, found)


if __name__ == "__main__":
    main()
