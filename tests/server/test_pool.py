"""A queue of limited length: what cannot wait is refused at once."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from featx.server import Limits, create_app
from featx.server.errors import HTTPError
from featx.server.pool import Pool
from tests.support.serving import DARK, PNG, error_of


def test_what_cannot_wait_is_told_when_to_come_back(slow):
    classifier, head = slow
    limits = Limits(workers=1, queue=1)
    with TestClient(create_app({"slow": classifier}, limits=limits)) as client:

        def ask(_):
            return client.post("/v1/predict", content=DARK, headers=PNG)

        with ThreadPoolExecutor(4) as threads:
            first = threads.submit(ask, 0)
            assert head.begun.acquire(timeout=20)
            others = [threads.submit(ask, k) for k in range(3)]
            done = as_completed(others, timeout=20)
            refused = next(done).result()
            # The other one that is refused: the third waits.
            next(done)
            head.go.set()
            responses = [future.result() for future in (first, *others)]
        assert sorted(response.status_code for response in responses) == [200, 200, 429, 429]
        assert "no more may wait" in error_of(refused, 429)
        assert int(refused.headers["Retry-After"]) >= 1
        assert client.get("/healthz").status_code == 200
        text = client.get("/metrics").text
        assert 'featx_requests_total{method="POST",route="/v1/predict",status="429"} 2.0' in text
        assert "featx_requests_held 0.0" in text


def test_without_a_slot_a_request_is_refused_before_anything_else_is_asked_of_it(slow):
    classifier, head = slow
    records = []
    limits = Limits(workers=1, queue=0)
    app = create_app(
        {"slow": classifier}, limits=limits, log=records.append, hosts=["busy.example"]
    )
    with TestClient(app, base_url="http://busy.example") as client:

        def ask(path="/v1/predict", host="busy.example"):
            return client.post(path, content=DARK, headers={**PNG, "Host": host})

        with ThreadPoolExecutor(1) as threads:
            held = threads.submit(ask)
            assert head.begun.acquire(timeout=20)
            for path in ("/v1/predict?top_k=none", "/v1/predict?model=none", "/v1/embeddings"):
                assert "no more may wait" in error_of(ask(path), 429)
            for path in ("/v2/models/slow/infer", "/v2/models/none/versions/9/infer"):
                response = ask(path)
                assert "no more may wait" in error_of(response, 429)
                assert response.headers["Retry-After"] == "1"
            # Who asks is looked at first, and what needs no slot is answered.
            assert "is not a name of this server" in error_of(ask(host="evil.example"), 403)
            assert error_of(ask("/v1/none"), 404)
            assert client.get("/v1/models").status_code == 200
            head.go.set()
            assert held.result().status_code == 200
        text = client.get("/metrics").text
        for route, count in (("/v1/predict", 2), ("/v2/models/{name}/infer", 1)):
            counted = f'method="POST",route="{route}",status="429"'
            assert f"featx_requests_total{{{counted}}} {count}.0" in text
    refused = [record for record in records if record["status"] == 429]
    assert [record["bytes"] for record in refused] == [0] * 5
    assert len({record["request_id"] for record in refused}) == 5


def test_two_refusals_share_no_header(slow):
    classifier, head = slow
    app = create_app({"slow": classifier}, limits=Limits(workers=1, queue=0), cors=["http://a.de"])
    with TestClient(app) as client, ThreadPoolExecutor(1) as threads:
        held = threads.submit(client.post, "/v1/predict", content=DARK, headers=PNG)
        assert head.begun.acquire(timeout=20)
        for _ in range(2):
            asked = {**PNG, "Origin": "http://a.de", "X-Request-Id": "same"}
            response = client.post("/v1/predict", content=DARK, headers=asked)
            assert error_of(response, 429)
            assert response.headers["access-control-allow-origin"] == "http://a.de"
            names = [name.lower() for name, _ in response.headers.multi_items()]
            assert sorted(names) == sorted(set(names))
        plain = client.post("/v1/predict", content=DARK, headers=PNG)
        assert "access-control-allow-origin" not in plain.headers
        assert plain.headers["x-request-id"] != "same"
        head.go.set()
        assert held.result().status_code == 200


def test_while_requests_are_refused_none_may_wait():
    now = 0.0
    pool = Pool(4, 8, clock=lambda: now)
    with ExitStack() as slots:
        # A burst fills every slot.
        for _ in range(12):
            slots.enter_context(pool.slot())
        with pytest.raises(HTTPError, match="no more may wait"):
            slots.enter_context(pool.slot())
    now = 0.9
    with ExitStack() as slots:
        for _ in range(4):
            slots.enter_context(pool.slot())
        with pytest.raises(HTTPError):
            slots.enter_context(pool.slot())
    now = 2.0
    with ExitStack() as slots:
        # None was refused for a second.
        for _ in range(12):
            slots.enter_context(pool.slot())
    pool.close()
