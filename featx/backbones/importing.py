"""Import a user's own graph: its card is what the graph tells and what only its owner knows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from featx._typing import ImageSize, Shape
from featx.backbones.installing import install
from featx.catalog import Card, File
from featx.errors import BadCard, BadGraph, BadOption
from featx.graphs import LAST_MAP, PENULTIMATE, cut_graph, inputs_of, outputs_of
from featx.graphs.facts import describe_graph
from featx.graphs.pooling import read_pooling
from featx.graphs.rescaling import scales_pixels
from featx.hub.outputs import channel_axis_of
from featx.modalities import read_settings

__all__ = ["LIKE", "Question", "draft_card", "import_model", "questions"]

# how pixels become numbers, by Keras's names; raw leaves them at 0 to 255
LIKE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "torch": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        "tf": {"scale": 1 / 127.5, "mean": (1.0, 1.0, 1.0)},
        "caffe": {"color": "BGR", "scale": 1.0, "mean": (103.939, 116.779, 123.68)},
        "raw": {"scale": 1.0},
    }
)

_DTYPES = {"float32": "float32", "float64": "float32", "float16": "float16", "uint8": "uint8"}
_NUMBERS = ("like", "scale", "mean", "std")


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a graph does not tell.

    Attributes
    ----------
    option : str
        What ``import_model`` calls it.
    text : str
        The question.
    default : Any
        What is taken where nobody answers; None is a question that must be answered.
    """

    option: str
    text: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class _GraphFacts:
    """The facts that a graph of images tells of itself."""

    layout: str | None
    color: str
    # height and width, where the graph insists on them
    size: tuple[int, int] | None
    dtype: str
    # whether it makes numbers of pixels of 0 to 255 itself
    scales: bool
    # names of the outputs of floats
    outputs: tuple[str, ...]


def import_model(
    path: Path,
    *,
    name: str,
    like: str | None = None,
    options: Mapping[str, Any] | None = None,
    tap: str | None = None,
    pooling: str | None = None,
    directory: Path | None = None,
) -> Card:
    """Put a graph of images into a model directory, with a card for it, and return the card.

    Layout, size, colours, dtype and outputs are read from the graph; ``dim`` and ``batch`` are found by
    running it. A FeatxWarning says where samples cannot share a batch, or some rows are not finite.

    Parameters
    ----------
    name : str
        What the backbone is called from now on; no model directory may have that name already.
    like : {"torch", "tf", "caffe", "raw"}, default=None
        How pixels become numbers, as Keras names it.
    options : mapping, default=None
        Entries of the card's ``[image]`` table; they win over ``like`` and what the graph tells.
    tap, pooling : str, default=None
        The tensor to read, and how a map becomes a row; the only output, and ``"mean"``.
    directory : Path, default=None
        The model directory; the user's own.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, or not one that takes images; or it was exported in training mode,
        gives another row of the same image each time, or rows that are not finite.
    BadOption
        Something that the graph does not tell was not said either, or does not fit the graph.
    OutputFailed
        The model directory cannot be written.
    """
    card = draft_card(path, name=name, like=like, options=options, tap=tap, pooling=pooling)
    return install(card, path, {}, directory=directory)


def draft_card(
    path: Path,
    *,
    name: str,
    like: str | None = None,
    options: Mapping[str, Any] | None = None,
    tap: str | None = None,
    pooling: str | None = None,
) -> Card:
    """Return the card of a graph of images but for what only running it tells; parameters as ``import_model``.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, or not one that takes images.
    BadOption
        Something that the graph does not tell was not said either, or does not fit the graph.
    """
    given = {"like": like, "tap": tap, "pooling": pooling, **(options or {})}
    known = {key: value for key, value in given.items() if value is not None}
    asked = questions(path, known)
    if missing := [question for question in asked if question.default is None]:
        listed = "; ".join(f"{question.option}= ({question.text})" for question in missing)
        raise BadOption(f"{path}: the graph does not tell all; say also {listed}")
    known = {question.option: question.default for question in asked} | known
    return _draft(path, name, known)


def questions(path: Path, given: Mapping[str, Any]) -> list[Question]:
    """Return what the graph at ``path`` leaves open once ``given`` is known, in the order to ask it.

    ``given`` has the names of the options of ``import_model``, those of the ``[image]`` table among them.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, or not one that takes images.
    """
    facts = _inspect(path, given.get("tap"))
    asked = []
    if facts.layout is None and "layout" not in given:
        asked.append(Question("layout", "where the channels are: NCHW or NHWC"))
    if facts.dtype != "uint8" and not any(option in given for option in _NUMBERS):
        text = f"how pixels become numbers: {', '.join(LIKE)}; or scale=, mean= and std="
        asked.append(Question("like", text, "raw" if facts.scales else None))
    if "resize" not in given and "crop" not in given:
        text = "the short side in pixels, or height,width to stretch to"
        asked.append(Question("resize", text, _usual_size(facts, given.get("like"))))
    if "interpolation" not in given:
        text = "nearest, bilinear, bicubic, lanczos, box or hamming"
        asked.append(Question("interpolation", text, "bilinear"))
    tap = given.get("tap")
    if tap is None:
        tap = facts.outputs[0] if len(facts.outputs) == 1 else None
        text = f"{', '.join((*facts.outputs, PENULTIMATE, LAST_MAP))} or any tensor by name"
        asked.append(Question("tap", text, tap))
    if tap is not None and "pooling" not in given:
        shape = _shape_of(path, tap)
        if shape is not None and len(shape) > 2 and not _is_pooled(shape):
            text = "how a row is made of it: mean, max, flatten, cls or last"
            asked.append(Question("pooling", text, "mean" if len(shape) == 4 else None))
    return asked


