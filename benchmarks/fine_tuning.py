"""Compare a frozen backbone and a head with the same network fine-tuned in torch: accuracy by CPU seconds.

    python benchmarks/fine_tuning.py found.jsonl                      # 10, 50 and all labels a class
    python benchmarks/fine_tuning.py found.jsonl --only cifar10/10/   # cells whose names begin so
    python benchmarks/fine_tuning.py found.jsonl --report --plot found.svg

A cell is a set, a number of labels a class, a draw of them (there are --rounds) and a contender. It is appended
to the file as one line of JSON when it is done; cells that are there are not run again. Contenders:

featx      ``featx.fit`` from files with its defaults: embed, tune, calibrate, measure, and the baseline
layer      a linear layer that torch trains by SGD with momentum on rows of the frozen network
tuned N    the whole network with a linear layer, trained by AdamW for N times the seconds of featx

The whole network gets no less than 5 seconds; a budget that gives no more than a smaller one is left out. Half
of it goes to trying three learning rates on a validation part, half to training with the best of them on all
labels. Seconds are those of the processor, in one thread. Starting a process, loading the network and answering
the test part, of which about 400 pictures are taken, are not counted; decoding the training pictures is. Batch
norm is folded into the weights of the graph: the fine-tuned network has none.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import common
import fine_tuning_plot
import numpy as np
from fine_tuning_torch import Job, mark
from threadpoolctl import threadpool_limits

SETS = ("brain_mri", "cats_dogs", "flowers5", "cifar10")
LABELS = ("10", "50", "all")
PACKAGES = ("onnx", "onnxruntime", "pillow", "torch")
IMAGE = ("resize", "crop", "interpolation", "mean", "std", "scale", "draft")
TIMES = {"tuned 1": 1, "tuned 5": 5, "tuned 25": 25}
CONTENDERS = ("featx", "layer", *TIMES)
LEAST_SECONDS = 5.0
MOST_TEST = 400
# How near rows of torch and of ONNX Runtime have to be.
TOLERANCE = 1e-4


class Cell(NamedTuple):
    """One thing to measure; as text it is set/labels/draw/contender."""

    data: str
    labels: str
    draw: int
    contender: str

    def __str__(self) -> str:
        return "/".join(map(str, self))


def cells(rounds: int) -> Iterator[Cell]:
    """Give the cells, those with few labels and little time first; all labels are drawn in one way only."""
    for labels in LABELS:
        for draw in range(1 if labels == "all" else rounds):
            for contender in CONTENDERS:
                yield from (Cell(data, labels, draw, contender) for data in SETS)


def read_done(path: Path) -> dict[str, dict[str, Any]]:
    """Return what was found before by the names of cells; a line that was cut off is left out, and said."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            result = json.loads(line)
            found[result["cell"]] = result
        except (ValueError, KeyError):
            common.tell(f"{path.name}: left out a line that is not a result: {line[:40]}")
    return found


def append(path: Path, result: Job) -> None:
    """Write a result as a line of its own, also where the line before was cut off."""
    with path.open("ab+") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        broken = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * broken + json.dumps(result).encode() + b"\n")


def budget(seconds: float, times: int) -> float:
    """Return ``times`` times the seconds of featx, or five where that is less."""
    return max(times * seconds, LEAST_SECONDS)


def is_repeated(contender: str, seconds: float) -> bool:
    """Return whether a contender has no more seconds than one that tunes for fewer times."""
    times = TIMES.get(contender, 1)
    return times > 1 and budget(seconds, times) == budget(seconds, 1)


def draw_samples(samples: list[Any], labels: str, draw: int) -> list[Any]:
    """Return so many samples of each class, drawn at random, in a random order."""
    shuffled = [samples[i] for i in np.random.default_rng(draw).permutation(len(samples))]
    most, taken = len(samples) if labels == "all" else int(labels), dict[str, int]()
    kept = []
    for sample in shuffled:
        taken[sample.label] = taken.get(sample.label, 0) + 1
        if taken[sample.label] <= most:
            kept.append(sample)
    return kept


