"""int8 backbones beside their parents: made, timed in turns, and compared in accuracy.

    python benchmarks/int8.py                                  # all three, speed and accuracy
    python benchmarks/int8.py --backbone mobilenetv2-1.0 --part speed --json int8.json

Each backbone is calibrated on the training part of one set (cats_dogs, or banking77) into a temporary shelf
(``--shelf`` keeps it). Speed is end to end, from files on disk to rows, all cores, no cache; parent and
child take turns, and the medians and the median of the rounds' ratios are told. Accuracy is that of
featx's logistic head, tuned on ``train/`` and measured on ``test/``; rows of parents come from the cache.
For texts of banking77 there is the protocol of MTEB too: ten draws of eight examples a class.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from published import Set, mteb
from shelves import stock

import featx
from featx.catalog import Card, get_card
from featx.optimize import Labelled, QuantizationConfig, optimize
from featx.optimize.fidelity import Probe, batch_bits

HERE = Path(__file__).resolve().parent
IMAGES = ("cats_dogs", "flowers5", "brain_mri", "food101_64", "cifar10")
PLAN = {  # calibrated and timed on, measured on, and how many times the parent's rate is asked for
    "mobilenetv2-1.0": ("cats_dogs", IMAGES, 1.6),
    "vit-tiny-patch16-224": ("cats_dogs", IMAGES, 1.3),
    "all-minilm-l6-v2": ("banking77", ("banking77", "sst2"), 1.5),
}
DROP = 0.5  # points that may be lost, on average
TIMED = {"image": 160, "text": 1500}
CALIBRATED = 192


def main() -> None:
    """Make, measure, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "../shared/data")
    parser.add_argument("--models", type=Path, default=HERE.parent / "../shared/models")
    parser.add_argument("--backbone", action="append", choices=list(PLAN), help="only these")
    parser.add_argument("--set", action="append", help="accuracy on these only")
    parser.add_argument("--part", choices=("speed", "accuracy"), help="only this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--for-this-machine", action="store_true", help="weights of eight bits")
    parser.add_argument(
        "--shelf", type=Path, help="keep the new backbones here, or take them from here"
    )
    parser.add_argument("--cache", type=Path, help="cache of rows [default: the user's]")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shelf = given.shelf or Path(folder)
        shelf.mkdir(parents=True, exist_ok=True)
        stock(given.models, shelf)
        results = {name: measure(name, shelf, given) for name in given.backbone or PLAN}
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(name: str, shelf: Path, given: argparse.Namespace) -> dict[str, Any]:
    """All figures of one backbone and its child."""
    own, sets, bar = PLAN[name]
    config = QuantizationConfig(for_this_machine=given.for_this_machine)
    child = make(name, given.data / own, shelf, config)
    told: dict[str, Any] = {"card": asdict(child.optimized)} if child.optimized else {}
    print(f"\n{child.name}: {told['card']['layers']} layers in int8, size × {told['card']['size']}")
    if given.part != "accuracy":
        told["speed"] = speed(name, child, given.data / own, given.rounds)
        line = "  {before:.1f} samples/s, then {after:.1f}: × {ratio:.2f} ({low:.2f} to {high:.2f})"
        met = "reached" if told["speed"]["ratio"] >= bar else "MISSED"
        print(line.format(**told["speed"]) + f", asked for {bar}: {met}")
        print(f"  bits of batch dependence: {told['speed']['batch_bits']}", flush=True)
    if given.part != "speed":
        chosen = [each for each in sets if given.set is None or each in given.set]
        told["accuracy"] = [each for data in chosen for each in accuracy(name, child, data, given)]
        drops = [each["drop"] for each in told["accuracy"]]
        met = "reached" if statistics.fmean(drops) <= DROP else "MISSED"
        print(f"  mean drop {statistics.fmean(drops):+.2f} points, asked for at most {DROP}: {met}")
    return told


def make(name: str, folder: Path, shelf: Path, config: QuantizationConfig) -> Card:
    """The child, from the shelf where it is kept, else made of the training part of a set."""
    if (shelf / f"{name}-int8").exists():
        return get_card(f"{name}-int8")
    train = samples(name, folder, "train")
    places = np.linspace(0, len(train) - 1, CALIBRATED).round().astype(int)
    start = time.perf_counter()
    made = optimize(name, [train[place] for place in places], config, shelf=shelf)
    print(f"{made.name} made in {time.perf_counter() - start:.0f} s", flush=True)
    return made


def samples(name: str, folder: Path, split: str) -> list[featx.Sample]:
    """A part of a set, as the backbone's modality reads it."""
    kind = get_card(name).input
    return featx.read_samples(folder, suffixes=kind.suffixes, inline=kind.inline, split=split)


def speed(name: str, child: Card, folder: Path, rounds: int) -> dict[str, Any]:
    """Samples a second of both, end to end, in turns."""
    pair = [featx.Backbone(name), featx.Backbone(child)]
    timed = samples(name, folder, "test")[: TIMED[child.modality]]
    engine, rates = featx.Engine(), [list[float](), list[float]()]
    for turn in range(rounds + 1):
        for place, backbone in enumerate(pair):
            part = timed if turn else timed[:16]  # the first turn only warms up
            start = time.perf_counter()
            engine.embed(part, backbone)
            if turn:
                rates[place].append(len(part) / (time.perf_counter() - start))
    ratios = [after / before for before, after in zip(*rates, strict=True)]
    reader = pair[1].reader
    items = [reader.read(reader.load(sample.data)) for sample in timed[:48]]
    return {
        "before": statistics.median(rates[0]),
        "after": statistics.median(rates[1]),
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "rounds": rounds,
        "samples": len(timed),
        "batch_bits": batch_bits(pair[1], items),
    }


def accuracy(name: str, child: Card, data: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Accuracy before and after on one set, by each protocol that is its own."""
    engine = featx.Engine(cache=given.cache or True)
    train, test = (samples(name, given.data / data, part) for part in ("train", "test"))
    pair = [featx.Backbone(name), featx.Backbone(child)]
    probes = [Probe.of([Labelled(data, train, test)], each, engine).accuracy for each in pair]
    found = [("tuned", *probes)]
    if data == "banking77":
        rows = [[engine.embed(part, each) for part in (train, test)] for each in pair]
        found.append(("mteb", *(mteb(Set(*parts, None)).accuracy for parts in rows)))
    results = []
    for protocol, before, after in found:
        drop = 100 * (before - after)
        print(
            f"  {data:<11} {protocol:<6} {before:.4f} before, {after:.4f} after, drop {drop:+.2f}"
        )
        results.append(
            {"set": data, "protocol": protocol, "before": before, "after": after, "drop": drop}
        )
    return results


if __name__ == "__main__":
    main()
