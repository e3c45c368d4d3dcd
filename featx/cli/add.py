"""``featx backbones add``: a card for a graph of one's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.options import PoolingName, read_pairs
from featx.cli.paths import LocalPath

if TYPE_CHECKING:
    from featx.catalog import Card

__all__ = ["GraphOptions", "add_command", "added", "answers_of", "graph_options"]


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
    "file": (str, "Which graph of a folder, such as onnx/model_fp16.onnx."),
    "name": (str, "What to call it [default: the name of the folder, or the file's]."),
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
    "prompt": (str, "Which of a text model's prompts goes before each text, by its name."),
    "dim": (
        click.IntRange(min=1),
        "Columns to keep, of a model that was trained to be cut (Matryoshka).",
    ),
}


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """The options that describe a graph; None for each that is not given."""

    file: str | None
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
    prompt: str | None
    dim: int | None
    set: tuple[str, ...]


def graph_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the table above and ``--set`` as one ``given``, and ``dry_run``."""

    @wraps(function)
    def gathered(**values: Any) -> None:
        given = GraphOptions(
            **{field.name: values.pop(field.name) for field in fields(GraphOptions)}
        )
        function(given=given, **values)

    gathered = click.option("--dry-run", is_flag=True, help="Print the card, and add nothing.")(
        gathered
    )
    gathered = click.option(
        "--set",
        metavar="KEY=VALUE",
        multiple=True,
        help="Any entry of the card's table of pictures, texts or sounds, such as crop=160.",
    )(gathered)
    for option, (kind, text) in reversed(_OPTIONS.items()):
        gathered = click.option(f"--{option}", type=kind, help=text)(gathered)
    return gathered


@click.command("add")
@click.argument("path", metavar="FOLDER_OR_FILE", type=LocalPath())
@graph_options
def add_command(path: Path, given: GraphOptions, dry_run: bool) -> None:
    """Put a model into your model directory and print its card.

    FOLDER_OR_FILE is a model folder as hubs publish them and programs export them, or an ONNX graph. What a
    folder's configuration says of pictures, texts or sounds is read, and the card says of each line where it
    is from. For a graph of images that lies alone, what it cannot tell is asked on a terminal, and elsewhere
    given by options: wrong preprocessing fails quietly, so featx does not guess it.
    """
    from featx.backbones.adding import add_backbone

    answers = answers_of(given)
    if sys.stdin.isatty():
        answers = _ask(path, answers)
    first = {key: answers.pop(key, None) for key in ("name", "file", "tap", "pooling")}
    card = add_backbone(path, options=answers, dry_run=dry_run, **first)
    added(card, dry_run=dry_run)
    if given.tap is None and card.pooling == "none" and not card.comments:
        values = f"its rows are the {card.dim} values of {card.output}"
        click.echo(f"{values}; if those are scores of classes, use --tap penultimate", err=True)


def answers_of(given: GraphOptions) -> dict[str, Any]:
    """Return the options that were given, those of ``--set`` among them, by the library's names."""
    answers = {key: value for key, value in asdict(given).items() if value is not None}
    return answers | read_pairs(answers.pop("set"))


def added(card: Card, *, dry_run: bool) -> None:
    """Print a card, and what to do with it where it was added."""
    click.echo(card.to_toml(), nl=False)
    if not dry_run:
        click.echo(f"added {card.name}; try: featx fit FOLDER --backbone {card.name}", err=True)


def _ask(path: Path, answers: dict[str, Any]) -> dict[str, Any]:
    """Return ``answers`` with an answer to each question that is still open, asked on the terminal."""
    from featx.backbones.adding import find_model, open_questions

    answers = dict(answers)
    found = find_model(path, answers.get("file"))
    if "name" not in answers and open_questions(found, answers):
        answers["name"] = click.prompt("name", default=found.name, err=True)
    while asked := open_questions(found, answers):
        question = asked[0]
        kind, _ = _OPTIONS[question.option]
        default = question.default
        if isinstance(default, tuple):
            default = ",".join(map(str, default))
        text = f"{question.option}: {question.text}"
        answers[question.option] = click.prompt(text, default=default, type=kind, err=True)
    return answers
