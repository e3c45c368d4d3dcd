"""The structure of the package: sizes, declared dependencies, cycles, names, the wheel.

Which module may import which, and which may import a foreign library, are contracts of import-linter
in ``setup.cfg``.
"""

import ast
import configparser
import re
import sys
from pathlib import Path

import pytest

import featx
from tools.structure import find_cycles, find_prepositions, find_repeated, read_modules

PACKAGE = Path(featx.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("*.py"))

# what a distribution is imported as, where that is not its name
IMPORT_NAMES = {
    "pillow": "PIL",
    "prometheus-client": "prometheus_client",
    "python-multipart": "python_multipart",
    "scikit-learn": "sklearn",
    "tomli-w": "tomli_w",
}
# brought by a declared dependency, of whose interface they are a part
BROUGHT_ALONG = {"botocore", "google"}


def declared_dependencies():
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    lines = setup["options"]["install_requires"].split("\n")
    for extra, text in setup["options.extras_require"].items():
        if extra != "dev":
            lines += text.split("\n")
    names = {line.partition(">")[0].partition("[")[0].partition("!")[0].strip() for line in lines}
    return {IMPORT_NAMES.get(name, name) for name in names if name}


def imported_libraries(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_import_is_a_declared_dependency(path):
    known = declared_dependencies() | BROUGHT_ALONG | sys.stdlib_module_names | {"featx"}
    assert set(imported_libraries(path)) <= known


@pytest.mark.parametrize(
    "path", [*MODULES, *TESTS], ids=lambda path: path.relative_to(PACKAGE.parent).as_posix()
)
def test_a_module_fits_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_no_test_imports_another_test():
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert ".test_" not in f".{node.module}", f"{path}:{node.lineno}"


def test_every_package_is_in_the_wheel():
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    found = {"featx"} | {
        f"featx.{'.'.join(path.parent.relative_to(PACKAGE).parts)}"
        for path in PACKAGE.rglob("*/__init__.py")
    }
    assert listed == found | {"featx.models"}


def test_no_modules_import_each_other_in_a_circle():
    """Imports under TYPE_CHECKING count, those inside functions do not."""
    modules = read_modules(PACKAGE.parent)
    edges = {name: set(m.imports(modules, lazy=False)) - {name} for name, m in modules.items()}
    assert find_cycles(edges) == []


def test_no_two_modules_define_the_same_public_name():
    repeated = find_repeated(read_modules(PACKAGE.parent))
    assert not {name: homes for name, homes in repeated.items() if not name.startswith("_")}


def test_no_docstring_begins_with_a_preposition():
    assert find_prepositions(read_modules(PACKAGE.parent)) == []


def test_no_test_replaces_a_private_name():
    """A test that replaces what a module keeps to itself says nothing of what users get."""
    for path in TESTS:
        text = path.read_text(encoding="utf-8")
        for call in re.findall(r"monkeypatch\.setattr\(([^)]*)\)", text):
            assert not re.search(r"[.\"']_[A-Za-z]", call), f"{path}: {call}"
