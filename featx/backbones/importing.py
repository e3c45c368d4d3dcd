"""A card for a user's own graph: what the graph tells, and what only its owner knows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File, digest, new_directory, user_directory
from featx.errors import BadCard, BadGraph, BadOption
from featx.graphs import LAST_MAP, PENULTIMATE, cut_graph, inputs_of, outputs_of
from featx.modalities import read_settings
from featx.storage.atomic import replacing_folder

__all__ = ["LIKE", "Question", "import_model", "questions"]

LIKE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "torch": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        "tf": {"scale": 1 / 127.5, "mean": (1.0, 1.0, 1.0)},
        "caffe": {"color": "BGR", "scale": 1.0, "mean": (103.939, 116.779, 123.68)},
        "raw": {"scale": 1.0},
    }
)  # pixels as numbers, as Keras names the ways; raw leaves them at 0 to 255

Size = int | tuple[int, int]
Shape = tuple[int | str | None, ...]

_DTYPES = {"float32": "float32", "float64": "float32", "float16": "float16", "uint8": "uint8"}
_NUMBERS = ("like", "scale", "mean", "std")


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a graph does not tell, and what is taken when nobody says it."""

    option: str  # what ``import_model`` calls it
    words: str
    default: Any = None  # None: it must be said


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the graph tells."""

    layout: str | None
    color: str
    size: tuple[int, int] | None  # height and width, where the graph insists on them
    dtype: str
    outputs: tuple[str, ...]  # of floats


def import_model(
    path: Path,
    *,
    name: str,
    like: str | None = None,
    options: Mapping[str, Any] | None = None,
    tap: str | None = None,
    pooling: str | None = None,
    shelf: Path | None = None,
) -> Card:
    """Put a graph of images onto the user's shelf, with a card for it; the card.

    Layout, size, colours, dtype and outputs are read from the graph; ``dim`` by running it once.

    Parameters
    ----------
    name : str
        What the backbone is called from now on; no shelf may have that name already.
    like : {"torch", "tf", "caffe", "raw"}, default=None
        How pixels become numbers, as Keras names it.
    options : mapping, default=None
        Entries of the card's ``[image]`` table; they win over ``like`` and what the graph tells.
    tap, pooling : str, default=None
        The tensor to read, and how a map becomes a row; the only output, and ``"mean"``.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, or not one that takes images.
    BadOption
        Something that the graph does not tell was not said either, or does not fit the graph.
    OutputFailed
        The shelf cannot be written.
    """
    said = {"like": like, "tap": tap, "pooling": pooling, **(options or {})}
    known = {key: value for key, value in said.items() if value is not None}
    asked = questions(path, known)
    if lacking := [question for question in asked if question.default is None]:
        lacks = "; ".join(f"--{question.option} ({question.words})" for question in lacking)
        raise BadOption(f"{path}: the graph does not tell all; say also {lacks}")
    known = {question.option: question.default for question in asked} | known
    card = _draft(path, name, known)
    folder = new_directory(name, shelf or user_directory())
    with replacing_folder(folder) as temporary:
        graph = temporary / card.graph.name
        shutil.copyfile(path, graph)
        file = replace(card.graph, sha256=digest(graph), size=graph.stat().st_size)
        card = replace(card, graph=file, dim=None, path=temporary / "card.toml")
        card = replace(card, dim=_width(card, graph, path), path=folder / "card.toml")
        (temporary / "card.toml").write_text(card.to_toml(), encoding="utf-8")
    return card


def questions(path: Path, said: Mapping[str, Any]) -> list[Question]:
    """What the graph at ``path`` leaves open once ``said`` is known, in the order to ask it.

    ``said`` has the names of the options of ``import_model``, those of the ``[image]`` table among them.

    Raises
    ------
    BadGraph
        The file is not an ONNX graph, or not one that takes images.
    """
    sight = _look(path)
    found = []
    if sight.layout is None and "layout" not in said:
        found.append(Question("layout", "where the channels are: NCHW or NHWC"))
    if sight.dtype != "uint8" and not any(option in said for option in _NUMBERS):
        words = f"how pixels become numbers: {', '.join(LIKE)}; or --scale, --mean and --std"
        found.append(Question("like", words))
    if "resize" not in said and "crop" not in said:
        words = "the short side in pixels, or height,width to stretch to"
        found.append(Question("resize", words, _usual_size(sight, said.get("like"))))
    if "interpolation" not in said:
        words = "nearest, bilinear, bicubic, lanczos, box or hamming"
        found.append(Question("interpolation", words, "bilinear"))
    tap = said.get("tap")
    if tap is None:
        tap = sight.outputs[0] if len(sight.outputs) == 1 else None
        words = f"{', '.join((*sight.outputs, PENULTIMATE, LAST_MAP))} or any tensor by name"
        found.append(Question("tap", words, tap))
    if tap is not None and "pooling" not in said:
        shape = _shape_of(path, tap)
        if shape is not None and len(shape) > 2 and not _is_pooled(shape):
            words = "how a row is made of it: mean, max, flatten, cls or last"
            found.append(Question("pooling", words, "mean" if len(shape) == 4 else None))
    return found


def _look(path: Path) -> _Sight:
    inputs = inputs_of(path)
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
    return _Sight(layout, color, size if layout else None, _DTYPES[image.dtype], outputs)


def _usual_size(sight: _Sight, like: str | None) -> Size | None:
    """What most do: Keras stretches; torchvision takes the middle 7/8 of an image."""
    if sight.size is None or like != "torch" or sight.size[0] != sight.size[1]:
        return sight.size
    return round(sight.size[0] * 8 / 7)


def _draft(path: Path, name: str, known: Mapping[str, Any]) -> Card:
    """The card, but for what only the copied graph tells: digest, size, dim."""
    table = _image_table(_look(path), known)
    pooling = known.get("pooling", "none")
    places = pooling in ("mean", "max", "cls", "last")
    axis = _channel_axis(_shape_of(path, known["tap"]), table["layout"]) if places else None
    try:
        card = Card(
            name=name,
            modality="image",
            graph=File("backbone.onnx", "0" * 64),
            input=read_settings("image", table),
            dim=1,
            output=known["tap"],
            pooling=pooling,
            channel_axis=axis,
            source="added by its user",
            note="canary missing: no second implementation was run.",
        )
        return Card.from_toml(card.to_toml())
    except BadCard as error:
        raise BadOption(str(error)) from error


def _image_table(sight: _Sight, known: Mapping[str, Any]) -> dict[str, Any]:
    """What the graph tells, then ``like``, then what was said."""
    like = known.get("like", "raw")
    if like not in LIKE:
        raise BadOption(f"like {like!r}: expected one of {', '.join(LIKE)}")
    if sight.dtype == "uint8" and any(option in known for option in _NUMBERS):
        raise BadOption(
            "the graph takes pixels as they are: leave --like, --scale, --mean, --std out"
        )
    table: dict[str, Any] = {"layout": sight.layout, "color": sight.color, "dtype": sight.dtype}
    table |= LIKE[like] if "like" in known else {}
    table |= {key: value for key, value in known.items() if key not in ("like", "tap", "pooling")}
    if isinstance(table.get("resize"), int) and "crop" not in table:
        table["crop"] = sight.size or table["resize"]
    for key in ("mean", "std"):  # one number stands for all channels
        if len(table.get(key, ())) == 1 and table["color"] != "L":
            table[key] = tuple(table[key]) * 3
    size = table.get("crop") or table["resize"]
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if sight.size not in (None, pair):
        taken, given = (f"{high} × {wide}" for high, wide in (sight.size, pair))
        raise BadOption(f"the graph takes images of {taken} pixels, the options make {given}")
    return table


def _channel_axis(shape: Shape | None, layout: str) -> int | None:
    """Where the channels of a map are: beside two equal sides, or where the number is known."""
    if shape is None or len(shape) != 4:
        return None
    first, middle, last = shape[1:]
    if first == middle and middle != last:
        return -1
    if middle == last and first != middle:
        return None
    return -1 if layout == "NHWC" else None


def _is_pooled(shape: Shape) -> bool:
    """Whether a map has one place only, so that it is a row already."""
    return list(shape[1:]).count(1) >= len(shape) - 2


def _shape_of(path: Path, tap: str) -> Shape | None:
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "cut.onnx"
        graph.write_bytes(cut_graph(path, tap))
        return outputs_of(graph)[0].shape


def _width(card: Card, graph: Path, path: Path) -> int:
    """Columns of a row, found by running the copied graph once; failures name the user's file."""
    try:
        return Backbone(card).dim
    except BadGraph as error:
        if "xternal data" in str(error):
            words = "keeps its weights in another file; export it as one file"
            raise BadGraph(f"{path}: {words}, without external data") from error
        raise BadGraph(str(error).replace(str(graph), str(path))) from error
