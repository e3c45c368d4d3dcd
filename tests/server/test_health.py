"""Readiness tells the truth, and a graph that does not end holds neither a worker nor the process."""

import signal
import time

import pytest
from starlette.testclient import TestClient

from featx.server import Limits, create_app
from tests.support.live import constant_classifier, endless_classifier, serving
from tests.support.serving import DARK, PNG, error_of


class Panic(BaseException):
    """What a library in Rust raises."""


@pytest.fixture
def moody(shade):
    """A classifier that fails when told to, and its scorer."""
    return constant_classifier(shade.card)


def ready(client, model=None):
    """Return whether server, protocol and model say that they are ready; all live meanwhile."""
    assert client.get("/healthz").status_code == 200
    paths = ["/readyz", "/v2/health/ready", *([f"/v2/models/{model}/ready"] if model else [])]
    statuses = {client.get(path).status_code for path in paths}
    assert statuses <= {200, 503}
    [status] = statuses
    return status == 200


@pytest.mark.slow
def test_a_graph_without_an_end_is_interrupted_and_its_worker_works_on(tmp_path, shade):
    app = create_app(
        {"endless": endless_classifier(tmp_path), "shade": shade},
        limits=Limits(workers=1, timeout=0.5, queue=9),
    )
    with TestClient(app) as client:
        for _ in range(2):
            late = client.post("/v1/predict?model=endless", content=DARK, headers=PNG)
            assert "not answered within 0.5 s" in error_of(late, 504)
        deadline = time.monotonic() + 20
        statuses = []
        while 200 not in statuses and time.monotonic() < deadline:
            fine = client.post("/v1/predict?model=shade", content=DARK, headers=PNG)
            statuses.append(fine.status_code)
        assert set(statuses) <= {200, 504}
        assert statuses[-1] == 200
        assert "featx_workers_alive 1.0" in client.get("/metrics").text


@pytest.mark.parametrize("error", [Panic("index out of bounds"), RuntimeError("broken")])
def test_a_classifier_that_fails_at_everything_is_not_ready_until_it_answers(moody, shade, error):
    classifier, scorer = moody
    app = create_app({"moody": classifier, "shade": shade})
    with TestClient(app, raise_server_exceptions=False) as client:

        def ask():
            return client.post("/v1/predict?model=moody", content=DARK, headers=PNG)

        assert ready(client, "moody")
        scorer.error = error
        for _ in range(3):
            assert "its estimator cannot answer" in error_of(ask(), 500)
        assert not ready(client, "moody")
        assert "moody cannot answer" in error_of(client.get("/readyz"), 503)
        assert client.get("/v2/models/shade/ready").json() == {"name": "shade", "ready": True}
        scorer.error = None
        assert ready(client, "moody")
        assert ask().status_code == 200
        text = client.get("/metrics").text
        # Whatever an estimator raises is a refusal of its classifier, which ends no worker.
        assert "featx_worker_restarts_total 0.0" in text
        assert "featx_workers_alive 0.0" not in text


def test_requests_that_fail_do_not_make_a_classifier_unready_that_answers(moody):
    classifier, scorer = moody
    app = create_app({"moody": classifier})
    with TestClient(app, raise_server_exceptions=False) as client:
        scorer.error = RuntimeError("at these samples only")
        for _ in range(5):
            client.post("/v1/predict", content=DARK, headers=PNG)
        scorer.error = None
        assert ready(client, "moody")
        for _ in range(9):
            assert client.post("/v1/predict", content=b"nothing", headers=PNG).status_code == 422
        assert ready(client, "moody")


@pytest.mark.slow
def test_where_no_worker_lives_the_server_is_not_ready(slow):
    classifier, scorer = slow
    limits = Limits(workers=1, queue=9, timeout=0.2)
    with TestClient(create_app({"slow": classifier}, limits=limits)) as client:
        assert ready(client)
        deadline = time.monotonic() + 40
        # Each that does not come back is replaced, but only so often.
        while client.get("/metrics").text.count("featx_worker_restarts_total 2.0") == 0:
            client.post("/v1/predict", content=DARK, headers=PNG)
            assert time.monotonic() < deadline
        while "featx_workers_alive 0.0" not in client.get("/metrics").text:
            client.post("/v1/predict", content=DARK, headers=PNG)
            assert time.monotonic() < deadline
        assert not ready(client)
        assert error_of(client.get("/readyz"), 503) == "no worker lives"
        assert error_of(client.post("/v1/predict", content=DARK, headers=PNG), 504)
        scorer.go.set()
        while not ready(client) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ready(client)


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_process_ends_on_a_signal_though_a_graph_does_not(tmp_path, number):
    with serving({"endless": tmp_path}, limits={"timeout": 2.0}) as server:
        head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        with server.connect() as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(DARK) + DARK)
            while b"featx_requests_held 1.0" not in server.get("/metrics")[1]:
                time.sleep(0.05)
            server.process.send_signal(number)
            assert server.process.wait(30) is not None
            assert server.read(connection).split()[1] == b"504"
        assert not [record for record in server.records() if "traceback" in record]
