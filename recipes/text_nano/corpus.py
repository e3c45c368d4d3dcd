"""The sentences of the repositories, without those that are like an evaluation text."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

from recipes.text_nano.readers import read_text, read_zip, remove_markup
from recipes.text_nano.repositories import REPOSITORIES, TextRepository
from recipes.text_nano.sentences import CORPUS, sentences_of, words_of

__all__ = ["EvaluationTexts", "write_corpus"]

# Larger files of the repositories were not read, in bytes.
LARGEST_FILE = 4 * 2**20
# Words that a sentence has in a row with an evaluation text, to be left out.
RUN = 7
# Sentences at the head of the corpus. After them, short ones of repositories of larger weight come first.
FIRST_AT_RANDOM = 61_440


class EvaluationTexts:
    """The texts of the evaluation sets: ``folder`` holds <set>/*.csv with a column "text"."""

    def __init__(self, folder: Path) -> None:
        self.texts: set[str] = set()
        self.runs: set[tuple[str, ...]] = set()
        for path in sorted(folder.glob("*/*.csv")):
            with open(path, encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    words = words_of(row["text"])
                    self.texts.add(" ".join(words))
                    self.runs.update(runs_of(words))

    def resemble(self, words: list[str]) -> bool:
        """Tell whether a sentence is one of the texts, or shares seven words in a row with one."""
        return " ".join(words) in self.texts or any(run in self.runs for run in runs_of(words))


def runs_of(words: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield every ``RUN`` words in a row."""
    return (tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1))


def raw_sentences(repository: TextRepository, sources: Path) -> Iterator[str]:
    """Yield every sentence of a repository, as its files have it."""
    for path in sorted((sources / repository.name).glob(repository.files)):
        if path.stat().st_size <= LARGEST_FILE:
            for text in repository.read(path):
                yield from (sentence.strip() for sentence in sentences_of(text))


def find_sentences(
    repository: TextRepository, sources: Path, evaluation: EvaluationTexts, seen: set[str]
) -> tuple[list[str], int]:
    """Return a repository's new sentences of at most 40 words, and how many were left out.

    ``seen`` holds the words of all sentences so far, and is added to.
    """
    found, left_out = [], 0
    for sentence in raw_sentences(repository, sources):
        words = words_of(sentence)
        key = " ".join(words)
        if not 1 <= len(words) <= 40 or len(sentence) > 260 or key in seen:
            continue
        if evaluation.resemble(words):
            left_out += 1
            continue
        seen.add(key)
        found.append(sentence)
    return found, left_out


def find_sentiments(sources: Path) -> dict[str, int]:
    """Return the sentiment of each review sentence, by its words.

    1 for a sentence of a good review or a list of pros, 0 for one of a bad review or of cons, -1
    where it is in both.
    """
    sentiments: dict[str, int] = {}
    reviews = sources / "PVidyadhar/Detection-of-Fraud-apps-using-Sentiment-Analysis/aclImdb"
    corpora = sources / "nltk/nltk_data/packages/corpora"
    for value, folder, title in ((1, "pos", "Pros"), (0, "neg", "Cons")):
        texts = [read_text(path) for path in sorted(reviews.glob(f"t*/{folder}/*.txt"))]
        texts += read_zip(corpora / "movie_reviews.zip", f"/{folder}/", str.strip)
        texts += read_zip(corpora / "pros_cons.zip", f"Integrated{title}", remove_markup)
        for text in texts:
            for sentence in sentences_of(text):
                key = " ".join(words_of(sentence))
                sentiments[key] = value if sentiments.get(key, value) == value else -1
    return sentiments


def collect(
    sources: Path, evaluation: EvaluationTexts, rng: random.Random
) -> list[tuple[str, TextRepository]]:
    """Return the sentences of all repositories with their repository; print how many each gave."""
    seen: set[str] = set()
    sentences: list[tuple[str, TextRepository]] = []
    for repository in REPOSITORIES:
        found, left_out = find_sentences(repository, sources, evaluation, seen)
        if repository.most and len(found) > repository.most:
            found = rng.sample(found, repository.most)
        sentences += [(sentence.replace("\t", " "), repository) for sentence in found]
        print(
            f"{repository.name} {repository.files}: {len(found)} sentences, "
            f"{left_out} like an evaluation text",
            flush=True,
        )
    return sentences


def sort_by_weight(sentences: list[tuple[str, TextRepository]]) -> None:
    """Sort what follows the head of the corpus, in place: long sentences last."""
    rng = random.Random(1)

    def position(item: tuple[str, TextRepository]) -> float:
        long = len(item[0].split()) > 26
        return 9 + rng.random() if long else rng.random() / item[1].weight

    sentences[FIRST_AT_RANDOM:] = sorted(sentences[FIRST_AT_RANDOM:], key=position)


def write_corpus(sources: Path, evaluation: Path, work: Path) -> None:
    """Write WORK/sentences.tsv: sentence, repository, sentiment.

    A sentence that is, or shares seven words in a row with, an evaluation text is left out.
    """
    csv.field_size_limit(2**31 - 1)
    rng = random.Random(0)
    sentences = collect(sources, EvaluationTexts(evaluation), rng)
    rng.shuffle(sentences)
    sort_by_weight(sentences)
    sentiments = find_sentiments(sources)
    work.mkdir(parents=True, exist_ok=True)
    with open(work / CORPUS, "w", encoding="utf-8") as file:
        for sentence, repository in sentences:
            sentiment = sentiments.get(" ".join(words_of(sentence)), -1)
            file.write(f"{sentence}\t{repository.name}\t{sentiment}\n")
