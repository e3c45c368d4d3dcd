"""Outputs: which tensor of a model's graph is the embedding, and how a row is made of it.

Programs that export models name outputs alike and mean different things by them: what is last is a class
token in one model and a map of patches in the next, and ``pooler_output`` is what the model was trained by in
some and a layer that nobody trained in others. So the model's type decides, as its configuration says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from featx._typing import Shape
from featx.errors import BadModelFolder
from featx.graphs import PENULTIMATE
from featx.graphs.facts import GraphFacts
from featx.graphs.inspect import Tensor

__all__ = [
    "Reading",
    "channel_axis_of",
    "channels_are_last",
    "choose_output",
    "choose_pooling",
    "model_type",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """A tensor to read, or a pooling of it, and why it is that.

    Attributes
    ----------
    value : str
    origin : str
        As those of ``featx.hub.recipe.Setting``.
    remark : str
        What a person should know of it; mostly empty.
    """

    value: str
    origin: str
    remark: str = ""


# Outputs that hold one row a sample by what they are called, whatever the model; the first there is is taken.
_ROWS = (
    "sentence_embedding",
    "image_embeds",
    "audio_embeds",
    "text_embeds",
    "embeddings",
    "embedding",
    "features",
)
# What a layer makes of the class token, or of the mean, that the model was trained by.
_TRAINED_POOLERS = frozenset(
    "clip clip_vision_model clip_text_model metaclip_2 metaclip_2_vision_model metaclip_2_text_model altclip "
    "altclip_vision_model chinese_clip chinese_clip_vision_model siglip siglip_vision_model siglip_text_model "
    "siglip2 siglip2_vision_model siglip2_text_model aimv2 aimv2_vision_model convnext convnextv2 hiera".split()
)
_LAST = ("last_hidden_state", "token_embeddings", "hidden_states", "encoder_last_hidden_state")
_SCORES = ("logits", "scores", "probabilities", "probs")

# How a row is made of the last hidden state, by the model's type.
_POOLINGS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            "vit vit_msn vit_mae vit_hybrid deit dinov2 dinov2_with_registers dinov3_vit dinov3_convnext pvt "
            "clip clip_vision_model metaclip_2 metaclip_2_vision_model altclip altclip_vision_model "
            "chinese_clip chinese_clip_vision_model".split(),
            "cls",
        ),
        **dict.fromkeys(("beit", "data2vec-vision"), "patch-mean"),
        **dict.fromkeys(
            "ijepa siglip siglip_vision_model siglip2 siglip2_vision_model aimv2 aimv2_vision_model swin "
            "swinv2 donut-swin hiera focalnet levit pvt_v2 dinat convnext convnextv2 resnet regnet cvt bit "
            "mobilenet_v1 mobilenet_v2 mobilevit mobilevitv2 efficientnet poolformer swiftformer "
            "efficientformer van timm_wrapper".split(),
            "mean",
        ),
        **dict.fromkeys(
            "wav2vec2 wav2vec2-bert wav2vec2-conformer hubert wavlm unispeech unispeech-sat data2vec-audio "
            "sew sew-d whisper speech_to_text".split(),
            "mean",
        ),
        "audio-spectrogram-transformer": "first-mean",
    }
)
# Maps with their channels on the last axis.
_CHANNELS_LAST = frozenset({"dinat"})
_MAP_RANK = 4
# Tokens before those of the patches: a class token and registers.
_MOST_BEFORE = 8
# Layers that come after the pooling, in ``pooler_output`` alone.
_NORM_AFTER = frozenset({"convnext", "convnextv2", "hiera"})


def choose_output(facts: GraphFacts, config: Mapping[str, Any]) -> Reading:
    """Return the tensor to read of a graph, as its outputs and the model's configuration say.

    Parameters
    ----------
    facts : GraphFacts
    config : mapping
        The model's ``config.json``; empty where there is none.

    Raises
    ------
    BadModelFolder
        Nothing tells which tensor holds an embedding.
    """
    kind, names = model_type(config), [tensor.name for tensor in facts.outputs]
    origin = "outputs of the graph"
    if "pooler_output" in names and kind in _TRAINED_POOLERS:
        return Reading("pooler_output", f"{origin}; config.json: model_type")
    rows = [name for name in _ROWS if name in names and not _is_map(facts.output(name))]
    if rows:
        return Reading(rows[0], origin, _other_tower(rows[0], names))
    if last := [name for name in _LAST if name in names]:
        return Reading(last[0], origin, _lacks_norm(kind))
    if scores := [name for name in names if _is_scores(facts.output(name), config)]:
        return _before_scores(facts, config, scores[0])
    if len(names) == 1:
        return Reading(names[0], "the only output of the graph")
    raise BadModelFolder(
        f"{facts.path}: gives {', '.join(names) or 'no tensor'}, and nothing tells which is the embedding; "
        f"say tap= with one of them, or any tensor by name"
    )


def choose_pooling(tensor: Tensor, config: Mapping[str, Any]) -> Reading | None:
    """Return how a row is made of a tensor; None where nothing tells.

    Parameters
    ----------
    tensor : Tensor
        The tap, with its shape where that is known.
    config : mapping
        The model's ``config.json``; empty where there is none.
    """
    kind, rank = model_type(config), None if tensor.shape is None else len(tensor.shape)
    named = rank is None and tensor.name in (*_ROWS, "pooler_output")
    if named or rank == 2 or _has_one_place(tensor):
        return Reading("none", "the tensor holds one row a sample")
    pooling = _POOLINGS.get(kind)
    if rank == 4 and pooling in (None, "cls", "patch-mean"):
        pooling = "mean"
    if pooling is None:
        return _pooling_of_timm(tensor, config)
    registers = config.get("num_register_tokens")
    if pooling == "patch-mean" and isinstance(registers, int) and registers > 0:
        pooling = f"patch-mean:{1 + registers}"
    return Reading(pooling, f"what suits model_type {kind!r}" if kind else "a map")


def _pooling_of_timm(tensor: Tensor, config: Mapping[str, Any]) -> Reading | None:
    """Return how timm makes a row of the tokens of ``forward_features``; None where nothing says it."""
    shape, pool = tensor.shape, config.get("global_pool")
    origin = "config.json: global_pool"
    if shape is None or len(shape) != 3 or "architecture" not in config:
        return None
    if pool == "token":
        return Reading("cls", origin)
    if pool != "avg" or not isinstance(shape[1], int):
        return None
    before = [
        k for k in range(_MOST_BEFORE + 1) if math.isqrt(max(0, shape[1] - k)) ** 2 == shape[1] - k
    ]
    if not before:
        return None
    remark = "timm may have a norm behind this mean, which forward_features leaves out"
    return Reading(f"patch-mean:{before[0]}" if before[0] else "mean", origin, remark)


def channel_axis_of(shape: Shape | None, layout: str) -> int | None:
    """Return where the channels of a map are; None is where PyTorch has them.

    They are beside two equal sides, or else where pictures of ``layout`` have them.
    """
    if shape is None or len(shape) != _MAP_RANK:
        return None
    first, middle, last = shape[1:]
    if first == middle and middle != last:
        return -1
    if middle == last and first != middle:
        return None
    return -1 if layout == "NHWC" else None


def channels_are_last(config: Mapping[str, Any]) -> bool:
    """Return whether the maps of a model have their channels on the last axis."""
    return model_type(config) in _CHANNELS_LAST


def model_type(config: Mapping[str, Any]) -> str:
    """Return the model's type of its configuration; empty where it has none."""
    kind = config.get("model_type")
    return kind if isinstance(kind, str) else ""


