"""Tokenizer files that are damaged or made to harm: each is read or refused in words."""

import contextlib
import json
import random
from functools import cache

import pytest

from featx.errors import BadSample
from featx.modalities.text.settings import TextSettings
from featx.storage.blob import Blob
from tests.support.fuzzing import altered_trees, attack, mutated
from tests.support.tokenizers import KINDS, make_tokenizer

tokenizers = pytest.importorskip("tokenizers")

TEXTS = ("", "a", "The quick brown fox", "日本語 [SEP] </s> \u0301\u0301", "a" * 3000, " \n" * 500)


def read(data):
    """Open a tokenizer as a card does, and read texts with it."""
    reader = TextSettings().open({"tokenizer.json": Blob.of_bytes(data)})
    for text in TEXTS:
        reader.digest(text)
        with contextlib.suppress(BadSample):
            reader.is_doubtful(reader.read(text))


@cache
def tree(kind):
    return json.loads(make_tokenizer(kind).to_str())


def small(kind):
    """A tokenizer of few words, so that damage meets all of its parts."""
    made = json.loads(json.dumps(tree(kind)))
    vocabulary = made["model"]["vocab"]
    if isinstance(vocabulary, list):
        made["model"]["vocab"] = vocabulary[:40]
    else:
        made["model"]["vocab"] = dict(list(vocabulary.items())[:60])
        if "merges" in made["model"]:
            made["model"]["merges"] = []
    return made


def whole(made):
    return json.dumps(made, ensure_ascii=True).encode("utf-8", "surrogatepass")


def with_part(part, value, kind="wordpiece"):
    made = json.loads(json.dumps(tree(kind)))
    made[part] = value
    return whole(made)


def with_model(kind="wordpiece", **entries):
    made = json.loads(json.dumps(tree(kind)))
    made["model"] |= entries
    return whole(made)


def regular(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def replaced(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def nested(kind, name, depth):
    part = {"type": "Lowercase"} if name == "normalizers" else {"type": "Whitespace"}
    for _ in range(depth):
        part = {"type": kind, name: [part]}
    return part


def added(**entries):
    plain = {"id": 5, "content": "[SEP]", "single_word": False, "lstrip": False, "rstrip": False}
    return [{**plain, "normalized": False, "special": True, **entries}]


def template(count, name="[CLS]"):
    return {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": name, "type_id": 0}}] * count
        + [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2] * 50, "tokens": ["[CLS]"] * 50}},
    }


