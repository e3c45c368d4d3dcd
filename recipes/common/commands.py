"""Subcommands of a recipe, each a function that is imported only when it is called."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["Command", "resolve", "run_command"]


@dataclass(frozen=True)
class Command:
    """One subcommand: the function it calls, its paths in order, and its options.

    Parameters
    ----------
    target : str
        "module:function". A name instead of the function, so that a command that needs no torch
        runs where torch is not installed.
    paths : tuple of str
        The function's parameters that are given by position, each a ``Path``.
    options : mapping of str to dict, default={}
        Arguments of ``ArgumentParser.add_argument`` by option, "--minutes" for example.
    """

    target: str
    paths: tuple[str, ...] = ()
    options: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def resolve(command: Command) -> Any:
    """Import and return the function that a command calls."""
    module, _, function = command.target.partition(":")
    return getattr(import_module(module), function)


def run_command(
    package: str,
    description: str | None,
    commands: Mapping[str, Command],
    arguments: Sequence[str] | None = None,
) -> None:
    """Parse the command line (``arguments``, default ``sys.argv``) and run its subcommand."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, command in commands.items():
        subparser = subparsers.add_parser(name)
        for path in command.paths:
            subparser.add_argument(path, type=Path)
        for option, settings in command.options.items():
            subparser.add_argument(option, **settings)
    given = vars(parser.parse_args(arguments))
    resolve(commands[given.pop("command")])(**given)
