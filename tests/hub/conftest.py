"""What the tests of pulling share: a hub on this machine, with a model whose weights lie beside its graph."""

import pytest

from featx.catalog.transfer import Tries
from featx.hub.address import ModelAddress
from featx.hub.client import Hub
from featx.hub.pull import pull_folder
from tests.support.hub_server import FakeHub, serving_hub, write_model


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Nothing of the machine's own settings, and a cache of the test's own."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def model_files(written):
    """A repository as exporters write it, with what nobody should take."""
    return dict(written)


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
