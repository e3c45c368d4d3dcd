"""The counter of structure against a checkout small enough to count by hand."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
FILES = {
    "featx/__init__.py": '"""A package."""\n',
    "featx/low/__init__.py": "",
    "featx/low/one.py": '''
"""For anyone."""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from featx.low.two import twice

def both(a, b, *, c): ...  # of three
''',
    "featx/low/two.py": '''
from . import one

def twice():
    """Return two."""
    from featx.high import top
''',
    "featx/high/__init__.py": "",
    "featx/high/top.py": '''
import featx.low.one

class Thing:
    def method(self, a):
        """Of a thing."""

def both(): ...
''',
    "tests/test_one.py": "x = 1\n" * 40,
}


@pytest.fixture
def structure(monkeypatch):
    monkeypatch.syspath_prepend(str(CHECKOUT / "tools"))
    return import_module("structure")


@pytest.fixture
def checkout(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.lstrip("\n"), encoding="utf-8")
    return tmp_path


def test_modules_packages_imports_and_repeated_names_are_counted(structure, checkout):
    figures = structure.measure(checkout).figures
    assert (figures["modules"], figures["packages"]) == (6, 3)
    assert figures["imports between packages"] == 2
    assert figures["pairs of packages, one importing the other"] == 2
    assert figures["names defined in two modules or more"] == 1
    assert figures["docstrings that begin with a preposition"] == 2
    assert figures["comments at the end of a line of code"] == 1
    assert figures["lines of tests/"] == 40


def test_an_import_for_types_alone_closes_a_cycle_and_one_inside_a_function_does_not(
    structure, checkout
):
    found = structure.measure(checkout)
    assert found.details["cycles of modules"] == ["featx.low.one, featx.low.two"]


def test_parameters_are_what_a_caller_gives(structure, checkout):
    widest = structure.measure(checkout).widest
    assert widest[0] == (3, "featx.low.one.both")
    assert (1, "featx.high.top.Thing.method") in widest


@pytest.mark.slow
def test_two_checkouts_are_printed_beside_each_other(checkout):
    command = [sys.executable, str(CHECKOUT / "tools" / "structure.py"), str(checkout)]
    done = subprocess.run([*command, str(CHECKOUT)], capture_output=True, text=True, check=True)
    assert "before" in done.stdout.splitlines()[0]
    assert "| modules " in done.stdout