def _inspect(path: Path, tap: str | None) -> _GraphFacts:
    inputs = inputs_of(path)
    if len(inputs) > 1:
        graph = describe_graph(path)
        read = [graph.inputs(tap or output.name) for output in graph.outputs]
        # without a tap: those that every output needs, so that there is nothing to choose
        inputs = read[0] if all(one == read[0] for one in read) else inputs
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs) or "none"
        raise BadGraph(f"{path}: expected one input, a batch of images; found {names}")
    [image] = inputs
    shape = image.shape or (None,) * 4
    if len(shape) != 4 or image.dtype not in _DTYPES:
        sides = ", ".join(str(side or "?") for side in shape)
        raise BadGraph(
            f"{path}: expected an input [N, 3, H, W] or [N, H, W, 3] of floats or uint8, "
            f"found {image.name} [{sides}] of {image.dtype}"
        )
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    layout = None if first == last else "NCHW" if first else "NHWC"
    channels, height, width = (shape[3], *shape[1:3]) if layout == "NHWC" else shape[1:]
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    color = "L" if layout and channels == 1 else "RGB"
    outputs = tuple(tensor.name for tensor in outputs_of(path) if "float" in tensor.dtype)
    dtype, scales = _DTYPES[image.dtype], scales_pixels(path, image.name)
    return _GraphFacts(layout, color, size if layout else None, dtype, scales, outputs)


def _usual_size(facts: _GraphFacts, like: str | None) -> ImageSize | None:
    """Return the size that most take: Keras stretches; torchvision takes the middle 7/8 of an image."""
    if facts.size is None or like != "torch" or facts.size[0] != facts.size[1]:
        return facts.size
    return round(facts.size[0] * 8 / 7)


def _draft(path: Path, name: str, known: Mapping[str, Any]) -> Card:
    """Return the card, but for what only the copied graph tells: digest, size, dim."""
    facts = _inspect(path, known["tap"])
    table = _image_table(facts, known)
    pooling = read_pooling(known.get("pooling", "none"))
    pools_channels = pooling.channels_last and pooling.name != "none"
    axis = (
        channel_axis_of(_shape_of(path, known["tap"]), table["layout"]) if pools_channels else None
    )
    try:
        card = Card(
            name=name,
            modality="image",
            graph=File("backbone.onnx", "0" * 64),
            input=read_settings("image", table),
            dim=1,
            output=known["tap"],
            pooling=str(pooling),
            channel_axis=axis,
            source="added by its user",
            note=_note(facts, known),
        )
        return Card.from_toml(card.to_toml())
    except BadCard as error:
        raise BadOption(str(error)) from error


def _image_table(facts: _GraphFacts, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``[image]`` table: what the graph tells, then ``like``, then what was given."""
    like = known.get("like", "raw")
    if like not in LIKE:
        raise BadOption(f"like {like!r}: expected one of {', '.join(LIKE)}")
    if facts.dtype == "uint8" and any(option in known for option in _NUMBERS):
        raise BadOption(
            "the graph takes pixels as they are: leave like=, scale=, mean= and std= out"
        )
    table: dict[str, Any] = {"layout": facts.layout, "color": facts.color, "dtype": facts.dtype}
    table |= LIKE[like] if "like" in known else {}
    table |= {key: value for key, value in known.items() if key not in ("like", "tap", "pooling")}
    if isinstance(table.get("resize"), int) and "crop" not in table:
        table["crop"] = facts.size or table["resize"]
    # one number stands for all channels
    for key in ("mean", "std"):
        if len(table.get(key, ())) == 1 and table["color"] != "L":
            table[key] = tuple(table[key]) * 3
    size = table.get("crop") or table["resize"]
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if facts.size not in (None, pair):
        wanted, resized = (f"{high} × {wide}" for high, wide in (facts.size, pair))
        raise BadOption(f"the graph takes images of {wanted} pixels, the options make {resized}")
    return table


def _note(facts: _GraphFacts, known: Mapping[str, Any]) -> str:
    """Return what the card says of itself: what was not checked, and what the graph does itself."""
    note = "canary missing: no second implementation was run."
    if facts.scales and known.get("like") == "raw":
        note += " The graph makes numbers of pixels of 0 to 255 itself."
    return note


def _is_pooled(shape: Shape) -> bool:
    """Return whether a map has one position only, so that it is a row already."""
    return list(shape[1:]).count(1) >= len(shape) - 2


def _shape_of(path: Path, tap: str) -> Shape | None:
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "cut.onnx"
        graph.write_bytes(cut_graph(path, tap, beside=True))
        return outputs_of(graph)[0].shape
