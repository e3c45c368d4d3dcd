"""What the tests of optimising share: model directories, a real network in floats, and the same in integers."""

import os
from dataclasses import replace

import onnx
import pytest

from featx.catalog import digest, get_card, verify_files
from featx.optimize import optimize
from tests.support.nets import save_in_floats
from tests.support.optimize_nets import (
    NANO,
    NEAR,
    SHIPPED,
    SMALL,
    chain,
    pictures,
    save_small,
    shelve,
)


@pytest.fixture(scope="package")
def shelf(tmp_path_factory):
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="package")
def floats(tmp_path_factory):
    """A shelf with what ships in integers in floats: a real network to be optimised."""
    shelf = tmp_path_factory.mktemp("floats")
    (shelf / NANO).mkdir()
    card = get_card(SHIPPED)
    graph = save_in_floats(
        shelf / NANO / "backbone.onnx", onnx.load(str(verify_files(card)[card.graph.name]))
    )
    entry = replace(card.graph, sha256=digest(graph), size=graph.stat().st_size)
    made = replace(card, name=NANO, graph=entry, canary=())
    (shelf / NANO / "card.toml").write_text(made.to_toml(), encoding="utf-8")
    shelve(shelf, SMALL, save_small(shelf / "small.onnx"), dim=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATX_MODELS", str(shelf))
        yield shelf


@pytest.fixture
def parents(floats, monkeypatch):
    monkeypatch.setenv("FEATX_MODELS", str(floats))


@pytest.fixture(scope="package")
def nano(shelf, floats, package_home):
    """It in int8, made once for this package."""
    return optimize(NANO, pictures(36), NEAR, directory=shelf)


@pytest.fixture(scope="package")
def package_home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATX_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("FEATX_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture
def on_shelf(shelf, floats, parents, monkeypatch):
    monkeypatch.setenv("FEATX_MODELS", f"{shelf}{os.pathsep}{floats}")


@pytest.fixture
def net(tmp_path, parents, monkeypatch):
    """Makes a backbone of a chain of layers."""
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "nets"))
    (tmp_path / "nets").mkdir()

    def make(name, *, sensitive, plain=0):
        return shelve(tmp_path / "nets", name, chain(tmp_path / f"{name}.onnx", sensitive, plain))

    return make
