"""Cards and configurations of strangers: whatever a TOML file holds, it is read or refused in words."""

import os
import random
import tempfile
import tomllib
from pathlib import Path

import pytest
import tomli_w

from featx.backbones.backbone import Backbone
from featx.catalog import Card, bundled_directory, get_card, list_cards
from featx.errors import BadCard, BadOption
from featx.fit_config import FitConfig
from tests.support.fuzzing import altered_trees, attack, mutated

CARDS = [get_card(name).to_toml() for name in ("featx-image-nano", "featx-audio-mel")]
CARDS += [get_card("featx-text-nano").to_toml()]
CONFIG = FitConfig(backbone="featx-image-nano").to_toml()

# Short texts that ask much of a parser.
SHAPES = {
    "a long dotted key": ".".join("a" * 20_000) + " = 1",
    "a long quoted key": ".".join(['"a"'] * 10_000) + " = 1",
    "a long header": "[" + ".".join("a" * 20_000) + "]",
    "many parts and keys": "".join(
        f"{'.'.join('abcdefghijkl' * 2)}.k{i} = 1\n" for i in range(900)
    ),
    "lists in lists": "a = " + "[" * 20_000,
    "tables in tables": "a = " + "{a = " * 10_000,
    "lists that close": "a = " + "[" * 300 + "]" * 300,
    "a huge integer": "a = " + "9" * 40_000,
    "a huge hex number": "a = 0x" + "f" * 40_000,
    "a huge exponent": "a = 1e" + "9" * 40_000,
    "a megabyte": "# " + "x" * (1 << 20),
    "one word": "x" * 200_000,
    "quotes": '"' * 40_000,
    "a text without its end": 'a = """' + "x" * 40_000,
    "escapes": 'a = "' + "\\u0041" * 6_000 + '"',
    "the same key twice": "name = 'a'\nname = 'b'",
    "not a number": "dim = nan",
    "a zero character": "name = 'a\0b'",
    "a surrogate": 'name = "\\ud800"',
}


def read_card(data):
    """Read bytes as the card of a model directory, and as a configuration; open what the card names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "featx-image-nano"
        folder.mkdir()
        (folder / "card.toml").write_bytes(data)
        before = os.environ.get("FEATX_MODELS")
        os.environ["FEATX_MODELS"] = name
        try:
            list_cards()
            FitConfig.from_toml(data.decode("utf-8", "replace"))
        except BadOption:
            card = get_card("featx-image-nano")
            Card.from_toml(card.to_toml())
            backbone = Backbone(card)
            backbone.embed([backbone.card.input.canary()])
        finally:
            os.environ.pop("FEATX_MODELS")
            if before is not None:
                os.environ["FEATX_MODELS"] = before


def _tables(seed, count):
    for text in (*CARDS, CONFIG):
        for tree in altered_trees(tomllib.loads(text), seed, count):
            try:
                yield tomli_w.dumps(tree).encode("utf-8", "surrogatepass")
            # what TOML cannot say
            except (TypeError, ValueError, AttributeError):
                continue


def _entries(seed, count):
    """Yield cards with one entry of a table said to be what TOML can say and nobody expects."""
    rng = random.Random(seed)
    values = ["inf", "-inf", "nan", "-1", "0", "1e400", "9" * 30, "[]", "{}", "''", "true", "[[1]]"]
    values += [
        "1979-05-27",
        "07:32:00",
        "[nan, nan, nan]",
        "[-1, -1]",
        "[1e30, 1e30, 1e30]",
        "8192",
    ]
    values += ["'../x'", "'a\\u0000b'", '"a\\u0000b"', "0.5", "[0.0, 0.0, 0.0]", "[inf]", "-0.0"]
    for _ in range(count):
        lines = rng.choice(CARDS).splitlines()
        at = rng.choice([k for k, line in enumerate(lines) if " = " in line])
        lines[at] = f"{lines[at].partition(' = ')[0]} = {rng.choice(values)}"
        yield "\n".join(lines).encode()


def hostile_cards(seed, rounds):
    """Yield texts that are hard to parse, and cards damaged as bytes, as trees and entry by entry."""
    for text in SHAPES.values():
        yield text.encode("utf-8", "surrogatepass")
        yield (CARDS[0] + text).encode("utf-8", "surrogatepass")
    yield from (b"\xff\xfe\0", b"\0" * 9999, b"", CARDS[0].encode("utf-16"))
    for text in (*CARDS, CONFIG):
        yield from mutated(text.encode(), seed, rounds)
    yield from _tables(seed, rounds)
    yield from _entries(seed, rounds * 4)


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 20), pytest.param(2, 70, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_card_is_read_or_refused(seed, rounds):
    tally = attack(read_card, hostile_cards(seed, rounds), seconds=5)
    assert not tally.faults, str(tally)
    assert tally.counts["refused"] > tally.total / 3


@pytest.mark.parametrize("shape", SHAPES)
def test_a_text_that_is_hard_to_parse_is_refused_as_a_card(shape):
    with pytest.raises(BadCard, match="card: "):
        Card.from_toml(SHAPES[shape])


def test_a_pipe_in_the_place_of_a_card_is_left_out_with_a_warning(tmp_path, monkeypatch):
    folder = tmp_path / "piped"
    folder.mkdir()
    os.mkfifo(folder / "card.toml")
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path))
    with pytest.warns(UserWarning, match="not a regular file"):
        names = [card.name for card in list_cards()]
    assert "piped" not in names
    assert {path.name for path in bundled_directory().iterdir() if path.is_dir()} >= set(names)
