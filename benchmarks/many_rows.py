"""Train heads on a million rows whose best possible accuracy is known, beside SGDClassifier.partial_fit.

    python benchmarks/many_rows.py                  # 1 000 000 x 1280, 100 classes, as float16 in 20 shards
    python benchmarks/many_rows.py --rows 50000
    python benchmarks/many_rows.py --rows 100000 --classes 1000 --backbone mobilenetv1-0.25-128
    python benchmarks/many_rows.py --solvers        # what a streaming solver needs, on 50 000 x 256 in memory,
                                                    # and which head is best, on 100 000 x 128

Rows are drawn: each class has a normal distribution around a mean of its own, all with one covariance, which is
diagonal and a few common factors. The best rule is then linear and known, and with it the best accuracy, on
rows that are drawn anew. Each head is trained in a process of its own; its memory is the most that the process
ever had.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np

SHARDS, FACTORS, TESTED = 20, 16, 20_000
HEADS = ("logistic", "ridge", "lda", "centroid", "partial_fit")
BLOCK = 10_000


@dataclass(frozen=True)
class Truth:
    """Normal classes of one covariance: scale * (noise + factors @ loadings), around their means."""

    means: Any
    scale: Any
    loadings: Any

    @classmethod
    def of(cls, dim: int, classes: int) -> Truth:
        rng = np.random.default_rng(0)
        scale = np.exp(rng.normal(0, 0.5, dim))
        loadings = rng.normal(0, 0.1, (FACTORS, dim))
        # Half the squared distance of two classes decides how often they are taken for each other.
        means = rng.normal(0, 3.5 / np.sqrt(dim), (classes, dim)) * scale
        return cls(means, scale, loadings)

    def draw(self, n: int, seed: int) -> tuple[Any, Any]:
        """Return rows, float32, and their classes."""
        rng = np.random.default_rng(seed)
        y = rng.integers(len(self.means), size=n)
        rows = rng.standard_normal((n, len(self.scale)), np.float32)
        rows += rng.standard_normal((n, FACTORS), np.float32) @ self.loadings.astype(np.float32)
        rows *= self.scale.astype(np.float32)
        return rows + self.means.astype(np.float32)[y], y

    def best(self, rows: Any) -> Any:
        """Return the most probable class of each row."""
        # The inverse of 1 + L'L, by the formula of Woodbury.
        inner = np.linalg.inv(np.eye(FACTORS) + self.loadings @ self.loadings.T)
        means = self.means / self.scale
        weights = means - means @ self.loadings.T @ inner @ self.loadings
        offset = (weights * means).sum(axis=1) / 2
        return ((rows / self.scale) @ weights.T - offset).argmax(axis=1)


def name_of(code: int) -> str:
    return f"c{code:04d}"


def write(folder: Path, truth: Truth, n: int, fingerprint: str) -> None:
    """Write the shards, unless they are there."""
    from featx import Rows, make_samples
    from featx.tables.shard_facts import INDEX
    from featx.tables.shards import Shard, ShardFolder, merge_shards

    if (folder / INDEX).exists():
        return
    dim = len(truth.scale)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shards = ShardFolder(
        folder, SHARDS, fingerprint=fingerprint, dim=dim, dtype="float16", columns={}
    )
    shards.open()
    for number in range(SHARDS):
        own = Shard(number, SHARDS)
        ids = tuple(map(str, own.of(n)))
        with shards.writing(own, make_samples(list(ids), ids=list(ids))) as writer:
            for start in range(0, len(ids), BLOCK):
                some = ids[start : start + BLOCK]
                rows, y = truth.draw(len(some), 1 + int(some[0]))
                writer.write(Rows(some, tuple(map(name_of, y.tolist())), rows, fingerprint))
    merge_shards(folder)


def fit(head: str, folder: Path, classes: int) -> Any:
    """Train a head of featx; return what gives labels to rows."""
    from featx.many_rows.fitting import fit_stored_rows
    from featx.tuning import HeadConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictor = fit_stored_rows(folder, config=HeadConfig(head), in_memory=False)
    print(json.dumps(dict(predictor.report.tuning.params)))
    return predictor.head.predict


def partial_fit(head: str, folder: Path, classes: int) -> Any:
    """Train scikit-learn's streaming classifier, which goes on where an earlier run was stopped."""
    from streaming_sgd import StreamingSGD

    training = StreamingSGD(folder, list(map(name_of, range(classes))))
    predict = training.fit()
    print(json.dumps(training.chosen))
    return predict


