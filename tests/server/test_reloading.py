"""A classifier that is replaced on disk is replaced in the server."""

import queue
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

import featx
from featx.backbones.providers import Provider
from featx.errors import BadArtifact
from featx.server import Limits, create_app
from featx.server.metrics import Metrics
from featx.server.registry import Registry
from featx.server.reloading import Reloader
from tests.support.serving import DARK, PNG


class Panic(BaseException):
    """What a library in Rust raises: it is no Exception."""


def test_a_classifier_that_is_replaced_on_disk_is_replaced_without_a_lost_request(
    shade, order, tmp_path
):
    path = featx.save(shade, tmp_path / "shade.featx")
    app = create_app({"shade": featx.load(path)}, sources={"shade": path}, reload_every=0.02)
    with TestClient(app) as client:

        def ask():
            response = client.post("/v1/predict", content=DARK, headers=PNG)
            assert response.status_code == 200, response.text
            return response.json()["results"][0]["label"]

        assert ask() == "dark"
        featx.save(order, path, overwrite=True)
        labels = [ask()]
        while labels[-1] != "one" and len(labels) < 2000:
            labels.append(ask())
        assert set(labels) <= {"dark", "one"}
        assert labels[-1] == "one"
        (path / "head.skops").write_bytes(b"broken")
        (path / "manifest.json").touch()
        failed = 'featx_reloads_total{model="shade",outcome="failed"} 1.0'
        while failed not in client.get("/metrics").text:
            assert ask() == "one"
        assert ask() == "one"


def test_clients_who_ask_while_a_classifier_is_replaced_again_and_again_lose_nothing(
    shade, order, tmp_path
):
    path = featx.save(shade, tmp_path / "shade.featx")
    outcomes, ended, responses = queue.Queue(), threading.Event(), []
    app = create_app(
        {"shade": featx.load(path)},
        sources={"shade": path},
        reload_every=0.02,
        log=lambda record: outcomes.put(record["reload"]) if "reload" in record else None,
    )
    with TestClient(app) as client, ThreadPoolExecutor(3) as threads:

        def ask_on():
            while not ended.is_set():
                responses.append(client.post("/v1/predict", content=DARK, headers=PNG))

        clients = [threads.submit(ask_on) for _ in range(3)]
        try:
            for k in range(4):
                featx.save((order, shade)[k % 2], path, overwrite=True)
                assert outcomes.get(timeout=60) == "done"
        finally:
            ended.set()
        for future in clients:
            future.result()
    assert {response.status_code for response in responses} == {200}
    labels = {response.json()["results"][0]["label"] for response in responses}
    assert {"dark"} <= labels <= {"dark", "one"}


def test_a_classifier_that_is_replaced_stays_with_its_provider(shade, order, tmp_path):
    path = featx.save(shade, tmp_path / "shade.featx")
    # Of the name of the default provider, and another.
    second = Provider("cpu", "fp32", device=1)
    registry = Registry({"shade": featx.load(path, provider=second)}, Limits())
    reloader = Reloader(registry, Metrics(), {"shade": path}, None)
    featx.save(order, path, overwrite=True)
    reloader.check()
    replaced = registry.get("shade").predictor
    assert replaced.classes == ("one", "two")
    assert replaced.provider == second


def test_a_classifier_that_is_replaced_while_it_is_read_is_no_failure(shade, order, tmp_path):
    path = featx.save(shade, tmp_path / "shade.featx")
    registry = Registry({"shade": featx.load(path)}, Limits())
    records, attempts = [], []

    def load(given, *, provider):
        if not attempts:
            attempts.append(featx.save(order, path, overwrite=True))
            raise BadArtifact("half old, half new")
        return featx.load(given, provider=provider)

    reloader = Reloader(registry, Metrics(), {"shade": path}, records.append, load=load)
    reloader.check(force=True)
    assert records == []
    assert registry.get("shade").classes == ("dark", "light")
    reloader.check()
    assert [record["reload"] for record in records] == ["done"]
    assert registry.get("shade").classes == ("one", "two")


def test_a_classifier_that_vanishes_is_no_failure_and_goes_on_answering(shade, tmp_path):
    path = featx.save(shade, tmp_path / "shade.featx")
    records = []
    sources = {"shade": path}
    app = create_app({"shade": featx.load(path)}, sources=sources, log=records.append)
    shutil.rmtree(path)
    app.state.reload()
    assert records == []
    response = TestClient(app).post("/v1/predict", content=DARK, headers=PNG)
    assert response.json()["results"][0]["label"] == "dark"


@pytest.mark.parametrize(
    "error", [MemoryError("no room"), RecursionError("deep"), SystemExit(1), Panic("in Rust")]
)
def test_whatever_is_raised_while_a_file_is_read_ends_no_reload(shade, order, tmp_path, error):
    """A bad file is told, the old classifier stays, and the next good one is taken up."""
    path = featx.save(shade, tmp_path / "shade.featx")
    registry, records, raised = (
        Registry({"shade": featx.load(path)}, Limits()),
        queue.Queue(),
        [error],
    )

    def load(path, provider):
        if raised:
            raise raised.pop()
        return featx.load(path, provider=provider)

    reloader = Reloader(registry, Metrics(), {"shade": path}, records.put, load=load)
    reloader.start(0.02)
    try:
        featx.save(order, path, overwrite=True)
        failed = records.get(timeout=60)
        assert failed["reload"] == "failed"
        assert f"the old one stays: it cannot be read: {type(error).__name__}" in failed["message"]
        assert registry.get("shade").classes == ("dark", "light")
        featx.save(order, path, overwrite=True)
        assert records.get(timeout=60)["reload"] == "done"
        assert registry.get("shade").classes == ("one", "two")
    finally:
        reloader.close()


def test_the_end_of_the_server_does_not_wait_for_a_file_that_is_read_for_ever(shade, tmp_path):
    path = featx.save(shade, tmp_path / "shade.featx")
    begun, go = threading.Event(), threading.Event()

    def load(path, provider):
        begun.set()
        assert go.wait(60)
        raise BadArtifact("late")

    registry = Registry({"shade": featx.load(path)}, Limits())
    reloader = Reloader(registry, Metrics(), {"shade": path}, None, load=load)
    reloader.start(0.02)
    (path / "manifest.json").touch()
    assert begun.wait(60)
    reloader.close()
    assert registry.get("shade").classes == ("dark", "light")
    go.set()
