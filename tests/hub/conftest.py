"""What the tests of pulling share: a hub on this machine, with a model whose weights lie beside its graph."""

import json

import pytest

from featx.catalog.transfer import Tries
from featx.hub.address import ModelAddress
from featx.hub.client import Hub
from featx.hub.pull import pull_folder
from tests.support.external_nets import save_split
from tests.support.hub_server import FakeHub, serving_hub
from tests.support.nets import save_torch_net


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Nothing of the machine's own settings, and a cache of the test's own."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def model_files(tmp_path):
    """A repository as exporters write it, with what nobody should take."""
    one = save_torch_net(tmp_path / "one.onnx")
    graph = save_split(one, tmp_path / "model" / "onnx" / "model.onnx", "model.onnx_data")
    return {
        "README.md": b"---\nlicense: mit\n---\n# A model\n",
        "config.json": json.dumps({"model_type": "resnet"}).encode(),
        "preprocessor_config.json": b"{}",
        "onnx/model.onnx": graph.read_bytes(),
        "onnx/model.onnx_data": (graph.parent / "model.onnx_data").read_bytes(),
        "onnx/model_fp16.onnx": b"not wanted",
        "modeling_own.py": b"raise SystemExit",
        "pytorch_model.bin": b"not wanted",
        "onnx/own.py": b"raise SystemExit",
        "model.safetensors": b"not wanted",
        "deep/er/config.json": b"{}",
    }


@pytest.fixture
def fake(model_files):
    with serving_hub(FakeHub(model_files)) as fake:
        yield fake


@pytest.fixture
def hub(fake):
    """A client that does not wait long."""
    return Hub(fake.address, tries=Tries(timeout=5, tries=3, pause=0.01))


@pytest.fixture
def pull(hub):
    def pull(text="hf:someone/model", **options):
        client = options.pop("hub", hub)
        lines = []
        pulled = pull_folder(ModelAddress.read(text), client, log=lines.append, **options)
        return pulled, lines

    return pull