class Bench:
    """A backbone, the samples of sets, and a process in which torch does its jobs."""

    def __init__(self, given: argparse.Namespace) -> None:
        import featx

        # From here on, for the whole process.
        threadpool_limits(limits=1)
        self.given, self.backbone = given, featx.Backbone(given.backbone)
        self.engine, self.card = featx.Engine(n_jobs=1), self.backbone.card
        self.read = cache(
            lambda data, split: common.read_split(self.card, given.data / data, split)
        )
        self.peer: subprocess.Popen[str] | None = None

    def run(self, cell: Cell, one_time: float) -> dict[str, Any]:
        train = draw_samples(self.read(cell.data, "train"), cell.labels, cell.draw)
        test = self.read(cell.data, "test")
        a_class = MOST_TEST // len({sample.label for sample in test})
        test = draw_samples(test, str(a_class), 0)
        if cell.contender == "featx":
            found = self.run_featx(train, test)
        else:
            job = {"contender": cell.contender, "draw": cell.draw, **self.describe(train)}
            job |= {"seconds": budget(one_time, TIMES.get(cell.contender, 1))}
            names = sorted({sample.label for sample in train})
            job |= {"n_classes": len(names), "y": [names.index(s.label) for s in train]}
            truth = [names.index(sample.label) for sample in test]
            found = self.ask(job | {"test": [str(s.data) for s in test], "truth": truth})
        accuracy = found["right"].count("1") / len(test)
        return {"cell": str(cell), "n": len(train), "accuracy": accuracy, **found}

    def run_featx(self, train: list[Any], test: list[Any]) -> dict[str, Any]:
        import featx

        start = time.process_time()
        classifier = featx.fit(train, backbone=self.backbone, engine=self.engine)
        seconds = time.process_time() - start
        found = classifier.predict(test)
        truth = [sample.label for sample in test]
        return {"seconds": seconds, "right": mark(np.array(found) == np.array(truth))}

    def warm_up(self) -> None:
        """Let both sides do everything once; print how near their rows are, and end where they are not."""
        first = [sample for data in SETS for sample in self.read(data, "train")[::97][:4]]
        few = draw_samples(self.read(SETS[0], "train"), "10", 0)[:8]
        self.run_featx(few, few)
        rows = self.given.work / "rows-of-featx.npy"
        np.save(rows, self.engine.embed(first, self.backbone).embeddings)
        job = {"contender": "prove", "draw": 0, "n_classes": 2, "rows": str(rows)}
        found = self.ask(job | self.describe(first))
        print(
            f"{len(first)} pictures: rows of torch are within {found['farthest']:.1e} of ONNX Runtime's for "
            f"the same input; least cosine with featx's {found['cosine']:.6f}",
            flush=True,
        )
        if not found["farthest"] <= TOLERANCE:
            raise SystemExit(f"expected rows within {TOLERANCE} of ONNX Runtime's")

    def describe(self, samples: list[Any]) -> Job:
        job = {"paths": [str(s.data) for s in samples], "dim": self.backbone.dim}
        graph = str(common.find_file(self.card, self.card.graph.name))
        job |= {"output": self.card.output, "graph": graph}
        return job | {"image": {key: getattr(self.card.input, key) for key in IMAGE}}

    def ask(self, job: Job) -> dict[str, Any]:
        """Return the answer of the process with torch, which is started for the first job."""
        if self.peer is None:
            python = common.peer_python("fine-tuning", PACKAGES, self.given.work)
            around = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
            command = [python, str(common.HERE / "fine_tuning_torch.py")]
            pipe = subprocess.PIPE
            self.peer = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=around, text=True)
        assert self.peer.stdin
        assert self.peer.stdout
        print(json.dumps(job), file=self.peer.stdin, flush=True)
        line = self.peer.stdout.readline()
        if not line:
            raise SystemExit(f"the process with torch ended with {self.peer.wait()}")
        return json.loads(line)


def compare(pairs: Sequence[tuple[str, str]]) -> str:
    """Return by how many points one is better than another on the same pictures, and its 95 % interval.

    A pair holds the marks of both for one draw of the labels; draws are averaged picture by picture.
    """
    from featx.metrics.paired import paired_difference
    from featx.metrics.resampling import Resampling

    marks = np.array([[[*side] for side in pair] for pair in pairs], float).mean(axis=0)
    first, second = (partial(weighted_mean, values) for values in marks)
    found = paired_difference(first, second, Resampling(marks.shape[1]))
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


def weighted_mean(values: Any, weights: Any) -> Any:
    return weights @ values / weights.sum(axis=1)


def report(done: Mapping[str, Job], rounds: int) -> str:
    """Return a table: a line a set and number of labels, accuracy and seconds of contenders as means of draws.

    The last column tells by how many points the longest fine-tuning is better than featx.
    """
    lines = []
    for data, labels in product(SETS, LABELS):
        found = {
            name: [
                done[key] for k in range(rounds) if (key := f"{data}/{labels}/{k}/{name}") in done
            ]
            for name in CONTENDERS
        }
        pairs = [
            (one["right"], done[one["cell"].replace(CONTENDERS[-1], "featx")]["right"])
            for one in found[CONTENDERS[-1]]
        ]
        difference = compare(pairs) if pairs else "—"
        lines.append([data, labels, *map(summarize, found.values()), difference])
    heads = ["set", "labels a class", *CONTENDERS, f"{CONTENDERS[-1]} above featx, points"]
    return common.format_table(heads, lines)


def summarize(found: Sequence[Job]) -> str:
    if not found:
        return "—"
    accuracy, seconds = (np.mean([one[key] for one in found]) for key in ("accuracy", "seconds"))
    return f"{accuracy:.3f} in {seconds:.1f} s"


def main() -> None:
    """Run the cells that are not done and print what was found."""
    parser = common.make_parser(__doc__, rounds=1)
    parser.add_argument("found", type=Path, metavar="FILE", help="one line of JSON a cell")
    parser.add_argument(
        "--backbone", default="mobilenetv2-1.0", metavar="NAME", help="[%(default)s]"
    )
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="START", help="of names of cells"
    )
    parser.add_argument("--report", action="store_true", help="run nothing, print what was found")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw what was found")
    given = common.parse(parser)
    warnings.simplefilter("ignore")
    done, bench = read_done(given.found), None
    wanted = [c for c in cells(given.rounds) if str(c).startswith(tuple(given.only))]
    for cell in () if given.report else wanted:
        featx = str(cell._replace(contender="featx"))
        one_time = done[featx]["seconds"] if featx in done else 0.0
        if str(cell) in done or (cell.contender != "featx" and not one_time):
            continue
        if is_repeated(cell.contender, one_time):
            continue
        if bench is None:
            bench = Bench(given)
            bench.warm_up()
        result = bench.run(cell, one_time)
        append(given.found, result)
        done[str(cell)] = result
        print(f"{cell}: {result['accuracy']:.3f} in {result['seconds']:.1f} s", flush=True)
    print(report(done, given.rounds))
    if given.plot:
        given.plot.write_text(fine_tuning_plot.draw(done), encoding="utf-8")


if __name__ == "__main__":
    main()
