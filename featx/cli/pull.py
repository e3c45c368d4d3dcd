"""``featx backbones pull``: the bytes of a backbone, or a whole model of a hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import click

from featx.cli.options import PoolingName

__all__ = ["pull_command"]


@click.command("pull")
@click.argument("name")
@click.option("--name", "called", help="What to call a model of a hub [default: its own name].")
@click.option("--tap", help="Tensor to read of a model of a hub.")
@click.option("--pooling", type=PoolingName(), help="How a map or a sequence becomes one row.")
@click.option(
    "--accept-licence",
    is_flag=True,
    help="You have read the licence of a model of a hub that is none of the free ones, and accept it.",
)
def pull_command(
    name: str, called: str | None, tap: str | None, pooling: str | None, accept_licence: bool
) -> None:
    """Fetch what NAME needs into your model directory.

    NAME is a backbone whose card says where its bytes are; or a short name, as `featx backbones list` shows
    them; or hf:OWNER/NAME[@REVISION][:FILE], a repository of a hub with an ONNX graph. HF_ENDPOINT names a
    mirror, HF_TOKEN opens what is not for all, and under HF_HUB_OFFLINE nothing is asked.
    """
    if _is_here(name):
        from featx.catalog import get_card, missing_bytes, pull

        card = get_card(name)
        with _bar(name, missing_bytes(card)) as progress:
            path = pull(card, progress=progress)
        click.echo(path)
        return
    from featx.backbones.importing import import_model
    from featx.backbones.pulling import pull_model

    def add(path, *, file, name):  # type: ignore[no-untyped-def]
        return import_model(path / file, name=name, tap=tap, pooling=pooling)

    with _bar(name) as progress:
        card = pull_model(
            name,
            add,
            name=called,
            accept_licence=accept_licence,
            progress=progress,
            log=partial(click.echo, err=True),
        )
    click.echo(card.to_toml(), nl=False)
    click.echo(f"added {card.name}; try: featx fit FOLDER --backbone {card.name}", err=True)


def _is_here(name: str) -> bool:
    """Return whether a card has the name; a name that nothing has is refused."""
    from featx.catalog import SHORT_NAMES, get_card, list_cards
    from featx.errors import UnknownBackbone

    if name.startswith("hf:"):
        return False
    try:
        get_card(name)
    except UnknownBackbone:
        if name in SHORT_NAMES:
            return False
        raise UnknownBackbone(name, [*SHORT_NAMES, *(card.name for card in list_cards())]) from None
    return True


@contextmanager
def _bar(name: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Show how many bytes came, on a terminal."""
    from tqdm import tqdm

    with tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        yield bar.update
