"""The structure of the package: size of modules, declared dependencies, the wheel, the public names.

Which module may import which, and which may import a foreign library, are contracts of import-linter
in ``setup.cfg``.
"""

import ast
import configparser
import sys
from pathlib import Path

import pytest

import featx

PACKAGE = Path(featx.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# what a distribution is imported as, where that is not its name
IMPORT_NAMES = {
    "pillow": "PIL",
    "prometheus-client": "prometheus_client",
    "python-multipart": "python_multipart",
    "scikit-learn": "sklearn",
    "tomli-w": "tomli_w",
}
# brought by a declared dependency, of whose interface they are a part
BROUGHT_ALONG = {"google"}


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_fits_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_no_test_imports_another_test():
    for path in Path(__file__).parent.rglob("*.py"):
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


def test_the_public_names_are_exactly_those_that_are_declared():
    assert featx.__all__ == sorted(featx.__all__)
    assert all(hasattr(featx, name) for name in featx.__all__)
    public = {name for name in dir(featx) if not name.startswith("_")}
    assert public == set(featx.__all__) - {"__version__"}
