"""Accuracy in other languages and scripts, beside TF-IDF of characters.

Nothing is learned from these sets: the projection of letters is drawn at random, and every other weight was
trained on English.
"""

import csv
import json
import random
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from recipes.common.repositories import Repository, print_repositories
from recipes.text_nano.probe import SentenceBackbone, read_set
from recipes.text_nano.readers import read_lines

__all__ = ["SETS", "LabelledSet", "print_languages", "print_sets", "write_sets"]

# Texts of the training part, at most.
MOST = 2500
# Texts of the test part of a set that has none of its own.
HELD_OUT = 2000
# Values of C that are tried on the last fifth of the training part.
REGULARIZATION = (0.001, 0.003, 0.01, 0.03, 0.1)

# Texts with their labels.
Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class LabelledSet(Repository):
    """A labelled set: the language, and how its training and test parts are read from a checkout."""

    language: str
    read: Callable[[Path], tuple[Rows, Rows]]

    def fields(self) -> tuple[str, ...]:
        """Return language, name, commit and terms."""
        return self.language, *super().fields()


def read_table(path: Path, text: str, label: str, delimiter: str = ",") -> Rows:
    """Return two columns of a table whose first row names them."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        if delimiter == ",":
            table = csv.DictReader(file)
        else:
            table = csv.DictReader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
        return [(row[text], row[label].strip()) for row in table if row[text] and row[label]]


def read_xlmt(language: str) -> Callable[[Path], tuple[Rows, Rows]]:
    """Return the reader of a language of XLM-T: a file of texts and one of labels a part."""

    def read(folder: Path) -> tuple[Rows, Rows]:
        stem = folder / "data" / "sentiment" / language
        parts = [
            [read_lines(stem / f"{part}_{kind}.txt") for kind in ("text", "labels")]
            for part in ("train", "test")
        ]
        train, test = ([pair for pair in zip(*part, strict=False) if all(pair)] for part in parts)
        return train, test

    return read


def read_afrisenti(language: str) -> Callable[[Path], tuple[Rows, Rows]]:
    """Return the reader of a language of AfriSenti."""

    def read(folder: Path) -> tuple[Rows, Rows]:
        train, test = (
            read_table(folder / f"SubtaskA/{part}/{language}_{part}.tsv", "tweet", "label", "\t")
            for part in ("train", "test")
        )
        return train, test

    return read


def divide(rows: Iterable[tuple[str, str]]) -> tuple[Rows, Rows]:
    """Return the distinct rows of a set without a test part of its own, divided at random."""
    distinct = list(dict.fromkeys(rows))
    random.Random(0).shuffle(distinct)
    return distinct[HELD_OUT:], distinct[:HELD_OUT]


def read_wisesight(folder: Path) -> tuple[Rows, Rows]:
    """Return the texts of Wisesight, which lie in an archive of JSON lines."""
    archive = zipfile.ZipFile(folder / "huggingface/data.zip")
    train, test = (
        [
            (row["texts"], row["category"])
            for row in map(json.loads, archive.read(f"data/{part}.jsonl").decode().splitlines())
        ]
        for part in ("train", "test")
    )
    return train, test


def read_hebrew(folder: Path) -> tuple[Rows, Rows]:
    """Return the comments of the Hebrew set, whose test file has no usual header."""
    train, test = (
        [
            (text, label)
            for text, _, label in (line.rpartition("\t") for line in read_lines(folder / path))
            if label in ("0", "1", "2")
        ]
        for path in ("Sentiment_Data/token/train.tsv", "Sentiment_Data/token/test_gold.tsv")
    )
    return train, test


def read_jrte(folder: Path) -> tuple[Rows, Rows]:
    """Return the hotel reviews of the Japanese set: id, label, text, judgements and part a line."""
    cells = [line.split("\t") for line in read_lines(folder / "data/pn.tsv")]
    train, test = ([(c[2], c[1]) for c in cells if c[4] == part] for part in ("train", "test"))
    return train, test


XLMT = ("cardiffnlp/xlm-t", "874214d64d96599eb869a033c22ec2cc57d19256", "Apache-2.0; tweets")
AFRISENTI = (
    "afrisenti-semeval/afrisent-semeval-2023",
    "5aec3cfcf87b59f885e98641f72e52182776429d",
    "CC BY 4.0, from memory; tweets",
)

SETS: Mapping[str, LabelledSet] = {
    "wisesight": LabelledSet(
        "PyThaiNLP/wisesight-sentiment",
        "c1d063649abc3a6870b5fd1aae26cd1c64bdde7b",
        "CC0 1.0",
        language="Thai",
        read=read_wisesight,
    ),
    "waimai": LabelledSet(
        "SophonPlus/ChineseNlpCorpus",
        "a0b781d72158bde242c0626c9e354d2b328865ff",
        "none stated",
        language="Chinese",
        read=lambda folder: divide(
            read_table(folder / "datasets/waimai_10k/waimai_10k.csv", "review", "label")
        ),
    ),
    "jrte": LabelledSet(
        "megagonlabs/jrte-corpus",
        "fa164496fccfa393cd400cd86b96efeea62d69d2",
        "CC BY 4.0",
        language="Japanese",
        read=read_jrte,
    ),
    "hebrew": LabelledSet(
        "OnlpLab/Hebrew-Sentiment-Data",
        "3ae441366b75f776c9ca32e919e51413d5a2bc87",
        "none stated",
        language="Hebrew",
        read=read_hebrew,
    ),
    "amharic": LabelledSet(*AFRISENTI, language="Amharic", read=read_afrisenti("am")),
    "darija": LabelledSet(*AFRISENTI, language="Moroccan Arabic", read=read_afrisenti("ma")),
    "hausa": LabelledSet(*AFRISENTI, language="Hausa", read=read_afrisenti("ha")),
    "yoruba": LabelledSet(*AFRISENTI, language="Yoruba", read=read_afrisenti("yo")),
    "russian": LabelledSet(
        "sismetanin/rusentitweet",
        "bb714550c20f29cdab8ed6378bae15f4790f1b6d",
        "none stated",
        language="Russian",
        read=lambda folder: (
            read_table(folder / "rusentitweet_train.csv", "text", "label"),
            read_table(folder / "rusentitweet_test.csv", "text", "label"),
        ),
    ),
    "korean": LabelledSet(
        "songys/Chatbot_data",
        "4cf20d13fc46f5037fd1c531cd566e2dd9f72974",
        "MIT",
        language="Korean",
        read=lambda folder: divide(read_table(folder / "ChatbotData.csv", "Q", "label")),
    ),
    **{
        language: LabelledSet(*XLMT, language=language.capitalize(), read=read_xlmt(language))
        for language in ("arabic", "german", "spanish", "french", "portuguese", "italian")
    },
}


def print_sets() -> None:
    """Print language, repository, commit and terms of each set."""
    print_repositories(SETS.values())


def write_sets(sources: Path, data: Path) -> None:
    """Write DATA/<set>/train.csv and test.csv from the checkouts in SOURCES, as owner/name."""
    for name, labelled in SETS.items():
        (data / name).mkdir(parents=True, exist_ok=True)
        parts = labelled.read(sources / labelled.name)
        for part, rows in zip(("train", "test"), parts, strict=True):
            with open(data / name / f"{part}.csv", "w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *rows])


def tuned_accuracy(x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> float:
    """Return the test accuracy of a logistic regression whose C the last fifth of the training chose."""
    n = len(x) * 4 // 5

    def score(c: float) -> float:
        head = LogisticRegression(C=c, max_iter=300).fit(x[:n], y[:n])
        return float(head.score(x[n:], y[n:]))

    best = max(REGULARIZATION, key=score)
    return float(LogisticRegression(C=best, max_iter=300).fit(x, y).score(x_test, y_test))


def print_languages(model: Path, data: Path) -> None:
    """Print the accuracy of each set beside TF-IDF of one to three characters, with as many texts."""
    backbone = SentenceBackbone(model)
    print("set language training test tf-idf embedding difference")
    for name, labelled in SETS.items():
        if not (data / name / "test.csv").exists():
            continue
        texts, y = read_set(data / name / "train.csv")
        order = np.random.default_rng(0).permutation(len(texts))[:MOST]
        texts, y = [texts[k] for k in order], y[order]
        test_texts, y_test = read_set(data / name / "test.csv")
        counts = TfidfVectorizer(analyzer="char", ngram_range=(1, 3))
        counted = LogisticRegression(max_iter=300).fit(counts.fit_transform(texts), y)
        plain = float(counted.score(counts.transform(test_texts), y_test))
        found = tuned_accuracy(backbone.embed(texts), y, backbone.embed(test_texts), y_test)
        print(
            f"{name} {labelled.language}: {len(texts)} {len(test_texts)} {plain:.3f} {found:.3f} "
            f"{found - plain:+.3f}",
            flush=True,
        )
