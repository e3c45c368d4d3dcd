"""Reading: a model folder and one of its graphs become a recipe, whatever library wrote them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from featx._lazy import load_named
from featx.errors import BadGraph, BadModelFolder, BadOption
from featx.graphs.facts import describe_graph
from featx.graphs.inspect import Tensor
from featx.graphs.pooling import read_pooling
from featx.hub.fitting import fit_to_graph
from featx.hub.folder import ModelFolder
from featx.hub.outputs import (
    Reading,
    channel_axis_of,
    channels_are_last,
    choose_output,
    choose_pooling,
)
from featx.hub.recipe import Recipe, Setting

__all__ = ["modality_of_inputs", "needs_answers", "read_recipe"]

_Reader = Callable[[ModelFolder, Mapping[str, Any]], Recipe]
# What reads the configuration of each modality's models.
READERS: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx.hub.image:read_image_recipe",
        "text": "featx.hub.text:read_text_recipe",
        "audio": "featx.hub.audio:read_audio_recipe",
    }
)
_SOUNDS = frozenset("input_values input_features waveform waveforms audio audio_values".split())
_MASKS = frozenset(
    "attention_mask is_longer pixel_mask pixel_attention_mask spatial_shapes".split()
)
_PICTURES = frozenset({"pixel_values"})
_OF_IMAGES = ("preprocessor_config.json", "processor_config.json", "open_clip_config.json")
_IMAGE_RANK = 4
# The name of a repository or of a licence.
_PLAIN = re.compile(r"[A-Za-z0-9][\w.+-]*(/[\w.+-]+)?")


def read_recipe(
    folder: ModelFolder,
    graph: Path,
    given: Mapping[str, Any],
    *,
    tap: str | None,
    pooling: str | None,
) -> Recipe | None:
    """Return what a card will say of a graph in a model folder; None of images of which that says nothing.

    Parameters
    ----------
    folder : ModelFolder
        Where the configuration lies.
    graph : Path
    given : mapping
        Entries of the modality's table that a user set, and ``prompt`` and ``dim``; they win.
    tap, pooling : str or None
        The tensor to read and how a row is made of it, where a user says so; otherwise the model's type and
        the outputs of the graph tell.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, or none that takes pictures, texts or sounds alone.
    BadModelFolder
        The configuration is of a kind that no card can say, or fits the graph not.
    BadOption
        Something that neither the folder nor the graph tells was not said either.
    """
    model = _Model(folder, graph, tap)
    if model.modality == "image" and not model.says_of_images():
        return None
    recipe = reader_of(model.modality)(folder, given)
    _require_files(recipe, folder)
    _set_about(recipe, model.config)
    chosen = model.chosen
    recipe.set_graph("output", chosen.value, chosen.origin)
    if chosen.remark:
        recipe.remarks.append(chosen.remark)
    _set_pooling(recipe, model, pooling, given)
    fit_to_graph(recipe, model.inputs, model.facts, given)
    _set_channel_axis(recipe, model)
    return recipe


def needs_answers(folder: ModelFolder, graph: Path, tap: str | None) -> bool:
    """Return whether a graph takes images of which its folder says nothing; raises as ``read_recipe``."""
    model = _Model(folder, graph, tap)
    return model.modality == "image" and not model.says_of_images()


class _Model:
    """A graph, its configuration, and what of the graph is read."""

    def __init__(self, folder: ModelFolder, graph: Path, tap: str | None) -> None:
        self.folder = folder
        self.facts = describe_graph(graph)
        self.config = folder.table("config.json") or {}
        self.chosen = self._choose(tap)
        self.inputs = self.facts.inputs(self.chosen.value or None)
        self.modality = modality_of_inputs(self.inputs, graph)

    def says_of_images(self) -> bool:
        """Return whether the folder says how pictures are preprocessed, in whatever way."""
        known = any(name in self.folder for name in _OF_IMAGES)
        # older files of timm are what is nested in newer ones
        return known or any(key in self.config for key in ("pretrained_cfg", "input_size"))

    def _choose(self, tap: str | None) -> Reading:
        if tap:
            return Reading(tap, "given")
        try:
            return choose_output(self.facts, self.config)
        except BadModelFolder:
            if self.says_of_images() or any(
                _kind(one) != "image" for one in self.facts.all_inputs()
            ):
                raise
            # whoever adds it is asked
            return Reading("", "")


def modality_of_inputs(inputs: list[Tensor], graph: Path) -> str:
    """Return the modality of the inputs that a tap is computed from.

    Raises
    ------
    BadGraph
        They are of several modalities, or of none.
    """
    # a mask belongs to whatever it stands beside
    telling = [tensor for tensor in inputs if tensor.name.split(":")[0] not in _MASKS]
    kinds = {_kind(tensor) for tensor in telling or inputs}
    names = ", ".join(_shown(tensor) for tensor in inputs) or "no input"
    if len(kinds) == 1 and (kind := kinds.pop()):
        return kind
    if kinds and None not in kinds:
        raise BadGraph(
            f"{graph}: the tensor is computed from {names}, which are of several kinds; say tap= with a tensor "
            "that needs those of one kind"
        )
    raise BadGraph(
        f"{graph}: expected an input of images [N, 3, H, W] or [N, H, W, 3], of texts (input_ids) or of sounds "
        f"(input_values, input_features); found {names}"
    )


def reader_of(modality: str) -> _Reader:
    """Return what reads the configuration of a modality's models."""
    reader: _Reader = load_named(READERS[modality])
    return reader


