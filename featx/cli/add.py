"""``featx backbones add``: a card for a graph of one's own."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from featx.cli.options import PoolingName

__all__ = ["add_command"]


class Numbers(click.ParamType[Any]):
    """One number or several with commas between them.

    Parameters
    ----------
    name : str
        An example, for messages.
    kind : type
        ``int`` or ``float``.
    one : bool
        Whether a single number stays a number, or else becomes a tuple.
    """

    def __init__(self, name: str, kind: type[int] | type[float], *, one: bool) -> None:
        self.name = name
        self.kind = kind
        self.one = one

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or the numbers as a tuple."""
        if not isinstance(value, str):
            return value
        try:
            numbers = tuple(self.kind(part) for part in value.replace("x", ",").split(","))
        except ValueError:
            self.fail(f"{value!r}: expected numbers such as {self.name}", param, ctx)
        return numbers[0] if self.one and len(numbers) == 1 else numbers


_SIZE = Numbers("224 or 224,224", int, one=True)
_CHANNELS = Numbers("0.5,0.5,0.5", float, one=False)
_OPTIONS: dict[str, tuple[click.ParamType[Any] | type, str]] = {
    "name": (str, "What to call it [default: the file's name]."),
    "like": (
        click.Choice(["torch", "tf", "caffe", "raw"]),
        "How pixels become numbers, as Keras names it; raw leaves 0 to 255.",
    ),
    "resize": (_SIZE, "Short side in pixels, or HEIGHT,WIDTH to stretch to."),
    "crop": (_SIZE, "Side or HEIGHT,WIDTH of the middle that is kept after resizing."),
    "interpolation": (
        click.Choice(["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]),
        "How to resize.",
    ),
    "color": (click.Choice(["RGB", "BGR", "L"]), "Order of the channels."),
    "layout": (
        click.Choice(["NCHW", "NHWC"]),
        "Where the channels are, if the graph hides it.",
    ),
    "scale": (float, "What a pixel of 0 to 255 is multiplied by, first."),
    "mean": (_CHANNELS, "What is taken off then, one number a channel in the tensor's order."),
    "std": (_CHANNELS, "What that is divided by, likewise."),
    "tap": (str, "Tensor to read; penultimate and last-map are found by themselves."),
    "pooling": (
        PoolingName(),
        "How a map or a sequence becomes one row.",
    ),
}


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """What the command line says of a graph; None where it says nothing."""

    name: str | None
    like: str | None
    resize: int | tuple[int, ...] | None
    crop: int | tuple[int, ...] | None
    interpolation: str | None
    color: str | None
    layout: str | None
    scale: float | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    tap: str | None
    pooling: str | None


def _graph_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the table above as one ``GraphOptions``, named ``given``."""

    @wraps(function)
    def gathered(**values: Any) -> None:
        given = GraphOptions(
            **{field.name: values.pop(field.name) for field in fields(GraphOptions)}
        )
        function(given=given, **values)

    for option, (kind, text) in reversed(_OPTIONS.items()):
        gathered = click.option(f"--{option}", type=kind, help=text)(gathered)
    return gathered


@click.command("add")
@click.argument("file", type=click.Path(path_type=Path))
@_graph_options
def add_command(file: Path, given: GraphOptions) -> None:
    """Put FILE, an ONNX graph of images, into your model directory and print its card.

    Layout, size and outputs are read from the graph. What it cannot tell is asked on a terminal,
    and elsewhere given by options: wrong preprocessing fails quietly, so featx does not guess it.
    """
    from featx.backbones.importing import import_model

    answers = {key: value for key, value in asdict(given).items() if value is not None}
    if sys.stdin.isatty():
        answers = _ask(file, answers)
    name = answers.pop("name", _as_name(file.stem))
    first = {key: answers.pop(key, None) for key in ("like", "tap", "pooling")}
    card = import_model(file, name=name, options=answers, **first)
    click.echo(card.to_toml(), nl=False)
    click.echo(f"added {card.name}; try: featx fit FOLDER --backbone {card.name}", err=True)
    if given.tap is None and card.pooling == "none":
        values = f"its rows are the {card.dim} values of {card.output}"
        click.echo(f"{values}; if those are scores of classes, use --tap penultimate", err=True)


def _as_name(stem: str) -> str:
    """Return a file's name as a backbone's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-") or "backbone"


def _ask(file: Path, answers: dict[str, Any]) -> dict[str, Any]:
    """Return ``answers`` with an answer to each question that is still open, asked on the terminal."""
    from featx.backbones.importing import questions

    answers = dict(answers)
    if "name" not in answers:
        answers["name"] = click.prompt("name", default=_as_name(file.stem), err=True)
    while asked := questions(file, answers):
        question = asked[0]
        kind, _ = _OPTIONS[question.option]
        default = question.default
        if isinstance(default, tuple):
            default = ",".join(map(str, default))
        text = f"{question.option}: {question.text}"
        answers[question.option] = click.prompt(text, default=default, type=kind, err=True)
    return answers
