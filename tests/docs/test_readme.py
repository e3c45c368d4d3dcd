"""What the README says is true: its code runs, its commands exist, its reasons cover every dependency."""

import configparser
import os
import re
import subprocess
import sys

import click
import pytest

from featx.cli import COMMANDS, main
from tests.support.readme import BLOCKS, README, ROOT


@pytest.mark.slow
def test_every_python_block_runs_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = {"__name__": "readme"}
    blocks = [code for language, code in BLOCKS if language == "python"]
    assert blocks
    for code in blocks:
        exec(compile(code, "README.md", "exec"), world)


def commands(group, words=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


ALL = dict(commands(main))


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help_and_stands_in_the_readme(words):
    assert ALL[words].help
    assert re.search(rf"featx {' '.join(words)}\b", README), f"featx {' '.join(words)}"


def test_every_command_in_the_readme_exists():
    for _, code in BLOCKS:
        for line in re.findall(r"^(?:.*&& )?featx ([a-z]+)", code, flags=re.M):
            assert line in COMMANDS


def test_every_dependency_has_its_reason():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    named = setup["options"]["install_requires"]
    named += "".join(v for k, v in setup["options.extras_require"].items() if k != "dev")
    for name in re.findall(r"^\s*([a-z][\w-]*)", named, flags=re.M):
        if name != "featx":
            assert re.search(rf"\*\*{name}\*\*", README, flags=re.I), name


def test_help_needs_none_of_the_heavy_libraries():
    code = (
        "import sys, featx.cli\n"
        "try: featx.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'sklearn', 'onnx', 'onnxruntime', 'PIL', 'joblib', 'pyarrow'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.DEVNULL
    )


def test_importing_featx_has_no_effect():
    code = (
        "import sys, logging, warnings; before = list(warnings.filters)\n"
        "import featx\n"
        "assert warnings.filters == before and not logging.root.handlers\n"
        "assert not {'numpy', 'sklearn', 'onnxruntime'} & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
