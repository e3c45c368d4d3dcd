"""Fitting: what the inputs of a graph add to a recipe, and where the two do not agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featx.errors import BadModelFolder, BadOption
from featx.graphs.facts import GraphFacts
from featx.graphs.inspect import Tensor
from featx.hub.recipe import Recipe

__all__ = ["fit_to_graph"]

_DTYPES = {"float32": "float32", "float64": "float32", "float16": "float16", "uint8": "uint8"}
_ORIGIN = "the graph"
# Inputs of tokens, by what programs call them, and their usual names.
_FEEDS = {
    **{name: name for name in ("input_ids", "attention_mask", "token_type_ids", "position_ids")},
    **dict.fromkeys(("input_word_ids", "ids", "tokens", "input"), "input_ids"),
    **dict.fromkeys(("input_mask", "mask"), "attention_mask"),
    **dict.fromkeys(("segment_ids", "input_type_ids"), "token_type_ids"),
}
_RANK_OF_IMAGES = 4
_RANK_WITH_CHOICES = 3
_RANK_OF_WAVES = 2


def fit_to_graph(
    recipe: Recipe, inputs: list[Tensor], facts: GraphFacts, given: Mapping[str, Any]
) -> None:
    """Complete a recipe by what the inputs of its graph say, in place.

    Raises
    ------
    BadModelFolder
        The graph takes other tensors than the recipe makes.
    """
    fit = {"image": _fit_image, "text": _fit_text, "audio": _fit_audio}[recipe.modality]
    fit(recipe, inputs, facts, given)
    if facts.quantizes_as_it_runs(recipe.graph["output"].value):
        recipe.set_graph("batch", 1, "the graph is quantised while it runs")
        recipe.remarks.append(
            f"{facts.path}: rounds by the largest value of a batch, so that samples are run alone, which is "
            "slower; file= with a graph of fp32 or fp16 does without"
        )


def _fit_image(
    recipe: Recipe, inputs: list[Tensor], facts: GraphFacts, given: Mapping[str, Any]
) -> None:
    """Set what the shape and the type of a graph's pictures say."""
    image = inputs[0]
    if len(inputs) > 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise BadModelFolder(
            f"{facts.path}: takes {names} together, as models of any number of patches do; expected "
            "pictures alone"
        )
    shape = image.shape or (None,) * _RANK_OF_IMAGES
    if len(shape) != _RANK_OF_IMAGES:
        raise BadModelFolder(
            f"{facts.path}: takes {image.name} of {len(shape)} axes; expected [N, 3, H, W] or [N, H, W, 3]"
        )
    if image.dtype not in _DTYPES:
        raise BadModelFolder(
            f"{facts.path}: takes {image.name} of {image.dtype}; expected float32, float16 or uint8"
        )
    if "dtype" not in given:
        recipe.set("dtype", _DTYPES[image.dtype], _ORIGIN)
    layout = given.get("layout") or _layout(shape)
    if "layout" not in given:
        known = _ORIGIN if _layout(shape) else "what PyTorch exports"
        recipe.set("layout", layout or "NCHW", known)
    channels, *size = (shape[3], *shape[1:3]) if layout == "NHWC" else shape[1:]
    if channels == 1 and "color" not in given:
        recipe.set("color", "L", _ORIGIN)
    if image.dtype == "uint8":
        for name, value in (("scale", 1.0), ("mean", ()), ("std", ())):
            recipe.set(name, value, "the graph takes bytes")
    _check_size(recipe, size, facts)


def _layout(shape: tuple[Any, ...]) -> str | None:
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if first == last:
        return None
    return "NCHW" if first else "NHWC"


def _fit_text(
    recipe: Recipe, inputs: list[Tensor], facts: GraphFacts, given: Mapping[str, Any]
) -> None:
    """Set what the names and the shapes of a graph's inputs of tokens say."""
    feeds = {tensor.name: _usual_feed(tensor.name) for tensor in inputs}
    if strangers := [name for name, usual in feeds.items() if usual is None]:
        raise BadModelFolder(
            f"{facts.path}: takes an input {strangers[0]!r}; expected {', '.join(sorted(set(_FEEDS.values())))}"
        )
    renamed = {name: str(usual) for name, usual in feeds.items() if usual != name}
    if renamed and "feeds" not in given:
        recipe.set("feeds", tuple(renamed.items()), _ORIGIN)
    shape = inputs[0].shape or ()
    if len(shape) == _RANK_WITH_CHOICES and "layout" not in given:
        recipe.set("layout", "N1L", _ORIGIN)
    _fit_length(recipe, inputs, facts, given)


def _fit_length(
    recipe: Recipe, inputs: list[Tensor], facts: GraphFacts, given: Mapping[str, Any]
) -> None:
    """Set the number of tokens of a graph that takes no other, to which texts are filled up then."""
    lengths = {t.name: t.shape[-1] for t in inputs if t.shape and isinstance(t.shape[-1], int)}
    if not lengths:
        return
    if len({*lengths.values()}) > 1:
        listed = ", ".join(f"{name} of {length} tokens" for name, length in lengths.items())
        raise BadModelFolder(
            f"{facts.path}: takes {listed}; expected inputs of one number of tokens"
        )
    [fixed] = {*lengths.values()}
    for name, wanted in (("max_length", fixed), ("pad", True)):
        if given.get(name, wanted) != wanted:
            raise BadOption(
                f"{facts.path}: takes {fixed} tokens and no other number; {name} = {given[name]!r:.60} cannot "
                "be: leave it out"
            )
    said = recipe.settings.get("max_length")
    remark = ""
    if said is not None and said.value != fixed and said.origin != "default of featx":
        others = f"where {said.origin} says {said.value}"
        remark = f"{facts.path}: takes {fixed} tokens and no other number, {others}"
    recipe.set("max_length", fixed, _ORIGIN, remark)
    recipe.set("pad", True, _ORIGIN)


def _usual_feed(name: str) -> str | None:
    """Return what featx calls an input of tokens; None for one that it does not feed."""
    return _FEEDS.get(name.split(":")[0])


def _fit_audio(
    recipe: Recipe, inputs: list[Tensor], facts: GraphFacts, given: Mapping[str, Any]
) -> None:
    """Set the window of a graph that takes so many samples and no other number."""
    waveform = next((tensor for tensor in inputs if "float" in tensor.dtype), None)
    shape = waveform.shape if waveform is not None else None
    # features have more axes
    if shape is None or len(shape) != _RANK_OF_WAVES or not isinstance(shape[-1], int):
        return
    if "window" not in given:
        recipe.set("window", shape[-1], _ORIGIN)
        recipe.set("tail", "pad", _ORIGIN)


def _check_size(recipe: Recipe, size: list[Any], facts: GraphFacts) -> None:
    """Raise BadModelFolder where the graph insists on another height and width than the recipe makes."""
    entry = next(
        (
            recipe.settings[name]
            for name in ("crop", "resize")
            if name in recipe.settings and recipe.settings[name].value is not None
        ),
        None,
    )
    if entry is None:
        return
    value = entry.value
    pair = (value, value) if isinstance(value, int) else tuple(value)
    fixed = [
        (wanted, side) for wanted, side in zip(size, pair, strict=True) if isinstance(wanted, int)
    ]
    if any(wanted != side for wanted, side in fixed):
        wanted = " × ".join(str(side) if isinstance(side, int) else "any" for side in size)
        made = " × ".join(map(str, pair))
        raise BadModelFolder(
            f"{facts.path}: takes images of {wanted} pixels, the folder's recipe makes {made} "
            f"({entry.origin}); say crop= or resize= as the graph needs"
        )
