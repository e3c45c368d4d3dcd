"""Audits of data whose faults are known: near-duplicates, wrong labels, and how long rows take.

    python benchmarks/auditing.py pairs                          # near-duplicates that people judged
    python benchmarks/auditing.py noise human --work FOLDER      # probabilities of samples left out, ranked
    python benchmarks/auditing.py rivals --work FOLDER           # the same by cleanlab, in its own environment
    python benchmarks/auditing.py rows --size 100000             # planted pairs: recall, seconds, memory
    python benchmarks/auditing.py whole --size 100000            # the command on these rows, with wrong labels

pairs   cifar10_duplicates, dblp_acm_duplicates: precision and recall of what is called a near-duplicate
noise   six sets, 10 and 20 % of labels replaced by those of the next class, three times: average precision
human   cifar10n, mnist_test_errors: labels that people gave; precision at as many as are wrong
rivals  self-confidence, margin and entropy of cleanlab, adjusted and not, on the saved probabilities
rows    of 384 columns, of ten classes in 48 directions; a hundredth are near copies of others
whole   featx audit of a file of these, a fiftieth of whose labels are of the next class
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import common
import numpy as np

SETS = ("trec6", "banking77", "sst2", "fsdd", "cats_dogs", "flowers5")
HUMAN = {
    "cifar10n/train.csv": ("aggregate_label", "random_label1", "worst_label"),
    "mnist_test_errors/labels.csv": ("given_label",),
}
MNIST_WRONG = ("corrected", "neither", "no_agreement")


def embed(samples: list[Any]) -> Any:
    import featx
    from featx.catalog import default_card
    from featx.modalities.guess import modality_of

    backbone = featx.Backbone(default_card(modality_of(samples[0].data)).name)
    return featx.Engine(cache=True).embed(samples, backbone).embeddings


def save_noisy(path: Path, rows: Any, labels: Any, wrong: Any) -> None:
    """Save what a head that was trained without each sample says, and what audits of it find."""
    import featx
    from featx.audit.data import AuditData
    from featx.audit.labels import predict_left_out
    from featx.audit.noise import doubt_labels
    from featx.embedding.neighbors import nearest_among
    from featx.tasks import get_task
    from featx.tuning import HeadConfig

    table = featx.Rows(tuple(map(str, range(len(rows)))), tuple(labels), rows, "")
    found, _ = predict_left_out(AuditData.of_rows(table), get_task("classification"), HeadConfig())
    # Other rules can be tried on what is saved.
    codes, near = found.problem.codes, nearest_among(rows, 20).indices
    alone, both = doubt_labels(found.outputs, codes), doubt_labels(found.outputs, codes, near)
    scores = {"alone": alone.scores, "with neighbours": both.scores}
    flagged = both.flagged
    np.savez(path, p=found.outputs, labels=codes, wrong=wrong, near=near, **scores)
    figures = ", ".join(f"{name} {measure(wrong, score)}" for name, score in scores.items())
    share = f"{flagged.sum()} flagged: precision {wrong[flagged].mean():.2f}, "
    print(f"{path.stem:34} {figures}; {share}recall {flagged[wrong].mean():.2f}", flush=True)


def measure(wrong: Any, scores: Any) -> str:
    """Return the average precision of a ranking, and the precision of as many as are wrong."""
    from sklearn.metrics import average_precision_score

    first = np.argsort(-scores, kind="stable")[: int(wrong.sum())]
    return f"{average_precision_score(wrong, scores):.3f} ({wrong[first].mean():.2f})"


def pairs(given: argparse.Namespace) -> None:
    import featx

    for name in ("cifar10_duplicates", "dblp_acm_duplicates"):
        folder = given.data / name
        texts = name.startswith("dblp")
        samples = featx.read_samples(folder / "records.csv" if texts else folder)
        with (folder / "pairs.csv").open(encoding="utf-8") as file:
            truth = {frozenset(list(row.values())[:2]) for row in csv.DictReader(file)}
        report = featx.audit_samples(samples)
        near = report.of("FX011", "FX012")
        found = {frozenset((one.id, other)) for one in near for other in one.related}
        hits = len(found & truth)
        figures = f"precision {hits / len(found):.2f}, recall {hits / len(truth):.2f}"
        print(f"{name}: {len(samples)} samples, {len(truth)} pairs; {len(found)} found, {figures}")


def noise(given: argparse.Namespace) -> None:
    import featx

    for name in SETS:
        samples = featx.read_samples(given.data / name)
        rows = embed(samples)
        names, codes = np.unique([sample.label for sample in samples], return_inverse=True)
        for rate in (10, 20):
            for seed in range(3):
                wrong = np.random.default_rng(seed).random(len(codes)) < rate / 100
                noisy = np.where(wrong, (codes + 1) % len(names), codes)
                save_noisy(given.work / f"{name}-{rate}-{seed}.npz", rows, names[noisy], wrong)


def human(given: argparse.Namespace) -> None:
    import featx

    for path, columns in HUMAN.items():
        for column in columns:
            samples = featx.read_samples(given.data / path, target=column, keep="all")
            if "mnist" in path:
                verdicts = [sample.columns["mturk_verdict"] for sample in samples]
                wrong = np.asarray([verdict in MNIST_WRONG for verdict in verdicts])
            else:
                wrong = np.asarray([s.columns["clean_label"] != s.label for s in samples])
            name = f"{path.partition('/')[0]}-{column}.npz"
            save_noisy(given.work / name, embed(samples), [s.label for s in samples], wrong)


def rivals(given: argparse.Namespace) -> None:
    """Rank by cleanlab: here where it is installed, else in an environment of its own."""
    if not importlib.util.find_spec("cleanlab"):
        python = common.peer_python("cleanlab", ["cleanlab"], given.work)
        command = [python, __file__, "rivals", "--work", str(given.work)]
        print(common.run_process(command).stdout, end="")
        return
    from cleanlab.rank import get_label_quality_scores

    for path in sorted(given.work.glob("*.npz")):
        data = np.load(path)
        figures = []
        for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
            for adjusted in (False, True)[: 1 if "entropy" in method else 2]:
                quality = get_label_quality_scores(
                    data["labels"], data["p"], method=method, adjust_pred_probs=adjusted
                )
                figures.append((measure(data["wrong"], -quality), method, adjusted))
        best, method, adjusted = max(figures)
        own = ", ".join(
            f"{n} {measure(data['wrong'], data[n])}" for n in ("alone", "with neighbours")
        )
        print(f"{path.stem:34} cleanlab {best} by {method}{' adjusted' * adjusted}; {own}")


def planted(n: int) -> tuple[Any, Any, Any, Any]:
    """Return rows of ten classes in 48 directions, their classes, and which are near copies of which."""
    rng = np.random.default_rng(0)
    basis, means = rng.standard_normal((48, 384), np.float32), rng.standard_normal((10, 48))
    codes = rng.integers(0, 10, n)
    table = np.empty((n, 384), np.float32)
    for at in range(0, n, 100_000):
        inner = 2 * means[codes[at : at + 100_000]]
        inner = (inner + rng.standard_normal(inner.shape)).astype(np.float32)
        noise = rng.standard_normal((len(inner), 384), np.float32)
        table[at : at + 100_000] = inner @ basis + np.float32(0.3) * noise
    first = rng.choice(n // 2, n // 100, replace=False)
    second = n // 2 + rng.choice(n - n // 2, n // 100, replace=False)
    noise = rng.standard_normal((len(first), 384), np.float32)
    table[second] = table[first] + np.float32(0.5) * noise
    return table, codes, first, second


def rows(given: argparse.Namespace) -> None:
    from featx.embedding.approximate import approximate_nearest
    from featx.embedding.neighbors import nearest_among

    n = given.size
    table, _, first, second = planted(n)
    search = approximate_nearest if n > 200_000 else nearest_among
    start, cpu = time.perf_counter(), time.process_time()
    found = search(table, 20)
    seconds, busy = time.perf_counter() - start, time.process_time() - cpu
    recall = (found.indices[second] == first[:, None]).any(axis=1).mean()
    print(f"{search.__name__} of {n}: {seconds:.0f} s, {busy:.0f} s of processors")
    print(f"  recall of planted pairs {recall:.4f}; {peak_of(table)}", flush=True)


def whole(given: argparse.Namespace) -> None:
    """Run the command on a file of rows with planted pairs and wrong labels."""
    import featx

    n, path = given.size, given.work / f"audited-{given.size}.parquet"
    table, codes, first, second = planted(n)
    wrong = np.random.default_rng(1).random(n) < 0.02
    labels = tuple(f"c{code}" for code in np.where(wrong, (codes + 1) % 10, codes))
    featx.write_rows(path, featx.Rows(tuple(map(str, range(n))), labels, table, ""))
    command = [sys.executable, "-m", "featx", "audit", str(path), "--format", "json"]
    busy = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = common.run_process(command, watch=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - busy.ru_utime - busy.ru_stime
    findings = json.loads(done.stdout)["findings"]
    near = {one["id"]: one["related"] for one in findings if one["code"] == "FX011"}
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    recall = np.mean([str(i) in near.get(str(j), ()) for i, j in pairs])
    flagged = np.array([int(one["id"]) for one in findings if one["code"] == "FX021"], np.intp)
    hits = wrong[flagged].sum()
    print(
        f"featx audit of {n} rows: {done.seconds:.0f} s, {cpu:.0f} s of processors, peak ", end=""
    )
    print(
        f"{done.peak_bytes / 1e9:.2f} GB; recall of planted pairs {recall:.4f}; wrong labels: ",
        end="",
    )
    print(f"precision {hits / max(1, len(flagged)):.2f}, recall {hits / wrong.sum():.2f}")


def peak_of(table: Any) -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"peak {peak:.2f} GB, of which {table.nbytes / 1e9:.2f} GB are the rows"


def main() -> None:
    parser = common.make_parser(__doc__)
    kinds = {one.__name__: one for one in (pairs, noise, human, rivals, rows, whole)}
    parser.add_argument("kinds", nargs="+", choices=kinds)
    parser.add_argument("--size", type=int, default=100_000)
    given = parser.parse_args()
    given.work.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    for kind in given.kinds:
        kinds[kind](given)


if __name__ == "__main__":
    main()
