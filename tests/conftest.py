"""The world of the tests: featx's folders are temporary; real material is skipped where absent."""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.nets import save_keras_net, save_torch_net

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared"


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Run the whole suite in a process a core; tests that are named run in this one, as with ``-n 0``."""
    options = config.option
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    # A process that pytest-xdist started runs what it is told, and starts no others.
    whole = whole and "PYTEST_XDIST_WORKER" not in os.environ
    if whole and not options.usepdb and getattr(options, "numprocesses", 0) is None:
        options.numprocesses, options.dist = "auto", "worksteal"


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_folders(home, monkeypatch):
    """No test reads or writes the folders of whoever runs it."""
    monkeypatch.setenv("FEATX_CACHE_DIR", str(home / "cache"))
    monkeypatch.setenv("FEATX_DATA_DIR", str(home / "data"))
    monkeypatch.delenv("FEATX_MODELS", raising=False)


@pytest.fixture
def shared_models(monkeypatch):
    """Real backbones in model directories: their cards are ours, their bytes lie beside the checkout."""
    models = SHARED / "models"
    if not models.is_dir():
        pytest.skip("no ../shared/models beside the checkout: real backbones are not tested")
    monkeypatch.setenv("FEATX_MODELS", os.pathsep.join([str(HERE / "cards"), str(models)]))
    return models


@pytest.fixture
def speech_directory(shared_models, tmp_path_factory, monkeypatch):
    """A model directory with speech-embedding, whose one graph is made of the two that its makers give."""
    directory = tmp_path_factory.getbasetemp() / "speech models"
    if not directory.exists():
        recipe = runpy.run_path(str(HERE / "cards" / "speech-embedding" / "recipe.py"))
        recipe["make"](shared_models / "speech-embedding", directory)
    monkeypatch.setenv(
        "FEATX_MODELS", os.pathsep.join([os.environ["FEATX_MODELS"], str(directory)])
    )
    return directory


@pytest.fixture
def shared_data():
    """Real labelled sets beside the checkout."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip("no ../shared/data beside the checkout: real data is not tested")
    return data


@pytest.fixture
def own_directory(monkeypatch, tmp_path):
    """A user's model directory that no other test sees."""
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def alone_with_a_hub(own_directory, monkeypatch, tmp_path):
    """A cache and a model directory of the test's own, and no settings of the machine's."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def keras_net(tmp_path):
    return save_keras_net(tmp_path / "keras.onnx")


@pytest.fixture
def torch_net(tmp_path):
    return save_torch_net(tmp_path / "torch.onnx")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def photos(tmp_path, rng):
    """A folder with two classes of three small pictures each, in a folder with a space in its name."""
    root = tmp_path / "my photos"
    for label, base in (("dark", 40), ("light", 200)):
        (root / label).mkdir(parents=True)
        for k in range(3):
            noise = rng.integers(-30, 30, (48, 64, 3))
            Image.fromarray((base + noise).astype(np.uint8)).save(root / label / f"{k}.png")
    return root


@pytest.fixture
def decoder(tmp_path):
    """A function that makes a text backbone of a tiny decoder."""
    pytest.importorskip("tokenizers")
    from tests.support.text_nets import decoder_maker

    return decoder_maker(tmp_path)
