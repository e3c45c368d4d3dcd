"""Errors name Python's arguments in Python, and the command's options on the command line."""

import ast
from pathlib import Path

import click
import pytest

import featx
from featx.cli.messages import as_options
from tests.support.commands import refusal, run

PACKAGE = Path(featx.__file__).parent
# Options of other programs.
THEIRS = {"--skip-version-check", "--sparse"}


def texts_of(path):
    """Give the strings of a module that are no docstrings, and no words of a whole command to be typed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node).startswith("shell_command('featx',"):
            docs |= set(map(id, node.args))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def test_the_library_names_no_option_of_the_command_line():
    for path in PACKAGE.rglob("*.py"):
        # Those of pages are variables of their style.
        if path.relative_to(PACKAGE).parts[0] in ("cli", "pages"):
            continue
        for text in texts_of(path):
            words = {word.strip("(),;:'`") for word in text.split()}
            options = {word for word in words if word[:2] == "--" and word[2:3].isalpha()}
            assert options <= THEIRS, f"{path}: {text!r}"


@click.command()
@click.option("--overwrite", is_flag=True)
@click.option("--on-error")
@click.option("--balance", is_flag=True)
@click.option("--jobs")
@click.option("--text-column")
@click.option("--output", "-o")
@click.option("--cache/--no-cache")
@click.option("--set", multiple=True)
@click.option("--split")
def command():
    """Do nothing."""


@pytest.mark.parametrize(
    ("python", "shell"),
    [
        ("a.png: cut off; say truncated=true", "a.png: cut off; say --set truncated=true"),
        ("say range=LOW,HIGH, such as range=0,4095", "say --set range=LOW,HIGH, such as --set range=0,4095"),
        ("range= cannot be applied", "range= cannot be applied"),
        ("x: exists; choose another name, or overwrite=True", "x: exists; choose another name, or --overwrite"),
        ("leave it out with on_error='skip'", "leave it out with --on-error skip"),
        ("look at F1, or class_weight='balanced'.", "look at F1, or --balance."),
        ("n_jobs = 0: expected a number", "--jobs 0: expected a number"),
        ("text_column 'a b': no texts", "--text-column 'a b': no texts"),
        ("text_column: is a folder and has no columns", "--text-column: is a folder and has no columns"),
        ("name one: output='NAME.zip'", "name one: --output NAME.zip"),
        ("output='my file.zip'", "--output 'my file.zip'"),
        ("cache=False does", "--no-cache does"),
        ("options= for x: unknown key", "--set for x: unknown key"),
        ("split 'holiday': expected train", "--split holiday: expected train"),
        # What is somebody's own stays.
        ("'text_column': no such column", "'text_column': no such column"),
        ("dir/text_column.csv: no such file", "dir/text_column.csv: no such file"),
        ("split: no such file or folder", "split: no such file or folder"),
        ("random_state = 3", "random_state = 3"),
    ],
)  # fmt: skip
def test_arguments_are_told_as_the_options_that_the_command_has(python, shell):
    assert as_options(python, command.params) == shell


@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_every_command_tells_its_own_options(shades, tmp_path):
    classifier, photos = shades / "shade.featx", shades / "my photos"
    for words, said in [
        (["fit", photos, "-o", classifier], "exists; choose another name, or --overwrite"),
        (
            ["fit", photos, "-o", tmp_path / "x", "--jobs", "0"],
            "--jobs 0: expected a number of threads",
        ),
        (["export", classifier, "--to", shades / "shades.csv"], "another name, or --overwrite"),
        (["evaluate", classifier, photos, "--top-k", "9"], "--top-k 9: expected 1 to 2"),
        (["extract", photos, "-o", "-", "--text-column", "x"], "--text-column"),
        (["extract", photos, "-o", "-", "--split", "holiday"], "--split holiday: expected train"),
        (["extract", photos, "-o", "-", "--set", "resise=3"], "--set for featx-image-nano"),
        (
            ["predict", classifier, shades / "shades.csv", "--provider", "gpu"],
            "--provider gpu: expected",
        ),
    ]:
        assert said in refusal(run(*words))


def test_python_is_told_its_arguments(shades):
    classifier = featx.load(shades / "shade.featx")
    with pytest.raises(featx.FeatxError, match=r"or overwrite=True$"):
        featx.save(classifier, shades / "shade.featx")
    with pytest.raises(featx.FeatxError, match=r"^text_column"):
        featx.read_samples(shades / "my photos", text_column="x")
    with pytest.raises(featx.FeatxError, match=r"with on_error='skip'$"):
        classifier.predict([b"no picture"])
