"""``featx backbones pull``: the bytes of a backbone, or a whole model of a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from featx.cli.add import GraphOptions, added, answers_of, graph_options

__all__ = ["pull_command"]


@click.command("pull")
@click.argument("model", metavar="NAME")
@graph_options
@click.option(
    "--accept-licence",
    is_flag=True,
    help="You have read the licence of a model of a hub that is none of the free ones, and accept it.",
)
def pull_command(model: str, given: GraphOptions, dry_run: bool, accept_licence: bool) -> None:
    """Fetch what NAME needs into your model directory.

    NAME is a backbone whose card says where its bytes are; or a short name, as `featx backbones list` shows
    them; or hf:OWNER/NAME[@REVISION][:FILE], a repository of a hub with an ONNX graph, which is added as
    `featx backbones add` adds a folder, with the same options. HF_ENDPOINT names a mirror, HF_TOKEN opens what
    is not for all, and under HF_HUB_OFFLINE nothing is asked.
    """
    answers = answers_of(given)
    if _is_here(model):
        _pull_files(model, answers)
        return
    from featx.backbones.adding import draft_backbone
    from featx.backbones.pulling import pull_model, read_wanted

    file, name, tap, pooling = (
        answers.pop(key, None) for key in ("file", "name", "tap", "pooling")
    )
    wanted = read_wanted(model, file=file, name=name)
    with _bar(model) as progress:
        card = pull_model(
            wanted,
            draft=partial(draft_backbone, tap=tap, pooling=pooling, options=answers),
            accept_licence=accept_licence,
            dry_run=dry_run,
            progress=progress,
            log=partial(click.echo, err=True),
        )
    added(card, dry_run=dry_run)


def _pull_files(name: str, answers: Mapping[str, Any]) -> None:
    """Fetch the files of a card, which says all else itself."""
    from featx.catalog import get_card, missing_bytes, pull

    if answers:
        raise click.UsageError(
            f"{name} is a backbone whose card says all: leave --{next(iter(answers))} out"
        )
    card = get_card(name)
    with _bar(name, missing_bytes(card)) as progress:
        path = pull(card, progress=progress)
    click.echo(path)


def _is_here(name: str) -> bool:
    """Return whether a card has the name; a name that nothing has is refused."""
    from featx.catalog import SHORT_NAMES, get_card, list_cards
    from featx.errors import UnknownBackbone

    if name.startswith("hf:"):
        return False
    try:
        get_card(name)
    except UnknownBackbone as error:
        if name in SHORT_NAMES:
            return False
        known = [*SHORT_NAMES, *(card.name for card in list_cards())]
        raise UnknownBackbone(name, known, advice=error.advice) from None
    return True


@contextmanager
def _bar(name: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Show how many bytes came, on a terminal."""
    from tqdm import tqdm

    with tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        yield bar.update
