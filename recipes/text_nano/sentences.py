"""Texts cut into sentences and words, and the list of sentences that is learned from."""

import re
from pathlib import Path

import numpy as np

from recipes.text_nano.settings import Settings

__all__ = ["CORPUS", "read_sentences", "read_taught", "sentences_of", "words_of"]

# In the work folder: a line a sentence, with its repository and its sentiment, separated by tabs.
CORPUS = "sentences.tsv"
SENTENCE_END = re.compile(r"(?<=[.!?])['\")]*\s+(?=[\"'(]?[A-Z0-9])")


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, letters and digits only."""
    return re.findall(r"[a-z0-9]+", text.lower())


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text."""
    return SENTENCE_END.split(re.sub(r"<br\s*/?>|\s+", " ", text))


def read_sentences(work: Path) -> list[str]:
    """Return all the sentences of the corpus."""
    lines = (work / CORPUS).read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines]


def read_taught(work: Path, settings: Settings) -> tuple[list[str], np.ndarray]:
    """Return the sentences that are learned from, and their sentiments, int8."""
    lines = (work / CORPUS).read_text(encoding="utf-8").splitlines()[: settings.taught]
    rows = [line.split("\t") for line in lines]
    return [row[0] for row in rows], np.array([int(row[2]) for row in rows], np.int8)