def _is_map(tensor: Tensor | None) -> bool:
    shape = None if tensor is None else tensor.shape
    return shape is not None and len(shape) > 2


def _has_one_place(tensor: Tensor) -> bool:
    shape = tensor.shape
    return shape is not None and len(shape) == 4 and list(shape[1:]).count(1) >= 2


def _is_scores(tensor: Tensor | None, config: Mapping[str, Any]) -> bool:
    """Return whether an output holds scores of classes, by its name or its width."""
    if tensor is None or tensor.name.startswith("present"):
        return False
    if tensor.name.split(".")[0] in _SCORES:
        return True
    wide = tensor.shape[-1] if tensor.shape and len(tensor.shape) == 2 else None
    labels = config.get("id2label")
    classes = [config.get("num_classes"), len(labels) if isinstance(labels, dict) else None]
    cfg = config.get("pretrained_cfg")
    if isinstance(cfg, dict):
        classes.append(cfg.get("num_classes"))
    return wide is not None and wide in classes and wide != config.get("num_features")


def _before_scores(facts: GraphFacts, config: Mapping[str, Any], scores: str) -> Reading:
    """Return what the last layer reads of which the scores are made."""
    architectures = config.get("architectures")
    named = " ".join(map(str, architectures)) if isinstance(architectures, list) else ""
    if "MaskedLM" in named or "QuestionAnswering" in named:
        raise BadModelFolder(
            f"{facts.path}: was exported as {named}, whose last layer is no embedding; export it for "
            "feature extraction, or say tap= with a tensor"
        )
    if facts.last_layer() is None:
        raise BadModelFolder(
            f"{facts.path}: gives {scores}, scores of classes, and no layer with weights is before them; "
            "say tap= with a tensor"
        )
    return Reading(PENULTIMATE, f"what the last layer before {scores!r} reads")


def _other_tower(chosen: str, names: list[str]) -> str:
    other = {"image_embeds": "text_embeds", "audio_embeds": "text_embeds"}.get(chosen)
    if other not in names:
        return ""
    return f"the graph has two towers: {chosen} was taken; tap={other!r} adds the other one"


def _lacks_norm(kind: str) -> str:
    if kind not in _NORM_AFTER:
        return ""
    return (
        f"a {kind} has a LayerNorm after its pooling, in pooler_output alone: the graph does not give "
        "that, and rows are the means before it"
    )
