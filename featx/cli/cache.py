"""``featx cache``: the cached rows, so that nothing is embedded twice."""

from __future__ import annotations

import click

from featx.errors import OutputFailed

__all__ = ["cache_group"]


@click.group("cache")
def cache_group() -> None:
    """Look at the cached rows, or remove them."""


@cache_group.command("info")
def info_command() -> None:
    """Print where the cache is and how much it holds."""
    from featx.embedding.cache import RowCache
    from featx.hub.pull import pulled_bytes

    held = RowCache().info()
    click.echo(f"path   {held.path}\nrows   {held.rows}\nbytes  {held.bytes}")
    if waiting := pulled_bytes():
        click.echo(f"hub    {waiting} bytes of models that were pulled and not yet added", err=True)


@cache_group.command("clear")
@click.confirmation_option(prompt="Remove all cached rows?")
def clear_command() -> None:
    """Remove every row, every cut graph, and models that were pulled and not yet added.

    Rows and graphs are made again when they are next needed.
    """
    from featx.embedding.cache import RowCache
    from featx.graphs.cache import clear_cuts
    from featx.hub.pull import clear_pulled
    from featx.storage.writable import check_writable

    store = RowCache()
    rows = store.info().rows
    if store.path.exists():
        check_writable(store.path)
    graphs, models = clear_cuts(), clear_pulled()
    store.clear()
    if left := store.info().rows:
        raise OutputFailed(f"{store.path}: {left} rows are still there; the file cannot be written")
    click.echo(f"removed {rows} rows and {graphs} cut graphs", err=True)
    if models:
        click.echo(f"removed what was pulled of {models} models that were not yet added", err=True)
