"""``featx doctor``: whether this machine gives the rows that it should."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from featx._display import display_width, one_line, pad

__all__ = ["doctor_command"]


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def doctor_command(ctx: click.Context, as_json: bool) -> None:
    """Look at versions, processor, providers, directories, and rows of the backbones that featx ships.

    Each of those rows is computed three times and must be the same to the bit. Exit status 1 if something is
    wrong; nothing is changed, and no connection is opened.
    """
    from featx.doctor import diagnose

    found = diagnose()
    wrong = [one for one in found if one.status == "wrong"]
    if as_json:
        click.echo(
            json.dumps({"ok": not wrong, "checks": [asdict(one) for one in found]}, indent=2)
        )
    else:
        width = max(display_width(one.name) for one in found)
        topic = ""
        for one in found:
            if one.topic != topic:
                topic = one.topic
                click.echo(topic)
            click.echo(f"  {one.status:5}  {pad(one.name, width)}  {one_line(one.message)}")
        what = f"{len(wrong)} wrong" if wrong else "nothing is wrong"
        click.echo(f"{len(found)} checks: {what}", err=True)
    ctx.exit(1 if wrong else 0)
