"""Hostile configurations of pictures: every folder gives a recipe that is a card, or one line of refusal."""

from __future__ import annotations

import copy
import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from featx.errors import BadSample
from featx.hub.folder import ModelFolder
from featx.hub.image import read_image_recipe, recipe_size
from featx.modalities.image.settings import ImageSettings
from tests.support.fuzzing import ODD_VALUES, altered_trees, attack
from tests.support.hub_images import CASES, CONFIG, FLAT, OPEN_CLIP, write_folder

TIMES = int(os.environ.get("FUZZ", "1"))
KEYS = {
    FLAT: "image_processor_type size resample crop_size do_center_crop do_resize do_rescale rescale_factor "
    "rescale_offset include_top crop_pct do_normalize image_mean image_std default_to_square auto_map "
    "do_flip_channel_order do_pad pad_size gamma",
    CONFIG: "input_size crop_pct crop_mode interpolation mean std",
    OPEN_CLIP: "size mean std interpolation resize_mode fill_color mode blur",
}
SIZES = ("height", "width", "shortest_edge", "longest_edge", "max_pixels")
# beyond these a picture of the recipe's size only costs time
MOST = 512


def read_folder(files: dict[str, Any]) -> None:
    """Read a folder's recipe, and a picture by it."""
    with tempfile.TemporaryDirectory() as path:
        recipe = read_image_recipe(ModelFolder(write_folder(Path(path), files)), {})
    images = ImageSettings.from_table(json.loads(json.dumps(recipe.table())))
    height, width = recipe_size(recipe)
    if max(height, width) > MOST:
        return
    try:
        item = images.read(Image.new("RGB", (40, 30), (9, 99, 199)))
    except BadSample as error:
        if "\n" in str(error):
            raise ValueError("a refusal of several lines") from error
        return
    if item.shape != (3, height, width):
        raise ValueError(f"expected {height} × {width}, found {item.shape}")


def hostile_folders(n: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield files of which one entry, or a part of one, is odd, or which are no tables at all."""
    rng = random.Random(seed)
    cases = list(CASES.values())
    for _ in range(n):
        files = copy.deepcopy(rng.choice(cases))
        [name] = files
        turn = rng.random()
        if turn < 0.05:
            files[name] = rng.choice(ODD_VALUES)
        elif turn < 0.3:
            files[name] = next(altered_trees(files[name], rng.getrandbits(32), 1))
        else:
            table = files[name]
            for inner in ("pretrained_cfg", "preprocess_cfg"):
                table = table.get(inner, table)
            for _ in range(rng.randint(1, 3)):
                table[rng.choice(KEYS[name].split())] = _odd(rng)
        yield files


def _odd(rng: random.Random) -> Any:
    value = rng.choice((*ODD_VALUES, 16_384, 16_385, 1e-9, 224.0, 7, 64))
    turn = rng.random()
    if turn < 0.3:
        return {side: rng.choice((value, 64, 1)) for side in rng.sample(SIZES, rng.randint(1, 3))}
    if turn < 0.5:
        return [rng.choice((value, 1, 0.5, 64)) for _ in range(rng.randint(1, 4))]
    return value


@pytest.mark.slow
def test_every_folder_of_pictures_is_a_recipe_or_refused_in_one_line():
    tally = attack(read_folder, hostile_folders(400 * TIMES, seed=15))
    assert not tally.faults, str(tally)
    assert tally.counts["ok"] > 20
    assert tally.counts["refused"] > 100
