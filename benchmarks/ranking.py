"""How well the quick pass of ``featx compare`` ranks backbones and taps, on image sets with a test part.

    python benchmarks/ranking.py                 # all sets, rows from featx's cache where they are there
    python benchmarks/ranking.py pacs mnist --train 2000
    python benchmarks/ranking.py --order         # also the mean ranks of featx/selection/average_order.py

Each backbone, with its own tap and with others, is ranked on the training part by the quick pass, and a head is
trained on the training part and measured on the test part, as ``featx fit`` and ``featx evaluate`` do. Of the
pairs whose paired 95 % interval on the test part excludes 0, the share that a ranking has in the right order;
and its regret: by how much the test score of what it puts first is below the best. Beside it LogME, nearest
neighbours, and the order that is best on average on the other sets. Then the choice among the best three of the
quick pass: the one that ``fit`` measures best, and the one that ``featx compare`` takes by both scores. All
that is trained is kept below --work, for the next run.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from pathlib import Path
from typing import Any

import common
import numpy as np
from ranking_sets import CANDIDATES, SETS

# Test samples below which a set is drawn anew, so that its regret is not that of single photos.
SMALL = 100
# What ranks, in the order of the table.
METHODS = ("quick", "knn", "centroid", "logme", "average", "random")
# What chooses among the best of the quick pass, and how many those are.
CHOICES, BEST = ("measured", "compare"), 3


@dataclass(frozen=True)
class Validation:
    """Predictions of training samples that ``fit`` left out in turn, or held out."""

    problem: Any
    predictions: Any
    tested: Any

    def on(self, samples: Any) -> Any:
        """Return the function that measures some of the samples that were left out."""
        place = {sample: k for k, sample in enumerate(self.tested.tolist())}
        rows = [place[sample] for sample in samples.tolist()]
        return self.problem.measure(self.predictions[rows], samples)


@dataclass(frozen=True)
class Measured:
    """One backbone and tap on one set."""

    title: str
    digest: str
    quick: Mapping[str, float]
    score: float
    measure: Any
    seconds: Mapping[str, float]
    # What a comparison knows of it: the quick pass's entry, and predictions of samples left out of training.
    entry: Any
    validation: Validation


@dataclass(frozen=True)
class Result:
    """All backbones and taps on one set."""

    name: str
    measured: Sequence[Measured]
    # Pairs (first, second) of places whose first is better on the test part beyond chance.
    pairs: Sequence[tuple[int, int]]
    # The same on training and test parts that are drawn anew, where the test part is small.
    draws: Sequence[Sequence[Measured]] = ()


def rank_set(name: str, given: argparse.Namespace) -> Result:
    from featx.metrics.paired import paired_difference
    from featx.metrics.resampling import Resampling

    whole = SETS[name](given)
    measured, design = measure_all(name, whole, given)
    draws = []
    for seed in range(1, given.draws if len(whole.test) < SMALL else 1):
        draws.append(measure_all(f"{name} {seed}", whole.drawn_anew(seed), given)[0])
    resampling = Resampling.of(len(whole.test), design.groups, design.weights)
    pairs = []
    for i, j in combinations(range(len(measured)), 2):
        found = paired_difference(measured[i].measure, measured[j].measure, resampling)
        if found is not None and found.tells:
            pairs.append((i, j) if found.value > 0 else (j, i))
    return Result(name, measured, pairs, draws)


def measure_all(name: str, whole: Any, given: argparse.Namespace) -> tuple[list[Measured], Any]:
    """Return all backbones and taps on a set, and how the samples of its test part belong together."""
    measured, design = [], None
    for candidate in CANDIDATES:
        if candidate[0] not in given.leave_out:
            one, design = measure_one(candidate, whole, given.work / "ranking" / name)
            measured.append(one)
            common.tell(f"{name} {one.title}: {one.score:.3f} {dict(one.quick)}")
    return measured, design


def kept(path: Path, step: Callable[[], dict[str, Any]]) -> Mapping[str, Any]:
    """Return arrays from a file of an earlier run, or of a step whose results are kept there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **step())
    return dict(np.load(path))


