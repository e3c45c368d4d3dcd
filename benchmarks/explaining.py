"""Explanations: do their sums add up, do the places that they name matter, and what do they cost?

    python benchmarks/explaining.py sums                 # the error of the sum, by backbone
    python benchmarks/explaining.py pictures texts       # places taken away, by three orders
    python benchmarks/explaining.py cost                 # beside plain prediction

sums      the largest difference of bias and parts from the score, over samples of the test part
pictures  flowers5: the mean probability of the answer while places are hidden one after the other, those that
          count most first (deletion: the lower, the better), and while they are shown (insertion: the higher)
texts     sst2: how much the probability of the answer falls without a fifth of the words, and how much without
          all others (comprehensiveness: the higher, the better; sufficiency: the lower)
cost      median time of an explanation over that of a prediction, in turns

Orders: exact, of the sum over places; random; occlusion, of what the score loses without each place. Areas are
those of Petsiuk, Das, Saenko: RISE, 2018; measures of texts those of DeYoung et al.: ERASER, 2020.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import common
import numpy as np

Figures = Iterator[tuple[str, dict[str, float]]]
BACKBONES = {
    "mobilenetv2-1.0": "flowers5",
    "efficientnet-lite0": "flowers5",
    "squeezenet1.1": "flowers5",
    "all-minilm-l6-v2": "sst2",
    "yamnet": "fsdd",
}
SETS = {**BACKBONES, "mobilenetv1-0.25-128": "flowers5"}
STEPS = 7


def train(given: argparse.Namespace, backbone: str, most: int = 1000) -> tuple[Any, list[Any]]:
    """Return a predictor and samples that it has not seen."""
    import featx

    card, rng = featx.get_card(backbone), np.random.default_rng(0)
    folder = given.data / SETS[backbone]
    parts = [common.read_split(card, folder, split) for split in ("train", "test")]
    known, left = (
        [part[index] for index in sorted(rng.permutation(len(part))[:count].tolist())]
        for part, count in zip(parts, (most, given.samples), strict=True)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", featx.FeatxWarning)
        predictor = featx.fit(known, backbone=card, baseline=False, engine=featx.Engine(cache=True))
    return predictor, left


def sums(given: argparse.Namespace) -> Figures:
    import featx

    for backbone in BACKBONES:
        predictor, samples = train(given, backbone)
        found = featx.explain(predictor, samples, method="exact")
        rows = predictor.embed([sample.data for sample in samples]).embeddings
        scores = predictor.head.scorer.scores(rows)
        names = predictor.head.classes
        errors = []
        for one, own in zip(found, scores, strict=True):
            other = 0 if one.against is None else own[names.index(one.against)]
            errors.append(abs(one.total - (own[names.index(one.target)] - other)))
        median = float(np.median(errors))
        yield backbone, {"largest": max(errors), "median": median, "n": len(errors)}


def orders(values: Sequence[float], hidden: Sequence[float], seed: int) -> dict[str, Any]:
    """Return the places in three orders, those that count most first."""
    drawn = np.random.default_rng(seed).permutation(len(values))
    return {
        "exact": np.argsort(values)[::-1],
        "random": drawn,
        "occlusion": np.argsort(hidden)[::-1],
    }


def explainers(predictor: Any, places: int) -> Callable[[Any], list[Any]]:
    """Return what explains a sample by a sum, and by hidden places."""
    from featx.explanation.explaining import Explainer, ExplanationOptions

    both = [
        Explainer(predictor, ExplanationOptions(method=method, places=places))
        for method in ("exact", "occlusion")
    ]
    return lambda sample: [next(iter(one.stream([sample]))) for one in both]


def pictures(given: argparse.Namespace) -> Figures:
    from featx.modalities import shown_samples

    predictor, samples = train(given, given.backbone)
    backbone, explain = predictor.open(), explainers(predictor, given.places)
    shown = shown_samples("image", backbone.reader)
    kept = np.linspace(0, given.places, STEPS + 1).round().astype(int)
    areas: dict[str, list[Any]] = {}
    for number, sample in enumerate(samples):
        found = explain(sample)
        cells = shown.occlusions(backbone.reader.load(sample.data), given.places)
        whole = cells.hide(None)
        apart = [cells.hide(index) != whole for index in range(given.places)]
        paint = np.broadcast_to(whole.mean(axis=(1, 2), keepdims=True), whole.shape)
        ranks = orders(*([part.value for part in one.parts] for one in found), number)
        items = []
        for order in ranks.values():
            for count in kept:
                gone = np.any([apart[k] for k in order[:count]] or [whole != whole], axis=0)
                items += [np.where(gone, paint, whole), np.where(gone, whole, paint)]
        rows = backbone.embed_items([item.astype(np.float32) for item in items])
        column = predictor.head.classes.index(found[0].target)
        shares = predictor.head.predict_outputs(rows)[:, column].reshape(len(ranks), STEPS + 1, 2)
        for name, own in zip(ranks, shares, strict=True):
            areas.setdefault(name, []).append(np.trapezoid(own, dx=1 / STEPS, axis=0))
    for name, found in areas.items():
        deletion, insertion = np.mean(found, axis=0)
        yield name, {"deletion": float(deletion), "insertion": float(insertion), "n": len(found)}


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, stop in sorted(spans, reverse=True):
        text = text[:start] + text[stop:]
    return text if text.strip() else "."


def texts(given: argparse.Namespace) -> Figures:
    predictor, samples = train(given, "all-minilm-l6-v2")
    explain = explainers(predictor, 1000)
    drops: dict[str, list[tuple[float, float]]] = {}
    for number, sample in enumerate(samples):
        exact, occluded = explain(sample)
        spans = [tuple(map(int, part.place)) for part in occluded.parts]
        # a word's part is that of its tokens
        values = [
            sum(p.value for p in exact.parts if p.place and start <= p.place[0] < stop)
            for start, stop in spans
        ]
        column = predictor.head.classes.index(exact.target)
        count = max(1, round(len(spans) / 5))
        ranks = orders(values, [part.value for part in occluded.parts], number)
        versions = [sample.data]
        for order in ranks.values():
            taken = [spans[index] for index in order[:count]]
            others = [span for span in spans if span not in taken]
            versions += [without(sample.data, taken), without(sample.data, others)]
        shares = predictor.head.predict_outputs(predictor.open().embed(versions))[:, column]
        for name, (less, only) in zip(ranks, shares[1:].reshape(-1, 2), strict=True):
            drops.setdefault(name, []).append((shares[0] - less, shares[0] - only))
    for name, found in drops.items():
        fall, rest = np.mean(found, axis=0)
        yield name, {"comprehensiveness": float(fall), "sufficiency": float(rest), "n": len(found)}


def cost(given: argparse.Namespace) -> Figures:
    import featx
    from featx.explanation.explaining import Explainer, ExplanationOptions

    engine = featx.Engine(n_jobs=1)
    for backbone in BACKBONES:
        predictor, samples = train(given, backbone, 200)
        known = featx.make_samples([one.data for one in samples[:40]])
        exact = Explainer(predictor, engine=engine)
        hiding = Explainer(predictor, ExplanationOptions(method="occlusion"), engine=engine)
        steps = {
            "predict": (partial(predictor.predict_samples, engine=engine), known),
            "exact": (exact.stream, known),
            "occlusion": (hiding.stream, known[:4]),
        }
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(given.rounds):
            for name, (step, part) in steps.items():
                seconds = common.seconds_of(lambda s=step, p=part: list(s(p)))
                times[name].append(seconds / len(part))
        ms = {name: 1000 * float(np.median(found)) for name, found in times.items()}
        ratios = {f"{name} / predict": ms[name] / ms["predict"] for name in ("exact", "occlusion")}
        yield backbone, {"predict ms": ms["predict"], **ratios}


PARTS = {one.__name__: one for one in (sums, pictures, texts, cost)}

if __name__ == "__main__":
    parser = common.make_parser(__doc__)
    parser.add_argument("parts", nargs="+", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--backbone", default="mobilenetv2-1.0", help="of pictures [%(default)s]")
    parser.add_argument("--places", type=int, default=49, help="of its map [%(default)s]")
    parser.add_argument("--samples", type=int, default=300, help="[%(default)s]")
    given = common.parse(parser, parts=PARTS)
    figures = {name: dict(PARTS[name](given)) for name in given.parts}
    for name, table in figures.items():
        heads = list(next(iter(table.values())))
        rows = [[key, *(f"{found[head]:.3g}" for head in heads)] for key, found in table.items()]
        common.tell(f"{name}\n{common.format_table(['', *heads], rows)}")
    common.write_json(given.json, figures)
