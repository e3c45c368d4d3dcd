"""Cards: what they say, and what they refuse to say."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.catalog import Card, File
from featx.errors import BadCard, BadOption
from featx.graphs.pooling import POOLINGS
from featx.modalities import read_settings

DIGEST = "0c1f" * 16
TEXT = f"""
name = "tiny"
modality = "image"
dim = 4
[graph]
file = "backbone.onnx"
sha256 = "{DIGEST}"
size = 100
url = "https://example.org/backbone.onnx"
output = "embedding"
[image]
resize = 8
crop = 8
mean = [0.5, 0.5, 0.5]
[canary]
values = [0.5, 1, 0.25]
"""
ROOT = Path(__file__).parents[2]
CARDS = sorted([*ROOT.glob("models/*/card.toml"), *ROOT.glob("tests/cards/*/card.toml")])

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
files = st.builds(
    File,
    name=names,
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    size=st.none() | st.integers(0, 2**40),
    url=st.none() | words.map(lambda path: f"https://example.org/{path}"),
)
cards = st.builds(
    Card,
    name=names,
    modality=st.just("image"),
    graph=files,
    input=st.just(read_settings("image", {"resize": [8, 9], "color": "BGR", "scale": 1.0})),
    dim=st.integers(1, 4096),
    output=st.none() | words,
    pooling=st.sampled_from([*POOLINGS]),
    normalize=st.booleans(),
    channel_axis=st.none() | st.integers(-3, 3),
    files=st.lists(files, max_size=2, unique_by=lambda file: file.name).map(
        lambda found: tuple(sorted(found, key=lambda file: file.name))
    ),
    license=words,
    source=words,
    note=words,
    canary=st.lists(st.floats(-1e6, 1e6), max_size=3).map(tuple),
)


@pytest.fixture
def card() -> Card:
    return Card.from_toml(TEXT)


def test_a_card_says_what_is_in_its_text(card):
    assert (card.name, card.dim, card.graph.size, card.output) == ("tiny", 4, 100, "embedding")
    assert card.canary == (0.5, 1.0, 0.25)
    assert card.input.resize == 8


@settings(max_examples=50, deadline=None)
@given(cards)
def test_a_card_reads_back_what_it_writes(card):
    again = Card.from_toml(card.to_toml())
    assert again == card
    assert again.fingerprint == card.fingerprint


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_every_card_here_can_be_read_and_lies_in_a_folder_of_its_name(path):
    card = Card.from_toml(path.read_text(encoding="utf-8"), path=path)
    assert card.name == path.parent.name
    assert Card.from_toml(card.to_toml()) == card
    assert card.license != "unknown"
    assert card.source != "unknown"
    assert card.canary or "canary missing" in card.note


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "tiny"', "", "missing 'name'"),
        ('name = "tiny"', 'name = "../tiny"', "expected letters, digits"),
        ('modality = "image"', 'modality = "smell"', "expected one of image"),
        ("dim = 4", "dim = 0", "1 or more"),
        ("dim = 4", "dim = true", "expected int"),
        ("dim = 4", 'dim = "4"', "expected int"),
        ("dim = 4", "dim = 4\ndims = 3", "unknown key 'dims'"),
        ("size = 100", "size = -1", "0 or more"),
        ("size = 100", "bytes = 100", "unknown key 'bytes'"),
        ("https://", "file://", "begins with https://"),
        ('"backbone.onnx"', '"../backbone.onnx"', "without '..'"),
        ('"backbone.onnx"', '"/backbone.onnx"', "beside the card"),
        (DIGEST, DIGEST.upper(), "64 hex digits in lower case"),
        ('output = "embedding"', 'pooling = "sum"', "expected one of none, mean"),
        ("resize = 8", "resize = 0", "expected pixels"),
        ("crop = 8", "crops = 8", "unknown key 'crops'"),
        ("values = [0.5, 1, 0.25]", 'values = ["0.5"]', "expected numbers"),
        ("values = [0.5, 1, 0.25]", "value = [0.5]", "unknown key 'value'"),
        ("[canary]", "[files]\nvocabulary = 3\n[canary]", "expected dict"),
        ("[canary]", "[canary", "not TOML"),
    ],
)
def test_what_a_card_cannot_say_is_refused_in_words(old, new, words):
    assert old in TEXT
    with pytest.raises(BadCard, match=words.replace(".", r"\.")) as caught:
        Card.from_toml(TEXT.replace(old, new), path=Path("directory/tiny/card.toml"))
    assert str(caught.value).startswith(str(Path("directory/tiny/card.toml")))
    assert "\n" not in str(caught.value)


def test_the_fingerprint_follows_what_decides_a_number(card):
    changes = [
        replace(card, graph=replace(card.graph, sha256="ab" * 32)),
        replace(card, files=(File("words.json", DIGEST),)),
        replace(card, output="other"),
        replace(card, pooling="mean"),
        replace(card, normalize=True),
        replace(card, channel_axis=1),
        card.variant(options={"resize": 9}),
    ]
    assert len({changed.fingerprint for changed in (card, *changes)}) == len(changes) + 1


def test_the_fingerprint_does_not_follow_what_decides_nothing(card):
    changes = {"name": "other", "license": "MIT", "source": "s", "note": "n", "canary": ()}
    for key, value in {**changes, "path": Path("elsewhere")}.items():
        assert replace(card, **{key: value}).fingerprint == card.fingerprint
    moved = replace(card.graph, name="b.onnx", url=None, size=None)
    assert replace(card, graph=moved).fingerprint == card.fingerprint


def test_a_variant_drops_what_belongs_to_the_original(card):
    other = card.variant(tap="relu_3", pooling="mean")
    assert (other.output, other.pooling, other.dim, other.canary) == ("relu_3", "mean", None, ())


def test_a_variant_that_changes_nothing_is_the_card(card):
    same = card.variant(tap="embedding", pooling="none", normalize=False, options={"resize": 8})
    assert same == card


def test_an_option_that_the_modality_does_not_know_is_refused(card):
    with pytest.raises(BadOption, match=r"options= for tiny: .*unknown key 'resise'"):
        card.variant(options={"resise": 3})
    with pytest.raises(BadOption, match="pooling 'sum'"):
        card.variant(pooling="sum")


def test_a_card_can_be_a_key_and_be_pickled(card):
    assert {card: 1}[pickle.loads(pickle.dumps(card))] == 1
