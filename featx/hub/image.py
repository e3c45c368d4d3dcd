"""How a folder's files say that pictures become what its graph takes: the recipe of the ``[image]`` table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from featx.errors import BadCard, BadModelFolder, BadOption
from featx.hub.entries import Entries
from featx.hub.folder import ModelFolder
from featx.hub.image_processor import read_image_processor
from featx.hub.image_transforms import read_open_clip, read_timm
from featx.hub.image_types import MODEL_TYPES, TYPES
from featx.hub.recipe import Recipe
from featx.modalities import shown
from featx.modalities.image.resizing import pair
from featx.modalities.image.settings import ImageSettings

__all__ = ["read_image_recipe", "recipe_size"]

_FLAT, _NESTED = "preprocessor_config.json", "processor_config.json"
_CONFIG, _OPEN_CLIP = "config.json", "open_clip_config.json"
# What decides the numbers: who gives all of these needs no file.
_DECISIVE = ("resize", "interpolation", "mean", "std")
_SAY_ALL = "or all of it: resize=256, crop=224, interpolation=bicubic, mean=0.5,0.5,0.5 and std=0.5,0.5,0.5"
# What transformers makes of a model of timm.
_WRAPPER = "TimmWrapperImageProcessor"
_Reader = Callable[[], Recipe]


def read_image_recipe(folder: ModelFolder, given: Mapping[str, Any]) -> Recipe:
    """Return how the pictures of a model folder are prepared.

    Parameters
    ----------
    folder : ModelFolder
        With the files of transformers, timm or open_clip.
    given : mapping of str to object
        Entries of the card's ``[image]`` table that a user gave. They come before the files', and resolve
        what these leave open.

    Returns
    -------
    Recipe
        Its settings make the ``[image]`` table; each says where it comes from.

    Raises
    ------
    BadModelFolder
        No file says how, or one asks for what no card can say, or its pictures have no fixed size.
    BadOption
        What is given is no entry of the table.
    """
    _check_given(given)
    sources = list(_sources(folder, given))
    if not sources:
        if not all(name in given for name in _DECISIVE):
            raise BadModelFolder(
                f"{folder.path}: no file says how pictures are prepared; expected {_FLAT}, {_NESTED}, "
                f"{_CONFIG} with pretrained_cfg, {_OPEN_CLIP}, {_SAY_ALL}"
            )
        sources = [("given", lambda: Recipe("image"))]
    recipe = _read(sources[0][1], given)
    for name, read in sources[1:]:
        _compare(recipe, name, read)
    recipe.override(given)
    _check(folder, recipe, given)
    return recipe


def _check_given(given: Mapping[str, Any]) -> None:
    """Raise BadOption where an entry that a user gave is none; if they fit together is seen at the end."""
    color = {"color": given["color"]} if "color" in given else {}
    try:
        for name, value in given.items():
            if name not in ("longest", "resize_float"):
                ImageSettings.from_table({**color, name: value})
    except BadCard as error:
        raise BadOption(str(error)) from error


def _read(read: _Reader, given: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a file; an empty one where it is refused, and all that it decides is given."""
    try:
        return read()
    except BadModelFolder as error:
        if not all(name in given for name in _DECISIVE):
            raise
        return Recipe("image", remarks=[f"all is taken as given: {error}"])


def recipe_size(recipe: Recipe) -> tuple[int, int]:
    """Return height and width of the tensors that a recipe makes.

    >>> recipe = Recipe("image")
    >>> recipe.override({"resize": 256, "crop": [192, 224]})
    >>> recipe_size(recipe)
    (192, 224)
    """
    table = recipe.table()
    size = table.get("crop") or table["resize"]
    height, width = pair(tuple(size) if isinstance(size, list) else size)
    return height, width


def _sources(folder: ModelFolder, given: Mapping[str, Any]) -> Iterator[tuple[str, _Reader]]:
    """Yield the files that say how pictures are prepared, the decisive one first."""
    nested = (folder.table(_NESTED) or {}).get("image_processor")
    flat = folder.table(_FLAT)
    if nested is not None and not isinstance(nested, dict):
        raise BadModelFolder(
            f"{folder.path}: {_NESTED}: image_processor = {shown(nested)}: expected a table"
        )
    if nested is not None:
        yield _NESTED, lambda: _processor(folder, nested, _NESTED, "image_processor.", given)
    if flat is not None:
        yield _FLAT, lambda: _processor(folder, flat, _FLAT, "", given)
    config = folder.table(_CONFIG) or {}
    if (cfg := _pretrained_cfg(config)) is not None:
        prefix = "pretrained_cfg." if cfg is not config else ""
        yield _CONFIG, lambda: read_timm(_entries(folder, cfg, _CONFIG, prefix, "timm"), given)
    clip = folder.table(_OPEN_CLIP)
    if clip is not None:
        yield (
            _OPEN_CLIP,
            lambda: read_open_clip(_entries(folder, clip, _OPEN_CLIP, "", "open_clip"), given),
        )


def _pretrained_cfg(config: Mapping[str, Any]) -> Any:
    """Return timm's part of a config.json; older files are that part as a whole."""
    if config.get("pretrained_cfg") is not None:
        return config["pretrained_cfg"]
    old = "architecture" in config and "model_type" not in config and "input_size" in config
    return config if old else None


