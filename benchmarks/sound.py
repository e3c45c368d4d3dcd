"""Spoken digits with frozen backbones: how well a tuned logistic head does, and on voices it never heard.

    python benchmarks/sound.py [--data ../shared/data] [--models ../shared/models]

Two figures a backbone: accuracy on the official test split of the Free Spoken Digit Dataset, whose
speakers are those of the training part; and the mean over speakers of the accuracy on all of a speaker's
files, trained on those of the others. The head's strength is chosen by cross-validation on the training
part alone.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from shelves import CARDS, stock

ROOT = Path(__file__).resolve().parent.parent


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--models", type=Path, default=ROOT.parent / "shared" / "models")
    parser.add_argument("--backbones", nargs="+", default=["speech-embedding", "yamnet"])
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as shelf:
        if "speech-embedding" in args.backbones:
            recipe = runpy.run_path(str(CARDS / "speech-embedding" / "recipe.py"))
            recipe["make"](args.models / "speech-embedding", Path(shelf))
        stock(args.models, Path(shelf))
        for name in args.backbones:
            measure(name, args.data / "fsdd")


def measure(name: str, data: Path) -> None:
    """Print the two figures of one backbone, and those of the baseline without it."""
    from featx.backbones.backbone import Backbone
    from featx.embedding.engine import Baseline, Engine
    from featx.modalities import suffixes
    from featx.sources import read_samples

    backbone = Backbone(name)
    train, test = (
        read_samples(data, suffixes=suffixes("audio"), split=split) for split in ("train", "test")
    )
    samples = [*train, *test]
    speakers = np.array([sample.id.rpartition("/")[2].split("_")[1] for sample in samples])
    for words, embedder in ((name, backbone), ("no backbone", Baseline(backbone.card.input))):
        start = time.perf_counter()
        rows = Engine().embed(samples, embedder)
        seconds = time.perf_counter() - start
        labels = np.array(rows.labels)
        seen = np.arange(len(samples)) < len(train)
        shared = accuracy(rows.embeddings, labels, seen)
        apart = [
            accuracy(rows.embeddings, labels, speakers != one) for one in sorted(set(speakers))
        ]
        print(
            f"{words:<18} official split {shared:.3f}   speakers held out {np.mean(apart):.3f} "
            f"({min(apart):.3f} to {max(apart):.3f})   {len(samples) / seconds:.0f} files/s",
            flush=True,
        )


def accuracy(rows: np.ndarray, labels: np.ndarray, train: np.ndarray) -> float:
    """Of a logistic head, tuned and trained on ``train``, on all the rest."""
    from featx.heads import choose_heads
    from featx.tuning import Recipe, fit_choice, tune

    heads = choose_heads(
        "logistic", largest=int(np.unique(labels[train], return_counts=True)[1].max())
    )
    choice = tune(heads, rows[train], labels[train], recipe=Recipe())
    head = fit_choice(choice, rows[train], labels[train])
    shares = head.predict_proba(rows[~train])
    return float(np.mean(np.unique(labels[train])[shares.argmax(axis=1)] == labels[~train]))


if __name__ == "__main__":
    sys.exit(main())
