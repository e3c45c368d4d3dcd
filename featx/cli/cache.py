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

    held = RowCache().info()
    click.echo(f"path   {held.path}\nrows   {held.rows}\nbytes  {held.bytes}")


@cache_group.command("clear")
@click.confirmation_option(prompt="Remove all cached rows?")
def clear_command() -> None:
    """Remove every row and every cut graph; they are made again when they are next needed."""
    from featx.embedding.cache import RowCache
    from featx.graphs.cache import clear_cuts
    from featx.storage.writable import check_writable

    store = RowCache()
    rows = store.info().rows
    if store.path.exists():
        check_writable(store.path)
    graphs = clear_cuts()
    store.clear()
    if left := store.info().rows:
        raise OutputFailed(f"{store.path}: {left} rows are still there; the file cannot be written")
    click.echo(f"removed {rows} rows and {graphs} cut graphs", err=True)