def measure(head: str, folder: Path, truth: Truth) -> dict[str, Any]:
    """Train one head; return seconds, those of all cores, peak memory in MB, and the accuracy on new rows."""
    train = partial_fit if head == "partial_fit" else fit
    begun, used = time.perf_counter(), time.process_time()
    predict = train(head, folder, len(truth.means))
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows, y = truth.draw(TESTED, 10**9)
    right = predict(rows) == np.array(list(map(name_of, y.tolist())))
    return {"seconds": seconds, "CPU": used, "MB": peak, "accuracy": float(right.mean())}


def compare_solvers() -> None:
    """Print how near solvers come by how many readings, in two orders of rows, and how good each is."""
    from streaming_solvers import compare
    from streaming_tuned import CLASSES, COLUMNS, ROWS, TUNED_BY, compare_tuned

    truth = Truth.of(256, 20)
    rows, y = truth.draw(50_000, 1)
    test = truth.draw(TESTED, 10**9)
    best = float((truth.best(test[0]) == test[1]).mean())
    lines = []
    for order, indices in (
        ("drawn", np.arange(len(y))),
        ("by class", np.argsort(y, kind="stable")),
    ):
        lines += [
            (order, name, reads, f"{seconds:.1f}", f"{excess:.1e}", f"{accuracy:.4f}")
            for name, reads, seconds, excess, accuracy in compare(rows[indices], y[indices], test)
        ]
    print(f"best possible accuracy {best:.4f}\n")
    head = ("order", "solver", "readings", "s", "loss above the least", "accuracy")
    print(common.format_table(head, lines))
    truth = Truth.of(COLUMNS, CLASSES)
    train, tune, test = (truth.draw(n, 10**6 + n) for n in (ROWS, TUNED_BY, 2 * TESTED))
    best = float((truth.best(test[0]) == test[1]).mean())
    print(f"\nbest possible accuracy {best:.4f}\n")
    columns = ("solver", "chosen", "readings", "CPU s", "accuracy", "log-loss")
    print(common.format_table(columns, list(compare_tuned(train, tune, test))))


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="[%(default)s]")
    parser.add_argument("--classes", type=int, default=100, help="[%(default)s]")
    parser.add_argument(
        "--backbone", default="mobilenetv2-1.0", help="whose rows they pretend to be"
    )
    parser.add_argument("--heads", nargs="+", default=HEADS, help="[%(default)s]")
    parser.add_argument("--solvers", action="store_true", help="compare streaming solvers alone")
    parser.add_argument("--keep", action="store_true", help="leave the shards for another run")
    parser.add_argument("--one", help="used by the benchmark itself")
    given = common.parse(parser, heads=HEADS)
    if given.solvers:
        compare_solvers()
        return
    import featx

    card = featx.get_card(given.backbone)
    truth = Truth.of(card.dim, given.classes)
    folder = given.work / f"many-rows-{given.rows}-{card.dim}-{given.classes}"
    if given.one:
        print(json.dumps(measure(given.one, folder, truth)))
        return
    begun = time.perf_counter()
    write(folder, truth, given.rows, card.fingerprint)
    print(f"wrote {folder} in {time.perf_counter() - begun:.0f} s", flush=True)
    rows, y = truth.draw(TESTED, 10**9)
    best = float((truth.best(rows) == y).mean())
    lines, figures = [("best possible", "", "", "", f"{best:.4f}")], {"best": best}
    for head in given.heads:
        words = ["--rows", given.rows, "--classes", given.classes, "--backbone", given.backbone]
        words += ["--work", given.work, "--models", given.models, "--one", head]
        done = common.run_process([sys.executable, __file__, *map(str, words)])
        row = json.loads(done.stdout.splitlines()[-1])
        figures[head] = row
        lines.append(
            (
                head,
                f"{row['seconds']:.0f} s",
                f"{row['CPU']:.0f} s",
                f"{row['MB']:.0f} MB",
                f"{row['accuracy']:.4f}",
            )
        )
        print(lines[-1], *done.stdout.splitlines()[-2:-1], flush=True)
    print(
        common.format_table(("head", "time", "of all cores", "memory at most", "accuracy"), lines)
    )
    common.write_json(given.json, figures)
    if not given.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
