"""Comments of a card: they stand beside the entries they are of, and change nothing of what is read."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
import tomli_w

from featx.catalog import Card, get_card
from featx.catalog.comments import with_comments

TABLE = {
    "name": "a # b = c",
    "dim": 12,
    "graph": {"file": "x.onnx", "pooling": "mean"},
    "image": {"mean": [0.5, 0.25, 0.125], "resize": [224, 224], "words": ["a, b", "]"]},
    "files": {"tokenizer.json": {"size": 3}},
    "canary": {"values": [k / 7 for k in range(40)]},
}


def test_each_entry_has_its_comment_and_short_lists_take_one_line():
    text = with_comments(
        tomli_w.dumps(TABLE),
        {
            "dim": "found by running it",
            "graph.pooling": "what suits model_type 'resnet'",
            "image.mean": "preprocessor_config.json: image_mean",
            "canary.values": "long",
        },
    )
    lines = text.splitlines()
    assert "dim = 12  # found by running it" in lines
    assert "pooling = \"mean\"  # what suits model_type 'resnet'" in lines
    assert "mean = [0.5, 0.25, 0.125]  # preprocessor_config.json: image_mean" in lines
    assert "resize = [224, 224]" in lines
    assert lines[lines.index("# long") + 1] == "values = ["
    assert tomllib.loads(text) == TABLE


@pytest.mark.parametrize(
    "comment", ["two\nlines", 'x = 1\n[image]\ncrop = "y"', "\x00\x07", "\ud800", "a" * 999]
)
def test_what_a_folder_calls_its_files_cannot_leave_the_comment(comment):
    text = with_comments(tomli_w.dumps(TABLE), {"dim": comment, "canary.values": comment})
    text.encode("utf-8")
    assert tomllib.loads(text) == TABLE
    assert max(map(len, text.splitlines())) < 400


@pytest.mark.parametrize("name", ["featx-image-nano", "featx-text-nano", "featx-audio-nano"])
def test_a_card_with_comments_is_the_card_without(name):
    card = get_card(name)
    entries = [f"{card.modality}.{key}" for key in ("resize", "max_length", "rate")]
    said = replace(card, comments=tuple((entry, "default of featx") for entry in entries))
    assert said == card
    assert said.fingerprint == card.fingerprint
    text = said.to_toml()
    assert text.count("# default of featx") == 1
    assert Card.from_toml(text) == card