def measure_one(candidate: tuple[str, str, str], whole: Any, folder: Path) -> tuple[Measured, Any]:
    """Return one backbone on a set, and how the samples of the test part belong together."""
    import featx
    from featx.labelled import LabelledSamples
    from featx.selection.candidates import BackboneCandidate
    from featx.selection.evidence import log_evidence
    from featx.selection.quick import quick_scores
    from featx.selection.ranking import RankedBackbone
    from featx.tasks import get_task
    from featx.training import fit_head
    from featx.tuning import HeadConfig

    name, tap, pooling = candidate
    card = featx.get_card(name)
    if tap:
        card = card.variant(tap=tap, pooling=pooling)
    backbone, engine = featx.Backbone(card), featx.Engine(cache=True)
    start = time.process_time()
    train, test = engine.embed(whole.train, backbone), engine.embed(whole.test, backbone)
    embedded = time.process_time() - start
    kind, config = get_task(whole.task), HeadConfig()
    known = problem_of(kind, train, LabelledSamples(whole.train), config)
    unseen = problem_of(kind, test, LabelledSamples(whole.test), config, known)
    start = time.process_time()
    quick = quick_scores(train.embeddings, known)
    ranked = time.process_time() - start
    scores = {
        "quick": quick.rank,
        "knn": quick.knn,
        "centroid": quick.centroid,
        "logme": log_evidence(train.embeddings, known),
    }
    title = f"{name}@{tap}" if tap else name

    def train_and_predict() -> dict[str, Any]:
        start = time.process_time()
        labels = list(train.labels)
        trained = fit_head(train.embeddings, labels, config, task=kind.name, design=known.design)
        seconds, validation = time.process_time() - start, trained.validation
        return {
            "outputs": trained.head.predict_outputs(test.embeddings),
            "seconds": seconds,
            "predictions": validation.predictions,
            "tested": validation.tested,
        }

    table = kept(folder / f"{title}-{len(train)}-{len(test)}.npz", train_and_predict)
    measure = unseen.measure(table["outputs"], np.arange(len(unseen)))
    [score] = measure(np.ones((1, len(unseen))))
    seconds = {"embedding": embedded, "quick": ranked, "full": float(table["seconds"])}
    known_scores = {key: value for key, value in scores.items() if value is not None}
    entry = RankedBackbone(BackboneCandidate.of(card), None, {"rank": quick.rank}, None, card.dim)
    validation = Validation(known, table["predictions"], table["tested"])
    one = Measured(
        title, card.graph.sha256, known_scores, score, measure, seconds, entry, validation
    )
    return one, unseen.design


def problem_of(kind: Any, rows: Any, labelled: Any, config: Any, like: Any = None) -> Any:
    """Return the targets of rows; those of a test part with the classes of the training part."""
    targets = kind.encode_targets(rows.labels, rows.ids)
    problem = kind.tuning_problem(targets, config, labelled.design(rows.ids))
    if like is not None and list(problem.output_names) != list(like.output_names):
        raise SystemExit("a class is in one part alone: choose larger --train and --test")
    return problem


def evaluate(results: Sequence[Result]) -> dict[str, list[dict[str, float]]]:
    """Return, for each method, the pairs in right order and the regret on each set."""
    figures: dict[str, list[dict[str, float]]] = {one: [] for one in (*METHODS, *CHOICES)}
    for result in results:
        every = [result.measured, *result.draws]
        scores = np.mean([[one.score for one in draw] for draw in every], axis=0)
        others = [other for other in results if other is not result]
        for method in METHODS:
            ranks = ranking(method, result.measured, others)
            if ranks is None:
                continue
            right = [
                float(ranks[i] > ranks[j]) + 0.5 * (ranks[i] == ranks[j]) for i, j in result.pairs
            ]
            chosen = [scores[int(ranking(method, draw, others).argmax())] for draw in every]
            regret = scores.max() - (scores.mean() if method == "random" else np.mean(chosen))
            figures[method].append(
                {"right": sum(right), "pairs": len(right), "regret": 100 * regret}
            )
        for method in CHOICES:
            regret = scores.max() - np.mean([scores[choice(method, draw)] for draw in every])
            figures[method].append({"right": 0.0, "pairs": 0, "regret": 100 * regret})
    return figures


