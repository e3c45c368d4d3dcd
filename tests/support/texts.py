"""Texts that are hard to read, and what becomes of texts: rows, windows, tables."""

import pytest

from featx.modalities.text.settings import TextSettings
from tests.support.text_nets import (
    WORDS,
    write_tokenizer,
)


def rows(backbone, texts, batch_size=None):
    reader = backbone.reader
    return backbone.embed_items([reader.read(reader.load(text)) for text in texts], batch_size)


def ids(text):
    return [WORDS.index(word) for word in text.split()]


HARD = {
    "empty": "",
    "white space": " \t\n ",
    "one letter": "a",
    "emoji": "I 💛 this 👩‍👩‍👧 very much 🏳️‍🌈",
    "right to left": "שלום עולם، مرحبا بالعالم",
    "chinese": "这家餐厅的服务非常好",
    "accents": "Crème brûlée, naïve façade, Ångström",
    "controls": "a\x00b\u200b\ufeffc",
    "a long word": "x" * 5000,
    "special tokens in words": "[SEP] [CLS] [PAD] [MASK]",
    "sentence": "The quick brown fox jumps over the lazy dog.",
    "longer than the window": "to be or not to be that is the question " * 60,
}


def reader_of(tmp_path, **table):
    path = write_tokenizer(tmp_path / "tokenizer.json", framed=True)
    return TextSettings.from_table(table).open({"tokenizer.json": path})


def windows(reader, text):
    return [window.ids.tolist() for window in reader.read(text)]


TEXT = {"modality": "text"}


def listed(samples):
    return [(sample.id, sample.data, sample.label) for sample in samples]


def write_table(path, columns, table):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table, columns=columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path
