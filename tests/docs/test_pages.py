"""What docs/ says can be typed: its commands and options exist, and the page on Python runs."""

import re
import shlex
from pathlib import Path

import click
import pytest

import featx
from featx.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python.md", "pipelines.md", "targets.md", "inputs.md"])
def test_every_block_of_a_page_runs_in_order(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    assert blocks
    names = {"__name__": "python"}
    for code in blocks:
        exec(compile(code, name, "exec"), names)


def test_every_public_function_and_class_with_a_task_stands_on_the_page_on_python():
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    names = {name for name in featx.__all__ if callable(getattr(featx, name)) and name.islower()}
    names |= {"Backbone", "Engine", "FeatureExtractor", "FitConfig", "FitReport"}
    assert {name for name in names if f"featx.{name}" not in page} == set()