def made_by_hand():
    """Yield files that ask for what has no bound, or contradict themselves."""
    yield from (b"", b"{}", b"[]", b"null", b"1", b'"x"', b"\xff\xfe{}", b"{" * 100_000)
    yield from (b'{"model":' * 5000, b'{"model": {}}', b'{"model": []}', b'{"model": "WordPiece"}')
    yield b"[" * 1_000_000
    yield from (with_model(max_input_chars_per_word=n) for n in (-1, 2**63, 2**70, 10**6, 1.5))
    yield from (with_model(unk_token=token) for token in ("absent", "", None, 7, "x" * 10**6))
    yield from (
        with_model(vocab=words) for words in ({}, [], {"a": -1}, {"a": 2**32}, {"a": 2**31})
    )
    yield from (with_model(vocab={"[UNK]": 0, "a": n}) for n in (0, 2**32 - 1, 1.5, "1", None))
    yield with_model("unigram", unk_id=10**6)
    yield with_model("unigram", unk_id=None)
    yield with_model("unigram", vocab=[])
    yield from (with_model("unigram", vocab=[["<unk>", x], ["a", x]]) for x in (0, 1e308, "NaN"))
    yield with_model("unigram", vocab=[["", 0.0]] * 50)
    yield with_model("bytes", merges=[["a", "absent"]])
    yield with_model("bytes", merges=["a"])
    yield with_model("bytes", merges=[["a", "b"]] * 100_000)
    yield from (with_model("bytes", dropout=share) for share in (0.5, 1.0, 2.0, -1.0))
    yield with_model("bytes", byte_fallback=True)
    yield with_model(type="WordLevel")
    yield with_model(type="Unheard")
    yield from (with_part("pre_tokenizer", regular(p)) for p in EXPRESSIONS)
    yield from (
        with_part("normalizer", {**replaced("a", "b"), "pattern": {"Regex": p}})
        for p in EXPRESSIONS
    )
    yield with_part("normalizer", replaced("a", "a" * 10**6))
    yield with_part("normalizer", replaced("", "xy"))
    doubling = {"type": "Sequence", "normalizers": [replaced("a", "aa")] * 60}
    yield with_part("normalizer", doubling)
    yield with_part("normalizer", {"type": "Prepend", "prepend": "a" * 10**7})
    long = {"type": "Sequence", "normalizers": [{"type": "NFKD"}] * 100_000}
    yield with_part("normalizer", long)
    yield from (
        with_part("normalizer", nested("Sequence", "normalizers", n)) for n in (20, 100, 400)
    )
    yield with_part("pre_tokenizer", nested("Sequence", "pretokenizers", 100))
    for chars in ("", "AAAA", "/////w==", "AgAAAAAAAAA=", "gICAgA==" * 1000, "not base64!", 7):
        yield with_part("normalizer", {"type": "Precompiled", "precompiled_charsmap": chars})
    yield from (
        with_part("added_tokens", added(id=n)) for n in (-1, 0, 10**6, 2**32 - 1, 2**32, "5")
    )
    yield from (
        with_part("added_tokens", added(content=c)) for c in ("", " ", "a", "[", "x" * 10**6, 7)
    )
    yield with_part("added_tokens", added(special=False) * 1000)
    yield with_part(
        "added_tokens", added(lstrip=True, rstrip=True, single_word=True, normalized=True)
    )
    yield from (with_part("post_processor", template(n)) for n in (0, 1, 100, 20_000))
    yield with_part("post_processor", template(1, "absent"))
    yield with_part(
        "post_processor", {"type": "BertProcessing", "sep": ["[SEP]", 2**31], "cls": ["x", 9]}
    )
    for entry in ({"strategy": {"Fixed": 10**12}}, {"strategy": "BatchLongest"}):
        rest = {"direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
        yield with_part("padding", {**rest, "pad_to_multiple_of": 10**12, **entry})
    cut = {"max_length": 0, "strategy": "LongestFirst", "stride": 10**9, "direction": "Right"}
    yield with_part("truncation", cut)


EXPRESSIONS = (
    *(
        "(a+)+$",
        "(a|aa)+$",
        "(a|a)*b",
        "(.*)*x",
        "(\\s*)*x",
        "((a*)*)*b",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ),
    *(
        "a*a*a*a*a*a*b",
        "(?=(a+))\\1+b",
        "(",
        "[",
        "\\",
        "",
        "(?<=a)",
        "x*",
        "\\p{Absent}",
        "a{1000000}",
    ),
    *("(a{1,100}){1,100}{1,100}", "(" * 3000 + "a" + ")" * 3000, "(?:(?:(?:a+)+)+)+!"),
)


@pytest.mark.slow
def test_files_that_are_made_to_harm_are_read_or_refused():
    tally = attack(read, made_by_hand(), seconds=20, memory=1 << 30)
    assert not tally.faults, str(tally)
    assert tally.counts["refused"] > 40, str(tally)


def damaged(seed, count):
    """Yield trees with other values, and files with other bytes, of each kind of tokenizer."""
    rng = random.Random(seed)
    for kind in KINDS:
        each = count // (2 * len(KINDS))
        yield from map(whole, altered_trees(small(kind), rng.randrange(1 << 30), each))
        yield from mutated(whole(small(kind)), rng.randrange(1 << 30), each)


def test_a_few_damaged_files_are_read_or_refused():
    tally = attack(read, damaged(1, 100))
    assert not tally.faults, str(tally)


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused():
    tally = attack(read, damaged(2, 1500))
    assert not tally.faults, str(tally)
