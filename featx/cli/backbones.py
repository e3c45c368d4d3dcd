"""``featx backbones``: what there is, whether it is right, and how to get more."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from featx._display import display_width, pad
from featx.cli.add import add_command
from featx.cli.layers import layers_command, print_table
from featx.cli.options import format_option
from featx.cli.pull import pull_command

if TYPE_CHECKING:
    from featx.catalog import Card

__all__ = ["backbones_group"]


@click.group("backbones")
def backbones_group() -> None:
    """List, inspect, check, add and fetch backbones."""


backbones_group.add_command(add_command)
backbones_group.add_command(layers_command)
backbones_group.add_command(pull_command)


@backbones_group.command("list")
@format_option("table", "json", help="What to print.")
def list_command(style: str) -> None:
    """List all backbones; one that is to be pulled, or on a hub, needs `featx backbones pull`.

    What is on a hub under a short name shows the rest of its facts once it is pulled.
    """
    from featx.catalog import list_cards

    cards = list_cards()
    facts: list[dict[str, Any]] = [
        {
            "name": card.name,
            "modality": card.modality,
            "dim": card.dim,
            "bytes": _size(card),
            "license": card.license,
            "where": _where(card),
        }
        for card in cards
    ]
    facts += _on_a_hub({card.name for card in cards})
    if style == "json":
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [
        [
            *(fact[key] for key in ("name", "modality")),
            fact["dim"] or "?",
            _megabytes(fact["bytes"]),
            *(fact[key] for key in ("license", "where")),
        ]
        for fact in facts
    ]
    print_table(["name", "modality", "dim", "size", "licence", "where"], rows)


@backbones_group.command("show")
@click.argument("name")
def show_command(name: str) -> None:
    """Print the card of NAME as TOML, with its fingerprint and where its bytes are."""
    from featx.catalog import get_card, locate

    card = get_card(name)
    click.echo(f"# fingerprint: {card.fingerprint}")
    click.echo(f"# card: {card.path}")
    click.echo(f"# graph: {locate(card, card.graph) or 'not on this machine'}")
    click.echo(card.to_toml(), nl=False)


@backbones_group.command("check")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_context
def check_command(ctx: click.Context, names: Sequence[str]) -> None:
    """Recompute the canary of each NAME, or of every backbone: is it still what its card says?

    Exit status 1 if one fails; a canary or weights that are missing are only mentioned.
    """
    from featx.backbones.selfcheck import check
    from featx.catalog import get_card, list_cards

    cards = [get_card(name) for name in names] if names else list_cards()
    width = max((display_width(card.name) for card in cards), default=0)
    failed = False
    for card in cards:
        result = check(card)
        failed |= result.status == "failed"
        click.echo(f"{pad(result.name, width)}  {result.status:7}  {result.message}")
    ctx.exit(1 if failed else 0)


@backbones_group.command("remove")
@click.argument("name")
def remove_command(name: str) -> None:
    """Delete NAME from your own model directory; what featx ships stays."""
    from featx.catalog import remove

    click.echo(f"removed {remove(name)}", err=True)


def _size(card: Card) -> int | None:
    sizes = [file.size for file in (card.graph, *card.files)]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _on_a_hub(known: Container[str]) -> Iterator[dict[str, Any]]:
    """Give the facts of the models with short names that are not here."""
    from featx.catalog import SHORT_NAMES

    for name, short in SHORT_NAMES.items():
        if name not in known:
            yield {
                "name": name,
                "modality": short.modality,
                "dim": None,
                "bytes": None,
                "license": short.licence,
                "where": "on a hub",
                "address": short.address,
            }


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.1f} MB"


def _where(card: Card) -> str:
    """Return 'shipped', 'here', 'to pull' or 'missing': where the bytes of a backbone are."""
    from featx.catalog import bundled_directory, locate

    lacking = [file for file in (card.graph, *card.files) if locate(card, file) is None]
    if lacking:
        return "to pull" if all(file.url for file in lacking) else "missing"
    graph = locate(card, card.graph)
    path = graph.path if graph else None
    shipped = path is not None and path.is_relative_to(bundled_directory())
    return "shipped" if shipped else "here"
