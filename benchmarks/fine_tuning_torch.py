"""Train in torch for benchmarks/fine_tuning.py: a linear layer on frozen rows, or the whole network.

It runs in an environment of its own and answers each line of standard input, a job in JSON, with one of
standard output. A job has ``contender``, ``paths`` and ``y`` of the training pictures, ``test`` and ``truth``,
``seconds`` for the whole network, ``n_classes``, ``draw``, and the graph and the preprocessing of the backbone.
"""

from __future__ import annotations

import json
import sys
import time
from functools import cache
from typing import Any

import common
import contenders
import numpy as np

LAYER_RATES = (0.001, 0.01, 0.1)
TUNED_RATES = (1e-4, 3e-4, 1e-3)
EPOCHS = 100
BATCH = 16
Job = dict[str, Any]


def mark(right: Any) -> str:
    """Return which answers were right, as ones and zeros."""
    return "".join("01"[bool(one)] for one in right)


def split_validation(y: Any, most: int = 200) -> tuple[Any, Any]:
    """Return indices to train on and to validate on: a fifth of each class, about ``most`` at most."""
    share = min(0.2, most / len(y))
    kept = [np.flatnonzero(y == one) for one in np.unique(y)]
    held = np.concatenate([rows[: max(1, round(share * len(rows)))] for rows in kept])
    return np.setdiff1d(np.arange(len(y)), held), held


