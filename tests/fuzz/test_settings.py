"""Hostile values of ``--set`` and of cards' tables: every one is a setting or a refusal."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from featx import get_card
from featx.cli.options import BackboneChoice
from featx.errors import BadSample
from featx.modalities.image.settings import ImageSettings
from tests.support.fuzzing import ODD_VALUES, altered_trees, attack, mutated

TIMES = int(os.environ.get("FUZZ", "1"))
BACKBONES = ("featx-image-nano", "featx-text-nano", "featx-audio-nano")
TABLE = {
    "resize": 32,
    "crop": [24, 28],
    "interpolation": "bilinear",
    "color": "RGB",
    "layout": "NCHW",
    "dtype": "float32",
    "scale": 0.0039,
    "mean": [0.4, 0.4, 0.4],
    "std": [0.2, 0.2, 0.2],
    "draft": 2.0,
    "max_pixels": 40_000_000,
    "range": [0, 255],
    "truncated": False,
    "fit": "sides",
    "longest": 90,
    "resize_whole": True,
    "resize_float": False,
    "crop_origin": "floor",
    "fill": [0, 127, 255],
    "transparency": "drop",
}


def set_pairs(given: tuple[str, tuple[str, ...]]) -> None:
    """Set what a command line says, and read a picture by it."""
    name, pairs = given
    card = get_card(name).variant(
        options=BackboneChoice(None, None, None, None, pairs, None).options
    )
    if isinstance(card.input, ImageSettings):
        _read(card.input)


def read_table(table: Any) -> None:
    """Read a picture by a table, as that of a card."""
    _read(ImageSettings.from_table(table))


def _read(settings: ImageSettings) -> None:
    for mode in ("RGB", "I;16"):
        try:
            settings.read(Image.new(mode, (40, 30), 90))
        except BadSample as error:
            if "\n" in str(error):
                raise ValueError("a refusal of several lines") from error


def pairs(seed: int, count: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a backbone, and one to three values of ``--set``: odd ones, and damaged good ones."""
    rng = random.Random(seed)
    names = {name: list(_entries(name)) for name in BACKBONES}
    texts = [value for value in map(_text, ODD_VALUES) if len(value) < 20_000]
    texts += [
        "9" * 5000,
        "[" * 3000,
        "1e309",
        "-1e309",
        "NaN",
        "0,4095",
        ",",
        "1,,2",
        "{}",
        "1e-400",
    ]
    for index in range(count):
        name = BACKBONES[index % 3]
        chosen = []
        for _ in range(rng.choice((1, 1, 2, 3))):
            value = rng.choice(texts)
            if rng.random() < 0.4:
                good = json.dumps(rng.choice(list(TABLE.values()))).encode()
                value = next(mutated(good, rng.getrandbits(32), 1)).decode(
                    "utf-8", "surrogateescape"
                )
            chosen.append(f"{rng.choice(names[name])}={value}")
        yield name, tuple(chosen)


def _entries(name: str) -> Iterator[str]:
    card = get_card(name)
    yield from (key for key in dir(card.input) if not key.startswith("_"))
    yield from ("", " ", "é", "__class__")


def _text(value: Any) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except ValueError:
        return repr(value)


@pytest.mark.slow
def test_any_values_of_set_are_settings_or_refusals():
    tally = attack(set_pairs, pairs(1, 1500 * TIMES), memory=300 << 20)
    assert set(tally.counts) <= {"ok", "refused"}, str(tally)


@pytest.mark.slow
def test_any_table_of_an_image_card_is_settings_or_a_refusal():
    tally = attack(read_table, altered_trees(TABLE, 2, 1500 * TIMES), memory=2 << 30)
    assert set(tally.counts) <= {"ok", "refused"}, str(tally)
    assert tally.counts["ok"], str(tally)
