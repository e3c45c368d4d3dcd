"""The command line: parse, call the library, print. Results on standard output, words on standard error."""

from __future__ import annotations

import errno
import gc
import os
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import click

from featx import __version__
from featx._display import one_line
from featx._lazy import load_named
from featx.cli.messages import as_options
from featx.errors import FeatxError, FeatxNotice, FeatxWarning

__all__ = ["main"]

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "featx.cli.demo:demo_command",
        "extract": "featx.cli.extract:extract_command",
        "similar": "featx.cli.similar:similar_command",
        "merge": "featx.cli.merge:merge_command",
        "audit": "featx.cli.audit:audit_command",
        "compare": "featx.cli.compare:compare_command",
        "fit": "featx.cli.fit:fit_command",
        "curve": "featx.cli.curve:curve_command",
        "evaluate": "featx.cli.evaluate:evaluate_command",
        "report": "featx.cli.report:report_command",
        "predict": "featx.cli.predict:predict_command",
        "explain": "featx.cli.explain:explain_command",
        "serve": "featx.cli.serve:serve_command",
        "bundle": "featx.cli.bundle:bundle_command",
        "export": "featx.cli.export:export_command",
        "optimize": "featx.cli.optimize:optimize_command",
        "inspect": "featx.cli.inspect:inspect_command",
        "backbones": "featx.cli.backbones:backbones_group",
        "cache": "featx.cli.cache:cache_group",
        "bench": "featx.cli.bench:bench_command",
        "doctor": "featx.cli.doctor:doctor_command",
    }
)


class Group(click.Group):
    """Loads a command when it is asked for; shows a FeatxError as one line and exit status 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name, from its module; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = load_named(COMMANDS[cmd_name])
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and turn a deliberate failure into one line."""
        # Modules are no garbage: looking through them is 4 % of a start.
        gc.set_threshold(20_000)
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _once()
                return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if _is_interrupt(error):
                click.echo("Interrupted.", err=True)
                _abandon_training()
                # A shell expects this status of a program that SIGINT ended.
                ctx.exit(130)
            if isinstance(error, FeatxError):
                said = one_line(as_options(str(error), self._options(ctx)))
                raise click.ClickException(said) from error
            # A reader that left, such as head, is for click, which ends without a word.
            if isinstance(error, OSError) and error.errno not in (None, errno.EPIPE):
                where = error.filename or "standard output, or another open file"
                reason = os.strerror(error.errno).lower()
                raise click.ClickException(f"{where}: {reason}") from error
            raise

    def _options(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the command that ran; of a group those of all its commands."""
        command = self.get_command(ctx, ctx.invoked_subcommand or "")
        commands = command.commands.values() if isinstance(command, click.Group) else [command]
        return [option for one in commands if one is not None for option in one.params]


def _is_interrupt(error: BaseException | None) -> bool:
    """Return whether Ctrl-C is behind an error: a library that is imported meanwhile says something else."""
    seen = set[int]()
    # An error may be among its own causes.
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _abandon_training() -> None:
    """End the process at once where threads are still training: Python would wait for them."""
    if any(thread.name.startswith("featx-fit") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)


def _once() -> Callable[..., None]:
    """Return a function that shows each of featx's warnings once, as one line; no position in the code."""
    shown: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *location: Any, **more: Any) -> None:
        if issubclass(category, FeatxWarning) and str(message) not in shown:
            shown.add(str(message))
            kind = "Note" if issubclass(category, FeatxNotice) else "Warning"
            click.echo(f"{kind}: {one_line(as_options(str(message)))}", err=True)

    return show


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="featx")
def main() -> None:
    """Transfer learning on a plain CPU: a frozen backbone makes rows, scikit-learn does the rest.

    Start with `featx demo`, then `featx fit FOLDER --output NAME.featx`.
    """
