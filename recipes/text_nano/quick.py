"""All steps after the corpus on made-up sentences."""

import random
import tempfile
from pathlib import Path

import numpy as np

from recipes.text_nano.check import check
from recipes.text_nano.graph import export
from recipes.text_nano.sentences import CORPUS
from recipes.text_nano.settings import Settings
from recipes.text_nano.teacher import WIDTH, teach
from recipes.text_nano.tokens import word_piece_tokenizer, write_ids, write_tokens

__all__ = ["SMALL", "make_up_sentences", "make_up_targets", "quick"]

SMALL = Settings(taught=3000, rarest=1, buckets=256, pair_width=8, hidden=32, epochs=2, batch=256)
# A made-up sentence has one word of each.
WORDS = (
    "my your the a",
    "card parcel film invoice phone song",
    "is was will be",
    "late lost wonderful broken cheap dull",
    "today again ?",
)


def make_up_sentences(work: Path, count: int) -> list[str]:
    """Write WORK/sentences.tsv with ``count`` made-up sentences, and return them."""
    rng = random.Random(0)
    texts = [" ".join(rng.choice(words.split()) for words in WORDS) for _ in range(count)]
    lines = [f"{text}\tmade\t{int('wonderful' in text)}\n" for text in texts]
    (work / CORPUS).write_text("".join(lines), encoding="utf-8")
    return texts


def make_up_targets(work: Path, texts: list[str]) -> None:
    """Write a tokenizer of the words of ``texts``, their ids, and random targets."""
    words = sorted({word for text in texts for word in text.split()})
    pieces = ["[PAD]", "[UNK]", *words, *(f"##{i}" for i in range(256))]
    tokenizer = word_piece_tokenizer(pieces)
    tokenizer.save(str(work / "tokenizer.json"))
    ids = [tokenizer.encode(text).ids for text in texts]
    write_ids(work, [np.array(row, np.uint16) for row in ids])
    directions = np.random.default_rng(0).normal(size=(len(pieces), WIDTH))
    np.save(work / "token_targets.npy", directions.astype(np.float16))
    targets = np.stack([directions[row].mean(0) for row in ids])
    np.save(work / "targets.npy", targets.astype(np.float16))


def quick(teacher: Path | None = None) -> None:
    """Run every step in a temporary folder; random targets stand in for a teacher that is not given."""
    from recipes.text_nano.train import train

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        texts = make_up_sentences(work, SMALL.taught)
        if teacher:
            write_tokens(teacher, work, SMALL)
            teach(teacher, work, SMALL)
        else:
            make_up_targets(work, texts)
        train(work, SMALL)
        export(work, work / "out", SMALL)
        check(work / "out")
