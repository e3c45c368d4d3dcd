"""``python -m recipes.<name>``: each recipe's subcommands, and the modules behind them."""

import ast
import configparser
import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from recipes.common.commands import Command, resolve, run_command
from recipes.common.comparison import require_close

RECIPES = ("audio_mel", "audio_nano", "image_nano", "text_nano")
COMMANDS = [
    pytest.param(command, id=f"{recipe} {name}")
    for recipe in RECIPES
    for name, command in import_module(f"recipes.{recipe}.__main__").COMMANDS.items()
]


# Runs a module as ``python -m`` does, in an interpreter that does not find torch.
WITHOUT_TORCH = """
import runpy
import sys

sys.modules["torch"] = None
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


def run(checkout, *arguments):
    """Run Python from the checkout, as a user does."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=checkout, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_calls_a_function_that_takes_what_it_is_given(command):
    if any(part in command.target for part in (".train", ".narrow", ".teachers", ".export")):
        pytest.importorskip("torch", reason="training needs torch, which featx does not")
    given = [*command.paths, *(option.removeprefix("--") for option in command.options)]
    bound = inspect.signature(resolve(command)).bind(**dict.fromkeys(given))
    assert set(bound.arguments) == set(given)


@pytest.mark.parametrize("recipe", RECIPES)
def test_help_names_every_command_with_its_paths(recipe, checkout):
    package = import_module(f"recipes.{recipe}")
    commands = import_module(f"recipes.{recipe}.__main__").COMMANDS
    for name, command in commands.items():
        line = " ".join([f"python -m recipes.{recipe} {name}", *map(str.upper, command.paths)])
        assert line in package.__doc__


@pytest.mark.parametrize("recipe", ["audio_nano", "image_nano", "text_nano"])
def test_sources_are_printed_where_torch_is_not_installed(recipe, checkout):
    done = run(checkout, "-c", WITHOUT_TORCH, f"recipes.{recipe}", "sources")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 10
    assert all(len(line.split("\t")) >= 3 for line in lines)


def test_options_reach_the_function(capsys):
    commands = {"add": Command("operator:add", (), {"--a": {"type": int}})}
    with pytest.raises(SystemExit):
        run_command("recipes.none", None, commands, ["subtract"])
    assert "invalid choice" in capsys.readouterr().err


def test_a_comparison_refuses_other_shapes_and_what_is_no_number():
    import numpy as np

    assert require_close("rows", np.array([1.5]), np.array([1.0]), 0.1, scale=10) == 0.05
    with pytest.raises(SystemExit, match="expected the shape"):
        require_close("rows", np.zeros(2), np.zeros(3), 1)
    with pytest.raises(SystemExit, match="differs by nan"):
        require_close("rows", np.array([np.nan]), np.zeros(1), 1)


def test_recipes_are_not_installed(checkout):
    settings = configparser.ConfigParser()
    settings.read(checkout / "setup.cfg", encoding="utf-8")
    assert "recipes" not in settings["options"]["packages"]


def test_models_hold_what_ships_and_nothing_else(checkout):
    names = {path.name for path in (checkout / "models").glob("*/*")}
    assert names == {"README.md", "backbone.onnx", "card.toml", "tokenizer.json"}


def test_modules_and_functions_fit_their_limits(checkout):
    for path in (checkout / "recipes").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert len(source.splitlines()) <= 500, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                assert length <= 40, f"{path}: {node.name} has {length} lines"
                assert len(node.args.args) + len(node.args.kwonlyargs) <= 7, f"{path}: {node.name}"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_runs_in_its_quick_mode(recipe, checkout):
    if recipe != "audio_mel":
        pytest.importorskip("torch", reason="training needs torch, which featx does not")
    done = run(checkout, "-m", f"recipes.{recipe}", "quick")
    assert done.returncode == 0, done.stderr
