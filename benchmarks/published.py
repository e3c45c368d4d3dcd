"""Figures that others have published or measured, reproduced through featx.

    python benchmarks/published.py                     # every figure for which data and weights are there
    python benchmarks/published.py --set banking77 --protocol mteb
    python benchmarks/published.py --set cifar10 --backbone vit-tiny-patch16-224 --protocol clip

A protocol is how a head is put on frozen rows; accuracy is on the whole test part:

mteb      10 draws of 8 examples a class, LogisticRegression(max_iter=100) as it comes; mean and deviation
tuned     all training data, featx's own logistic head, C by cross-validation
senteval  all training data, LogisticRegression, C from 1/4 to 8 on the dev part, or in 10 folds
clip      all training data, LogisticRegression(max_iter=1000), C by a search from 1e-6 to 1e6 on a fifth
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sound
from shelves import stock
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split

import featx
from featx.errors import FeatxError
from featx.tables import Rows
from featx.training import fit_head

HERE = Path(__file__).resolve().parent
DRAWS, SHOTS = 10, 8

Labels = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Figure:
    """What somebody else found, and how far from it is still the same."""

    protocol: str
    data: str
    backbone: str
    accuracy: float
    source: str
    margin: float = 0.015


_MINILM = "all-minilm-l6-v2"
FIGURES = (
    Figure("mteb", "banking77", _MINILM, 0.8004, "published on the MTEB board"),
    Figure("mteb", "banking77", _MINILM, 0.8027, "independent script, ± .0054"),
    Figure("mteb", "trec6", _MINILM, 0.542, "independent script, ± .030", margin=0.03),
    Figure("mteb", "sms_spam", _MINILM, 0.890, "independent script", margin=0.03),
    Figure("tuned", "banking77", _MINILM, 0.930, "independent script"),
    Figure("tuned", "sst2", _MINILM, 0.812, "independent script"),
    Figure("tuned", "trec6", _MINILM, 0.900, "independent script"),
    Figure("tuned", "sms_spam", _MINILM, 0.987, "independent script"),
)


@dataclass(frozen=True)
class Set:
    """Rows and labels of the parts of one set."""

    train: Rows
    test: Rows
    dev: Rows | None


@dataclass(frozen=True)
class Score:
    accuracy: float
    deviation: float | None = None


def truth(rows: Rows) -> Labels:
    """The labels, as text."""
    return np.array(rows.labels, dtype=str)


def mteb(data: Set) -> Score:
    y, rng = truth(data.train), np.random.default_rng(42)
    scores = []
    for _ in range(DRAWS):
        order = rng.permutation(len(y))
        drawn = np.concatenate([order[y[order] == name][:SHOTS] for name in np.unique(y)])
        head = LogisticRegression(max_iter=100).fit(data.train.embeddings[drawn], y[drawn])
        scores.append(head.score(data.test.embeddings, truth(data.test)))
    return Score(float(np.mean(scores)), float(np.std(scores)))


def tuned(data: Set) -> Score:
    head = fit_head(data.train.embeddings, truth(data.train)).head
    shares = head.predict_proba(data.test.embeddings)
    predicted = np.array(head.classes)[shares.argmax(axis=1)]
    return Score(float((predicted == truth(data.test)).mean()))


def senteval(data: Set) -> Score:
    X, y = data.train.embeddings, truth(data.train)

    def judge(c: float) -> float:
        head = LogisticRegression(C=c)
        if data.dev is None:
            return float(cross_val_score(head, X, y, cv=10).mean())
        return float(head.fit(X, y).score(data.dev.embeddings, truth(data.dev)))

    best = max((2.0**power for power in range(-2, 4)), key=judge)
    return _finally(LogisticRegression(C=best), data)


def clip(data: Set) -> Score:
    X, y = data.train.embeddings, truth(data.train)
    learn, judge, y_learn, y_judge = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=0
    )
    known: dict[float, float] = {}
    powers, step = [-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0], 2.0
    while True:
        for power in powers:
            if power not in known:
                head = LogisticRegression(C=10**power, max_iter=1000)
                known[power] = float(head.fit(learn, y_learn).score(judge, y_judge))
        peak = max(known, key=known.__getitem__)
        step /= 2
        if step < 0.125:  # eight steps a decade
            return _finally(LogisticRegression(C=10**peak, max_iter=1000), data)
        powers = [peak - step, peak + step]


def _finally(head: LogisticRegression, data: Set) -> Score:
    head.fit(data.train.embeddings, truth(data.train))
    return Score(float(head.score(data.test.embeddings, truth(data.test))))


PROTOCOLS: dict[str, Callable[[Set], Score]] = {
    "mteb": mteb,
    "tuned": tuned,
    "senteval": senteval,
    "clip": clip,
}


def embed(folder: Path, backbone: featx.Backbone, engine: featx.Engine) -> Set:
    """The parts of a set through a backbone."""
    kind = backbone.card.input

    def part(split: str) -> Rows:
        samples = featx.read_samples(
            folder, suffixes=kind.suffixes, inline=kind.inline, split=split
        )
        return engine.embed(samples, backbone)

    try:
        dev = part("val")
    except FeatxError:  # there is none
        dev = None
    return Set(part("train"), part("test"), dev)


def wanted(given: argparse.Namespace) -> list[Figure]:
    """The known figures that were asked for, or an unknown one by its names."""
    found = [
        figure
        for figure in FIGURES
        if given.protocol in (None, figure.protocol)
        and given.set in (None, figure.data)
        and given.backbone in (None, figure.backbone)
    ]
    if found or given.set is None:
        return found
    names = [given.protocol] if given.protocol else list(PROTOCOLS)
    backbone = given.backbone or _MINILM
    return [Figure(name, given.set, backbone, float("nan"), "no figure known") for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "../shared/data")
    parser.add_argument("--models", type=Path, default=HERE.parent / "../shared/models")
    parser.add_argument("--set", help="only this")
    parser.add_argument("--backbone", help="only this")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="only this")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    stock(given.models)
    warnings.simplefilter("ignore", ConvergenceWarning)  # 100 iterations are the protocol's
    engine = featx.Engine(cache=not given.no_cache)
    sets: dict[tuple[str, str], Set] = {}
    scores: dict[tuple[str, str, str], Score] = {}
    results = []
    print(f"{'protocol':<9} {'set':<10} {'backbone':<20} here            there  source", flush=True)
    for figure in [] if given.set == "fsdd" else wanted(given):
        place = (figure.data, figure.backbone)
        start = time.perf_counter()
        try:
            if place not in sets:
                backbone = featx.Backbone(figure.backbone)
                sets[place] = embed(given.data / figure.data, backbone, engine)
        except FeatxError as error:
            print(f"{figure.protocol:<9} {figure.data:<10} {figure.backbone:<20} left out: {error}")
            continue
        key = (figure.protocol, *place)
        if key not in scores:
            scores[key] = PROTOCOLS[figure.protocol](sets[place])
        score = scores[key]
        spread = f"± {score.deviation:.4f}" if score.deviation is not None else " " * 8
        reached = score.accuracy >= figure.accuracy - figure.margin
        known = figure.accuracy == figure.accuracy
        print(
            f"{figure.protocol:<9} {figure.data:<10} {figure.backbone:<20} {score.accuracy:.4f} "
            f"{spread}  {figure.accuracy:.4f}  {figure.source}"
            f"{'' if reached or not known else '; MISSED'}  ({time.perf_counter() - start:.0f} s)",
            flush=True,
        )
        results.append({**asdict(figure), "here": asdict(score), "reached": reached})
    if given.set == "fsdd" or not (given.set or given.backbone or given.protocol):
        print()  # sounds have protocols of their own: a speaker held out
        sound.main(["--data", str(given.data), "--models", str(given.models)])
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