def _entries(folder: ModelFolder, table: Any, file: str, prefix: str, kind: str) -> Entries:
    if not isinstance(table, Mapping):
        raise BadModelFolder(
            f"{folder.path}: {file}: {prefix[:-1]} = {shown(table)}: expected a table"
        )
    return Entries(table, folder.path, file, prefix, kind)


def _processor(
    folder: ModelFolder,
    table: Mapping[str, Any],
    file: str,
    prefix: str,
    given: Mapping[str, Any],
) -> Recipe:
    """Read a table of transformers, by its type."""
    kind, remark = _type_of(folder, table, file, prefix)
    if kind == _WRAPPER:
        config = folder.table(_CONFIG) or {}
        cfg = table.get("pretrained_cfg") or config.get("pretrained_cfg")
        where = (file, prefix) if table.get("pretrained_cfg") else (_CONFIG, "")
        entries = _entries(folder, cfg, where[0], f"{where[1]}pretrained_cfg.", "timm")
        return read_timm(entries, given)
    if kind not in TYPES:
        known = ", ".join(name.removesuffix("ImageProcessor") for name in TYPES)
        raise BadModelFolder(
            f"{folder.path}: {file}: type {shown(kind)[1:-1]} is not read; expected an image processor that "
            f"gives one picture of a fixed size: {known}; {_SAY_ALL}"
        )
    recipe = read_image_processor(Entries(table, folder.path, file, prefix, kind), given)
    recipe.remarks += remark
    return recipe


def _type_of(
    folder: ModelFolder, table: Mapping[str, Any], file: str, prefix: str
) -> tuple[str, list[str]]:
    """Return the type of a table of transformers, and what is to be said of where it stands."""
    config = folder.table(_CONFIG) or {}
    places = (
        (table, "image_processor_type", f"{file}: {prefix}"),
        (table, "feature_extractor_type", f"{file}: {prefix}"),
        (config, "image_processor_type", f"{_CONFIG}: "),
    )
    for source, key, where in places:
        name = source.get(key)
        if name is not None:
            if not isinstance(name, str):
                raise BadModelFolder(
                    f"{folder.path}: {where}{key} = {shown(name)}: expected the name of a type"
                )
            plain = name.removesuffix("Fast").removesuffix("Pil")
            plain = plain.replace("FeatureExtractor", "ImageProcessor")
            return plain if plain in (*TYPES, _WRAPPER) else name, []
    model = config.get("model_type")
    if isinstance(model, str) and model in MODEL_TYPES:
        kind = MODEL_TYPES[model]
        return kind, [f"{file} names no type: taken as {kind}, by {_CONFIG}: model_type {model}"]
    known = f", and model_type {shown(model)} of {_CONFIG} is not known" if model else ""
    raise BadModelFolder(
        f"{folder.path}: {file}: no image_processor_type{known}; expected it there, {_CONFIG} with a "
        f"model_type that is known, {_SAY_ALL}"
    )


def _compare(recipe: Recipe, name: str, read: _Reader) -> None:
    """Add a remark where a file that is not taken says something else."""
    try:
        other = read()
    except BadModelFolder as error:
        recipe.remarks.append(f"{name} is not taken: {error}")
        return
    ours, theirs = recipe.table(), other.table()
    for key in ("resize", "crop", "interpolation", "mean", "std", "scale", "color"):
        if ours.get(key) != theirs.get(key):
            recipe.remarks.append(
                f"{name} is not taken: it says {key} {shown(theirs.get(key))}, not {shown(ours.get(key))}"
            )


def _check(folder: ModelFolder, recipe: Recipe, given: Mapping[str, Any]) -> None:
    """Refuse what no card can say, and what gives pictures of no fixed size or pads them unasked."""
    table = recipe.table()
    resize, crop = table.get("resize"), table.get("crop")
    sizes = [
        pair(tuple(size) if isinstance(size, list) else size) for size in (resize, crop) if size
    ]
    if resize is None:
        raise BadModelFolder(
            f"{folder.path}: pictures are not resized, so that they have no fixed size; say resize= and crop="
        )
    keeps = isinstance(resize, int) or table.get("fit", "sides") != "sides"
    advice = f"say crop={_typed(sizes[0])}"
    if crop is None and keeps:
        raise BadModelFolder(
            f"{folder.path}: the short side is resized to {shown(resize)} and nothing is cropped, so that "
            f"pictures have no fixed size; {advice}, or resize={_typed(sizes[0], both=True)}"
        )
    filled = table.get("fill") and ("longest" not in table or "fill" in given)
    if crop is not None and not filled:
        (high, wide), (crop_high, crop_wide) = sizes
        if crop_high > high or crop_wide > wide:
            raise BadModelFolder(
                f"{folder.path}: the crop of {crop_high} × {crop_wide} ({recipe.settings['crop'].origin}) is "
                f"larger than the {high} × {wide} that resizing leaves ({recipe.settings['resize'].origin}): "
                f"the rest would be black; {advice}, or fill=0,0,0 where that is meant"
            )
    try:
        ImageSettings.from_table(table)
    except BadCard as error:
        raise BadModelFolder(f"{folder.path}: {error}") from error


def _typed(size: tuple[int, int], *, both: bool = False) -> str:
    """Return a size as one types it."""
    return str(size[0]) if size[0] == size[1] and not both else f"{size[0]},{size[1]}"
