"""Tables of transformers' image processors, read as the library does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from featx._typing import ImageSize
from featx.hub.entries import Entries, is_whole, plain_size
from featx.hub.image_types import TYPES, ImageType
from featx.hub.recipe import Recipe, Setting
from featx.modalities import shown

__all__ = ["read_image_processor"]

# Pillow's numbers
_RESAMPLE = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
# The filters that torchvision applies to floating-point numbers as Pillow does.
_FLOAT_RESAMPLE = (2, 3)
# ConvNeXt crops pictures of less than this
_WARPED = 384
# Keys that every type knows, and those that say nothing of the numbers: colours are always made, and the graph
# decides the layout.
_READ = frozenset(
    "do_resize size resample do_center_crop crop_size do_rescale rescale_factor do_normalize image_mean "
    "image_std default_to_square do_convert_rgb do_pad "
    "image_processor_type feature_extractor_type processor_class auto_map _valid_processor_keys "
    "return_tensors data_format input_data_format device disable_grouping image_seq_length "
    "do_reduce_labels reduce_labels transformers_version _name_or_path name_or_path model_input_names "
    "num_channels backend use_fast is_fast model_type _commit_hash _processor_class".split()
)
# The keys of single types.
_OWN = {
    "convnext": ("crop_pct",),
    "poolformer": ("crop_pct", "do_resize_and_center_crop"),
    "efficientnet": ("rescale_offset", "include_top"),
    "mobilevit": ("do_flip_channel_order", "do_flip_channels"),
}


def read_image_processor(entries: Entries, given: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a table of transformers, whose type is ``entries.kind``.

    Parameters
    ----------
    entries : Entries
        The table.
    given : mapping of str to object
        Entries of the card's table that a user gave: what these decide is not asked of the file.

    Raises
    ------
    BadModelFolder
        A value is not of its kind, or a key is not known that may change the numbers.
    """
    kind, recipe = TYPES[entries.kind], Recipe("image")
    _refuse_unknown(entries, kind)
    _add_sizes(recipe, entries, kind, given)
    _add_filter(recipe, entries, kind, given)
    _add_numbers(recipe, entries, kind)
    if "crop" in recipe.settings or "crop" in given:
        recipe.set("crop_origin", "floor", f"rule of {entries.kind}")
        recipe.set("resize_whole", True, f"rule of {entries.kind}")
    recipe.set("transparency", "white-all", f"rule of {entries.kind}")
    # a JPEG that is decoded smaller has other pixels
    recipe.set("draft", 0, f"rule of {entries.kind}")
    recipe.remarks += dict.fromkeys(entries.remarks)
    if entries.table.get("do_convert_rgb") is False:
        recipe.remarks.append(
            f"{entries.origin('do_convert_rgb')} is false: pictures are made RGB all the same"
        )
    if entries.has("auto_map"):
        recipe.remarks.append(
            f"{entries.origin('auto_map')} names code, which is not run: read as {entries.kind}"
        )
    return recipe


def _refuse_unknown(entries: Entries, kind: ImageType) -> None:
    """Raise BadModelFolder for a key that the type does not know and that may change the numbers."""
    known = _READ.union(_OWN.get(kind.rule, ()))
    for key, value in entries.table.items():
        # what is not said or not done changes nothing
        idle = value is None or value is False or (key == "pad_size" and not entries.has("do_pad"))
        if key not in known and not idle:
            raise entries.fault(key, f"not known of {entries.kind}, and it may change the numbers")
    for key in ("do_resize_and_center_crop", "do_flip_channels"):
        if key in known and entries.table.get(key) not in (None, True):
            raise entries.fault(key, "expected true")


def _add_sizes(recipe: Recipe, entries: Entries, kind: ImageType, given: Mapping[str, Any]) -> None:
    """Set what pictures are resized to, and the crop."""
    crops = entries.flag("do_center_crop", kind.center_crop).value
    if entries.flag("do_resize", True).value and not {"resize", "crop"} <= set(given):
        square = entries.flag("default_to_square", kind.square).value
        size, longest = _size(entries, "size", kind.size, square=square)
        resize, crop = _RULES.get(kind.rule, _as_it_is)(entries, kind, size)
        recipe.set("resize", resize.value, resize.origin)
        if crop is not None:
            recipe.set("crop", crop.value, crop.origin)
        elif longest is not None and kind.rule not in ("convnext", "levit", "poolformer"):
            recipe.set("longest", longest.value, longest.origin)
            # only pictures of which the long side is cut are smaller than the crop
            recipe.set("fill", [0, 0, 0], f"rule of {entries.kind}")
    if not crops or "crop" in given:
        return
    if kind.crop is None and not entries.has("crop_size"):
        raise entries.refusal("do_center_crop without crop_size; say crop=")
    own = recipe.settings.get("crop")
    cut, _ = _size(entries, "crop_size", kind.crop or (1, 1), square=True)
    if isinstance(cut.value, int):
        raise entries.fault("crop_size", "expected pixels, or height and width")
    cut = Setting(plain_size(cut.value), cut.origin)
    if own is not None and own.value != cut.value:
        raise entries.fault(
            "crop_size",
            f"expected {own.value} by {own.origin}; say crop={own.value} to take that",
        )
    recipe.set("crop", cut.value, cut.origin)


