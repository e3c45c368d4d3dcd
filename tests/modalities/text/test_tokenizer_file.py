"""What a tokenizer.json may ask for, and what is refused before anything is built of it."""

import json

import numpy as np
import pytest

from featx.errors import BadCard, BadGraph, FeatxWarning
from featx.modalities.text.tokenizer_file import open_tokenizer
from tests.support.text_nets import decoder_maker
from tests.support.tokenizers import make_tokenizer

tokenizers = pytest.importorskip("tokenizers")


def file_with(folder, kind="wordpiece", model=None, **parts):
    tree = json.loads(make_tokenizer(kind).to_str()) | parts
    tree["model"] |= model or {}
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(tree))
    return path


def replacing(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def splitting(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"normalizer": replacing("a", "b" * 1000)}, "makes more than 256 characters of one"),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [replacing("a", "aa")] * 40}},
            "makes more than 256 characters of one",
        ),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 2000}},
            "more than 1000 steps",
        ),
        ({"pre_tokenizer": splitting("(a+)+$")}, "not a tokenizer.json|takes more than"),
        ({"pre_tokenizer": splitting("(")}, "not a tokenizer.json"),
        (
            {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
            "not a tokenizer.json",
        ),
        ({"model": {"max_input_chars_per_word": 10**6}}, "expected at most 1000"),
        ({"model": {"vocab": 5}}, "not a tokenizer.json"),
        ({"added_tokens": [{}]}, "not a tokenizer.json"),
    ],
)
def test_a_file_that_asks_for_what_has_no_bound_is_refused_in_one_line(tmp_path, parts, words):
    with pytest.raises(BadCard, match=words) as refused:
        open_tokenizer(file_with(tmp_path, **parts))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"5", b'{"model": {}}', b"{}"])
def test_bytes_that_are_no_tokenizer_are_refused(tmp_path, data):
    (tmp_path / "tokenizer.json").write_bytes(data)
    with pytest.raises(BadCard, match=r"not a tokenizer\.json"):
        open_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(BadCard, match="cannot be read"):
        open_tokenizer(tmp_path / "absent.json")


@pytest.mark.parametrize(
    "pattern",
    [
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ],
)
def test_the_expressions_of_usual_models_are_taken(tmp_path, pattern):
    made = open_tokenizer(file_with(tmp_path, pre_tokenizer=splitting(pattern)))
    assert made.encode("the quick fox").tokens


def test_dropout_is_turned_off_and_said(tmp_path):
    path = file_with(tmp_path, kind="bytes", model={"dropout": 0.5})
    with pytest.warns(FeatxWarning, match="dropout, which is for training, is turned off"):
        made = open_tokenizer(path)
    text = "the quick brown fox jumps over the lazy dog " * 5
    expected = make_tokenizer("bytes").encode(text).ids
    assert all(made.encode(text).ids == expected for _ in range(5))


def test_a_token_beyond_the_table_of_the_graph_is_a_refusal_in_words(tmp_path):
    small = np.zeros((6, 6), np.float32)
    backbone = decoder_maker(tmp_path)(graph={"table": small})
    assert backbone.embed(["the cat"]).shape == (1, 6)
    with pytest.raises(BadGraph, match="tiny-decoder: the graph failed"):
        backbone.embed(["ran far away"])
