"""Accuracy of ``featx.fit`` on real sets, beside the figures of an independent script.

Learns from ``train/`` and measures on ``test/`` of each set, logistic head, default settings:

    python benchmarks/accuracy.py --data ../shared/data --models ../shared/models --json accuracy.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from shelves import stock

import featx
from featx.backbones.backbone import open_backbone
from featx.catalog import get_card
from featx.embedding.engine import Engine
from featx.modalities import suffixes

HERE = Path(__file__).resolve().parent
SETS = ("cats_dogs", "flowers5", "cifar10", "food101_64", "brain_mri")
BARS = {  # scaler and logistic regression, C by a search in three folds, not by featx
    "vit-tiny-patch16-224": (0.994, 0.770, 0.801, 0.427, 0.868),
    "mobilenetv2-1.0": (0.969, 0.698, 0.724, 0.298, 0.927),
    "mobilenetv1-0.25-128": (0.919, 0.663, 0.658, 0.220, 0.824),
    "featx-image-nano": (0.881, 0.673, 0.657, 0.215, 0.824),  # of the first one, to be beaten
}
MARGIN = {"brain_mri": 0.03}  # 68 test images; 0.015 for the others


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "../shared/data")
    parser.add_argument("--models", type=Path, default=HERE.parent / "../shared/models")
    parser.add_argument("--backbone", action="append", choices=list(BARS), help="only these")
    parser.add_argument("--set", action="append", choices=SETS, help="only these")
    parser.add_argument("--head", default="logistic")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    stock(given.models)
    engine = Engine(cache=not given.no_cache)
    print(
        f"{'backbone':<22} {'set':<11} accuracy   bar    diff  told by fit   fit     rows",
        flush=True,
    )
    results = []
    for name in given.backbone or BARS:
        for place, data in enumerate(SETS):
            if given.set is None or data in given.set:
                result = measure(name, given.data / data, given.head, engine)
                result["bar"] = BARS[name][place]
                result["reached"] = bool(
                    result["accuracy"] >= result["bar"] - MARGIN.get(data, 0.015) - 5e-4
                )
                results.append(result)
                print(line(result), flush=True)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(name: str, folder: Path, head: str, engine: Engine) -> dict[str, Any]:
    """Fit on one set, evaluate on its test part."""
    backbone = open_backbone(get_card(name))
    known = suffixes(backbone.card.modality)
    train = featx.read_samples(folder, suffixes=known, split="train")
    test = featx.read_samples(folder, suffixes=known, split="test")
    start = time.perf_counter()
    classifier = featx.fit(train, backbone=backbone, head=head, engine=engine)
    seconds = time.perf_counter() - start
    report = featx.evaluate(classifier, test, engine=engine)
    told = classifier.training["measured"]["report"]
    return {
        "backbone": name,
        "set": folder.name,
        "head": classifier.head.name,
        "accuracy": report.accuracy,
        "interval": report.intervals["accuracy"],
        "calibration_error": report.calibration_error,
        "told": told["accuracy"],
        "raw_pixels": classifier.training["baselines"]["raw"]["accuracy"],
        "seconds": seconds,
        "seconds_rows": classifier.training["seconds"]["backbone"],
        "seconds_head": classifier.training["seconds"]["head"],
        "n_train": len(train),
        "n_test": report.n,
    }


def line(result: dict[str, Any]) -> str:
    """One line of the table."""
    difference = result["accuracy"] - result["bar"]
    return (
        f"{result['backbone']:<22} {result['set']:<11} {result['accuracy']:8.3f}  {result['bar']:.3f}  "
        f"{difference:+.3f}  {result['told']:.3f}     {result['seconds']:5.1f} s  "
        f"{result['seconds_rows']:5.1f} s  {'reached' if result['reached'] else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
