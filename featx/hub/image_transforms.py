"""The configurations of timm and open_clip, whose transforms are those of torchvision on Pillow images."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from featx.hub.entries import Entries, is_whole, plain_size
from featx.hub.image_types import IMAGENET_MEAN, IMAGENET_STD, TYPES
from featx.hub.recipe import Recipe, Setting

__all__ = ["read_open_clip", "read_timm"]

_FILTERS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
_CROP_PCT = 0.875
# Keys of timm that say how pictures are prepared, and what others would be called that do.
_TIMM_KEYS = frozenset("input_size interpolation crop_pct crop_mode mean std".split())
_TELLING = re.compile(
    r"crop|resiz|interpol|colou?r|channel|pad|fill|scale|normaliz|patchify|naflex"
)
_KEYS = frozenset("size mode mean std interpolation resize_mode fill_color".split())


def read_timm(entries: Entries, given: Mapping[str, Any]) -> Recipe:
    """Return the recipe of timm's ``pretrained_cfg``; what is said for tests at a larger size is left aside.

    Parameters
    ----------
    entries : Entries
        The table.
    given : mapping of str to object
        Entries of the card's table that a user gave: what these decide is not asked of the file.

    Raises
    ------
    BadModelFolder
        A value is not of its kind.
    """
    for key, value in entries.table.items():
        aside = key in _TIMM_KEYS or key.startswith("test_") or not value
        if not aside and _TELLING.search(key):
            raise entries.fault(key, "not known of timm, and it may change the numbers")
    recipe = Recipe("image")
    mean = entries.channels("mean", IMAGENET_MEAN, positive=False)
    std = entries.channels("std", IMAGENET_STD, positive=True)
    _add_common(recipe, entries, mean, std)
    if "interpolation" not in given:
        how = entries.one_of("interpolation", "bicubic", _FILTERS)
        recipe.set("interpolation", how.value, how.origin)
    if {"resize", "crop"} <= set(given):
        return recipe
    size = entries.take(
        "input_size", [3, 224, 224], _is_input_size, "[3, height, width] of a picture in colour"
    )
    height, width = size.value[1:]
    part = entries.number("crop_pct", _CROP_PCT)
    mode = entries.one_of("crop_mode", "center", ("center", "squash", "border"))
    sides = [math.floor(side / part.value) for side in (height, width)]
    if not all(map(is_whole, sides)):
        raise entries.fault("crop_pct", f"resizes to {sides[0]:.6g} pixels")
    origin = f"{size.origin}, divided by crop_pct {part.value:g} ({part.origin})"
    recipe.set("crop", plain_size([height, width]), size.origin)
    if mode.value == "center" and sides[0] == sides[1]:
        recipe.set("resize", sides[0], origin)
        return recipe
    recipe.set("resize", sides, origin)
    if mode.value == "center":
        recipe.set("fit", "cover", f"{mode.origin}: crop_mode center, for sides that differ")
    elif mode.value == "border":
        recipe.set("fit", "contain", f"{mode.origin}: border")
        recipe.set(
            "fill", [round(255 * value) for value in mean.value], f"{mean.origin}, times 255"
        )
    return recipe


def read_open_clip(entries: Entries, given: Mapping[str, Any]) -> Recipe:
    """Return the recipe of an open_clip configuration; see ``read_timm``.

    The size is that of the vision tower, where ``model_cfg`` says it, as in the library.
    """
    recipe = Recipe("image")
    table = entries.inner("preprocess_cfg")
    for key, value in table.table.items():
        if key not in _KEYS and value is not None:
            raise table.fault(key, "not known of open_clip, and it may change the numbers")
    table.one_of("mode", "RGB", ("RGB",))
    clip = TYPES["CLIPImageProcessor"]
    mean = table.channels("mean", clip.mean, positive=False)
    _add_common(recipe, table, mean, table.channels("std", clip.std, positive=True))
    mode = table.one_of("resize_mode", "shortest", ("shortest", "longest", "squash"))
    how = table.one_of("interpolation", "bicubic", ("bicubic", "bilinear", "random"))
    if how.value == "random":
        how = Setting("bicubic", f"{how.origin} is random, of which open_clip makes bicubic")
    height, width = _add_size(recipe, entries, table, given)
    if mode.value == "shortest":
        recipe.set("crop", plain_size([height, width]), recipe.settings["resize"].origin)
        if height != width:
            recipe.set("fit", "cover", f"{mode.origin}: shortest, for sides that differ")
            # which the library forgets to pass on
            how = Setting("bicubic", "rule of open_clip, for sides that differ")
        else:
            recipe.set("resize", height, recipe.settings["resize"].origin)
    elif mode.value == "longest":
        recipe.set("fit", "contain", f"{mode.origin}: longest")
        recipe.set("crop", plain_size([height, width]), recipe.settings["resize"].origin)
        fill = table.take("fill_color", 0, _is_level, "a whole number from 0 to 255")
        recipe.set("fill", [fill.value] * 3, fill.origin)
    if "interpolation" not in given:
        recipe.set("interpolation", how.value, how.origin)
    return recipe


def _add_size(
    recipe: Recipe, entries: Entries, table: Entries, given: Mapping[str, Any]
) -> tuple[int, int]:
    """Set what open_clip resizes to, and return its height and width."""
    own = table.take("size", 224, _is_size, "pixels, or [height, width]")
    tower = entries.inner("model_cfg").inner("vision_cfg")
    size = own
    if tower.has("image_size"):
        size = tower.take("image_size", None, _is_size, "pixels, or [height, width]")
        if table.has("size") and _both(size.value) != _both(own.value):
            recipe.remarks.append(
                f"{own.origin} says {own.value}, {size.origin} {size.value}, which open_clip takes"
            )
    recipe.set("resize", list(_both(size.value)), size.origin)
    return _both(size.value)


def _add_common(recipe: Recipe, entries: Entries, mean: Setting, std: Setting) -> None:
    """Set what both libraries do in the same way."""
    recipe.set("mean", mean.value, mean.origin)
    recipe.set("std", std.value, std.origin)
    rule = f"rule of {entries.kind}"
    recipe.set("scale", 1 / 255, rule)
    recipe.set("transparency", "drop", rule)
    recipe.set("resize_whole", True, rule)
    # a JPEG that is decoded smaller has other pixels
    recipe.set("draft", 0, rule)


def _is_input_size(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 3 and value[0] == 3 and all(map(is_whole, value))
    )


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, list) else [value, value]
    return len(sides) == 2 and all(map(is_whole, sides))


def _is_level(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def _both(size: Any) -> tuple[int, int]:
    height, width = size if isinstance(size, list) else (size, size)
    return height, width
