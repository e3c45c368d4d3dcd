"""Measure a sentence backbone: accuracy on labelled sets, and sentences a second.

    python probe.py accuracy MODEL DATA [--length 1]   MODEL holds backbone.onnx and
                                                       tokenizer.json, DATA <set>/train.csv
                                                       and <set>/test.csv
    python probe.py speed    MODEL DATA                one thread, tokenising and padding included,
                                                       the sentences of banking77's test

8-shot is the protocol of MTEB: ten draws of eight training sentences a class,
LogisticRegression(max_iter=100) without scaling,
accuracy on the whole test set. The others: a scaler and logistic regression on the whole training
set, C by 3-fold search on it.
--length rescales every embedding to that Euclidean length first (which only the 8-shot head can
notice).
Needs onnxruntime, tokenizers and scikit-learn.
"""

import argparse
import csv
import os
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

SETS = ("banking77", "sst2", "trec6", "sms_spam")


class Model:
    """Texts in, rows out, on one thread."""

    def __init__(self, folder: Path, longest: int = 256) -> None:
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(longest)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "backbone.onnx"), options)
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.output = next(
            o.name for o in self.session.get_outputs() if o.name.endswith("embedding")
        )

    def __call__(self, texts: list[str], batch: int = 32) -> np.ndarray:
        table = []
        for i in range(0, len(texts), batch):
            rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts[i : i + batch])]
            ids = np.zeros((len(rows), max(1, max(map(len, rows)))), np.int64)
            mask = np.zeros_like(ids)
            for r, row in enumerate(rows):
                ids[r, : len(row)], mask[r, : len(row)] = row, 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            table.append(
                self.session.run([self.output], {name: feed[name] for name in self.inputs})[0]
            )
        return np.concatenate(table)


def read(path: Path) -> tuple[list[str], np.ndarray]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([row["label"] for row in rows])


def eight_shot(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, draws: int = 10
) -> str:
    from sklearn.linear_model import LogisticRegression

    scores = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        some = np.concatenate(
            [rng.permutation(np.flatnonzero(y == label))[:8] for label in np.unique(y)]
        )
        scores.append(LogisticRegression(max_iter=100).fit(x[some], y[some]).score(x_test, y_test))
    return f"8 a class {np.mean(scores):.4f} (deviation over {draws} draws {np.std(scores):.4f})"


def tuned(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> str:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    grid = {"logisticregression__C": [0.001, 0.003, 0.01, 0.03, 0.1, 1]}
    search = GridSearchCV(head, grid, cv=StratifiedKFold(3, shuffle=True, random_state=0)).fit(x, y)
    return (
        f"all {search.score(x_test, y_test):.4f} (C {search.best_params_['logisticregression__C']})"
    )


def accuracy(model: Model, data: Path, length: float | None, sets: list[str]) -> None:
    for name in sets:
        (texts, y), (texts_test, y_test) = (
            read(data / name / "train.csv"),
            read(data / name / "test.csv"),
        )
        x, x_test = model(texts), model(texts_test)
        if length:
            x, x_test = (
                t * (length / np.maximum(np.linalg.norm(t, axis=1, keepdims=True), 1e-12))
                for t in (x, x_test)
            )
        if name == "banking77":
            print(name, eight_shot(x, y, x_test, y_test), flush=True)
        if not length:
            print(name, tuned(x, y, x_test, y_test), flush=True)


def speed(model: Model, data: Path) -> None:
    texts, _ = read(data / "banking77" / "test.csv")
    print(
        f"{len(texts)} sentences of {np.mean([len(text.split()) for text in texts]):.1f} words on average"
    )
    for batch in (1, 8, 32, 128):
        wall, cpu = [], []
        for _ in range(7):
            clock, own = time.perf_counter(), time.process_time()
            model(texts, batch)
            wall.append(time.perf_counter() - clock)
            cpu.append(time.process_time() - own)
        print(
            f"batch {batch}: {len(texts) / min(wall):.0f} a second by the clock, {len(texts) / min(cpu):.0f} a second of processor time"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["accuracy", "speed"])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--length", type=float)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    a = parser.parse_args()
    model = Model(a.model)
    if a.step == "speed":
        speed(model, a.data)
    else:
        accuracy(model, a.data, a.length, list(a.sets))


if __name__ == "__main__":
    main()
