"""The house: imports point down, and a foreign library has one home."""

import ast
import configparser
import sys
from pathlib import Path

import pytest

import featx

PACKAGE = Path(featx.__file__).parent

FLOORS = (
    {"errors", "rooms"},
    {"extras", "files"},
    {"packs"},
    {"samples"},
    {"inputs"},
    {"catalog"},
    {"cuts", "graphs", "plans", "providers"},
    {"sessions"},
    {"backbone"},
    {"cache", "embedders", "tables"},
    {"engine"},
    {"heads"},
    {"calibration", "extractor", "tuning"},
    {"manifest"},
    {"classifier", "headfile"},
    {"artifact", "evaluation", "export", "origins"},
    {"measuring"},
    {"training"},
    {"adopt", "canary", "optimize", "synthetic"},
    {"demo"},
    {""},  # featx itself: it names the rooms, and loads them when asked
    {"server"},
    {"cli"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

HOMES = {
    "PIL": {"inputs.images", "inputs.pictures"},
    "click": {"cli"},
    "fastapi": {"server"},
    "google": {"graphs"},
    "http": {"catalog.downloads"},
    "joblib": {"engine"},
    "onnx": {"export", "graphs", "optimize"},
    # optimize uses its quantisation tools only; sessions are opened in one room
    "onnxruntime": {"optimize.layers", "optimize.writing", "sessions"},
    "pickle": set(),
    "prometheus_client": {"server"},
    "pyarrow": {"samples", "tables"},
    "pydantic": {"server"},
    "requests": set(),
    "skops": {"headfile"},
    "socket": {"catalog.downloads", "server.running"},
    "soundfile": {"inputs.sounds"},
    "soxr": {"inputs.sounds"},
    "sqlite3": {"cache"},
    "starlette": {"server"},
    "tokenizers": {"inputs.tokens"},
    "tomli_w": {"catalog.cards"},
    "tqdm": {"cli"},
    "urllib": {"catalog.downloads"},
    "uvicorn": {"server"},
}


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


ROOMS = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path):
    """(line, module) of every import, those inside functions and type checks too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                room = whole.removeprefix("featx.")
                yield node.lineno, whole if room in ROOMS else node.module


def top(room):
    """The room on a floor that a module belongs to; what is inside one is its own affair."""
    return room.partition(".")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room):
    for line, module in imports(ROOMS[room]):
        if module == "featx" or module.startswith("featx."):
            target = module.removeprefix("featx").lstrip(".")
            down = LEVEL[top(target)] < LEVEL[top(room)]
            assert down or top(target) == top(room), f"{room}:{line} imports {module}"


def test_every_room_stands_on_a_floor():
    assert {top(room) for room in ROOMS} == set(LEVEL)


@pytest.mark.parametrize("room", ROOMS)
def test_a_foreign_library_has_one_home(room):
    for line, module in imports(ROOMS[room]):
        library = module.partition(".")[0]
        homes = HOMES.get(library)
        if homes is not None:
            at_home = any(room == home or room.startswith(home + ".") for home in homes)
            assert at_home, f"{room}:{line} imports {module}, whose home is {sorted(homes)}"


@pytest.mark.parametrize("room", ROOMS)
def test_every_import_is_a_declared_dependency(room):
    declared = {"sklearn", "numpy", "featx", "PIL", "google", "threadpoolctl"}
    declared |= {"click", "joblib", "onnx", "onnxruntime", "skops", "tomli_w", "tqdm", "pyarrow"}
    declared |= {"fastapi", "starlette", "pydantic", "prometheus_client", "uvicorn"}
    for line, module in imports(ROOMS[room]):
        library = module.partition(".")[0]
        assert library in declared | sys.stdlib_module_names, f"{room}:{line} imports {module}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_fits_in_one_sitting(room):
    assert len(ROOMS[room].read_text(encoding="utf-8").splitlines()) <= 300


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