class Network:
    """The network of a graph with a linear layer on it, in one thread of torch."""

    def __init__(self, job: Job) -> None:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(job["draw"])
        self.layout, self.image, self.torch = torch.channels_last, job["image"], torch
        self.embed, held = contenders.read_network(job["graph"], self.layout)
        # Bounds of Clip have no axis.
        self.weights = [held[name].requires_grad_() for name in held if held[name].ndim]
        self.layer = torch.nn.Linear(job["dim"], job["n_classes"])
        self.first = self.copy()

    def copy(self) -> list[Any]:
        """Return the weights as they are, the layer's last."""
        return [w.detach().clone() for w in (*self.weights, *self.layer.parameters())]

    def put(self, copied: list[Any]) -> None:
        """Put back weights that ``copy`` returned."""
        with self.torch.no_grad():
            for weight, value in zip(
                (*self.weights, *self.layer.parameters()), copied, strict=True
            ):
                weight.copy_(value)

    def tensor(self, pictures: Any, rng: Any = None) -> Any:
        """Return the input for pictures: their middle, or with ``rng`` a part of them, half mirrored."""
        crop, room = self.image["crop"], pictures.shape[1] - self.image["crop"]
        top, left = rng.integers(room + 1, size=2) if rng else (room // 2, room // 2)
        pictures = pictures[:, top : top + crop, left : left + crop]
        if rng:
            turn = rng.random((len(pictures), 1, 1, 1)) < 0.5
            pictures = np.where(turn, pictures[:, :, ::-1], pictures)
        scale = self.image["scale"]
        mean = self.torch.tensor(self.image["mean"] or [0.0] * 3) / scale
        std = self.torch.tensor(self.image["std"] or [1.0] * 3) / scale
        values = self.torch.from_numpy(np.ascontiguousarray(pictures)).float()
        return values.sub_(mean).div_(std).permute(0, 3, 1, 2).to(memory_format=self.layout)

    def rows(self, pictures: Any) -> Any:
        with self.torch.no_grad():
            parts = np.array_split(pictures, -(-len(pictures) // BATCH))
            return self.torch.cat([self.embed(self.tensor(part)) for part in parts])

    def score(self, rows: Any, y: Any) -> tuple[float, float]:
        """Return accuracy and, to decide between equals, the logarithm of the mean likelihood."""
        with self.torch.no_grad():
            scores, truth = self.layer(rows), self.torch.from_numpy(y)
            loss = self.torch.nn.functional.cross_entropy(scores, truth)
            return float((scores.argmax(1) == truth).float().mean()), -float(loss)

    def tune(self, pictures: Any, y: Any, rate: float, end: float) -> int:
        """Train everything until the clock of the process shows ``end``; return how many pictures were seen.

        The rate rises in the first tenth of the time and falls to 0 at its end; the layer's is ten times as
        high. No batch is begun that would end too late by more than half of itself.
        """
        self.put(self.first)
        rng, start, seen, last = np.random.default_rng(0), time.process_time(), 0, 0.0
        groups = [{"params": self.weights, "of": rate}]
        groups += [{"params": list(self.layer.parameters()), "of": 10 * rate}]
        optimizer = self.torch.optim.AdamW(groups, fused=True)
        # Few pictures have time for few batches: they need small ones.
        order, size = np.empty(0, np.intp), BATCH if len(y) >= 200 else BATCH // 2
        while (now := time.process_time()) + last / 2 < end:
            done = (now - start) / (end - start)
            for group in optimizer.param_groups:
                group["lr"] = group["of"] * min(1, (done + 0.02) / 0.1) * (1 - done)
            if len(order) < size:
                order = np.concatenate([order, rng.permutation(len(y))])
            batch, order = order[:size], order[size:]
            scores = self.layer(self.embed(self.tensor(pictures[batch], rng)))
            optimizer.zero_grad()
            self.torch.nn.functional.cross_entropy(
                scores, self.torch.from_numpy(y[batch])
            ).backward()
            optimizer.step()
            seen, last = seen + len(batch), time.process_time() - now
        return seen

    def train_layer(self, rows: Any, y: Any, rate: float) -> None:
        """Train the layer alone by SGD with momentum, 100 times over all rows."""
        self.put(self.first)
        rng, truth = np.random.default_rng(0), self.torch.from_numpy(y)
        optimizer = self.torch.optim.SGD(self.layer.parameters(), lr=rate, momentum=0.9)
        for _ in range(EPOCHS):
            for batch in self.torch.from_numpy(rng.permutation(len(y))).split(BATCH):
                optimizer.zero_grad()
                loss = self.torch.nn.functional.cross_entropy(self.layer(rows[batch]), truth[batch])
                loss.backward()
                optimizer.step()


def read_pictures(paths: tuple[str, ...], image: dict[str, Any]) -> Any:
    """Return the middle squares of resized pictures, uint8 (n, side, side, 3): more than the card crops."""
    raw = {"crop": image["resize"], "mean": None, "std": None, "scale": 1.0}
    read = contenders.plain_reader({**image, **raw})
    return np.stack([read(path).transpose(1, 2, 0).astype(np.uint8) for path in paths])


read_test = cache(lambda paths, image: read_pictures(paths, json.loads(image)))


def prove(job: Job) -> dict[str, Any]:
    """Return how far rows of torch are from those of ONNX Runtime for the same input, and from featx's.

    It also does everything once, so that nothing later is slower for being the first.
    """
    import onnxruntime

    network = Network(job)
    pictures = read_pictures(tuple(job["paths"]), job["image"])
    rows = network.rows(pictures).numpy()
    tensor = np.ascontiguousarray(network.tensor(pictures).numpy())
    session = onnxruntime.InferenceSession(job["graph"], providers=["CPUExecutionProvider"])
    [theirs] = session.run([job["output"]], {session.get_inputs()[0].name: tensor})
    network.tune(pictures, np.zeros(len(rows), np.int64), 1e-4, time.process_time() + 1)
    cosines = common.cosines(rows, np.load(job["rows"]))
    return {"farthest": float(abs(rows - theirs).max()), "cosine": float(cosines.min())}


def run_layer(job: Job, network: Network, pictures: Any, y: Any) -> dict[str, Any]:
    """Choose a rate on the validation part and train the layer on rows of all pictures."""
    (part, held), rows = split_validation(y), network.rows(pictures)
    tried = dict[float, tuple[float, float]]()
    for rate in LAYER_RATES:
        network.train_layer(rows[part], y[part], rate)
        tried[rate] = network.score(rows[held], y[held])
    best = max(tried, key=tried.__getitem__)
    network.train_layer(rows, y, best)
    return {"rate": best, "validation": tried[best][0]}


def run_tuned(job: Job, network: Network, pictures: Any, y: Any) -> dict[str, Any]:
    """Choose a rate on the validation part in half of the time and train everything in what is left.

    Where that is too short to see as many pictures as were seen before with this rate, what was found
    then is the answer.
    """
    part, held = split_validation(y)
    tried = dict[float, tuple[tuple[float, float], int, list[Any]]]()
    each = (job["end"] - time.process_time()) / 2 / len(TUNED_RATES)
    for rate in TUNED_RATES:
        seen = network.tune(pictures[part], y[part], rate, time.process_time() + each)
        score = network.score(network.rows(pictures[held]), y[held])
        tried[rate] = score, seen, network.copy()
    best = max(tried, key=lambda rate: tried[rate][0])
    score, seen_before, found = tried[best]
    seen = network.tune(pictures, y, best, job["end"])
    if seen < seen_before:
        network.put(found)
    return {"rate": best, "validation": score[0], "seen": max(seen, seen_before)}


def run_torch(job: Job) -> dict[str, Any]:
    """Return what torch reaches with a job, and the seconds that it took of the processor."""
    network, y = Network(job), np.array(job["y"])
    start = time.process_time()
    pictures = read_pictures(tuple(job["paths"]), job["image"])
    run = run_layer if job["contender"] == "layer" else run_tuned
    found = run(job | {"end": start + job["seconds"]}, network, pictures, y)
    seconds = time.process_time() - start
    test = read_test(tuple(job["test"]), json.dumps(job["image"]))
    with network.torch.no_grad():
        answers = network.layer(network.rows(test)).argmax(1).numpy()
    return {"seconds": seconds, **found, "right": mark(answers == job["truth"])}


def answer_jobs() -> None:
    """Answer each line of standard input, a job in JSON, with one of standard output."""
    for line in sys.stdin:
        job = json.loads(line)
        answer = prove(job) if job["contender"] == "prove" else run_torch(job)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    answer_jobs()
