"""Options that may also stand in the environment, as services and containers set them."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any

import click

__all__ = ["EnvironmentCommand"]

_PREFIX = "FEATX_"
# Variables that are read elsewhere.
_OTHERS = ("FEATX_CACHE_DIR", "FEATX_DATA_DIR", "FEATX_MODELS")


class EnvironmentCommand(click.Command):
    """A command that takes each option from a variable too: --max-body from FEATX_MAX_BODY; typed ones win."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._own = []
        for option in self.params:
            # One that has a variable already says itself what an empty one means.
            if isinstance(option, click.Option) and option.name and option.envvar is None:
                option.envvar = _PREFIX + option.name.upper()
                option.show_envvar = True
                self._own.append(option.envvar)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; refuse variables that are empty, and warn of names that are nearly ours."""
        for name in self._own:
            if os.environ.get(name, "x").strip() == "":
                raise click.UsageError(
                    f"{name} is empty: expected a value; unset it to have the default", ctx
                )
        explicit = [p.envvar for p in self.params if isinstance(p.envvar, str)]
        for name in sorted(os.environ):
            if name.startswith(_PREFIX) and name not in (*explicit, *_OTHERS):
                near = get_close_matches(name, explicit, n=1, cutoff=0.8)
                hint = f"; did you mean {near[0]}?" if near else ""
                click.echo(
                    f"Warning: {name}: no setting of featx serve is called so{hint}", err=True
                )
        return super().parse_args(ctx, args)
