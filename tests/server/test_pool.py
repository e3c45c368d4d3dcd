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
