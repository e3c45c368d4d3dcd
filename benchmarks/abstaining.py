"""Sets that cover, answers that hold an error, samples that are new: what is promised beside what comes.

    python benchmarks/abstaining.py coverage crossed perclass        # over random splits of real rows
    python benchmarks/abstaining.py error answers novelty

coverage  trec6 and banking77: a head trained on a half, a calibration part of 1000 rows, over 1000 splits of
          the other half; the sets of MAPIE on the same scores, where it is installed
crossed   trec6 without its copies: ridge trained and calibrated on the same 1000 rows, each left out in turn
perclass  the same as coverage with a threshold a class, for classes with at least 30 calibration rows
error     synthetic confidences whose true risk is known: how often fit's threshold holds it, over 2000 draws
answers   fit(target_error=) on real sets: error and share of what is answered on their test parts
novelty   AUROC of the novelty of other sets' samples, beside that of the greatest probability
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import common
import numpy as np
from mapie_sets import mapie_size

Figures = Iterator[tuple[str, float, str]]
SETS = {"trec6": 0.1, "banking77": 0.05, "sms_spam": 0.01}


def read(given: argparse.Namespace, name: str, split: str) -> tuple[Any, Any]:
    """Return rows and labels of a part of a data set, by the default backbone of its kind."""
    import featx

    folder = given.data / name
    path = folder / f"{split}.csv"
    samples = featx.read_samples(path if path.exists() else folder / split)
    modality = "text" if path.exists() else "image"
    rows = featx.Engine(cache=True).embed(samples, featx.Backbone(f"featx-{modality}-nano"))
    return rows, np.array(rows.labels)


def halves(given: argparse.Namespace, name: str) -> tuple[Any, Any, tuple[str, ...]]:
    """Return the probabilities of a head on the half that it did not see, and the true columns."""
    from featx.training import fit_head
    from featx.tuning import HeadConfig

    rows, labels = read(given, name, "train")
    known = np.random.default_rng(0).permutation(len(labels)) < len(labels) // 2
    head = fit_head(rows.embeddings[known], labels[known], HeadConfig("logistic")).head
    codes = np.searchsorted(head.classes, labels[~known])
    return head.predict_outputs(rows.embeddings[~known]), codes, head.classes


def split_coverage(
    shares: Any, codes: Any, method: str, *, per_class: bool = False, n: int = 1000
) -> tuple[Any, float]:
    """Return whether each sample was covered, over splits (NaN where it calibrated), and the mean size."""
    from featx.heads.conformity import Conformity
    from featx.tasks.class_sets import ClassSets, class_scores

    sets, rows = ClassSets(), np.arange(len(codes))
    scores = np.stack([class_scores(shares, one)[rows, codes] for one in ("lac", "aps")], axis=1)
    scores, sizes = scores.astype(np.float32), []
    covered = np.full((1000, len(codes)), np.nan, np.float32)
    for turn in range(1000):
        order = np.random.default_rng(turn).permutation(len(codes))
        some, rest = order[:n], order[n:]
        kept = Conformity.of(scores[some], codes[some, None].astype(np.int32))
        limits = sets.thresholds(kept, 0.9, shares.shape[1], method, per_class)
        members = sets.members(shares[rest], limits, method)
        covered[turn, rest] = members[np.arange(len(rest)), codes[rest]]
        sizes.append(members.sum(axis=1).mean())
    return covered, float(np.mean(sizes))


def coverage(given: argparse.Namespace) -> Figures:
    for name in ("trec6", "banking77"):
        shares, codes, _ = halves(given, name)
        accuracy = (shares.argmax(axis=1) == codes).mean()
        for method in ("lac", "aps"):
            covered, size = split_coverage(shares, codes, method)
            said = f"accuracy {accuracy:.3f}; {size:.2f} labels a set{mapie_size(shares, codes, method)}"
            yield f"{name}, {method}", float(np.nanmean(covered)), said


def crossed(given: argparse.Namespace) -> Figures:
    from featx.tasks import get_task
    from featx.tasks.left_out import calibrate
    from featx.tuning import HeadConfig
    from featx.tuning.validation import train

    rows, labels = read(given, "trec6", "train")
    embeddings, first = np.unique(rows.embeddings, axis=0, return_index=True)
    labels, task = labels[first], get_task("classification")
    sets, config, found = task.answer_sets, HeadConfig("ridge"), {"lac": [], "aps": []}
    for turn in range(given.first, given.first + given.splits):
        order = np.random.default_rng(turn).permutation(len(labels))
        some, rest = order[:1000], order[1000:]
        problem = task.tuning_problem(labels[some], config)
        choice, head = train(embeddings[some], problem, config)
        kept = calibrate(task, problem, choice.left_out, head, 0)
        shares = head.predict_outputs(embeddings[rest])
        for method, values in found.items():
            limits = sets.thresholds(kept, 0.9, len(head.classes), method, False)
            members = sets.members(shares, limits, method)
            values.append(sets.covers(labels[rest], members, head.classes).mean())
    for method, values in found.items():
        yield f"trec6, ridge, {method}", float(np.mean(values)), f"{given.splits} splits"


def perclass(given: argparse.Namespace) -> Figures:
    for name, n in (("trec6", 1500), ("banking77", 4000)):
        shares, codes, classes = halves(given, name)
        usual = np.bincount(codes) * n / len(codes) >= 30
        for method in ("lac", "aps"):
            covered, size = split_coverage(shares, codes, method, per_class=True, n=n)
            means = np.array([np.nanmean(covered[:, codes == k]) for k in np.flatnonzero(usual)])
            said = f"least of {usual.sum()} of {len(classes)} classes; {size:.2f} labels a set"
            yield f"{name}, {method}", float(means.min()), said


def error(given: argparse.Namespace) -> Figures:
    from featx.heads.selective import find_error_threshold

    for n, target in ((500, 0.1), (2000, 0.02), (2000, 0.05), (10_000, 0.02)):
        for name, power in (("steep", 6.0), ("flat", 1.5)):
            held, shares = [], []
            # Errors of a share s of the most confident: the mean of t ** power * 0.6 over t up to s.
            best = min(1.0, (target * (power + 1) / 0.6) ** (1 / power))
            for draw in range(2000):
                rng = np.random.default_rng(draw)
                places = rng.random(n)
                wrong = rng.random(n) < 0.6 * places**power
                found = find_error_threshold(1 - places, wrong, target)
                given_share = 0.0 if found.threshold is None else 1 - found.threshold
                held.append(0.6 * given_share**power / (power + 1) <= target)
                shares.append(given_share)
            said = f"answers {np.mean(shares):.3f}, at most {best:.3f} could be"
            yield f"{n} samples, {target:g}, {name}", float(np.mean(held)), said


def answers(given: argparse.Namespace) -> Figures:
    import featx

    for name, target in SETS.items():
        train, test = (
            featx.read_samples(given.data / name / f"{part}.csv") for part in ("train", "test")
        )
        fitted = featx.fit(
            train, target_error=target, baseline=False, engine=featx.Engine(cache=True)
        )
        found, limit = featx.evaluate(fitted, test).answers, fitted.error_threshold
        said = f"target {target:g}; answers {found.answered:.3f} of {found.n}, left out {limit.answered:.3f}"
        yield name, float("nan") if found.error is None else found.error, said


def novelty(given: argparse.Namespace) -> Figures:
    from sklearn.metrics import roc_auc_score

    from featx.abstention import doubts_of
    from featx.catalog import get_card
    from featx.reporting.training_samples import KeptParts
    from featx.training import fit_rows
    from featx.tuning import HeadConfig

    for name, others in (("banking77", ("trec6", "sms_spam")), ("cats_dogs", ("flowers5",))):
        rows, _ = read(given, name, "train")
        usual, _ = read(given, name, "test")
        card = get_card("featx-image-nano" if name == "cats_dogs" else "featx-text-nano")
        made = fit_rows(rows, card, HeadConfig("logistic"), keep=KeptParts())
        known = doubts_of(made.with_abstention(novelty=0.01)).reference
        for other in others:
            strange, _ = read(given, other, "test")
            both = np.concatenate([usual.embeddings, strange.embeddings])
            truth = np.arange(len(both)) >= len(usual)
            p_values, sure = known.p_values(both), made.head.predict_outputs(both).max(axis=1)
            new = [(p_values[of] <= 0.01).mean() for of in (truth, ~truth)]
            said = f"greatest probability {roc_auc_score(truth, -sure):.3f}; new at 0.01: "
            said += f"{new[0]:.3f}, of its own test part {new[1]:.3f}"
            yield f"{name}, {other}", float(roc_auc_score(truth, -p_values)), said


WHAT = {one.__name__: one for one in (coverage, crossed, perclass, error, answers, novelty)}


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("what", nargs="+", help=", ".join(WHAT))
    parser.add_argument("--splits", type=int, default=1000, help="of crossed [%(default)s]")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first [%(default)s]")
    given = common.parse(parser, what=WHAT)
    warnings.simplefilter("ignore")
    for name in given.what:
        for case, figure, remark in WHAT[name](given):
            print(f"{name:<10}{case:<30}{figure:.4f}  {remark}", flush=True)


if __name__ == "__main__":
    main()
