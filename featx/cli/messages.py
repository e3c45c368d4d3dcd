"""Messages of the library in the words of the command line: its options in place of Python's arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import click

__all__ = ["as_options"]

# The arguments whose options have other names.
_ALIASES = {
    "balance": ("class_weight",),
    "jobs": ("n_jobs", "workers"),
    "seed": ("random_state",),
    "set": ("options",),
    "style": ("format",),
    "target_column": ("label_column",),
}
# Entries of a card that messages name, and the command line sets with one option.
_ENTRY = re.compile(
    r"""(?<![\w'"./-])(?<!--set )(range|truncated|max_characters|max_pixels|max_seconds"""
    r"""|resize|crop|fill|interpolation|mean|std)=(?=\w)"""
    r"""|(?<![\w'"./-])(?<!--set )(prefix|window|max_length)=(?=[\w' ]|$)"""
)
_QUOTED = r"""(?P<value>'[^']*'|"[^"]*")"""
_VALUE = r"""(?P<value>'[^']*'|"[^"]*"|[\w.+-]*)"""


def as_options(message: str, parameters: Iterable[click.Parameter] | None = None) -> str:
    """Return a message with the options of a command, by default the running one, for what Python calls them.

    The library names an argument as ``NAME=VALUE``, ``NAME = VALUE``, ``NAME=``, at the beginning also as
    ``NAME 'VALUE':``, or by its name alone where that has an underscore. An argument for which the command has
    no option stays as it is, and what stands in quotes.
    """
    if parameters is None:
        context = click.get_current_context(silent=True)
        parameters = context.command.params if context else ()
    for parameter in parameters:
        if isinstance(parameter, click.Option):
            for name in _names(parameter):
                if parameter.multiple:
                    message = _replace_list(message, name, parameter)
                message = _replace(message, name, parameter)
            if parameter.name == "set":
                message = _ENTRY.sub(rf"{parameter.opts[0]} \g<0>", message)
    return message


def _names(option: click.Option) -> Iterator[str]:
    if option.name:
        yield option.name
        yield from _ALIASES.get(option.name, ())


def _replace(message: str, name: str, option: click.Option) -> str:
    def with_value(match: re.Match[str]) -> str:
        return _typed(option, match["value"])

    # A name within another word, a path or quotes is somebody's data.
    before, after = r"""(?<![\w'"./-])""", r"""(?![\w'"/-])"""
    message = re.sub(rf"^{name} {_QUOTED}(?=:)", with_value, message)
    message = re.sub(rf"{before}{name}(?: = |=){_VALUE}", with_value, message)
    if "_" in name:
        message = re.sub(rf"{before}{name}{after}", option.opts[0], message)
    return message


def _replace_list(message: str, name: str, option: click.Option) -> str:
    """Return a message with the option repeated for each item of a list of texts that an argument is given."""

    def repeated(match: re.Match[str]) -> str:
        items = re.findall(_QUOTED, match["items"])
        return " ".join(_typed(option, item) for item in items) or option.opts[0]

    return re.sub(rf"""(?<![\w'"./-]){name}(?: = |=)\[(?P<items>[^\]]*)\]""", repeated, message)


def _typed(option: click.Option, value: str) -> str:
    """Return an option as one would type it to have a value that Python writes so."""
    typed = max(option.opts, key=len)
    if option.is_flag:
        negative = option.secondary_opts[0] if option.secondary_opts else typed
        return negative if value == "False" else typed
    if not value:
        return typed
    # Where nothing is to be said, nothing is imported for it.
    import ast
    import shlex

    with_quotes = value[:1] in "'\""
    return f"{typed} {shlex.quote(str(ast.literal_eval(value)) if with_quotes else value)}"