def choice(method: str, measured: Sequence[Measured]) -> int:
    """Return the place of the backbone that is taken of the best of the quick pass."""
    from featx.metrics.resampling import Resampling
    from featx.selection.choice import choose_first
    from featx.selection.finals import Finals
    from featx.selection.finals import Measured as Final

    best = sorted(range(len(measured)), key=lambda k: -measured[k].quick["quick"])[:BEST]
    # Of many columns and classes a part is held out where of fewer all samples are left out in turn.
    tested = reduce(np.intersect1d, (measured[k].validation.tested for k in best))
    problem = measured[best[0]].validation.problem
    design = problem.design.subset(tested)
    resampling = Resampling.of(len(tested), design.groups, design.weights)
    finals = []
    for k in best:
        measure = measured[k].validation.on(tested)
        score = float(measure(resampling.whole())[0])
        finals.append(Final("", measured[k].entry, score, None, measure))
    if method == "measured":
        return best[max(range(len(best)), key=lambda k: finals[k].score)]
    whole = Finals(tuple(finals), "score", "", len(tested), resampling)
    [first, *_] = choose_first(whole, len(problem), random_state=0)
    return next(k for k in best if measured[k].entry is first.entry)


def ranking(method: str, measured: Sequence[Measured], others: Sequence[Result]) -> Any:
    """Return a number for each backbone of a set, of which more is better; None where there is none."""
    if method == "random":
        return np.zeros(len(measured))
    if method == "average":
        return -mean_ranks(others) if others else None
    if method not in measured[0].quick:
        return None
    return np.array([one.quick[method] for one in measured])


def mean_ranks(results: Sequence[Result]) -> Any:
    """Return the mean rank of each backbone by its test score, 1 for the best; equal scores share one."""
    from scipy.stats import rankdata

    tables = [rankdata([-one.score for one in result.measured]) for result in results]
    return np.mean(tables, axis=0)


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument(
        "--train", type=int, default=500, help="most training samples [%(default)s]"
    )
    parser.add_argument("--test", type=int, default=500, help="most test samples [%(default)s]")
    parser.add_argument("--draws", type=int, default=20, help="of small sets [%(default)s]")
    parser.add_argument("--leave-out", nargs="*", default=[], help="backbones")
    parser.add_argument("--order", action="store_true", help="print mean ranks by digest")
    given = common.parse(parser, sets=SETS)
    warnings.simplefilter("ignore")
    results = [rank_set(name, given) for name in given.sets]
    print_scores(results)
    figures = evaluate(results)
    print_figures(results, figures)
    print_times(results)
    if given.order:
        print_order(results)
    common.write_json(given.json, figures)


def print_scores(results: Sequence[Result]) -> None:
    heads = ["test score", *(result.name for result in results)]
    rows = [
        [one.title, *(f"{100 * result.measured[k].score:.1f}" for result in results)]
        for k, one in enumerate(results[0].measured)
    ]
    print(common.format_table(heads, rows), end="\n\n")


def print_figures(results: Sequence[Result], figures: Mapping[str, list[dict[str, float]]]) -> None:
    names = [result.name for result in results]
    heads = ["ranking by", "pairs in order", "mean regret", "worst", *names]
    rows = []
    for method, sets in figures.items():
        if not sets or (len(sets) != len(results) and method != "centroid"):
            continue
        pairs = sum(one["pairs"] for one in sets)
        share = sum(one["right"] for one in sets) / max(1, pairs)
        regrets = [one["regret"] for one in sets]
        cells = [f"{regret:.1f}" for regret in regrets]
        rows.append(
            [
                method,
                f"{100 * share:.1f} % of {pairs:.0f}" if pairs else "",
                f"{np.mean(regrets):.2f}",
                f"{max(regrets):.2f}",
                *cells,
                *[""] * (len(names) - len(cells)),
            ]
        )
    print(common.format_table(heads, rows), end="\n\n")


def print_times(results: Sequence[Result]) -> None:
    every = [one for result in results for one in result.measured]
    total = {key: sum(one.seconds[key] for one in every) for key in ("embedding", "quick", "full")}
    print(
        f"CPU seconds: quick pass {total['quick']:.1f}, full runs {total['full']:.1f}, a share of "
        f"{total['quick'] / total['full']:.3f}; embedding {total['embedding']:.1f} (cached rows are read)"
    )


def print_order(results: Sequence[Result]) -> None:
    ranks = mean_ranks(results)
    for place in np.argsort(ranks):
        one = results[0].measured[place]
        if "@" not in one.title:
            print(f'        "{one.digest[:12]}": {ranks[place]:.2f},  # {one.title}')


if __name__ == "__main__":
    main()