def _size(
    entries: Entries, key: str, default: ImageSize, *, square: bool
) -> tuple[Setting, Setting | None]:
    """Return a size, an int or [height, width], and the limit of the long side."""
    expected = (
        "expected pixels, [height, width], height and width, or shortest_edge (and longest_edge)"
    )
    value = entries.table.get(key)
    if value is None:
        found = entries.default(list(default) if isinstance(default, tuple) else default)
        return found, None
    origin = entries.origin(key)
    if is_whole(value):
        return Setting([value, value] if square else value, origin), None
    if isinstance(value, list):
        value = dict(zip(("height", "width"), value, strict=len(value) == 2))
    if not isinstance(value, dict):
        raise entries.fault(key, expected)
    sides = {name: side for name, side in value.items() if side is not None}
    if not all(map(is_whole, sides.values())):
        raise entries.fault(key, expected)
    if set(sides) == {"height", "width"}:
        return Setting([sides["height"], sides["width"]], origin), None
    if set(sides) not in ({"shortest_edge"}, {"shortest_edge", "longest_edge"}):
        raise entries.fault(key, f"gives pictures of no fixed size; {expected}")
    limit = sides.get("longest_edge")
    longest = None if limit is None else Setting(limit, f"{origin}.longest_edge")
    return Setting(sides["shortest_edge"], f"{origin}.shortest_edge"), longest


def _as_it_is(entries: Entries, kind: ImageType, size: Setting) -> tuple[Setting, Setting | None]:
    return size, None


def _convnext(entries: Entries, kind: ImageType, size: Setting) -> tuple[Setting, Setting | None]:
    if not isinstance(size.value, int):
        raise entries.fault("size", "expected shortest_edge, or pixels")
    if size.value >= _WARPED:
        return Setting([size.value, size.value], size.origin), None
    resize = _divided(entries, kind, size)
    return resize, Setting(size.value, size.origin)


def _levit(entries: Entries, kind: ImageType, size: Setting) -> tuple[Setting, Setting | None]:
    if not isinstance(size.value, int):
        return size, None
    return Setting(int(256 / 224 * size.value), f"{size.origin}, times 256/224"), None


def _poolformer(entries: Entries, kind: ImageType, size: Setting) -> tuple[Setting, Setting | None]:
    return _divided(entries, kind, size), None


def _divided(entries: Entries, kind: ImageType, size: Setting) -> Setting:
    """Return a size divided by crop_pct; of a square, the short side."""
    part = entries.number("crop_pct", kind.crop_pct)
    sizes = size.value if isinstance(size.value, list) else [size.value]
    sides = [int(side / part.value) for side in sizes]
    if not all(map(is_whole, sides)):
        raise entries.fault("crop_pct", f"resizes to {shown(sides[0])} pixels")
    square = len(set(sizes)) == 1
    value = sides[0] if square else sides
    return Setting(value, f"{size.origin}, divided by crop_pct {part.value:g} ({part.origin})")


def _add_filter(
    recipe: Recipe, entries: Entries, kind: ImageType, given: Mapping[str, Any]
) -> None:
    if kind.resize_float:
        recipe.set("resize_float", True, f"rule of {entries.kind}")
    if "interpolation" in given:
        return
    found = entries.one_of("resample", kind.resample, range(len(_RESAMPLE)))
    if kind.resize_float and found.value not in _FLOAT_RESAMPLE:
        raise entries.fault("resample", "expected 2 or 3, which are the same in floating point")
    recipe.set("interpolation", _RESAMPLE[found.value], found.origin)


def _add_numbers(recipe: Recipe, entries: Entries, kind: ImageType) -> None:
    """Set what the levels become: scale, mean, standard deviation and the order of the channels."""
    factor = entries.number("rescale_factor", 1 / 255)
    rescales = entries.flag("do_rescale", True)
    if not rescales.value:
        factor = Setting(1.0, f"{rescales.origin} is false")
    recipe.set("scale", float(factor.value), factor.origin)
    normalizes = entries.flag("do_normalize", kind.normalize)
    none = f"{normalizes.origin}, do_normalize is false"
    mean, std = Setting([0.0] * 3, none), Setting([1.0] * 3, none)
    if kind.rule == "mobilevit":
        if normalizes.value:
            recipe.remarks.append(
                f"{normalizes.origin}: {entries.kind} does not do it, and nor is it done here"
            )
        if entries.flag("do_flip_channel_order", True).value:
            recipe.set("color", "BGR", entries.flag("do_flip_channel_order", True).origin)
    elif normalizes.value:
        mean = entries.channels("image_mean", kind.mean, positive=False)
        std = entries.channels("image_std", kind.std, positive=True)
    if kind.rule == "efficientnet":
        mean, std = _efficientnet(entries, kind, mean, std, rescales=rescales.value)
    recipe.set("mean", mean.value, mean.origin)
    recipe.set("std", std.value, std.origin)


def _efficientnet(
    entries: Entries, kind: ImageType, mean: Setting, std: Setting, *, rescales: bool
) -> tuple[Setting, Setting]:
    """Return mean and standard deviation with what EfficientNet does besides."""
    offset = entries.flag("rescale_offset", False)
    if offset.value and rescales:
        # x · scale − 1 − mean
        mean = Setting(
            [value + 1 for value in mean.value], f"{mean.origin}, plus 1 by {offset.origin}"
        )
    top = entries.flag("include_top", True)
    if top.value:
        second = entries.channels("image_std", kind.std, positive=True)
        both = [a * b for a, b in zip(std.value, second.value, strict=True)]
        std = Setting(both, f"{std.origin}, times {second.origin} by include_top ({top.origin})")
    return mean, std


_Rule = Callable[[Entries, ImageType, Setting], tuple[Setting, Setting | None]]
_RULES: Mapping[str, _Rule] = MappingProxyType(
    {"convnext": _convnext, "levit": _levit, "poolformer": _poolformer}
)
