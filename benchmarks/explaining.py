"""Explanations: do their sums add up, do the places that they name matter, and what do they cost?

    python benchmarks/explaining.py sums                 # the error of the sum, by backbone
    python benchmarks/explaining.py pictures texts       # places taken away, by three orders
    python benchmarks/explaining.py cost                 # beside plain prediction
    python benchmarks/explaining.py captum --samples 50  # the same parts by captum, in its own environment

sums      the largest difference of bias and parts from the score, over samples of the test part
pictures  flowers5: the mean probability of the answer while places are hidden one after the other, those that
          count most first (deletion: the lower, the better), and while they are shown (insertion: the higher)
texts     sst2: how much the probability of the answer falls without a fifth of the words, and how much without
          all others (comprehensiveness: the higher, the better; sufficiency: the lower)
cost      median time of an explanation over that of a prediction, in turns
captum    flowers5: the largest difference of parts from those of captum on the same weights in torch, over the
          largest part; the median of the forward pass and of each method, in ms, one thread

Orders: exact, of the sum over places; random; occlusion, of what the score loses without each place. Areas are
those of Petsiuk, Das, Saenko: RISE, 2018; measures of texts those of DeYoung et al.: ERASER, 2020.
"""

from __future__ import annotations

import argparse
import json
import time
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
    """Hide and show places of pictures; what was done of each is in a file, so that it can be gone on with."""
    predictor, samples = train(given, given.backbone)
    key = f"{given.backbone}, {given.places} places"
    path = given.work / f"explaining-pictures-{given.backbone}-{given.places}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    done = {line["id"]: line["areas"] for line in map(json.loads, lines)}
    measure = picture_areas(predictor, given.places)
    with path.open("a", encoding="utf-8") as file:
        for number, sample in enumerate(samples):
            if sample.id not in done:
                done[sample.id] = measure(sample, number)
                print(
                    json.dumps({"id": sample.id, "areas": done[sample.id]}), file=file, flush=True
                )
    areas = [done[sample.id] for sample in samples]
    for name in areas[0]:
        deletion, insertion = np.mean([one[name] for one in areas], axis=0)
        yield (
            f"{name} ({key})",
            {"deletion": float(deletion), "insertion": float(insertion), "n": len(areas)},
        )


def picture_areas(
    predictor: Any, places: int
) -> Callable[[Any, int], dict[str, tuple[float, float]]]:
    """Return what gives, of a sample and its number, the areas of deletion and insertion by each order."""
    from featx.modalities import shown_samples

    backbone, explain = predictor.open(), explainers(predictor, places)
    shown = shown_samples("image", backbone.reader)
    kept = np.linspace(0, places, STEPS + 1).round().astype(int)

    def measure(sample: Any, number: int) -> dict[str, tuple[float, float]]:
        found = explain(sample)
        cells = shown.occlusions(backbone.reader.load(sample.data), places)
        whole = cells.hide(None)
        apart = [cells.hide(index) != whole for index in range(places)]
        paint = np.broadcast_to(whole.mean(axis=(1, 2), keepdims=True), whole.shape)
        ranks = orders(*([part.value for part in one.parts] for one in found), number)
        # With no place or all of them hidden, all orders are the same.
        items = [whole, np.where(np.any(apart, axis=0), paint, whole)]
        for order in ranks.values():
            for count in kept[1:-1]:
                gone = np.any([apart[k] for k in order[:count]], axis=0)
                items += [np.where(gone, paint, whole), np.where(gone, whole, paint)]
        rows = backbone.embed_items([item.astype(np.float32) for item in items])
        column = predictor.head.classes.index(found[0].target)
        shares = predictor.head.predict_outputs(rows)[:, column]
        first, last = shares[:2]
        between = shares[2:].reshape(len(ranks), STEPS - 1, 2)
        areas = {}
        for name, own in zip(ranks, between, strict=True):
            curves = np.concatenate([[[first, last]], own, [[last, first]]])
            deletion, insertion = np.trapezoid(curves, dx=1 / STEPS, axis=0).tolist()
            areas[name] = deletion, insertion
        return areas

    return measure


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


def captum(given: argparse.Namespace) -> Figures:
    """Compare parts with those of captum; what is constant is dealt out to the places alike by featx alone."""
    import featx
    from featx.explanation.explaining import Explainer

    python = common.peer_python("captum", ["torch==2.13.0", "captum", "onnx"], given.work)
    for backbone in ("mobilenetv2-1.0", "efficientnet-lite0"):
        predictor, samples = train(given, backbone)
        explainer = Explainer(predictor, engine=featx.Engine(n_jobs=1))
        found, times = [], []
        for sample in samples:
            start = time.perf_counter()
            found += explainer.stream([sample])
            times.append(time.perf_counter() - start)
        inputs, weights = zip(
            *(linear_score(predictor, *pair) for pair in zip(samples, found, strict=True)),
            strict=True,
        )
        graph, data, answer = (
            given.work / f"captum-{name}" for name in ("graph.onnx", "in.npz", "out.npz")
        )
        fold_constants(common.find_file(featx.get_card(backbone), "backbone.onnx"), graph)
        np.savez(data, inputs=np.stack(inputs), weights=np.stack(weights))
        common.run_process(
            [python, str(common.HERE / "explaining_captum.py"), *map(str, (data, graph, answer))]
        )
        theirs, own = (
            np.load(answer),
            np.array([[part.value for part in one.parts] for one in found]),
        )
        figures = {"featx, ms": 1000 * float(np.median(times))}
        for name in theirs:
            if name.endswith(", seconds"):
                figures[name.replace("seconds", "ms")] = 1000 * float(np.median(theirs[name]))
                continue
            apart = own - theirs[name]
            apart -= apart.mean(axis=1, keepdims=True)
            figures[name] = float((np.abs(apart).max(axis=1) / np.abs(own).max(axis=1)).max())
        yield backbone, figures | {"n": len(found)}


def linear_score(predictor: Any, sample: Any, found: Any) -> tuple[Any, Any]:
    """Return the input of the graph for a sample, and the weights by which its row gives the score."""
    from featx.explanation.score_targets import choose_target
    from featx.heads.linear_form import linear_form

    backbone = predictor.open()
    item = backbone.reader.read(backbone.reader.load(sample.data))
    [feed] = backbone.feeds(next(iter(backbone.reader.batches([item], 1)))).values()
    row = predictor.embed([sample.data]).embeddings[0]
    outputs = predictor.head.predict_outputs(row[None])[0]
    target = choose_target(predictor, outputs, found.target, found.against)
    weights, constant = linear_form(predictor.head).pull(target.weights, row.astype(np.float64))
    assert abs(weights @ row + constant + target.offset - found.score) < 1e-4
    return feed[0].astype(np.float32), weights.astype(np.float32)


def fold_constants(graph: Any, output: Any) -> None:
    """Write a graph without what only computes constants, such as weights that are kept as float16."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(output)
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


PARTS = {one.__name__: one for one in (sums, pictures, texts, cost, captum)}

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
