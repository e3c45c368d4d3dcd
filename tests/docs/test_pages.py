"""What docs/ says can be typed: every command and option in it exists."""

import re
import shlex
from pathlib import Path

import click
import pytest

from featx.cli import main

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
LINES = [
    (page.name, line)
    for page in PAGES
    for block in re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    for line in re.findall(r"(?:^|\| )(featx .*)$", block, flags=re.M)
]


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda value: value[:60])
def test_every_command_and_option_in_the_docs_exists(page, line):
    words = shlex.split(line, comments=True)[1:]
    command = main
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if re.match("--?[a-z]", word)} <= known
