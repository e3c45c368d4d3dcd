"""Entries of an image card, from TOML or ``--set``: what is said, or one refusal in a line."""

import json
import math
import zipfile
from pathlib import Path

import pytest

from featx import Card, get_card
from featx.cli.options import BackboneChoice
from featx.errors import BadCard, BadOption
from featx.modalities.image.settings import ImageSettings

OLD = Path(__file__).parents[2] / "data" / "format-1" / "whole.featx.zip"
ODD = [
    *(math.nan, math.inf, -math.inf, 10**40, -(10**40), 10**5000, 1e308, 1e-320),
    *("", "x" * 1_000_000, "\ud800", "0,4095", [], {}, [[1]], [None], {"a": 1}, [1, 2, 3, 4]),
    *([math.nan] * 3, [math.inf] * 3, [1, "2", 3], [True, False, True], [10**400] * 3),
]


@pytest.mark.parametrize("name", ["resize", "crop", "scale", "draft", "max_pixels", "mean", "std"])
@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_an_entry_of_a_wrong_kind_is_refused_in_one_short_line(name, value):
    if value == [] and name in ("mean", "std"):
        return
    with pytest.raises(BadCard, match=r"\[image\]") as refused:
        ImageSettings.from_table({name: value})
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "name", ["color", "layout", "dtype", "interpolation", "truncated", "range"]
)
def test_a_choice_that_there_is_not_is_refused_in_one_short_line(name, value):
    if name == "range" and value == []:
        assert ImageSettings.from_table({"range": []}) == ImageSettings()
        return
    with pytest.raises(BadCard, match=r"\[image\]") as refused:
        ImageSettings.from_table({name: value})
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"resize": 10**9}, "at most 16384"),
        ({"crop": [10**9, 4]}, "at most 16384"),
        ({"crop": -1}, "expected pixels"),
        ({"resize": True}, "expected pixels"),
        ({"mean": [0, 0, 0], "std": [0, 1, 1]}, "std holds 0"),
        ({"std": [1e-40, 1, 1]}, "further from 0"),
        ({"scale": 1e20, "std": [1e-20, 1, 1]}, "further from 0"),
        ({"range": [4095, 0]}, "first value below the second"),
        ({"range": [5, 5]}, "first value below the second"),
        ({"range": [0]}, "black and white"),
        ({"range": [0, math.nan]}, "black and white"),
        ({"range": 4095}, "black and white"),
        ({"max_pixels": True}, "max_pixels = True"),
        ({"truncated": 1}, "true or false"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_with_the_reason(table, words):
    with pytest.raises(BadCard, match=words):
        ImageSettings.from_table(table)


def chosen(*pairs):
    return BackboneChoice(None, None, None, None, pairs, None).options


def test_set_reads_json_numbers_with_commas_and_text():
    assert chosen("range=0,4095", "resize=128", "mean=[1,2,3]", "color=BGR", "crop=224,192") == {
        "range": [0, 4095],
        "resize": 128,
        "mean": [1, 2, 3],
        "color": "BGR",
        "crop": [224, 192],
    }
    assert chosen("truncated=true", "range=-1000,3000.5") == {
        "truncated": True,
        "range": [-1000, 3000.5],
    }
    assert chosen("prefix=query: a, b") == {"prefix": "query: a, b"}


@pytest.mark.parametrize(
    "value", ["9" * 5000, "[" * 5000, "1e309", "NaN", "{", "[1,", "é", "\ud800", "1,2,[", '"', ","]
)
def test_any_value_of_set_is_read_or_refused_and_never_breaks(value):
    card = get_card("featx-image-nano")
    with pytest.raises(BadOption) as refused:
        card.variant(options=chosen(f"resize={value}"))
    assert "\n" not in str(refused.value)


def test_a_value_of_set_of_megabytes_is_refused_by_its_length():
    with pytest.raises(BadOption, match="10,000,000 characters"):
        chosen("resize=" + "1" * 10_000_000)


def test_entries_that_came_later_change_a_fingerprint_only_where_they_say_something():
    # Saved before there were any.
    with zipfile.ZipFile(OLD) as archive:
        saved = json.loads(archive.read("manifest.json"))["backbone"]
    card = Card.from_toml(saved["card"])
    assert card.fingerprint == saved["fingerprint"]
    same = card.variant(options={"range": [], "truncated": False})
    assert same.fingerprint == card.fingerprint
    assert "range" not in card.to_toml()
    other = card.variant(options={"range": [0, 4095]})
    assert other.fingerprint != card.fingerprint
    assert type(other).from_toml(_with_dim(other.to_toml())).input == other.input


def _with_dim(text):
    return text.replace("[graph]", "dim = 384\n[graph]", 1) if "\ndim" not in text else text


def test_the_baseline_reads_values_as_the_backbone_does():
    settings = ImageSettings.from_table({"range": [0, 4095], "truncated": True})
    baseline = settings.baseline()
    assert (baseline.range, baseline.truncated) == ((0.0, 4095.0), True)
    assert json.dumps(list(baseline.range)) == "[0.0, 4095.0]"
