"""Accuracy of a sentence backbone on labelled sets, and its speed.

8 a class is the protocol of MTEB: ten draws of eight training sentences a class,
LogisticRegression(max_iter=100) without scaling, accuracy on the whole test set. The others: a scaler
and logistic regression on the whole training set, C by three-fold search on it.
"""

import csv
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer

from recipes.common.heads import LOGISTIC_C, search_head
from recipes.common.onnx_graph import constants_of
from recipes.common.sessions import open_session
from recipes.text_nano.tokens import Spelled, pad_ids

__all__ = ["SentenceBackbone", "print_accuracy", "print_speed"]


class SentenceBackbone:
    """A folder with backbone.onnx and tokenizer.json, run on one thread."""

    def __init__(self, folder: Path, longest: int = 256) -> None:
        # The tokenizers' own threads would hide what one thread does.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(longest)
        self.session = open_session(folder / "backbone.onnx")
        # a graph that reads letters tells where their numbers begin
        spells = "pieces" in constants_of(folder / "backbone.onnx")
        self._spelled = Spelled(self.tokenizer, longest) if spells else None
        self.inputs = [value.name for value in self.session.get_inputs()]
        outputs = [value.name for value in self.session.get_outputs()]
        self.output = next(name for name in outputs if name.endswith("embedding"))

    def embed(self, texts: list[str], batch: int = 32) -> np.ndarray:
        """Return the embeddings of ``texts``, ``batch`` at a time, shape (texts, width)."""
        table = []
        for i in range(0, len(texts), batch):
            ids, mask = pad_ids(self._ids(texts[i : i + batch]))
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            given = {name: feed[name] for name in self.inputs}
            table.append(self.session.run([self.output], given)[0])
        return np.concatenate(table)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        if self._spelled:
            return self._spelled.ids_of(texts)
        return [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]


def read_set(path: Path) -> tuple[list[str], np.ndarray]:
    """Return the texts and labels of a table with the columns "text" and "label"."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([row["label"] for row in rows])


def rescale(rows: np.ndarray, length: float) -> np.ndarray:
    """Return the rows scaled to a Euclidean length."""
    scaled: np.ndarray = rows * (
        length / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    )
    return scaled


def eight_shot(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, draws: int = 10
) -> str:
    """Return in words the mean accuracy of heads fitted on eight samples a class."""
    scores = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        some = np.concatenate(
            [rng.permutation(np.flatnonzero(y == label))[:8] for label in np.unique(y)]
        )
        scores.append(LogisticRegression(max_iter=100).fit(x[some], y[some]).score(x_test, y_test))
    return f"8 a class {np.mean(scores):.4f} (deviation over {draws} draws {np.std(scores):.4f})"


def all_shot(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> str:
    """Return in words the accuracy of a tuned head fitted on all training samples."""
    grid = {"logisticregression__C": LOGISTIC_C}
    search = search_head(LogisticRegression(max_iter=300), grid, x, y)
    c = search.best_params_["logisticregression__C"]
    return f"all {search.score(x_test, y_test):.4f} (C {c})"


def print_accuracy(model: Path, data: Path, length: float | None, sets: Sequence[str]) -> None:
    """Print accuracies on labelled sets.

    Parameters
    ----------
    model, data : Path
    length : float or None
        Rescale every embedding to this Euclidean length first, which only the head without a
        scaler can notice: the others are then left out.
    sets : sequence of str
        Folders of ``data``; banking77 is measured with 8 samples a class too.
    """
    backbone = SentenceBackbone(model)
    for name in sets:
        texts, y = read_set(data / name / "train.csv")
        test_texts, y_test = read_set(data / name / "test.csv")
        x, x_test = backbone.embed(texts), backbone.embed(test_texts)
        if length:
            x, x_test = rescale(x, length), rescale(x_test, length)
        if name == "banking77":
            print(name, eight_shot(x, y, x_test, y_test), flush=True)
        if not length:
            print(name, all_shot(x, y, x_test, y_test), flush=True)


def print_speed(model: Path, data: Path) -> None:
    """Print sentences a second on banking77's test part, tokenising and padding included."""
    backbone = SentenceBackbone(model)
    texts, _ = read_set(data / "banking77" / "test.csv")
    words = np.mean([len(text.split()) for text in texts])
    print(f"{len(texts)} sentences of {words:.1f} words on average")
    for batch in (1, 8, 32, 128):
        wall, processor = [], []
        for _ in range(7):
            start, own_start = time.perf_counter(), time.process_time()
            backbone.embed(texts, batch)
            wall.append(time.perf_counter() - start)
            processor.append(time.process_time() - own_start)
        print(
            f"batch {batch}: {len(texts) / min(wall):.0f} a second by the clock, "
            f"{len(texts) / min(processor):.0f} a second of processor time"
        )