def _kind(tensor: Tensor) -> str | None:
    name = tensor.name.split(":")[0]
    if name in _SOUNDS:
        return "audio"
    if name in _PICTURES:
        return "image"
    if tensor.dtype in ("int64", "int32", "bool"):
        return "text"
    return "image" if tensor.shape is None or len(tensor.shape) == _IMAGE_RANK else None


def _shown(tensor: Tensor) -> str:
    sides = ", ".join(str(side or "?") for side in tensor.shape or ())
    return f"{tensor.name} [{sides}] of {tensor.dtype}"


def _require_files(recipe: Recipe, folder: ModelFolder) -> None:
    """Raise BadModelFolder where texts have no tokenizer."""
    named = recipe.settings.get("tokenizer")
    if named is not None and named.value not in (*recipe.files, *recipe.made):
        raise BadModelFolder(
            f"{folder.path}: has no {named.value}, nor a vocab.txt that it can be made of; put the tokenizer "
            "of the model beside its graph"
        )


def _set_about(recipe: Recipe, config: Mapping[str, Any]) -> None:
    """Set what a configuration says of where the model is from, and of its licence."""
    nested = config.get("pretrained_cfg")
    pretrained: Mapping[str, Any] = nested if isinstance(nested, dict) else {}
    sayings = {
        "source": (
            (config.get("_name_or_path"), "config.json: _name_or_path"),
            (pretrained.get("hf_hub_id"), "config.json: pretrained_cfg.hf_hub_id"),
        ),
        "license": (
            (pretrained.get("license"), "config.json: pretrained_cfg.license"),
            (config.get("license"), "config.json: license"),
        ),
    }
    for name, found in sayings.items():
        for value, origin in found:
            # a path is one of the machine on which the model was made
            plain = isinstance(value, str) and _PLAIN.fullmatch(value)
            if plain and name not in recipe.about:
                recipe.about[name] = Setting(value, origin)


def _set_pooling(
    recipe: Recipe, model: _Model, pooling: str | None, given: Mapping[str, Any]
) -> None:
    """Set the pooling: as given, or else of a tensor of rows, of the folder, of the model's type."""
    tensor = model.facts.tensor(model.chosen.value)
    # columns that are kept, of texts
    dim = given.get("dim") if recipe.modality == "text" else None
    kept = "" if dim is None or "[" in (pooling or "") else f"[:{dim}]"
    chosen = choose_pooling(tensor, model.config)
    if pooling is not None:
        recipe.set_graph("pooling", str(read_pooling(pooling + kept)), "given")
    elif chosen is not None and (chosen.value == "none" or "pooling" not in recipe.graph):
        recipe.set_graph("pooling", chosen.value + kept, chosen.origin, chosen.remark)
    if "pooling" not in recipe.graph:
        raise BadOption(
            f"{model.facts.path}: nothing tells how a row is made of {_shown(tensor)}; "
            "say pooling= with mean, cls, last or another, as the model's page says"
        )


def _set_channel_axis(recipe: Recipe, model: _Model) -> None:
    """Set where the channels of a map are that is pooled, after the layout of the pictures is known."""
    if channels_are_last(model.config):
        recipe.set_graph("channel_axis", -1, "config.json: model_type")
    elif recipe.modality == "image" and not recipe.graph["pooling"].value.startswith("none"):
        shape = model.facts.tensor(model.chosen.value).shape
        if (axis := channel_axis_of(shape, str(recipe.value("layout")))) is not None:
            recipe.set_graph("channel_axis", axis, "the graph")
